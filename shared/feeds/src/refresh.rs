//! All feeds at once: asked for where they are due, judged, kept, and compiled.
//!
//! Promises that whoever judges calls never has less than the last good copy of each feed: what
//! fails, or is refused, changes nothing but the report. One bad feed does not hold up the others,
//! nor fill the memory: copies are judged and kept one by one, and no more than a few are held. Must
//! not know where files are kept.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use callerwatch_detection::feeds::{
    COUNTRIES, Content, Feed, Judge, LISTS, Location, NETWORKS, Refusal,
};
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Timestamp;
use futures_util::stream::{self, StreamExt};
use tokio::time::{Sleep, sleep};

use crate::compile::{self, Faults, copy, copy_of, is_ground};
use crate::egress::Learned;
use crate::fetch::{Answer, FetchFault, Fetcher, Version};
use crate::status::{STATUS, Status};
use crate::store::{Store, Unread};

/// How many feeds are asked for at once, and so how many bodies are held.
const AT_ONCE: usize = 4;
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
    /// Seconds since what is in the copy was new, where there is one.
    pub content_age_secs: Option<u64>,
    /// Whether there is a good copy in use.
    pub is_in_use: bool,
    /// Why a copy is not in use that there is.
    pub fault: Option<String>,
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
    let outcomes = BTreeMap::new();
    let mut round = Round { store, fetcher, now, is_forced, status, outcomes };
    let mut patience = pin!(sleep(PATIENCE));

    let judge = Judge::new(policy, now.day()).knowing(known);
    let (ground, others): (Vec<&Feed>, Vec<&Feed>) = feeds.iter().partition(|it| is_ground(it));
    round.renew(&ground, &judge, patience.as_mut()).await?;
    let status = &mut round.status;
    let ground = ground.into_iter();
    let (ground, _) = compile::lists(ground, (&own, &judge), status, store, now).await?;
    let judge = judge.knowing(&ground);
    drop(ground);
    round.renew(&others, &judge, patience).await?;

    let Round { mut status, mut outcomes, .. } = round;
    if status != before {
        store.write(STATUS, status.to_text().into()).await?;
    }
    let all = compile::lists(feeds.iter(), (&own, &judge), &mut status, store, now);
    let (intelligence, mut faults) = all.await?;
    let replaced = publish(feeds, &intelligence, store, &mut faults).await?;
    let mut reports = Vec::new();
    for feed in feeds {
        let (fault, known) = (faults.remove(&feed.name), status.of(feed, now));
        reports.push(Report {
            outcome: outcomes.remove(&feed.name).unwrap_or(Outcome::NotDue),
            age_secs: known.age_secs(now),
            content_age_secs: known.content_age_secs(now),
            is_in_use: fault.is_none() && copy(feed, store).await?.is_some(),
            fault,
            feed: feed.clone(),
        });
    }
    Ok(Refreshed { reports, intelligence, replaced })
}

/// One round of asking.
struct Round<'a, S> {
    store: &'a S,
    fetcher: &'a Fetcher,
    now: Timestamp,
    is_forced: bool,
    status: Status,
    outcomes: BTreeMap<String, Outcome>,
}

impl<S: Store + Sync> Round<'_, S> {
    /// Asks for those of some feeds that are due, and takes what their sources answer.
    async fn renew(
        &mut self,
        feeds: &[&Feed],
        judge: &Judge,
        patience: Pin<&mut Sleep>,
    ) -> Result<(), S::Error> {
        let Self { store, fetcher, now, is_forced, .. } = *self;
        let mut due = Vec::new();
        for feed in feeds {
            let has_copy = self.has_copy(feed, judge).await?;
            let known = self.status.of(feed, now);
            if is_forced || known.is_due(feed, has_copy, now) {
                // Without the copy, its version is of no use.
                let version = Some(known.version.clone()).filter(|it| *it != Version::default());
                due.push((*feed, version.filter(|_| has_copy)));
            }
        }
        let mut silent: BTreeMap<&str, &Feed> =
            due.iter().map(|(feed, _)| (feed.name.as_str(), *feed)).collect();
        let asked = stream::iter(due).map(|(feed, version)| async move {
            (feed, fetch(feed, version.as_ref(), store, fetcher).await)
        });
        let mut asked = pin!(asked.buffer_unordered(AT_ONCE).take_until(patience));
        while let Some((feed, answer)) = asked.next().await {
            silent.remove(feed.name.as_str());
            let outcome = self.take(feed, answer, judge).await?;
            self.outcomes.insert(feed.name.clone(), outcome);
        }
        for feed in silent.into_values() {
            self.status.of(feed, now).fail(feed, now);
            let late = Outcome::Failed(FetchFault::Late(PATIENCE).into());
            self.outcomes.insert(feed.name.clone(), late);
        }
        Ok(())
    }

    /// Whether there is a good copy of a feed. One that was judged before any address was known to
    /// be a cloud's is judged anew once that is known.
    async fn has_copy(&mut self, feed: &Feed, judge: &Judge) -> Result<bool, S::Error> {
        let Some(copy) = copy(feed, self.store).await? else { return Ok(false) };
        let known = self.status.of(feed, self.now);
        if !known.is_without_clouds || !judge.knows_clouds() {
            return Ok(true);
        }
        known.is_without_clouds = false;
        match judge.judge(feed, &copy, None) {
            Err(refusal) if refusal.is_of_clouds() => {
                self.store.write(&copy_of(&feed.name), Bytes::new()).await?;
                self.outcomes.insert(feed.name.clone(), Outcome::Refused(refusal));
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    /// Takes what a source answered, or not; notes when the copy was last known to be good.
    async fn take(
        &mut self,
        feed: &Feed,
        answer: Result<Answer, Failure>,
        judge: &Judge,
    ) -> Result<Outcome, S::Error> {
        let Self { store, now, .. } = *self;
        let known = self.status.of(feed, now);
        let (bytes, version) = match answer {
            Err(failure) => {
                known.fail(feed, now);
                return Ok(Outcome::Failed(failure));
            }
            Ok(Answer::Unchanged) => {
                known.confirm(now);
                return Ok(Outcome::Unchanged);
            }
            Ok(Answer::New { bytes, version }) => (bytes, version),
        };
        let last = copy(feed, store).await?;
        // Where the feed is elsewhere than it was, it is another one.
        let comparable = last.as_deref().filter(|_| !known.is_moved);
        if let Err(refusal) = judge.judge(feed, &bytes, comparable) {
            known.fail(feed, now);
            return Ok(Outcome::Refused(refusal));
        }
        let is_new = last.as_ref() != Some(&bytes);
        if is_new {
            store.write(&copy_of(&feed.name), bytes).await?;
            known.is_without_clouds = !judge.knows_clouds();
        }
        if is_new || known.copied.is_none() {
            known.copied = Some(now.millis());
        }
        known.confirm(now);
        known.is_moved = false;
        known.version = version;
        Ok(if is_new { Outcome::New } else { Outcome::Unchanged })
    }
}

async fn fetch<S: Store + Sync>(
    feed: &Feed,
    version: Option<&Version>,
    store: &S,
    fetcher: &Fetcher,
) -> Result<Answer, Failure> {
    let fetcher = fetcher.bounded(feed.content.max_bytes());
    match &feed.location {
        Location::Web(url) => Ok(fetcher.fetch(url, version).await?),
        elsewhere => {
            let bytes = store.fetch(elsewhere).await?;
            Ok(Answer::New { bytes: fetcher.inflate(bytes)?, version: Version::default() })
        }
    }
}

/// Replaces the files that are read by whoever judges calls, where they differ. A database stays as
/// it is where no copy can take its place.
async fn publish<S: Store>(
    feeds: &[Feed],
    lists: &Intelligence,
    store: &S,
    faults: &mut Faults,
) -> Result<Vec<&'static str>, S::Error> {
    let mut replaced = Vec::new();
    for (name, content) in [(COUNTRIES, Content::Countries), (NETWORKS, Content::Networks)] {
        if let Some(bytes) = compile::database(feeds, content, store, faults).await?
            && replace(name, &bytes, store).await?
        {
            replaced.push(name);
        }
    }
    if replace(LISTS, lists.as_bytes(), store).await? {
        replaced.push(LISTS);
    }
    Ok(replaced)
}

/// Writes a file, where it is another one than is there.
async fn replace<S: Store>(name: &str, bytes: &[u8], store: &S) -> Result<bool, S::Error> {
    let is_new = store.read(name).await?.unwrap_or_default() != bytes;
    if is_new {
        store.write(name, Bytes::copy_from_slice(bytes)).await?;
    }
    Ok(is_new)
}
