//! Erasing a principal: what ledgers, alerts and its baseline hold of one who has the right to be
//! forgotten.
//!
//! Promises that no entry, sample, ledger, alert or baseline of the principal is left in the table,
//! and that nothing of others is touched but alerts that name it too. This is the one thing that scans the table; no
//! function does.

use std::collections::{BTreeSet, HashMap};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use callerwatch_detection::activity::Cloud;
use callerwatch_detection::evidence::{Entry, principal_hash};
use callerwatch_detection::sample::Sample;
use callerwatch_detection::source::LedgerKey;

use super::{Item, baseline, item};

/// What was erased, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Ledgers that held something of the principal.
    pub ledgers: u64,
    /// Entries of its calls.
    pub entries: u64,
    /// Calls of it in words.
    pub samples: u64,
    /// Alerts that named it.
    pub alerts: u64,
    /// Baselines of it, one a cloud.
    pub baselines: u64,
}

/// Something that was attempted on a table, and failed.
#[derive(Debug, thiserror::Error)]
#[error("{attempt} the table {table}")]
pub struct EraseError {
    attempt: &'static str,
    table: String,
    source: Box<aws_sdk_dynamodb::Error>,
}

/// Erases a principal, by its identity or its name; where `is_dry`, says only what would be erased.
/// Repeating it is harmless, also after it failed midway.
///
/// # Errors
///
/// When the table cannot be read, or something in it not changed.
pub async fn erase(
    config: &SdkConfig,
    table: &str,
    principal: &str,
    is_dry: bool,
) -> Result<Erased, EraseError> {
    let stored = Eraser { client: Client::new(config), table, is_dry };
    let mut wanted = Wanted::new(principal);
    // Entries know hashes of identities alone, so whose name it is must be known before.
    stored
        .each(async |item| {
            wanted.learn(item);
            Ok(())
        })
        .await?;
    let mut erased = Erased::default();
    stored
        .each(async |item| match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
            Some("ledger") => stored.of_ledger(item, &wanted, &mut erased).await,
            Some("alert") => stored.of_alert(item, &wanted, &mut erased).await,
            // What is due in a digest has an alert's title.
            _ if item.contains_key("title") => stored.of_alert(item, &wanted, &mut erased).await,
            Some(baseline::SORT_KEY) => stored.of_baseline(item, &wanted, &mut erased).await,
            _ => Ok(()),
        })
        .await?;
    Ok(erased)
}

/// Who is to be forgotten.
struct Wanted {
    /// Its identities and names, in lower case.
    words: BTreeSet<String>,
    hashes: BTreeSet<u64>,
    /// The ledgers of its own, as text.
    ledgers: BTreeSet<String>,
}

impl Wanted {
    fn new(principal: &str) -> Self {
        let mut wanted =
            Self { words: BTreeSet::new(), hashes: BTreeSet::new(), ledgers: BTreeSet::new() };
        for cloud in Cloud::ALL {
            wanted.add(cloud, principal);
        }
        wanted
    }

    fn add(&mut self, cloud: Cloud, identity: &str) {
        self.words.insert(identity.to_lowercase());
        if let Some(hash) = principal_hash(cloud, Some(identity)) {
            self.hashes.insert(hash);
            self.ledgers.insert(item::text_of(&LedgerKey::Principal { cloud, hash }));
        }
    }

    /// Whose calls and baselines are called by one of its names.
    fn learn(&mut self, item: &Item) {
        if let Some(who) = baseline::who(item)
            && [&who.uid, &who.name].iter().any(|word| self.words.contains(&word.to_lowercase()))
        {
            self.add(who.cloud, &who.uid);
        }
        for sample in item::decode(item).samples {
            if self.has(&sample)
                && let Some(identity) = sample.principal()
            {
                self.add(sample.cloud, identity);
            }
        }
    }

    fn has(&self, sample: &Sample) -> bool {
        let is_word = |word: &str| self.words.contains(&word.to_lowercase());
        sample.principal().is_some_and(is_word) || sample.name().is_some_and(is_word)
    }

    fn made(&self, entry: &Entry) -> bool {
        entry.principal().is_some_and(|principal| self.hashes.contains(&principal))
    }

    /// Whether an item is a ledger of its own.
    fn owns(&self, item: &Item) -> bool {
        let pk = item.get("pk").and_then(|pk| pk.as_s().ok());
        pk.and_then(|pk| pk.strip_prefix(item::PREFIX)).is_some_and(|it| self.ledgers.contains(it))
    }

    /// Whether a text has one of the words as a word.
    fn are_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        self.words.iter().any(|word| {
            text.match_indices(word.as_str()).any(|(start, word)| {
                let (before, rest) = text.split_at(start);
                let after = rest.get(word.len()..).and_then(|rest| rest.chars().next());
                !is_part(before.chars().next_back()) && !is_part(after)
            })
        })
    }
}

struct Eraser<'a> {
    client: Client,
    table: &'a str,
    is_dry: bool,
}

impl Eraser<'_> {
    /// Does something with each item of the table.
    async fn each(
        &self,
        mut act: impl AsyncFnMut(&Item) -> Result<(), EraseError>,
    ) -> Result<(), EraseError> {
        let scan = self.client.scan().table_name(self.table).consistent_read(true);
        let mut pages = scan.into_paginator().send();
        while let Some(page) = pages.next().await {
            for item in page.map_err(|error| self.error("reading", error))?.items() {
                act(item).await?;
            }
        }
        Ok(())
    }

    async fn of_ledger(
        &self,
        item: &Item,
        wanted: &Wanted,
        erased: &mut Erased,
    ) -> Result<(), EraseError> {
        let ledger = item::decode(item);
        if wanted.owns(item) {
            erased.ledgers += 1;
            erased.entries += count(ledger.entries.len());
            erased.samples += count(ledger.samples.len());
            return self.delete(item).await;
        }
        let entries: Vec<&Entry> = ledger.entries.iter().filter(|it| wanted.made(it)).collect();
        let samples: Vec<&Sample> = ledger.samples.iter().filter(|it| wanted.has(it)).collect();
        let mut parts = Vec::new();
        let mut values = HashMap::new();
        if !entries.is_empty() {
            parts.push("entries :entries");
            values.insert(":entries".to_owned(), item::entries(entries.iter().copied()));
        }
        if !samples.is_empty() {
            parts.push("samples :samples");
            values.insert(":samples".to_owned(), item::samples(samples.iter().copied()));
        }
        if parts.is_empty() {
            return Ok(());
        }
        erased.ledgers += 1;
        erased.entries += count(entries.len());
        erased.samples += count(samples.len());
        if self.is_dry {
            return Ok(());
        }
        self.client
            .update_item()
            .table_name(self.table)
            .set_key(Some(key(item)))
            .update_expression(format!("DELETE {}", parts.join(", ")))
            // One that expired meanwhile must not come back empty.
            .condition_expression("attribute_exists(pk)")
            .set_expression_attribute_values(Some(values))
            .send()
            .await
            .map(|_| ())
            .or_else(|error| {
                let is_gone = error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception);
                if is_gone { Ok(()) } else { Err(self.error("erasing from", error)) }
            })
    }

    async fn of_alert(
        &self,
        item: &Item,
        wanted: &Wanted,
        erased: &mut Erased,
    ) -> Result<(), EraseError> {
        let text = |name: &str| item.get(name).and_then(|it| it.as_s().ok());
        // In JSON a name may be written otherwise than it is.
        let is_told = ["title", "finding"]
            .into_iter()
            .filter_map(text)
            .any(|it| wanted.are_in(it) || json_texts(it).iter().any(|inner| wanted.are_in(inner)));
        let is_of = text("source").is_some_and(|source| wanted.ledgers.contains(source));
        if !is_told && !is_of {
            return Ok(());
        }
        erased.alerts += 1;
        self.delete(item).await
    }

    async fn of_baseline(
        &self,
        item: &Item,
        wanted: &Wanted,
        erased: &mut Erased,
    ) -> Result<(), EraseError> {
        let pk = item.get("pk").and_then(|it| it.as_s().ok());
        let is_of =
            |principal: &u64| pk.is_some_and(|pk| *pk == baseline::partition_key(*principal));
        if !wanted.hashes.iter().any(is_of) {
            return Ok(());
        }
        erased.baselines += 1;
        self.delete(item).await
    }

    async fn delete(&self, item: &Item) -> Result<(), EraseError> {
        if self.is_dry {
            return Ok(());
        }
        let delete = self.client.delete_item().table_name(self.table).set_key(Some(key(item)));
        delete.send().await.map(|_| ()).map_err(|error| self.error("erasing from", error))
    }

    fn error(
        &self,
        attempt: &'static str,
        source: impl Into<aws_sdk_dynamodb::Error>,
    ) -> EraseError {
        EraseError { attempt, table: self.table.to_owned(), source: Box::new(source.into()) }
    }
}

fn key(item: &Item) -> HashMap<String, AttributeValue> {
    let part = |name: &str| Some((name.to_owned(), item.get(name)?.clone()));
    ["pk", "sk"].into_iter().filter_map(part).collect()
}

/// All texts of a JSON document; none of what is no JSON.
fn json_texts(text: &str) -> Vec<String> {
    fn gather(value: serde_json::Value, texts: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => texts.push(text),
            serde_json::Value::Array(values) => {
                for value in values {
                    gather(value, texts);
                }
            }
            serde_json::Value::Object(members) => {
                for (_, value) in members {
                    gather(value, texts);
                }
            }
            _ => {}
        }
    }
    let mut texts = Vec::new();
    if let Ok(value) = serde_json::from_str(text) {
        gather(value, &mut texts);
    }
    texts
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        let wanted = Wanted::new("Alice");
        for (text, expected) in [
            ("alice", true),
            ("arn:aws:iam::111111111111:user/ALICE", true),
            ("sign-ins of alice, bob", true),
            ("malice", false),
            ("alice2", false),
            ("aliceé", false),
            ("", false),
        ] {
            assert_eq!(wanted.are_in(text), expected, "{text}");
        }
    }

    #[test]
    fn texts_of_json_are_as_they_mean() {
        assert_eq!(json_texts(r#"{"a":["\u0061lice",{"b":"x\"y"}],"c":7}"#), ["alice", "x\"y"]);
        assert_eq!(json_texts("no JSON").len(), 0);
    }
}
