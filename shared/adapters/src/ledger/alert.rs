//! The alert's item: who may announce it, and what was said.
//!
//! `pk` is `alert#` and the uid, `sk` is `alert`. `announced` is the highest severity told so far;
//! `lease_N` says until when somebody has the right to tell severity N.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use callerwatch_detection::alert;
use callerwatch_detection::ledger::{Claim, LEASE_SECS, Mark, Record};
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;

use super::{DynamoLedger, LedgerError, expiry, item};
use crate::clock;

impl DynamoLedger {
    pub(super) async fn claim_alert(
        &self,
        key: &LedgerKey,
        mark: Mark,
        now: Timestamp,
    ) -> Result<Claim, LedgerError> {
        let lease = format!("lease_{}", mark.severity.id());
        let until = now.plus_secs(LEASE_SECS).millis();
        let sent = self
            .update_alert(key, mark)
            .update_expression(
                "SET #lease = :until, #day = :day, #source = :source, expires_at = :expires_at",
            )
            .condition_expression(
                "(attribute_not_exists(announced) OR announced < :severity) \
                 AND (attribute_not_exists(#lease) OR #lease <= :now)",
            )
            .expression_attribute_names("#lease", lease)
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":now", number(now.millis()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = sent else { return Ok(Claim::Granted) };
        if let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        {
            let announced = failed.item().and_then(|item| item.get("announced"));
            let announced = announced.and_then(|it| it.as_n().ok()?.parse::<u8>().ok());
            return Ok(match announced {
                Some(announced) if announced >= mark.severity.id() => Claim::Announced,
                _ => Claim::Held,
            });
        }
        Err(self.error("claiming the alert", key, error))
    }

    /// Says what was announced. What was announced at a higher severity stays.
    pub(super) async fn record_alert(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: &Record,
    ) -> Result<(), LedgerError> {
        let sent = self
            .update_alert(key, mark)
            .update_expression(
                "SET announced = :severity, #severity = :severity, #day = :day, \
                 #source = :source, title = :title, score = :score, finding = :finding, \
                 expires_at = :expires_at",
            )
            .condition_expression("attribute_not_exists(announced) OR announced <= :severity")
            .expression_attribute_names("#severity", "severity")
            .expression_attribute_values(":title", AttributeValue::S(record.title.clone()))
            .expression_attribute_values(":score", number(record.score.into()))
            .expression_attribute_values(":finding", AttributeValue::S(record.finding.clone()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(self.error("recording the alert", key, error)),
        }
    }

    fn update_alert(&self, key: &LedgerKey, mark: Mark) -> UpdateItemFluentBuilder {
        let uid = alert::uid(key, mark.day);
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("alert#{uid}")))
            .key("sk", AttributeValue::S("alert".to_owned()))
            .expression_attribute_names("#day", "day")
            .expression_attribute_names("#source", "source")
            .expression_attribute_values(":severity", number(mark.severity.id().into()))
            .expression_attribute_values(":day", AttributeValue::S(mark.day.to_string()))
            .expression_attribute_values(":source", AttributeValue::S(item::text_of(key)))
            .expression_attribute_values(":expires_at", expiry(clock::now(), self.alert_days))
    }
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
