//! What is due in digests: a partition an hour, whose items lie in the order in which they are told.

use aws_sdk_dynamodb::types::AttributeValue;
use callerwatch_detection::alert;
use callerwatch_detection::ledger::{Mark, Record};
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Hour;

use super::alert::number;
use super::{DynamoLedger, LedgerError, expiry, item};
use crate::clock;

/// How long it is known what was due.
const DUE_DAYS: u32 = 14;

impl DynamoLedger {
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
        // The highest first.
        let rank = format!("{}{:03}#{uid}", 9 - severity, 100_u8.saturating_sub(record.score));
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("digest#{hour}")))
            .key("sk", AttributeValue::S(rank))
            .update_expression(
                "SET uid = :uid, #severity = :severity, score = :score, title = :title, \
                 detection = :detection, #source = :source, expires_at = :expires_at",
            )
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
