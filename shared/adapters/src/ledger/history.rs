//! The item of an account's history: on which days ordinary calls of it were seen to succeed.
//!
//! `pk` is `account#`, its cloud, `#` and the account; `sk` is `history`. `days` is a set of the
//! numbers of days that only grows; of it the newest count, and what counts no more is taken away
//! seldom.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use callerwatch_detection::activity::Cloud;
use callerwatch_detection::history::{self, AccountDay};
use callerwatch_detection::timestamp::Day;

use super::{DynamoLedger, Item, LedgerError, expiry};
use crate::clock;

/// How long the history of an account is kept that nobody calls.
const DAYS: u32 = 30;

impl DynamoLedger {
    /// The days on which ordinary calls of an account were seen to succeed, the newest ones.
    ///
    /// # Errors
    ///
    /// When the table does not answer.
    pub async fn history(&self, cloud: Cloud, account: &str) -> Result<BTreeSet<Day>, LedgerError> {
        let (pk, sk) = key(cloud, account);
        let get = self.client.get_item().table_name(&self.table).key("pk", pk).key("sk", sk);
        let answer = get.consistent_read(true).send().await;
        let failed = |error| self.history_error("reading the history", cloud, account, error);
        let mut days = days(&answer.map_err(failed)?.item.unwrap_or_default());
        history::keep_newest(&mut days);
        Ok(days)
    }

    pub(super) async fn keep_account_day(&self, new: &AccountDay) -> Result<(), LedgerError> {
        let AccountDay { cloud, account, day } = new;
        let (pk, sk) = key(*cloud, account);
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", pk)
            .key("sk", sk)
            .update_expression("SET expires_at = :expires_at ADD #days :days")
            .expression_attribute_names("#days", "days")
            .expression_attribute_values(":expires_at", expiry(clock::now(), DAYS))
            .expression_attribute_values(":days", set([*day]))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let failed = |error| self.history_error("adding to the history", *cloud, account, error);
        let stored = days(&sent.map_err(failed)?.attributes.unwrap_or_default());
        if stored.len() > 2 * history::DAYS {
            let mut kept = stored.clone();
            history::keep_newest(&mut kept);
            self.drop_days(*cloud, account, stored.difference(&kept).copied()).await;
        }
        Ok(())
    }

    /// Takes away what does not count. Failing costs nothing but room: the next write tries again.
    async fn drop_days(&self, cloud: Cloud, account: &str, dropped: impl Iterator<Item = Day>) {
        let (pk, sk) = key(cloud, account);
        let update = self.client.update_item().table_name(&self.table).key("pk", pk).key("sk", sk);
        let sent = update
            .update_expression("DELETE #days :days")
            .expression_attribute_names("#days", "days")
            .expression_attribute_values(":days", set(dropped))
            .send()
            .await;
        if let Err(error) = sent {
            let error = self.history_error("trimming the history", cloud, account, error);
            tracing::warn!(error = &error as &dyn std::error::Error, "a history stays as it is");
        }
    }

    fn history_error(
        &self,
        attempt: &'static str,
        cloud: Cloud,
        account: &str,
        source: impl Into<aws_sdk_dynamodb::Error>,
    ) -> LedgerError {
        LedgerError {
            attempt,
            key: format!("the {cloud} account {account}"),
            table: self.table.clone(),
            source: Box::new(source.into()),
        }
    }
}

fn key(cloud: Cloud, account: &str) -> (AttributeValue, AttributeValue) {
    let pk = format!("account#{cloud}#{account}");
    (AttributeValue::S(pk), AttributeValue::S("history".to_owned()))
}

fn set(days: impl IntoIterator<Item = Day>) -> AttributeValue {
    AttributeValue::Ns(days.into_iter().map(|day| day.number().to_string()).collect())
}

fn days(item: &Item) -> BTreeSet<Day> {
    let set = item.get("days").and_then(|value| value.as_ns().ok());
    set.into_iter().flatten().filter_map(|text| Day::from_number(text.parse().ok()?)).collect()
}
