//! The baseline's item: from where a principal is used to call.
//!
//! `pk` is `baseline#` and the principal's fingerprint, `sk` is `baseline`. `firsts` is a set of
//! bytes that only grows, each in the form that [`First`] has; of each origin the earliest counts.
//! `who` says who that is, as it was first said: nothing is decided on it.
//! It is read when a function meets the principal for the first time, and written when something is
//! new; what counts no more is taken away seldom.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use callerwatch_detection::activity::Cloud;
use callerwatch_detection::baseline::{Baseline, COUNTRIES_MAX, First, NETWORKS_MAX, Who};
use callerwatch_detection::timestamp::Timestamp;

use super::{DynamoLedger, Item, LedgerError, expiry};
use crate::clock;

/// How long the baseline of a principal is kept that is not met.
const DAYS: u32 = 180;
/// How long one is met before that is put off again.
const PUT_OFF_DAYS: u32 = 30;
/// A set with as many values as twice of what counts at most is trimmed.
const VALUES_MAX: usize = 2 * (COUNTRIES_MAX + NETWORKS_MAX + 4);
const DAY_SECS: i64 = 24 * 3600;

/// The `sk` of a baseline.
pub(super) const SORT_KEY: &str = "baseline";

/// The `pk` of a baseline.
pub(super) fn partition_key(principal: u64) -> String {
    format!("baseline#{principal:016x}")
}

impl DynamoLedger {
    /// What is known of where a principal calls from. Writes nothing.
    ///
    /// # Errors
    ///
    /// When the table does not answer.
    pub async fn baseline(&self, principal: u64) -> Result<Baseline, LedgerError> {
        Ok(firsts(&self.read_baseline(principal).await?).collect())
    }

    pub(super) async fn learn_baseline(
        &self,
        principal: u64,
        learned: &Baseline,
        who: Option<&Who>,
    ) -> Result<Baseline, LedgerError> {
        let item = self.read_baseline(principal).await?;
        let known: Baseline = firsts(&item).collect();
        let news = known.lacks(learned);
        if news.is_empty() {
            self.put_off(principal, &item, who).await;
            return Ok(known);
        }
        let item = self.add_firsts(principal, &news, who).await?;
        let whole: Baseline = firsts(&item).collect();
        let stored: Vec<First> = firsts(&item).collect();
        if stored.len() > VALUES_MAX {
            let counts = |first: &First| whole.firsts().contains(first);
            self.drop_firsts(principal, stored.into_iter().filter(|it| !counts(it))).await;
        }
        Ok(whole)
    }

    pub(super) async fn read_baseline(&self, principal: u64) -> Result<Item, LedgerError> {
        let (pk, sk) = key(principal);
        let get = self.client.get_item().table_name(&self.table).key("pk", pk).key("sk", sk);
        // What it may lack, being behind, is added again and answered with.
        let answer = get.send().await;
        let failed = |error| self.baseline_error("reading the baseline", principal, error);
        Ok(answer.map_err(failed)?.item.unwrap_or_default())
    }

    async fn add_firsts(
        &self,
        principal: u64,
        news: &Baseline,
        who: Option<&Who>,
    ) -> Result<Item, LedgerError> {
        let sent = self
            .update_baseline(principal)
            .update_expression(format!("{} ADD firsts :firsts", set_expression(who)))
            .set_expression_attribute_values(who.map(of_who))
            .expression_attribute_values(":expires_at", expiry(clock::now(), DAYS))
            .expression_attribute_values(":firsts", set(news.firsts().iter().copied()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let failed = |error| self.baseline_error("adding to the baseline", principal, error);
        Ok(sent.map_err(failed)?.attributes.unwrap_or_default())
    }

    /// Takes away what does not count. Failing costs nothing but room: the next write tries again.
    async fn drop_firsts(&self, principal: u64, dropped: impl Iterator<Item = First>) {
        let sent = self
            .update_baseline(principal)
            .update_expression("DELETE firsts :firsts")
            .expression_attribute_values(":firsts", set(dropped))
            .send()
            .await;
        if let Err(error) = sent {
            let error = self.baseline_error("trimming the baseline", principal, error);
            tracing::warn!(error = &error as &dyn std::error::Error, "a baseline stays as it is");
        }
    }

    /// Puts off the end of a baseline that is still met, once a month, and says who that is where an
    /// earlier version did not. Failing costs nothing yet: whoever meets it next tries again.
    async fn put_off(&self, principal: u64, item: &Item, who: Option<&Who>) {
        let Some(ends) = ends(item) else { return };
        let due = clock::now().plus_secs(i64::from(DAYS - PUT_OFF_DAYS) * DAY_SECS);
        let is_nameless = who.is_some() && !item.contains_key("who");
        if ends > due && !is_nameless {
            return;
        }
        let sent = self
            .update_baseline(principal)
            .update_expression(set_expression(who))
            .set_expression_attribute_values(who.map(of_who))
            // One that ended meanwhile must not come back empty.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":expires_at", expiry(clock::now(), DAYS))
            .send()
            .await;
        let Err(error) = sent else { return };
        let is_gone = error
            .as_service_error()
            .is_some_and(UpdateItemError::is_conditional_check_failed_exception);
        if !is_gone {
            let error =
                self.baseline_error("putting off the end of the baseline", principal, error);
            tracing::warn!(error = &error as &dyn std::error::Error, "a baseline stays as it is");
        }
    }

    fn update_baseline(&self, principal: u64) -> UpdateItemFluentBuilder {
        let (pk, sk) = key(principal);
        self.client.update_item().table_name(&self.table).key("pk", pk).key("sk", sk)
    }

    fn baseline_error(
        &self,
        attempt: &'static str,
        principal: u64,
        source: impl Into<aws_sdk_dynamodb::Error>,
    ) -> LedgerError {
        LedgerError {
            attempt,
            key: format!("principal {principal:016x}"),
            table: self.table.clone(),
            source: Box::new(source.into()),
        }
    }
}

fn key(principal: u64) -> (AttributeValue, AttributeValue) {
    (AttributeValue::S(partition_key(principal)), AttributeValue::S(SORT_KEY.to_owned()))
}

fn set_expression(who: Option<&Who>) -> &'static str {
    match who {
        Some(_) => "SET expires_at = :expires_at, who = if_not_exists(who, :who)",
        None => "SET expires_at = :expires_at",
    }
}

fn of_who(who: &Who) -> HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let Who { uid, name, account, cloud } = who;
    let mut map = HashMap::from([
        ("uid".to_owned(), text(uid)),
        ("name".to_owned(), text(name)),
        ("cloud".to_owned(), text(cloud.name())),
    ]);
    map.extend(account.as_ref().map(|account| ("account".to_owned(), text(account))));
    HashMap::from([(":who".to_owned(), AttributeValue::M(map))])
}

/// Who an item is of; none where it does not say.
pub(super) fn who(item: &Item) -> Option<Who> {
    let map = item.get("who")?.as_m().ok()?;
    let text = |name: &str| map.get(name)?.as_s().ok().cloned();
    let cloud = text("cloud")?;
    Some(Who {
        uid: text("uid")?,
        name: text("name")?,
        account: text("account"),
        cloud: Cloud::ALL.into_iter().find(|it| it.name() == cloud)?,
    })
}

fn set(firsts: impl Iterator<Item = First>) -> AttributeValue {
    AttributeValue::Bs(firsts.map(|first| Blob::new(first.to_bytes())).collect())
}

/// What an item holds. What another version wrote is passed over, and never taken away.
fn firsts(item: &Item) -> impl Iterator<Item = First> {
    let set = item.get("firsts").and_then(|value| value.as_bs().ok());
    set.into_iter().flatten().filter_map(|value| First::from_bytes(value.as_ref()))
}

/// When an item may go.
fn ends(item: &Item) -> Option<Timestamp> {
    let secs: i64 = item.get("expires_at")?.as_n().ok()?.parse().ok()?;
    Timestamp::from_millis(secs.checked_mul(1000)?)
}
