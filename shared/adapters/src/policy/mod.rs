//! The policy in force, and what feeds say of addresses: what the state bucket says, or the last
//! that was good.
//!
//! Promises that a change is in force within a minute and announced by one function, that a file
//! with faults changes nothing but an alarm, that a bucket which fails for a while changes nothing
//! at all, and that a busy function judges on while it looks for a change. Must not know what a
//! policy means.

mod difference;
mod kept;
mod load;
mod remembered;

use std::sync::Arc;

use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Timestamp;
use tokio::task::JoinHandle;

use self::difference::difference;
use self::kept::keep;
pub(crate) use self::load::key_of;
use self::load::{Candidate, Loader, Versions};
use self::remembered::Table;
use crate::clock;
use crate::objects::FetchError;

/// How long nobody looks whether anything changed.
const CHECK_MILLIS: u64 = 30_000;
/// From when on nothing is judged before somebody has looked: a function that is seldom invoked has
/// nothing in which to look meanwhile.
const OVERDUE_MILLIS: u64 = 60_000;

/// What calls are judged by.
#[derive(Debug)]
pub struct Loaded {
    /// What the user wants.
    pub policy: Policy,
    /// What its lists and feeds say of addresses.
    pub intelligence: Intelligence,
    /// The version of its file; empty where there is none, and the defaults hold.
    pub etag: String,
    /// The file.
    pub text: String,
}

/// That there is another policy, which this function is to announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyChange {
    /// What is different, as lines of a unified difference; at most 32 KiB, without control
    /// characters.
    pub difference: String,
}

/// Why no policy is known. All of these may pass.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The bucket could not be asked.
    #[error("reading the policy and its lists")]
    Bucket(#[from] FetchError),
    /// The table could not be asked.
    #[error("{attempt} in the table {table}")]
    Table {
        /// What was tried.
        attempt: &'static str,
        /// The table.
        table: String,
        /// What the SDK says.
        #[source]
        source: Box<aws_sdk_dynamodb::Error>,
    },
}

/// Keeps the policy in force for as long as a function lives.
#[derive(Debug)]
pub struct PolicyStore {
    loader: Arc<Loader>,
    table: Table,
    loaded: Option<Loaded>,
    /// Of what was looked at last, good or not.
    versions: Arc<Versions>,
    /// When somebody looked last.
    checked: Option<Timestamp>,
    looking: Option<Looking>,
    is_refused: bool,
    is_damaged: bool,
    /// Whether the table is known to have what is in force.
    is_remembered: bool,
    change: Option<PolicyChange>,
}

/// Somebody looks, since when.
#[derive(Debug)]
struct Looking {
    since: Timestamp,
    task: JoinHandle<Result<Option<Candidate>, FetchError>>,
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PolicyStore {
    /// A policy at `key` of a bucket, whose last good version a table remembers.
    pub fn new(
        s3: aws_sdk_s3::Client,
        dynamodb: aws_sdk_dynamodb::Client,
        bucket: impl Into<String>,
        key: impl Into<String>,
        table: impl Into<String>,
    ) -> Self {
        Self {
            loader: Arc::new(Loader::new(s3, bucket.into(), key.into())),
            table: Table::new(dynamodb, table.into()),
            loaded: None,
            versions: Arc::default(),
            checked: None,
            looking: None,
            is_refused: false,
            is_damaged: false,
            is_remembered: false,
            change: None,
        }
    }

    /// The policy in force. Looks for another one every half minute, beside whatever is judged.
    ///
    /// # Errors
    ///
    /// When none is known yet, and the bucket or the table fails.
    pub async fn current(&mut self, now: Timestamp) -> Result<&Loaded, PolicyError> {
        let loaded = self.renew(now).await?;
        let loaded = self.loaded.insert(loaded);
        if !self.is_remembered {
            match remember(&self.table, loaded, now).await {
                Ok(change) => {
                    self.is_remembered = true;
                    self.change = change.or(self.change.take());
                }
                // It is in force all the same, and told with the next check.
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "cannot remember the policy");
                }
            }
        }
        Ok(loaded)
    }

    /// The same, for whoever neither remembers nor announces it. Writes nothing.
    ///
    /// # Errors
    ///
    /// When none is known yet, and the bucket or the table fails.
    pub async fn seen(&mut self, now: Timestamp) -> Result<&Loaded, PolicyError> {
        let loaded = self.renew(now).await?;
        Ok(self.loaded.insert(loaded))
    }

    /// What is in force, for whoever reads it once and announces nothing.
    ///
    /// # Errors
    ///
    /// When the bucket or the table fails.
    pub async fn in_force(mut self) -> Result<Loaded, PolicyError> {
        self.first().await
    }

    /// The same, for whoever saw it and looks for no other.
    pub fn into_loaded(self) -> Option<Loaded> {
        self.loaded
    }

    /// Whether the newest file is refused, and an older one in force.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Whether what feeds were compiled to is damaged, and made anew of their copies; or else what was
    /// known before is in use, or less.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// The change that this function is to announce, once.
    pub fn take_change(&mut self) -> Option<PolicyChange> {
        self.change.take()
    }

    /// Takes back a change that could not be announced; it is to be tried again.
    pub fn put_back(&mut self, change: PolicyChange) {
        self.change.get_or_insert(change);
    }

    /// What is in force from now on. It is out of its place until then.
    async fn renew(&mut self, now: Timestamp) -> Result<Loaded, PolicyError> {
        if let Some(mut loaded) = self.loaded.take() {
            let candidate = self.look(now).await.unwrap_or_else(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "cannot look for another policy");
                None
            });
            let newer = candidate.and_then(|candidate| self.judge(candidate, Some(&mut loaded)));
            if newer.as_ref().is_some_and(|newer| newer.etag != loaded.etag) {
                self.is_remembered = false;
            }
            Ok(newer.unwrap_or(loaded))
        } else {
            let first = self.first().await?;
            self.checked = Some(now);
            Ok(first)
        }
    }

    /// What there is anew, once it is known; none where nothing changed, or nobody is to look, or
    /// somebody still does.
    async fn look(&mut self, now: Timestamp) -> Result<Option<Candidate>, FetchError> {
        if let Some(mut looking) = self.looking.take_if(|looking| looking.task.is_finished()) {
            self.checked = Some(looking.since);
            // It ends by itself alone, unless the code panics.
            return (&mut looking.task).await.unwrap_or(Ok(None));
        }
        let since = |then: Timestamp| now.millis().abs_diff(then.millis());
        let checked = self.checked.map_or(u64::MAX, since);
        if checked >= OVERDUE_MILLIS {
            // One that was begun in an earlier invocation may never end.
            self.looking = None;
            self.checked = Some(now);
            return newer(&self.loader, &self.versions).await;
        }
        if checked >= CHECK_MILLIS && self.looking.is_none() {
            let (loader, versions) = (self.loader.clone(), self.versions.clone());
            let task = tokio::spawn(async move { newer(&loader, &versions).await });
            self.looking = Some(Looking { since: now, task });
        }
        Ok(None)
    }

    /// What is in force first.
    async fn first(&mut self) -> Result<Loaded, PolicyError> {
        let candidate = self.loader.newest().await?;
        if let Some(loaded) = self.judge(candidate, None) {
            return Ok(loaded);
        }
        // Until it is known what was good, this may be tried from the start.
        let Some(good) = self.table.read().await? else {
            tracing::error!("no policy was good yet, so the defaults hold, with what feeds say");
            let loaded = self.loader.remembered(String::new(), String::new()).await?;
            self.is_remembered = true;
            tell(&loaded);
            return Ok(loaded);
        };
        let loaded = self.loader.remembered(good.text, good.etag).await?;
        self.is_remembered = true;
        tell(&loaded);
        Ok(loaded)
    }

    /// Takes a candidate, or refuses it. What is lost of what feeds were compiled to is taken of
    /// what was in force, and no more than that.
    fn judge(&mut self, candidate: Candidate, before: Option<&mut Loaded>) -> Option<Loaded> {
        let Candidate { loaded, errors, damaged, lost, versions } = candidate;
        self.versions = Arc::new(versions);
        self.is_refused = !errors.is_empty();
        self.is_damaged = !damaged.is_empty();
        for fault in &damaged {
            tracing::error!(fault, "what feeds were compiled to cannot be used");
        }
        match errors.or(loaded) {
            Ok(mut loaded) => {
                if let Some(before) = before {
                    keep(&mut loaded, before, &lost);
                }
                tell(&loaded);
                Some(loaded)
            }
            Err(faults) => {
                tracing::error!(%faults, "the policy is refused; the last good one stays");
                None
            }
        }
    }
}

/// What there is now, where it is not what there was.
async fn newer(loader: &Loader, versions: &Versions) -> Result<Option<Candidate>, FetchError> {
    if loader.has_changed(versions).await? {
        return loader.newest().await.map(Some);
    }
    Ok(None)
}

fn tell(loaded: &Loaded) {
    let lists = loaded.intelligence.lists();
    let prefixes: usize = lists.iter().map(|list| list.prefixes).sum();
    tracing::info!(etag = loaded.etag, lists = lists.len(), prefixes, "a policy is in force");
    for list in lists.iter().filter(|list| list.refused > 0) {
        let (list, lines) = (&list.name, list.refused);
        tracing::warn!(list, lines, "a list has lines that were not understood");
    }
    for warning in loaded.policy.warnings(clock::now().day()) {
        tracing::warn!(warning, "the policy is odd");
    }
    if loaded.policy.has_country_rules() && loaded.intelligence.country_database().is_none() {
        tracing::warn!(
            "the policy has rules about countries, and no database of countries is deployed: \
             they say nothing"
        );
    }
}

/// Remembers a policy; answers with the change where this function was the one that noticed it.
async fn remember(
    table: &Table,
    loaded: &Loaded,
    now: Timestamp,
) -> Result<Option<PolicyChange>, PolicyError> {
    let before = table.read().await?;
    let etag_before = before.as_ref().map_or("", |before| before.etag.as_str());
    if etag_before == loaded.etag {
        return Ok(None);
    }
    if !table.replace(before.as_ref(), &loaded.etag, &loaded.text, now).await? {
        return Ok(None);
    }
    let text_before = before.as_ref().map_or("", |before| before.text.as_str());
    let difference = difference(text_before, &loaded.text);
    tracing::info!(difference, "the policy changed");
    Ok(Some(PolicyChange { difference }))
}
