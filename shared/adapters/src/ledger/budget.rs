//! Budgets of announcements: one item a budget, with what took of it.
//!
//! Taking is one conditional write that may be repeated: the item is a set of who took. It stays under
//! a kilobyte, and so under one write unit, for forty takers; a budget that is spent is asked once a
//! function.

use aws_sdk_dynamodb::types::AttributeValue;
use callerwatch_detection::budget::Budget;
use callerwatch_detection::hash;
use callerwatch_detection::ledger::Mark;
use callerwatch_detection::source::LedgerKey;

use super::alert::{is_done, number};
use super::{DynamoLedger, LedgerError, expiry};
use crate::clock;

/// Longer than any budget is for.
const BUDGET_DAYS: u32 = 3;

impl DynamoLedger {
    pub(super) async fn take_of(
        &self,
        budget: &Budget,
        key: &LedgerKey,
        mark: Mark,
    ) -> Result<bool, LedgerError> {
        if budget.most == 0 {
            return Ok(false);
        }
        let (day, severity) = (mark.day.to_string(), mark.severity.name());
        let taker = hash::of_parts(&[&key.to_string(), &day, severity]);
        let taker = format!("{taker:016x}");
        let most = i64::try_from(budget.most).unwrap_or(i64::MAX);
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("budget#{}", budget.name)))
            .key("sk", AttributeValue::S("budget".to_owned()))
            .update_expression("SET expires_at = :expires_at ADD takers :takers")
            .condition_expression(
                "attribute_not_exists(takers) OR size(takers) < :most OR contains(takers, :taker)",
            )
            .expression_attribute_values(":expires_at", expiry(clock::now(), BUDGET_DAYS))
            .expression_attribute_values(":takers", AttributeValue::Ss(vec![taker.clone()]))
            .expression_attribute_values(":taker", AttributeValue::S(taker))
            .expression_attribute_values(":most", number(most))
            .send()
            .await;
        is_done(sent).map_err(|error| self.error("taking of the budget for the alert", key, *error))
    }
}
