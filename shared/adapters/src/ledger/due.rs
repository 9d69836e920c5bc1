//! Digests out of the table: who tells the next one, and what is due in it.
//!
//! Claim, read, publish, finish, as with alerts: one that dies in between is told by the next run,
//! rarely twice, and never lost. Promises to read the hours that are due and nothing else: what it
//! costs does not grow with the table.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use callerwatch_detection::activity::Cloud;
use callerwatch_detection::digest::{Deferred, Digest};
use callerwatch_detection::score::Severity;
use callerwatch_detection::timestamp::{Hour, Timestamp};

use super::Item;
use super::alert::{is_done, number};
use super::digest::DUE_DAYS;

/// How long a digest is claimed: less than a run may last, so that its retry finds it free.
const LEASE_SECS: i64 = 55;
/// How long after an hour's end somebody may still write what is due in it: longer than any
/// invocation runs.
const LATE_SECS: i64 = 180;
/// How far back is looked for what was never told, after an outage: as long as it is kept.
const HOURS_MAX: u32 = DUE_DAYS * 24;
/// Pages with something in them, of a megabyte, that are read; whatever is behind them is not
/// counted.
const PAGES_MAX: usize = 200;

/// Where digests are told from.
#[derive(Clone, Debug)]
pub struct Digests {
    client: Client,
    table: String,
}

/// Something that was attempted on what is due, and failed.
#[derive(Debug, thiserror::Error)]
#[error("{attempt} in the table {table}")]
pub struct DigestError {
    attempt: &'static str,
    table: String,
    source: Box<aws_sdk_dynamodb::Error>,
}

impl Digests {
    /// Of a table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Claims the next digest: the first and the last of the hours that are over and were not told.
    /// None where there are none, or another tells them at this moment.
    ///
    /// # Errors
    ///
    /// When the table cannot be asked.
    pub async fn claim(&self, now: Timestamp) -> Result<Option<(Hour, Hour)>, DigestError> {
        let until = now.plus_secs(LEASE_SECS).millis();
        let (pk, sk) = state_key();
        let update = self.client.update_item().table_name(&self.table).key("pk", pk).key("sk", sk);
        let sent = update
            .update_expression("SET lease = :until")
            .condition_expression("attribute_not_exists(lease) OR lease <= :now")
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":now", number(now.millis()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let state = match sent {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(self.error("claiming the digest", error)),
        };
        let last = now.plus_secs(-LATE_SECS).hour().back(1);
        let first = match number_of(&state, "done").and_then(|done| u32::try_from(done).ok()) {
            Some(done) => Hour::from_number(done + 1).max(last.back(HOURS_MAX)),
            None => last.back(HOURS_MAX),
        };
        Ok((first <= last).then_some((first, last)))
    }

    /// What is due in the hours from one to another.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn due(&self, first: Hour, last: Hour) -> Result<Digest, DigestError> {
        let mut digest = Digest::new(first, last);
        let mut pages_left = PAGES_MAX;
        for hour in (first.number()..=last.number()).map(Hour::from_number) {
            let mut pages = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(format!("digest#{hour}")))
                .consistent_read(true)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| self.error("reading what is due", error))?;
                if page.items().is_empty() {
                    continue;
                }
                if pages_left == 0 {
                    digest.is_at_least = true;
                    break;
                }
                pages_left -= 1;
                page.items().iter().filter_map(due).for_each(|due| digest.add(due));
            }
        }
        digest.finish();
        Ok(digest)
    }

    /// Says that all up to an hour was told.
    ///
    /// # Errors
    ///
    /// When the table cannot be asked.
    pub async fn finish(&self, last: Hour) -> Result<(), DigestError> {
        let (pk, sk) = state_key();
        let update = self.client.update_item().table_name(&self.table).key("pk", pk).key("sk", sk);
        let sent = update
            .update_expression("SET done = :done REMOVE lease")
            .condition_expression("attribute_not_exists(done) OR done < :done")
            .expression_attribute_values(":done", number(last.number().into()))
            .send()
            .await;
        is_done(sent).map(|_| ()).map_err(|error| self.error("finishing the digest", *error))
    }

    fn error(
        &self,
        attempt: &'static str,
        source: impl Into<aws_sdk_dynamodb::Error>,
    ) -> DigestError {
        DigestError { attempt, table: self.table.clone(), source: Box::new(source.into()) }
    }
}

fn state_key() -> (AttributeValue, AttributeValue) {
    (AttributeValue::S("digest".to_owned()), AttributeValue::S("state".to_owned()))
}

/// None of what another version wrote.
fn due(item: &Item) -> Option<Deferred> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    let texts = |name: &str| item.get(name).and_then(|it| it.as_ss().ok()).cloned();
    let clouds = texts("clouds").unwrap_or_default();
    let severity = number_of(item, "severity")?;
    Some(Deferred {
        uid: text("uid")?,
        severity: Severity::ALL.into_iter().find(|it| i64::from(it.id()) == severity)?,
        score: number_of(item, "score").and_then(|it| u8::try_from(it).ok())?,
        detection: text("detection")?,
        source: text("source")?,
        title: text("title")?,
        clouds: Cloud::ALL
            .into_iter()
            .filter(|cloud| clouds.iter().any(|name| name == cloud.name()))
            .collect(),
        accounts: texts("accounts").unwrap_or_default(),
    })
}

pub(super) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
