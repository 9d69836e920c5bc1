//! The alert's item: who may announce it, and what was said.
//!
//! `pk` is `alert#` and the uid, `sk` is `alert`. `announced` is the highest severity told so far for
//! good while nothing had succeeded (what was left to a digest then is not), `announced_success` the
//! highest told since; `lease_N` and `lease_N_success` say until when somebody has the right to tell
//! severity N. `due` says in which digests it is told. What was decided of it by hand (`closed_at`,
//! `closed_as`, `closed_reason`) ends when it is told again.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use callerwatch_detection::alert;
use callerwatch_detection::ledger::{Claim, LEASE_SECS, Mark, Record, Told};
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;

use super::due::number_of;
use super::{DynamoLedger, LedgerError, digest, expiry, item};
use crate::clock;

impl DynamoLedger {
    pub(super) async fn claim_alert(
        &self,
        key: &LedgerKey,
        mark: Mark,
        now: Timestamp,
    ) -> Result<Claim, LedgerError> {
        let until = now.plus_secs(LEASE_SECS).millis();
        let sent = self
            .update_alert(key, mark)
            .update_expression(
                "SET #lease = :until, #day = :day, #source = :source, expires_at = :expires_at",
            )
            .condition_expression(format!(
                "{} AND (attribute_not_exists(#lease) OR #lease <= :now)",
                is_news(mark)
            ))
            .expression_attribute_names("#lease", lease(mark))
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":now", number(now.millis()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = sent else { return Ok(Claim::Granted) };
        if let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        {
            let told = |name: &&str| {
                let severity = failed.item().and_then(|item| number_of(item, name));
                severity.is_some_and(|severity| severity >= mark.severity.id().into())
            };
            let is_announced = told_by(mark).iter().any(told);
            return Ok(if is_announced { Claim::Announced } else { Claim::Held });
        }
        Err(self.error("claiming the alert", key, error))
    }

    /// Says what was announced, and answers with where it is due and was told now. What was
    /// announced at a higher severity, or after something succeeded, stays.
    pub(super) async fn record_alert(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: &Record,
    ) -> Result<Vec<String>, LedgerError> {
        let announced = match (record.is_deferred(), mark.has_success) {
            (true, false) => "",
            (_, false) => "announced = :severity,",
            (_, true) => "announced_success = :severity,",
        };
        let is_not_less = if mark.has_success {
            "attribute_not_exists(announced_success) OR announced_success <= :severity"
        } else {
            "(attribute_not_exists(announced) OR announced <= :severity) \
             AND (attribute_not_exists(announced_success) OR announced_success < :severity)"
        };
        let place = digest::place(record, mark, &alert::uid(key, mark.day));
        let due = match (&record.told, &place) {
            (Told::Alone, _) => ", due",
            (_, Some(_)) => " ADD due :due",
            _ => "",
        };
        let mut update = self
            .update_alert(key, mark)
            .update_expression(format!(
                "SET {announced} #severity = :severity, told = :told, told_at = :now, {KNOWN} \
                 REMOVE #lease, suppressed, closed_at, closed_as, closed_reason{due}"
            ))
            .condition_expression(is_not_less)
            .known(record)
            // It may be claimed again at once: something succeeded.
            .expression_attribute_names("#lease", lease(mark))
            .expression_attribute_values(":told", AttributeValue::S(told(&record.told)));
        if let Some(place) = place {
            let places = AttributeValue::Ss(vec![place]);
            update = update.expression_attribute_values(":due", places);
        }
        if record.told == Told::Alone {
            update = update.return_values(ReturnValue::UpdatedOld);
        }
        let before = match update.send().await {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            Err(error) => {
                is_done(Err::<UpdateItemOutput, _>(error))
                    .map_err(|error| self.error("recording the alert", key, *error))?;
                return Ok(Vec::new());
            }
        };
        let was_told = record.told == Told::Alone;
        let places = before.get("due").filter(|_| was_told).and_then(|it| it.as_ss().ok());
        Ok(places.cloned().unwrap_or_default())
    }

    /// Keeps what is known of an alert now, where it is more than was known. One that was erased is
    /// not made again.
    pub(super) async fn amend_alert(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: &Record,
    ) -> Result<bool, LedgerError> {
        let is_more = "attribute_not_exists(last_at) OR last_at < :last OR \
                       (last_at = :last AND calls <= :calls)";
        let update = self.update_alert(key, mark).known(record);
        let update = match &record.told {
            Told::Suppressed(reason) => update
                .update_expression(format!(
                    "SET #severity = :severity, suppressed = :suppressed, amended_at = :now, {KNOWN}"
                ))
                .condition_expression(is_more)
                .expression_attribute_values(":suppressed", AttributeValue::S(reason.clone())),
            _ => {
                // Its severity stays what was told.
                update
                    .update_expression(format!(
                        "SET #severity = if_not_exists(#severity, :severity), \
                         amended_at = :now, {KNOWN} REMOVE suppressed"
                    ))
                    .condition_expression(format!("attribute_exists(told) AND ({is_more})"))
            }
        };
        is_done(update.send().await).map_err(|error| self.error("amending the alert", key, *error))
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

/// How the names of leases begin.
pub(super) const LEASE: &str = "lease_";

/// Where it is said until when somebody has the right to tell.
fn lease(mark: Mark) -> String {
    let success = if mark.has_success { "_success" } else { "" };
    format!("{LEASE}{}{success}", mark.severity.id())
}

/// Where it is said what was told that tells this too.
fn told_by(mark: Mark) -> &'static [&'static str] {
    if mark.has_success { &["announced_success"] } else { &["announced", "announced_success"] }
}

/// The condition that nothing told so far tells it.
fn is_news(mark: Mark) -> String {
    let told = told_by(mark).iter();
    let conditions = told.map(|it| format!("(attribute_not_exists({it}) OR {it} < :severity)"));
    conditions.collect::<Vec<_>>().join(" AND ")
}

/// What is kept of an alert whenever anything is.
const KNOWN: &str = "#day = :day, #source = :source, title = :title, score = :score, \
                     detection = :detection, calls = :calls, last_at = :last, \
                     finding = :finding, expires_at = :expires_at, \
                     opened_at = if_not_exists(opened_at, :now)";

/// Gives the values of [`KNOWN`].
trait WithKnown {
    fn known(self, record: &Record) -> Self;
}

impl WithKnown for UpdateItemFluentBuilder {
    fn known(self, record: &Record) -> Self {
        let calls = i64::try_from(record.calls).unwrap_or(i64::MAX);
        let last = record.last.map_or(0, Timestamp::millis);
        self.expression_attribute_names("#severity", "severity")
            .expression_attribute_values(":title", AttributeValue::S(record.title.clone()))
            .expression_attribute_values(":score", number(record.score.into()))
            .expression_attribute_values(":detection", AttributeValue::S(record.detection.into()))
            .expression_attribute_values(":calls", number(calls))
            .expression_attribute_values(":last", number(last))
            .expression_attribute_values(":finding", AttributeValue::S(record.finding.clone()))
            .expression_attribute_values(":now", number(clock::now().millis()))
    }
}

/// Whether an update was made; false where its condition did not hold.
pub(super) fn is_done<T>(
    sent: Result<T, SdkError<UpdateItemError, HttpResponse>>,
) -> Result<bool, Box<aws_sdk_dynamodb::Error>> {
    match sent {
        Ok(_) => Ok(true),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
        {
            Ok(false)
        }
        Err(error) => Err(Box::new(error.into())),
    }
}

/// How it was told, as the item says it.
fn told(told: &Told) -> String {
    match told {
        Told::Alone => "alone".to_owned(),
        Told::InDigest(hour) => format!("digest of {hour}"),
        Told::Before => "with the day before".to_owned(),
        Told::Suppressed(_) | Told::Unchanged => "not".to_owned(),
    }
}

pub(super) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
