//! Reads the policy, the lists it names, and what feeds were compiled to from the state bucket.
//!
//! Promises all faults of the file and of its lists together, with what could be understood, and
//! the versions of all that was looked at, so that a change of any of it is noticed. What feeds were
//! compiled to is made anew of their last good copies where it is missing or damaged.

use bytes::Bytes;
use callerwatch_detection::feeds::{COUNTRIES, LISTS, NETWORKS};
use callerwatch_detection::intelligence::{Builder, Intelligence};
use callerwatch_detection::policy::{Policy, PolicyErrors, PolicyList};
use callerwatch_feeds::rebuild;
use futures_util::stream::{self, StreamExt};

use super::Loaded;
use crate::clock;
use crate::feeds::{self, BucketStore, StoreError};
use crate::objects::{FetchError, InputFault, Objects};

/// What the table can remember.
const POLICY_MAX_BYTES: u64 = 256 * 1024;
const LIST_MAX_BYTES: u64 = feeds::MAX_BYTES;
const LISTS_MAX: usize = 32;
const AT_ONCE: usize = 8;

/// Where the policy is.
#[derive(Debug)]
pub(super) struct Loader {
    policies: Objects,
    lists: Objects,
    copies: BucketStore,
    bucket: String,
    key: String,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Candidate {
    /// As far as it was understood.
    pub(super) loaded: Loaded,
    /// All that is wrong with it.
    pub(super) errors: PolicyErrors,
    /// What is wrong with what feeds were compiled to.
    pub(super) damaged: Vec<String>,
    /// The files of these that could not be made anew, and so are not in it.
    pub(super) lost: Vec<&'static str>,
    /// Of the policy and of its lists.
    pub(super) versions: Versions,
}

/// Keys and their versions; none where there was no object.
#[derive(Debug, Default)]
pub(super) struct Versions(Vec<(String, Option<String>)>);

impl Loader {
    pub(super) fn new(client: aws_sdk_s3::Client, bucket: String, key: String) -> Self {
        let policies = Objects::bounded(client.clone(), POLICY_MAX_BYTES);
        let lists = Objects::bounded(client.clone(), LIST_MAX_BYTES);
        let copies = BucketStore::new(client, bucket.as_str(), key.as_str());
        Self { policies, lists, copies, bucket, key }
    }

    /// Whether anything is another than when it was looked at.
    pub(super) async fn has_changed(&self, versions: &Versions) -> Result<bool, FetchError> {
        // Owned, since a borrowed one cannot be looked at from a task.
        let changes = stream::iter(versions.0.clone()).map(|(key, version)| async move {
            Ok(self.policies.etag(&self.bucket, &key).await? != version)
        });
        let mut changes = changes.buffer_unordered(AT_ONCE);
        while let Some(has_changed) = changes.next().await {
            if has_changed? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the policy as it is now. Where there is none, the defaults hold.
    pub(super) async fn newest(&self) -> Result<Candidate, FetchError> {
        let (version, content) = fetch(&self.policies, &self.bucket, &self.key).await?;
        let mut errors = PolicyErrors::default();
        let text = match content {
            Ok(bytes) => String::from_utf8(bytes.into()).unwrap_or_else(|_| {
                errors.push(1, "the file is not UTF-8");
                String::new()
            }),
            Err(InputFault::NotFound) => String::new(),
            Err(fault) => {
                errors.push(1, fault.to_string());
                String::new()
            }
        };
        let etag = version.clone().unwrap_or_default();
        let mut candidate = self.judge(text, etag, &[]).await?;
        for fault in errors.iter() {
            candidate.errors.push(fault.line, &fault.message);
        }
        candidate.versions.0.push((self.key.clone(), version));
        Ok(candidate)
    }

    /// Reads a policy that was good, with what can still be read of its lists.
    pub(super) async fn remembered(
        &self,
        text: String,
        etag: String,
    ) -> Result<Loaded, FetchError> {
        let candidate = self.judge(text, etag, &[]).await?;
        let lines: Vec<usize> = candidate.errors.iter().map(|fault| fault.line).collect();
        if lines.is_empty() {
            return Ok(candidate.loaded);
        }
        // A list that fails takes with it what was gathered before it, so this begins anew.
        let Loaded { text, etag, .. } = candidate.loaded;
        Ok(self.judge(text, etag, &lines).await?.loaded)
    }

    /// Reads a text and its lists, but for those of some lines.
    async fn judge(
        &self,
        text: String,
        etag: String,
        without: &[usize],
    ) -> Result<Candidate, FetchError> {
        let (policy, mut errors) = Policy::read(&text);
        let mut versions = Versions::default();
        let mut feeds = self.of_feeds(&policy, &mut versions).await?;
        for (index, list) in policy.lists().iter().enumerate() {
            let PolicyList { path, category, name, column, line } = list;
            if without.contains(line) {
                continue;
            }
            if index >= LISTS_MAX {
                errors.push(*line, format!("a deployed policy may have {LISTS_MAX} lists"));
                break;
            }
            let key = match key_of(&self.key, path) {
                Ok(key) => key,
                Err(fault) => {
                    errors.push(*line, fault);
                    continue;
                }
            };
            let (version, content) = fetch(&self.lists, &self.bucket, &key).await?;
            let added = content.map_err(|fault| format!("cannot read the list `{name}`: {fault}"));
            let added = added.and_then(|bytes| {
                let taken = std::mem::take(&mut feeds.builder);
                taken
                    .list_with_column(name, *category, &bytes, column.as_deref())
                    .map_err(|error| error.to_string())
            });
            match added {
                Ok(with_list) => feeds.builder = with_list,
                Err(message) => errors.push(*line, message),
            }
            versions.0.push((key, version));
        }
        let OfFeeds { builder, damaged, lost } = feeds;
        let loaded = Loaded { policy, intelligence: builder.build(), etag, text };
        Ok(Candidate { loaded, errors: errors.in_file(&self.key), damaged, lost, versions })
    }

    /// What feeds were compiled to, as far as it can be used or made anew.
    async fn of_feeds(
        &self,
        policy: &Policy,
        versions: &mut Versions,
    ) -> Result<OfFeeds, FetchError> {
        let mut feeds = OfFeeds::default();
        for name in [LISTS, COUNTRIES, NETWORKS] {
            let key = feeds::key_of(name);
            let (version, content) = fetch(&self.lists, &self.bucket, &key).await?;
            versions.0.push((key.clone(), version));
            let fault = match content {
                // Where no feed tells, there is an empty file.
                Ok(bytes) if bytes.is_empty() => continue,
                Ok(bytes) => match feeds.add(name, bytes) {
                    Ok(()) => continue,
                    Err(fault) => Some(fault),
                },
                // Where none was ever fetched there is none, nor where the last version that wrote
                // one used another format.
                Err(InputFault::NotFound) if name == LISTS => None,
                Err(InputFault::NotFound) => continue,
                Err(fault) => Some(fault.to_string()),
            };
            // Seldom done, and large: whoever looks for a change does not carry it.
            let made = Box::pin(rebuild(name, policy, &self.copies, clock::now())).await;
            let is_made_anew = match made {
                Ok(Some(bytes)) => feeds.add(name, bytes).is_ok(),
                Err(StoreError::Read(error)) => return Err(error),
                // Nothing is written.
                Ok(None) | Err(StoreError::Write { .. }) => false,
            };
            if is_made_anew {
                tracing::info!(key, "what feeds were compiled to is made anew of their copies");
            }
            if let Some(fault) = fault {
                feeds.damaged.push(format!("{key}: {fault}"));
                feeds.lost.extend((!is_made_anew).then_some(name));
            }
        }
        Ok(feeds)
    }
}

/// What feeds were compiled to.
#[derive(Default)]
struct OfFeeds {
    builder: Builder,
    damaged: Vec<String>,
    lost: Vec<&'static str>,
}

impl OfFeeds {
    /// Adds one file, or says what is wrong with it. The lists are to be the first.
    fn add(&mut self, name: &str, bytes: Bytes) -> Result<(), String> {
        match name {
            LISTS => Intelligence::builder()
                .compiled(bytes)
                .map(|builder| self.builder = builder)
                .map_err(|fault| fault.to_string()),
            COUNTRIES => self.builder.add_countries(bytes).map_err(|fault| fault.to_string()),
            _ => self.builder.add_networks(bytes).map_err(|fault| fault.to_string()),
        }
    }
}

/// The version of an object, and what is in it.
async fn fetch(
    objects: &Objects,
    bucket: &str,
    key: &str,
) -> Result<(Option<String>, Result<Bytes, InputFault>), FetchError> {
    match objects.fetch_with_etag(bucket, key, None).await {
        Ok(object) => Ok((Some(object.etag), Ok(object.bytes))),
        Err(FetchError::Input { fault: InputFault::NotFound, .. }) => {
            Ok((None, Err(InputFault::NotFound)))
        }
        Err(FetchError::Input { fault, .. }) => Ok((objects.etag(bucket, key).await?, Err(fault))),
        Err(world) => Err(world),
    }
}

/// The key of a list, which is named relative to the key of its policy.
pub(crate) fn key_of(policy_key: &str, path: &str) -> Result<String, &'static str> {
    if path.starts_with('/') {
        return Err("the path of a list is relative to the policy's key, and begins with no slash");
    }
    let folder = policy_key.rsplit_once('/').map(|(folder, _)| folder);
    let mut segments: Vec<&str> = folder.into_iter().flat_map(|it| it.split('/')).collect();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if segments.pop().is_some() => {}
            ".." => return Err("the path of the list leads out of the bucket"),
            name => segments.push(name),
        }
    }
    Ok(segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_lie_beside_their_policy() {
        for (policy, path, expected) in [
            ("policy.toml", "tor.txt", "tor.txt"),
            ("policy.toml", "./lists//tor.txt", "lists/tor.txt"),
            ("a/b/policy.toml", "tor.txt", "a/b/tor.txt"),
            ("a/b/policy.toml", "../tor.txt", "a/tor.txt"),
            ("a/b/policy.toml", "../../tor.txt", "tor.txt"),
        ] {
            assert_eq!(key_of(policy, path).unwrap(), expected, "{policy} {path}");
        }
        assert!(key_of("policy.toml", "/etc/tor.txt").is_err());
        assert!(key_of("a/policy.toml", "../../tor.txt").is_err());
    }
}
