//! What is due in digests: a partition an hour, whose items lie in the order in which they are told.

use aws_sdk_dynamodb::types::AttributeValue;
use callerwatch_detection::alert;
use callerwatch_detection::ledger::{Mark, Record, Told};
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Hour;

use super::alert::number;
use super::{DynamoLedger, LedgerError, expiry, item};
use crate::clock;

/// How long it is known what was due.
pub(super) const DUE_DAYS: u32 = 14;

/// Where something due lies, as an alert's item remembers it: `2026-03-02T09#5040#UID`.
pub(super) fn place(record: &Record, mark: Mark, uid: &str) -> Option<String> {
    let Told::InDigest(hour) = record.told else { return None };
    Some(format!("{hour}#{}", rank(record, mark, uid)))
}

/// The highest first.
fn rank(record: &Record, mark: Mark, uid: &str) -> String {
    format!("{}{:03}#{uid}", 9 - mark.severity.id(), 100_u8.saturating_sub(record.score))
}

impl DynamoLedger {
    /// Takes an alert out of the digests in which it is due, since it was told by itself. Failing
    /// costs nothing but a line in a digest.
    pub(super) async fn take_out_of_digests(&self, key: &LedgerKey, places: Vec<String>) {
        for place in places {
            let Some((hour, rank)) = place.split_once('#') else { continue };
            let delete = self
                .client
                .delete_item()
                .table_name(&self.table)
                .key("pk", AttributeValue::S(format!("digest#{hour}")))
                .key("sk", AttributeValue::S(rank.to_owned()));
            if let Err(error) = delete.send().await {
                let error = self.error("taking out of a digest the alert", key, error);
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "an alert that was told is in a digest too");
            }
        }
    }

    /// Leaves an alert to the digest of an hour. Again is nothing new.
    pub(super) async fn leave_to_digest(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: &Record,
        hour: Hour,
    ) -> Result<(), LedgerError> {
        let uid = alert::uid(key, mark.day);
        let severity = mark.severity.id();
        let rank = rank(record, mark, &uid);
        let clouds: Vec<String> =
            record.clouds.iter().map(|cloud| cloud.name().to_owned()).collect();
        let sets =
            [("clouds", ":clouds", clouds), ("accounts", ":accounts", record.accounts.clone())];
        let mut expression =
            "SET uid = :uid, #severity = :severity, score = :score, title = :title, \
                              detection = :detection, #source = :source, expires_at = :expires_at"
                .to_owned();
        let mut update = self.client.update_item();
        // A set has something in it.
        for (name, value, texts) in sets.into_iter().filter(|(_, _, texts)| !texts.is_empty()) {
            expression.extend([", ", name, " = ", value]);
            update = update.expression_attribute_values(value, AttributeValue::Ss(texts));
        }
        update
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("digest#{hour}")))
            .key("sk", AttributeValue::S(rank))
            .update_expression(expression)
            .expression_attribute_names("#severity", "severity")
            .expression_attribute_names("#source", "source")
            .expression_attribute_values(":uid", AttributeValue::S(uid))
            .expression_attribute_values(":severity", number(severity.into()))
            .expression_attribute_values(":score", number(record.score.into()))
            .expression_attribute_values(":title", AttributeValue::S(record.title.clone()))
            .expression_attribute_values(":detection", AttributeValue::S(record.detection.into()))
            .expression_attribute_values(":source", AttributeValue::S(item::text_of(key)))
            .expression_attribute_values(":expires_at", expiry(clock::now(), DUE_DAYS))
            .send()
            .await
            .map_err(|error| self.error("leaving to a digest the alert", key, error))?;
        Ok(())
    }
}
