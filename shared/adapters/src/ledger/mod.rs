//! The ledger in DynamoDB: one item a source, one request a source and batch.
//!
//! Evidence, samples and marks are sets, to which `ADD` is idempotent and commutes; the answer to
//! the write is the whole ledger, so nothing is ever read in the steady state. What an item holds is
//! in `item.rs`. Trimming is a request of its own, and seldom: it takes away what the bounds would
//! drop from any ledger, so it commutes with everything too.

mod alert;
mod baseline;
mod budget;
mod digest;
mod due;
#[cfg(feature = "operator")]
mod erase;
mod history;
mod item;
mod known;
mod read;
mod stored;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use callerwatch_detection::baseline::{Baseline, Who};
use callerwatch_detection::budget::{Admission, Budget};
use callerwatch_detection::evidence::Entry;
use callerwatch_detection::history::AccountDay;
use callerwatch_detection::ledger::{
    Batch, Bounds, Claim, Ledger, Mark, Record, SourceLedger, Told,
};
use callerwatch_detection::sample::{self, SAMPLES_PER_DAY};
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;

pub use self::due::{DigestError, Digests};
#[cfg(feature = "operator")]
pub use self::erase::{EraseError, Erased, erase};
pub use self::known::key_of;
pub use self::stored::{
    ByHand, Listed, Looked, State, StoredAlert, StoredAlerts, StoredError, Wanted,
};
use crate::clock;

/// An item may have 400 KB; one near that is slow and costs as much as hundreds.
const ITEM_MAX_BYTES: usize = 300_000;
/// More than are ever shown of the days that are looked at.
const SAMPLES_MAX: usize = 2 * SAMPLES_PER_DAY;

/// Ledgers in a table.
#[derive(Debug)]
pub struct DynamoLedger {
    client: Client,
    table: String,
    bounds: Bounds,
    ledger_days: u32,
    alert_days: u32,
    full: AtomicU64,
}

/// Something that was attempted on a source's ledger or alert, a principal's baseline or an account's
/// history, and failed.
#[derive(Debug, thiserror::Error)]
#[error("{attempt} of {key} in the table {table}")]
pub struct LedgerError {
    attempt: &'static str,
    key: String,
    table: String,
    source: Box<aws_sdk_dynamodb::Error>,
}

type Item = HashMap<String, AttributeValue>;

impl DynamoLedger {
    /// Ledgers that keep what `bounds` allow for so many days after the last evidence (of a public
    /// address as long as `bounds` know who worked there, where that is longer), and alerts for so many
    /// days after they were last announced.
    pub fn new(
        client: Client,
        table: impl Into<String>,
        bounds: Bounds,
        ledger_days: u32,
        alert_days: u32,
    ) -> Self {
        let table = table.into();
        Self { client, table, bounds, ledger_days, alert_days, full: AtomicU64::new(0) }
    }

    /// Bounds that another policy asks for.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// How many times evidence found no room, since this was last asked.
    pub fn take_full(&self) -> u64 {
        self.full.swap(0, Ordering::Relaxed)
    }

    fn update(&self, key: &LedgerKey) -> UpdateItemFluentBuilder {
        let (pk, sk) = item::key(key);
        self.client.update_item().table_name(&self.table).key("pk", pk).key("sk", sk)
    }

    fn error(
        &self,
        attempt: &'static str,
        key: &LedgerKey,
        source: impl Into<aws_sdk_dynamodb::Error>,
    ) -> LedgerError {
        LedgerError {
            attempt,
            key: key.to_string(),
            table: self.table.clone(),
            source: Box::new(source.into()),
        }
    }

    /// A write cannot tell what is in the item besides, and may never shorten its life: so this goes by
    /// the key alone. Nothing but public addresses is ever denied.
    fn days(&self, key: &LedgerKey) -> u32 {
        match key {
            LedgerKey::V4(_) | LedgerKey::V6Net(_) => self.ledger_days.max(self.bounds.work_days),
            _ => self.ledger_days,
        }
    }

    async fn read(&self, key: &LedgerKey) -> Result<Item, LedgerError> {
        let (pk, sk) = item::key(key);
        let get = self.client.get_item().table_name(&self.table).key("pk", pk).key("sk", sk);
        let answer = get.consistent_read(true).send().await;
        let answer = answer.map_err(|error| self.error("reading the ledger", key, error))?;
        Ok(answer.item.unwrap_or_default())
    }

    /// Adds a batch that is within the bounds. None where the item has no room for it.
    async fn add(&self, key: &LedgerKey, batch: &Batch) -> Result<Option<Item>, LedgerError> {
        let mut expression = "SET expires_at = :expires_at ADD entries :entries".to_owned();
        let mut update = self
            .update(key)
            .expression_attribute_values(":expires_at", expiry(clock::now(), self.days(key)))
            .expression_attribute_values(":entries", item::entries(batch.entries.iter()));
        if !batch.samples.is_empty() {
            expression.push_str(", samples :samples");
            update =
                update.expression_attribute_values(":samples", item::samples(batch.samples.iter()));
        }
        let sent =
            update.update_expression(expression).return_values(ReturnValue::AllNew).send().await;
        match sent {
            Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
            Err(error) if is_too_large(&error) => Ok(None),
            Err(error) => Err(self.error("adding to the ledger", key, error)),
        }
    }

    /// Takes away what is not to be kept. Failing costs nothing but room: the next write tries
    /// again.
    async fn trim(&self, key: &LedgerKey, whole: &SourceLedger, kept: &BTreeSet<Entry>) {
        let mut kept_samples = whole.samples.clone();
        self.bounds.reduce_samples(&mut kept_samples, &whole.entries);
        sample::keep_best(&mut kept_samples);
        let dropped: Vec<_> = whole.entries.iter().filter(|it| !kept.contains(it)).collect();
        let dropped_samples: Vec<_> =
            whole.samples.iter().filter(|it| !kept_samples.contains(it)).collect();
        let mut parts = Vec::new();
        let mut update = self.update(key);
        if !dropped.is_empty() {
            parts.push("entries :entries");
            update = update.expression_attribute_values(":entries", item::entries(dropped));
        }
        if !dropped_samples.is_empty() {
            parts.push("samples :samples");
            update = update.expression_attribute_values(":samples", item::samples(dropped_samples));
        }
        if parts.is_empty() {
            return;
        }
        let update = update.update_expression(format!("DELETE {}", parts.join(", ")));
        if let Err(error) = update.send().await {
            let error = self.error("trimming the ledger", key, error);
            tracing::warn!(error = &error as &dyn std::error::Error, "a ledger stays as it is");
        }
    }

    /// Makes room in an item that is too large for all that its bounds allow: evidence of many
    /// kinds, clouds and days at once. Answers with what was in it, and leaves of the batch what is
    /// to be kept of both.
    async fn make_room(
        &self,
        key: &LedgerKey,
        batch: &mut Batch,
    ) -> Result<SourceLedger, LedgerError> {
        let whole = item::decode(&self.read(key).await?);
        let both = || whole.entries.iter().chain(&batch.entries).copied();
        let mut bounds = self.bounds.halved();
        let mut kept = bounds.reduce(both());
        while item::bytes(&kept) > ITEM_MAX_BYTES / 2 && bounds != bounds.halved() {
            bounds = bounds.halved();
            kept = bounds.reduce(both());
        }
        batch.entries.retain(|entry| kept.contains(entry));
        self.trim(key, &whole, &kept).await;
        Ok(whole)
    }
}

impl Ledger for DynamoLedger {
    type Error = LedgerError;

    async fn observe(&self, key: &LedgerKey, batch: &Batch) -> Result<SourceLedger, LedgerError> {
        let mut batch = batch.clone();
        sample::keep_best(&mut batch.samples);
        batch.entries = self.bounds.reduce(batch.entries).into_iter().collect();
        if batch.entries.is_empty() {
            return self.whole(key).await;
        }
        let added = batch.entries.len();
        let mut whole = if let Some(item) = self.add(key, &batch).await? {
            item::decode(&item)
        } else {
            let mut fitting = batch.clone();
            let mut before = self.make_room(key, &mut fitting).await?;
            if !fitting.entries.is_empty() && self.add(key, &fitting).await?.is_none() {
                self.full.fetch_add(1, Ordering::Relaxed);
                tracing::error!(source = %key, "evidence found no room in its ledger");
            }
            let Batch { entries, samples } = batch;
            before.unite(SourceLedger { entries, samples, ..SourceLedger::default() });
            before.entries.sort_unstable();
            before.entries.dedup();
            before
        };
        let trimmed = self.bounds.trimmed(&whole.entries, added);
        let reduced = || self.bounds.reduce(whole.entries.iter().copied());
        let is_wordy = whole.samples.len() > SAMPLES_MAX;
        if let Some(kept) = trimmed.or_else(|| is_wordy.then(reduced)) {
            self.trim(key, &whole, &kept).await;
        }
        sample::keep_best(&mut whole.samples);
        whole.is_full = self.bounds.is_full(&whole.entries);
        Ok(whole)
    }

    async fn learn(
        &self,
        principal: u64,
        learned: &Baseline,
        who: Option<&Who>,
    ) -> Result<Baseline, LedgerError> {
        self.learn_baseline(principal, learned, who).await
    }

    async fn keep_day(&self, day: &AccountDay) -> Result<(), LedgerError> {
        self.keep_account_day(day).await
    }

    async fn claim(
        &self,
        key: &LedgerKey,
        mark: Mark,
        now: Timestamp,
    ) -> Result<Claim, LedgerError> {
        self.claim_alert(key, mark, now).await
    }

    async fn admit(
        &self,
        budget: &Budget,
        key: &LedgerKey,
        mark: Mark,
    ) -> Result<Admission, LedgerError> {
        self.take_of(budget, key, mark).await
    }

    async fn amend(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: &Record,
    ) -> Result<bool, LedgerError> {
        self.amend_alert(key, mark, record).await
    }

    async fn mark(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: Option<&Record>,
    ) -> Result<(), LedgerError> {
        // In this order: what is due is found before it is said to be, and a ledger that says so is
        // never asked again.
        if let Some(record) = record {
            if let Told::InDigest(hour) = record.told {
                self.leave_to_digest(key, mark, record, hour).await?;
            }
            let due = self.record_alert(key, mark, record).await?;
            self.take_out_of_digests(key, due).await;
        }
        let is_deferred = record.is_some_and(Record::is_deferred);
        let marks = if is_deferred { "deferred" } else { "marks" };
        self.update(key)
            .update_expression("SET expires_at = :expires_at ADD #marks :marks")
            .expression_attribute_names("#marks", marks)
            .expression_attribute_values(":expires_at", expiry(clock::now(), self.days(key)))
            .expression_attribute_values(":marks", item::marks([&mark]))
            .send()
            .await
            .map_err(|error| self.error("marking the ledger", key, error))?;
        Ok(())
    }
}

/// When an item may go: epoch seconds.
fn expiry(now: Timestamp, days: u32) -> AttributeValue {
    let end = now.plus_secs(i64::from(days) * 24 * 3600);
    AttributeValue::N((end.millis() / 1000).to_string())
}

/// DynamoDB has no code of its own for an item that grew too large; keys and expressions have sizes
/// too, and making room would not help them.
fn is_too_large(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("ValidationException")
        && error.message().is_some_and(|message| message.to_ascii_lowercase().contains("item size"))
}
