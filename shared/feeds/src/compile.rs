//! What is made of the copies of feeds: the lists, compiled, and the databases in use.
//!
//! Whoever refreshes feeds publishes it, and whoever finds what was published missing or damaged
//! makes it anew of the same copies. Holds one copy at a time. Promises that no list crowds out the
//! others, and a reason for each copy that is not in use. Must not know where files are kept.

use std::collections::BTreeMap;

use bytes::Bytes;
use callerwatch_detection::feeds::{
    COUNTRIES, Content, FILE_MAX_BYTES, Feed, Judge, LISTS_PREFIXES_MAX, NETWORKS, SHIPPED,
};
use callerwatch_detection::intelligence::{Builder, Category, Intelligence};
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Timestamp;

use crate::egress::Learned;
use crate::status::{STATUS, Status};
use crate::store::Store;

/// Why copies are not in use, by the names of their feeds.
pub(crate) type Faults = BTreeMap<String, String>;

/// The last good copy of a feed, where there is one.
pub(crate) async fn copy<S: Store>(feed: &Feed, store: &S) -> Result<Option<Bytes>, S::Error> {
    let copy = store.read(&copy_of(&feed.name)).await?;
    Ok(copy.filter(|bytes| !bytes.is_empty()))
}

/// The file of the last good copy. Empty where a copy turned out not to be good.
pub(crate) fn copy_of(feed: &str) -> String {
    format!("feeds/{feed}")
}

/// Whether a feed tells what is a cloud's or the user's own, which is to be known before anybody is
/// accused.
pub(crate) fn is_ground(feed: &Feed) -> bool {
    matches!(feed.content, Content::List(Category::Cloud | Category::Own))
}

/// Compiles the lists of feeds, as of when their copies were made, and what accounts told.
pub(crate) async fn lists<S: Store>(
    feeds: impl Iterator<Item = &Feed>,
    (own, judge): (&Learned, &Judge),
    status: &mut Status,
    store: &S,
    now: Timestamp,
) -> Result<(Intelligence, Faults), S::Error> {
    let mut builder = Intelligence::builder();
    let mut faults = Faults::new();
    for feed in feeds {
        let Content::List(category) = feed.content else { continue };
        let Some(copy) = copy(feed, store).await? else { continue };
        if let Err(error) = judge.add_to(&mut builder, feed, category, &copy) {
            faults.insert(feed.name.clone(), error.fault.to_string());
            continue;
        }
        let millis = status.of(feed, now).copied.unwrap_or_default();
        builder = match u64::try_from(millis / 1000) {
            Ok(0) | Err(_) => builder,
            Ok(secs) => builder.dated(secs),
        };
        builder = leave_out(builder, LISTS_PREFIXES_MAX, &mut faults);
    }
    Ok((own.add_to(builder).build(), faults))
}

/// Leaves out the largest list, where all of them have too many prefixes together.
fn leave_out(builder: Builder, most: usize, faults: &mut Faults) -> Builder {
    let lists = builder.lists();
    let prefixes: usize = lists.iter().map(|list| list.prefixes).sum();
    let largest = lists.iter().max_by_key(|list| list.prefixes);
    let Some(largest) = largest.filter(|_| prefixes > most).map(|list| list.name.clone()) else {
        return builder;
    };
    let builder = builder.without(&largest);
    faults.insert(largest, format!("with it all lists have more than {most} prefixes"));
    builder
}

/// The database that is in use of those of a content; empty where no feed has one. None where there
/// are copies, and none of them can be used.
pub(crate) async fn database<S: Store>(
    feeds: &[Feed],
    content: Content,
    store: &S,
    faults: &mut Faults,
) -> Result<Option<Bytes>, S::Error> {
    // The user's own comes before the one that ships.
    let is_own = |feed: &&Feed| SHIPPED.iter().all(|shipped| shipped.name != feed.name);
    let of = feeds.iter().filter(|feed| feed.content == content);
    let (own, shipped): (Vec<&Feed>, Vec<&Feed>) = of.partition(is_own);
    let mut is_any = false;
    for feed in own.into_iter().chain(shipped) {
        let Some(copy) = copy(feed, store).await? else { continue };
        is_any = true;
        match fault_of(content, &copy) {
            None => return Ok(Some(copy)),
            Some(fault) => faults.insert(feed.name.clone(), fault),
        };
    }
    Ok((!is_any).then(Bytes::new))
}

/// Why a database cannot be used.
fn fault_of(content: Content, bytes: &Bytes) -> Option<String> {
    if bytes.len() > FILE_MAX_BYTES {
        return Some(format!("it is larger than {FILE_MAX_BYTES} bytes"));
    }
    let builder = Intelligence::builder();
    let opened = match content {
        Content::Countries => builder.countries(bytes.clone()),
        _ => builder.networks(bytes.clone()),
    };
    opened.err().map(|error| error.to_string())
}

/// Makes one of the published files anew, of the same copies; for whoever finds it missing, as after
/// a change of its format, or damaged. None where no feed was ever fetched, or no copy can be used.
///
/// # Errors
///
/// When copies cannot be read.
pub async fn rebuild<S: Store + Sync>(
    name: &str,
    policy: &Policy,
    store: &S,
    now: Timestamp,
) -> Result<Option<Bytes>, S::Error> {
    let Some(told) = store.read(STATUS).await? else { return Ok(None) };
    let (feeds, faults) = (policy.feeds(), &mut Faults::new());
    let file = match name {
        COUNTRIES => database(feeds, Content::Countries, store, faults).await?,
        NETWORKS => database(feeds, Content::Networks, store, faults).await?,
        _ => {
            let status = &mut Status::parse(&told);
            let own = Learned::read(store).await?;
            let judge = Judge::new(policy, now.day());
            let ground = feeds.iter().filter(|feed| is_ground(feed));
            let (ground, _) = lists(ground, (&own, &judge), status, store, now).await?;
            let judge = judge.knowing(&ground);
            let (all, _) = lists(feeds.iter(), (&own, &judge), status, store, now).await?;
            let is_any = !all.lists().is_empty();
            is_any.then(|| Bytes::copy_from_slice(all.as_bytes()))
        }
    };
    Ok(file.filter(|bytes| !bytes.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_crowds_out_others_is_left_out() {
        let mut faults = Faults::new();
        let add = |builder: Builder, (name, list): (&str, &str)| {
            let builder = builder.list(name, Category::Tor, list.as_bytes()).unwrap();
            leave_out(builder, 4, &mut faults)
        };
        let large = "192.0.2.1\n192.0.2.2\n192.0.2.3\n";
        let feeds = [("a", "192.0.2.1\n192.0.2.2\n"), ("large", large), ("b", "192.0.2.3\n")];
        let lists = feeds.into_iter().fold(Intelligence::builder(), add).build();
        let names: Vec<_> = lists.lists().iter().map(|list| list.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let fault = "with it all lists have more than 4 prefixes";
        assert_eq!(faults, Faults::from([("large".to_owned(), fault.to_owned())]));
    }
}
