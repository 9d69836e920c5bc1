//! The policy in force: what the state bucket says, or the last that was good.
//!
//! Promises that a change is in force within half a minute and announced by one function, that a
//! file with faults changes nothing but an alarm, and that a bucket which fails for a while changes
//! nothing at all. Must not know what a policy means.

mod difference;
mod load;
mod remembered;

use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Timestamp;

use self::difference::difference;
use self::load::{Candidate, Loader, Versions};
use self::remembered::Table;
use crate::objects::FetchError;

/// How long nobody looks whether there is another policy.
const CHECK_MILLIS: u64 = 30_000;

/// What calls are judged by.
#[derive(Debug)]
pub struct Loaded {
    /// What the user wants.
    pub policy: Policy,
    /// What its lists say of addresses.
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
    loader: Loader,
    table: Table,
    loaded: Option<Loaded>,
    /// Of what was looked at last, good or not.
    versions: Option<Versions>,
    checked: Option<Timestamp>,
    is_refused: bool,
    /// Whether the table is known to have what is in force.
    is_remembered: bool,
    change: Option<PolicyChange>,
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
            loader: Loader::new(s3, bucket.into(), key.into()),
            table: Table::new(dynamodb, table.into()),
            loaded: None,
            versions: None,
            checked: None,
            is_refused: false,
            is_remembered: false,
            change: None,
        }
    }

    /// The policy in force. Looks for another one every half minute.
    ///
    /// # Errors
    ///
    /// When none is known yet, and the bucket or the table fails.
    pub async fn current(&mut self, now: Timestamp) -> Result<&Loaded, PolicyError> {
        let loaded = match self.loaded.take() {
            Some(loaded) if !self.is_due(now) => loaded,
            Some(loaded) => {
                self.checked = Some(now);
                let newer = self.newer(&loaded.etag).await.unwrap_or_else(|error| {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "cannot look for another policy");
                    None
                });
                newer.unwrap_or(loaded)
            }
            None => {
                let first = self.first().await?;
                self.checked = Some(now);
                first
            }
        };
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

    /// Whether the newest file is refused, and an older one in force.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// The change that this function is to announce, once.
    pub fn take_change(&mut self) -> Option<PolicyChange> {
        self.change.take()
    }

    /// Takes back a change that could not be announced; it is to be tried again.
    pub fn put_back(&mut self, change: PolicyChange) {
        self.change.get_or_insert(change);
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.checked.is_none_or(|checked| now.millis().abs_diff(checked.millis()) >= CHECK_MILLIS)
    }

    /// What is to be in force in place of what is; none where nothing changed, or nothing good.
    async fn newer(&mut self, etag: &str) -> Result<Option<Loaded>, PolicyError> {
        if let Some(versions) = &self.versions
            && !self.loader.has_changed(versions).await?
        {
            return Ok(None);
        }
        let candidate = self.loader.newest().await?;
        let newer = self.judge(candidate);
        if newer.as_ref().is_some_and(|newer| newer.etag != etag) {
            self.is_remembered = false;
        }
        Ok(newer)
    }

    /// What is in force first.
    async fn first(&mut self) -> Result<Loaded, PolicyError> {
        let candidate = self.loader.newest().await?;
        if let Some(loaded) = self.judge(candidate) {
            return Ok(loaded);
        }
        // Until it is known what was good, this may be tried from the start.
        let Some(good) = self.table.read().await? else {
            tracing::error!("no policy was good yet, so the defaults hold");
            self.is_remembered = true;
            return Ok(Loaded {
                policy: Policy::default(),
                intelligence: Intelligence::default(),
                etag: String::new(),
                text: String::new(),
            });
        };
        let loaded = self.loader.remembered(good.text, good.etag).await?;
        self.is_remembered = true;
        tell(&loaded);
        Ok(loaded)
    }

    /// Takes a candidate, or refuses it.
    fn judge(&mut self, candidate: Candidate) -> Option<Loaded> {
        let Candidate { loaded, errors, versions } = candidate;
        self.versions = Some(versions);
        self.is_refused = !errors.is_empty();
        match errors.or(loaded) {
            Ok(loaded) => {
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

fn tell(loaded: &Loaded) {
    let lists = loaded.intelligence.lists();
    let prefixes: usize = lists.iter().map(|list| list.prefixes).sum();
    tracing::info!(etag = loaded.etag, lists = lists.len(), prefixes, "a policy is in force");
    for list in lists.iter().filter(|list| list.refused > 0) {
        let (list, lines) = (&list.name, list.refused);
        tracing::warn!(list, lines, "a list has lines that were not understood");
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
