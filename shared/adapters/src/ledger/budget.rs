//! Budgets of announcements: one item a budget, with what took of it.
//!
//! Taking is one conditional write that may be repeated: the item is a set of who took. It stays under
//! a kilobyte, and so under one write unit, for forty takers; a budget that is spent is asked once a
//! function, since its answer says who took of it.

use std::collections::HashSet;
use std::sync::Arc;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use callerwatch_detection::budget::{Admission, Budget, Taker};
use callerwatch_detection::ledger::Mark;
use callerwatch_detection::source::LedgerKey;

use super::alert::number;
use super::{DynamoLedger, Item, LedgerError, expiry};
use crate::clock;

/// Longer than any budget is for.
const BUDGET_DAYS: u32 = 3;

impl DynamoLedger {
    pub(super) async fn take_of(
        &self,
        budget: &Budget,
        key: &LedgerKey,
        mark: Mark,
    ) -> Result<Admission, LedgerError> {
        if budget.most == 0 {
            return Ok(Admission::Spent(Arc::default()));
        }
        let taker = Taker::of(key, mark).to_string();
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
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = sent else { return Ok(Admission::Admitted) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Admission::Spent(Arc::new(failed.item().map(takers).unwrap_or_default())))
            }
            _ => Err(self.error("taking of the budget for the alert", key, error)),
        }
    }
}

fn takers(item: &Item) -> HashSet<Taker> {
    let texts = item.get("takers").and_then(|it| it.as_ss().ok());
    texts.into_iter().flatten().filter_map(|text| text.parse().ok()).collect()
}
