//! All feeds at once: asked for where they are due, judged, kept, and compiled.
//!
//! Promises that whoever judges calls never has less than the last good copy of each feed: what
//! fails, or is refused, changes nothing but the report. One bad feed does not hold up the others.
//! Must not know where files are kept.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use callerwatch_detection::feeds::{
    COUNTRIES, Content, Feed, Judge, LISTS, Location, NETWORKS, Refusal, SHIPPED,
};
use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Timestamp;
use futures_util::stream::{self, StreamExt};
use tokio::time::sleep;

use crate::egress::Learned;
use crate::fetch::{Answer, FetchFault, Fetcher, Version};
use crate::status::{STATUS, Status};
use crate::store::{Store, Unread};

/// How many feeds are asked for at once.
const AT_ONCE: usize = 8;
/// For all of them. Who has not answered by then is asked the next time.
const PATIENCE: Duration = Duration::from_mins(4);

/// What came of asking for a feed.
#[derive(Debug)]
pub enum Outcome {
    /// There is a new good copy.
    New,
    /// The copy is as good as new.
    Unchanged,
    /// The copy is young enough.
    NotDue,
    /// The feed was not fetched.
    Failed(Failure),
    /// What was fetched may not be believed.
    Refused(Refusal),
}

/// `new`, or `refused: it names …`, with all that caused it.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, error): (_, &dyn Error) = match self {
            Self::New => return f.write_str("new"),
            Self::Unchanged => return f.write_str("unchanged"),
            Self::NotDue => return f.write_str("not due"),
            Self::Failed(failure) => ("not fetched", failure),
            Self::Refused(refusal) => ("refused", refusal),
        };
        write!(f, "{what}: {error}")?;
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Why a feed was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// From the web.
    #[error(transparent)]
    Web(#[from] FetchFault),
    /// From elsewhere.
    #[error(transparent)]
    Elsewhere(#[from] Unread),
}

/// What is to be told of a feed.
#[derive(Debug)]
pub struct Report {
    /// The feed.
    pub feed: Feed,
    /// What came of it.
    pub outcome: Outcome,
    /// Seconds since its source last said that the copy is good, or since it was first asked for in
    /// vain.
    pub age_secs: u64,
    /// Whether there is a good copy in use.
    pub is_in_use: bool,
}

/// What came of all feeds.
#[derive(Debug)]
pub struct Refreshed {
    /// Of each feed.
    pub reports: Vec<Report>,
    /// What is known now. Without databases, which are files of their own.
    pub intelligence: Intelligence,
    /// The files that were replaced.
    pub replaced: Vec<&'static str>,
}

/// Asks for the feeds of a policy. `known` says what is the user's own and what is the clouds',
/// besides the feeds themselves and what accounts told; `is_forced` asks for feeds that are not due too.
///
/// # Errors
///
/// When copies cannot be read or kept. Then what is compiled is as it was.
pub async fn refresh<S: Store + Sync>(
    policy: &Policy,
    known: &Intelligence,
    store: &S,
    fetcher: &Fetcher,
    now: Timestamp,
    is_forced: bool,
) -> Result<Refreshed, S::Error> {
    let feeds = policy.feeds();
    let told = store.read(STATUS).await?.unwrap_or_default();
    let before = Status::parse(&told);
    let mut status = before.clone();
    status.retain(feeds);
    let own = Learned::read(store).await?;
    let mut copies = Copies::default();
    for feed in feeds {
        copies.last.insert(&feed.name, store.read(&copy_of(&feed.name)).await?);
    }
    let mut answers = ask(feeds, &mut status, &copies, store, fetcher, now, is_forced).await;

    let mut judge = Judge::new(policy, now.day()).knowing(known);
    let mut outcomes = BTreeMap::new();
    // What is a cloud's and the user's own is to be known before anybody is accused.
    let (first, then): (Vec<&Feed>, Vec<&Feed>) = feeds
        .iter()
        .partition(|feed| matches!(feed.content, Content::List(Category::Cloud | Category::Own)));
    for feed in &first {
        let outcome = take(feed, answers.remove(&feed.name), &judge, &mut copies, &mut status, now);
        outcomes.insert(&feed.name, outcome);
    }
    judge = judge.knowing(&compile(&own, &first, &copies, &mut status, now));
    for feed in &then {
        let outcome = take(feed, answers.remove(&feed.name), &judge, &mut copies, &mut status, now);
        outcomes.insert(&feed.name, outcome);
    }
    for (feed, bytes) in &copies.fresh {
        store.write(&copy_of(feed), bytes.clone()).await?;
    }
    if status != before {
        store.write(STATUS, status.to_text().into()).await?;
    }
    let all: Vec<&Feed> = feeds.iter().collect();
    let intelligence = compile(&own, &all, &copies, &mut status, now);
    let replaced = publish(feeds, &intelligence, &copies, store).await?;
    let reports = feeds.iter().map(|feed| Report {
        outcome: outcomes.remove(&feed.name).unwrap_or(Outcome::NotDue),
        age_secs: status.of(feed, now).age_secs(now),
        is_in_use: copies.of(feed).is_some(),
        feed: feed.clone(),
    });
    Ok(Refreshed { reports: reports.collect(), intelligence, replaced })
}

/// Copies of feeds, by name.
#[derive(Debug, Default)]
struct Copies<'a> {
    /// The last good ones.
    last: BTreeMap<&'a str, Option<Bytes>>,
    /// Those that took their place.
    fresh: BTreeMap<&'a str, Bytes>,
}

impl Copies<'_> {
    fn of(&self, feed: &Feed) -> Option<&Bytes> {
        let name = feed.name.as_str();
        self.fresh.get(name).or_else(|| self.last.get(name)?.as_ref())
    }
}

/// The file of the last good copy.
fn copy_of(feed: &str) -> String {
    format!("feeds/{feed}")
}

/// What the sources of feeds that are due answer, by the feeds' names.
async fn ask<S: Store + Sync>(
    feeds: &[Feed],
    status: &mut Status,
    copies: &Copies<'_>,
    store: &S,
    fetcher: &Fetcher,
    now: Timestamp,
    is_forced: bool,
) -> BTreeMap<String, Result<Answer, Failure>> {
    let mut due = Vec::new();
    for feed in feeds {
        let known = status.of(feed, now);
        let has_copy = copies.of(feed).is_some();
        if is_forced || !has_copy || known.is_due(feed, now) {
            // Without the copy, its version is of no use.
            let version = Some(known.version.clone()).filter(|it| *it != Version::default());
            due.push((feed, version.filter(|_| has_copy)));
        }
    }
    let late = || Err(Failure::Web(FetchFault::Late(PATIENCE)));
    let mut answers: BTreeMap<_, _> =
        due.iter().map(|(feed, _)| (feed.name.clone(), late())).collect();
    let asked = stream::iter(due).map(|(feed, version)| async move {
        (feed.name.clone(), fetch(&feed.location, version.as_ref(), store, fetcher).await)
    });
    let told =
        asked.buffer_unordered(AT_ONCE).take_until(sleep(PATIENCE)).collect::<Vec<_>>().await;
    answers.extend(told);
    answers
}

async fn fetch<S: Store + Sync>(
    location: &Location,
    version: Option<&Version>,
    store: &S,
    fetcher: &Fetcher,
) -> Result<Answer, Failure> {
    match location {
        Location::Web(url) => Ok(fetcher.fetch(url, version).await?),
        elsewhere => {
            let bytes = store.fetch(elsewhere).await?;
            Ok(Answer::New { bytes: fetcher.inflate(bytes)?, version: Version::default() })
        }
    }
}

/// Takes what a source answered, or not; notes when the copy was last known to be good.
fn take<'a>(
    feed: &'a Feed,
    answer: Option<Result<Answer, Failure>>,
    judge: &Judge,
    copies: &mut Copies<'a>,
    status: &mut Status,
    now: Timestamp,
) -> Outcome {
    let known = status.of(feed, now);
    let last = copies.last.get(feed.name.as_str()).and_then(Option::as_ref);
    let (bytes, version) = match answer {
        None => return Outcome::NotDue,
        Some(Err(failure)) => return Outcome::Failed(failure),
        Some(Ok(Answer::Unchanged)) => {
            known.confirmed = Some(now.millis());
            return Outcome::Unchanged;
        }
        Some(Ok(Answer::New { bytes, version })) => (bytes, version),
    };
    // Where the feed is elsewhere than it was, it is another one.
    let comparable = last.filter(|_| known.copied.is_some());
    if let Err(refusal) = judge.judge(feed, &bytes, comparable.map(AsRef::as_ref)) {
        return Outcome::Refused(refusal);
    }
    let is_new = last != Some(&bytes);
    known.confirmed = Some(now.millis());
    known.version = version;
    if is_new || known.copied.is_none() {
        known.copied = Some(now.millis());
    }
    if !is_new {
        return Outcome::Unchanged;
    }
    copies.fresh.insert(&feed.name, bytes);
    Outcome::New
}

/// The lists of feeds, as of when their copies were made, and what accounts told. A copy that cannot be
/// used was not written here, and is passed over.
fn compile(
    own: &Learned,
    feeds: &[&Feed],
    copies: &Copies<'_>,
    status: &mut Status,
    now: Timestamp,
) -> Intelligence {
    let mut builder = Intelligence::builder();
    for feed in feeds {
        let (Content::List(category), Some(copy)) = (feed.content, copies.of(feed)) else {
            continue;
        };
        if builder.add_list(&feed.name, category, copy, feed.column.as_deref()).is_ok() {
            let millis = status.of(feed, now).copied.unwrap_or_default();
            builder = match u64::try_from(millis / 1000) {
                Ok(0) | Err(_) => builder,
                Ok(secs) => builder.dated(secs),
            };
        }
    }
    builder = own.add_to(builder);
    builder.build()
}

/// Replaces the files that are read by whoever judges calls, where they differ.
async fn publish<S: Store + Sync>(
    feeds: &[Feed],
    lists: &Intelligence,
    copies: &Copies<'_>,
    store: &S,
) -> Result<Vec<&'static str>, S::Error> {
    let database = |content| {
        let mut of =
            feeds.iter().filter(|feed| feed.content == content && copies.of(feed).is_some());
        // The user's own comes before the one that ships.
        let is_own = |feed: &&Feed| SHIPPED.iter().all(|shipped| shipped.name != feed.name);
        let chosen = of.clone().find(is_own).or_else(|| of.next());
        chosen.and_then(|feed| copies.of(feed)).cloned().unwrap_or_default()
    };
    let mut replaced = Vec::new();
    for (name, bytes) in [
        (COUNTRIES, database(Content::Countries)),
        (NETWORKS, database(Content::Networks)),
        (LISTS, Bytes::copy_from_slice(lists.as_bytes())),
    ] {
        if store.read(name).await?.unwrap_or_default() != bytes {
            store.write(name, bytes).await?;
            replaced.push(name);
        }
    }
    Ok(replaced)
}
