//! Alerts as the table has them, for whoever looks after them by hand.
//!
//! An alert closes by itself a day after the last of its calls. Nothing is written for that: when it
//! closes is in the item, so that it cannot be missed, and late evidence opens it again. Promises to
//! read the days that are asked for and no more items than are shown, within bounds.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use callerwatch_detection::announce::QUIET_CLOSES_SECS;
use callerwatch_detection::score::Severity;
use callerwatch_detection::timestamp::{Day, Timestamp};

use super::Item;
use super::alert::{LEASE, is_done, number};
use super::due::number_of;

/// How far back is looked.
const DAYS_MAX: i64 = 400;
/// Rows of the index that are read; whatever is behind them is told to be there.
const ROWS_MAX: usize = 100_000;
/// Items that are looked at for those to be shown.
const ITEMS_MAX: usize = 2_000;
/// `BatchGetItem` takes no more.
const BATCH_MAX: usize = 100;
/// How often is asked again for what a batch left out.
const TRIES: usize = 8;
/// What is shown of an item in a list.
const FIELDS: [&str; 15] = [
    "pk",
    "day",
    "severity",
    "score",
    "title",
    "source",
    "detection",
    "calls",
    "last_at",
    "opened_at",
    "told",
    "told_at",
    "amended_at",
    "suppressed",
    "closed_reason",
];
const MORE_FIELDS: [&str; 3] = ["closed_at", "closed_as", "finding"];

/// An alert as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAlert {
    /// Its uid.
    pub uid: String,
    /// Its UTC day.
    pub day: String,
    /// How severe it was said to be.
    pub severity: Severity,
    /// Its score.
    pub score: u8,
    /// Its title.
    pub title: String,
    /// Its source.
    pub source: String,
    /// The leading detection.
    pub detection: String,
    /// How many calls it rests on.
    pub calls: u64,
    /// Whether it is open.
    pub state: State,
    /// How it was told: `alone`, `digest of HOUR`, `with the day before`; empty where it was not.
    pub told: String,
    /// The last of its calls.
    pub last: Option<Timestamp>,
    /// When it was first known, told and changed, and closed by hand.
    pub opened: Option<Timestamp>,
    /// When it was last told, or left to a digest.
    pub told_at: Option<Timestamp>,
    /// When it was last changed without being told.
    pub amended: Option<Timestamp>,
    /// When it was decided on by hand.
    pub closed: Option<Timestamp>,
    /// All of it, as an OCSF Detection Finding; empty in a list.
    pub finding: String,
}

/// What was found of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It is told, and this is it.
    Alert(Box<StoredAlert>),
    /// It is being told just now: what it will be is not kept yet.
    Early,
    /// There is none.
    Unknown,
}

/// Whether an alert is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Open,
    /// It was quiet for a day.
    Quiet,
    /// It was closed by hand, for a reason.
    Closed(String),
    /// The policy or a person suppresses it, for a reason.
    Suppressed(String),
}

/// Which alerts are listed.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The first day.
    pub since: Day,
    /// Those that are not open too.
    pub all: bool,
    /// From this severity on.
    pub least: Severity,
    /// So many at most.
    pub most: usize,
}

/// Alerts, the highest first.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// Those that are shown.
    pub alerts: Vec<StoredAlert>,
    /// How many more may be wanted.
    pub more: usize,
    /// Whether there are more, past what anybody counts.
    pub is_at_least: bool,
}

/// What a person decides of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByHand {
    /// It is dealt with.
    Close,
    /// It is nothing.
    Suppress,
}

/// Something that was attempted on the alerts of a table, and failed.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The table failed.
    #[error("{attempt} of the table {table}")]
    Table {
        /// What was tried.
        attempt: &'static str,
        /// The table.
        table: String,
        /// What the SDK says.
        #[source]
        source: Box<aws_sdk_dynamodb::Error>,
    },
    /// There is no such alert.
    #[error("the table {table} has no alert {uid}")]
    Unknown {
        /// The table.
        table: String,
        /// The alert.
        uid: String,
    },
}

/// The alerts of a table.
#[derive(Clone, Debug)]
pub struct StoredAlerts {
    client: Client,
    table: String,
}

impl StoredAlerts {
    /// Of a table.
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        Self::of(Client::new(config), table)
    }

    /// The same by a client that there is.
    pub fn of(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Those that are wanted.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn list(&self, wanted: &Wanted, now: Timestamp) -> Result<Listed, StoredError> {
        let mut listed = Listed::default();
        // An alert has calls of its own day alone, so that those of earlier days are closed.
        let open = now.plus_secs(-QUIET_CLOSES_SECS).day();
        let oldest = if wanted.all { now.plus_secs(-DAYS_MAX * 24 * 3600).day() } else { open };
        let first = wanted.since.max(oldest);
        let mut rows: Vec<(i64, i64, String)> = Vec::new();
        let mut day = now.plus_secs(3600).day();
        while day >= first && !listed.is_at_least {
            listed.is_at_least = self.rows_of(day, wanted.least, &mut rows).await?;
            day = day.previous();
        }
        rows.sort_by(|a, b| (b.0, b.1, &a.2).cmp(&(a.0, a.1, &b.2)));
        let mut looked_at = 0;
        for batch in rows.chunks(BATCH_MAX) {
            if listed.alerts.len() >= wanted.most || looked_at >= ITEMS_MAX {
                break;
            }
            let mut alerts = self.items(batch.iter().map(|(_, _, pk)| pk), now).await?;
            alerts.retain(|alert| wanted.all || alert.state == State::Open);
            alerts
                .sort_by(|a, b| (b.severity, b.score, &a.uid).cmp(&(a.severity, a.score, &b.uid)));
            looked_at += batch.len();
            listed.alerts.extend(alerts);
        }
        listed.more = rows.len().saturating_sub(looked_at);
        listed.more += listed.alerts.len().saturating_sub(wanted.most);
        listed.alerts.truncate(wanted.most);
        Ok(listed)
    }

    /// One of them, with its finding.
    ///
    /// # Errors
    ///
    /// When the table cannot be read, or has no such alert.
    pub async fn find(&self, uid: &str, now: Timestamp) -> Result<StoredAlert, StoredError> {
        let item = self.item(uid).await?;
        let found = item.and_then(|item| stored(&item, now));
        found.ok_or_else(|| StoredError::Unknown { table: self.table.clone(), uid: uid.to_owned() })
    }

    /// The same for whoever was told of it, and may be earlier than what is kept of it.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn look(&self, uid: &str, now: Timestamp) -> Result<Looked, StoredError> {
        let Some(item) = self.item(uid).await? else { return Ok(Looked::Unknown) };
        let is_lease = |name: &String| name.starts_with(LEASE);
        let mut leases = item.keys().filter(|name| is_lease(name));
        if leases.any(|name| number_of(&item, name).is_some_and(|it| it > now.millis())) {
            return Ok(Looked::Early);
        }
        Ok(stored(&item, now).map_or(Looked::Unknown, |alert| Looked::Alert(Box::new(alert))))
    }

    async fn item(&self, uid: &str) -> Result<Option<Item>, StoredError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("alert#{uid}")))
            .key("sk", AttributeValue::S("alert".to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| self.error("reading an alert", error))?;
        Ok(answer.item)
    }

    /// Says what a person decided of an alert. It ends when the alert is told again.
    ///
    /// # Errors
    ///
    /// When the table fails, or has no such alert.
    pub async fn decide(
        &self,
        uid: &str,
        by_hand: ByHand,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoredError> {
        let closed_as = match by_hand {
            ByHand::Close => "closed",
            ByHand::Suppress => "suppressed",
        };
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("alert#{uid}")))
            .key("sk", AttributeValue::S("alert".to_owned()))
            .update_expression(
                "SET closed_at = :now, closed_as = :closed_as, closed_reason = :reason",
            )
            .condition_expression("attribute_exists(title)")
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":closed_as", AttributeValue::S(closed_as.to_owned()))
            .expression_attribute_values(":reason", AttributeValue::S(reason.to_owned()))
            .send()
            .await;
        let is_done = is_done(sent).map_err(|error| self.error("closing an alert", *error))?;
        if is_done {
            return Ok(());
        }
        Err(StoredError::Unknown { table: self.table.clone(), uid: uid.to_owned() })
    }

    /// Gathers the alerts of a day: severity, score and key. Whether there are more than are read.
    async fn rows_of(
        &self,
        day: Day,
        least: Severity,
        rows: &mut Vec<(i64, i64, String)>,
    ) -> Result<bool, StoredError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("alerts-by-day")
            .key_condition_expression("#day = :day")
            .filter_expression("#severity >= :least")
            .expression_attribute_names("#day", "day")
            .expression_attribute_names("#severity", "severity")
            .expression_attribute_values(":day", AttributeValue::S(day.to_string()))
            .expression_attribute_values(":least", number(least.id().into()))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.error("reading the alerts", error))?;
            for item in page.items() {
                let pk = item.get("pk").and_then(|pk| pk.as_s().ok()).cloned();
                let severity = number_of(item, "severity");
                if let (Some(pk), Some(severity)) = (pk, severity) {
                    rows.push((severity, number_of(item, "score").unwrap_or_default(), pk));
                }
            }
            if rows.len() >= ROWS_MAX {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn items<'a>(
        &self,
        keys: impl Iterator<Item = &'a String>,
        now: Timestamp,
    ) -> Result<Vec<StoredAlert>, StoredError> {
        let names: Vec<String> = (0..FIELDS.len() + 2).map(|n| format!("#f{n}")).collect();
        let mut wanted = KeysAndAttributes::builder().projection_expression(names.join(", "));
        for (name, field) in names.iter().zip(FIELDS.iter().chain(&MORE_FIELDS)) {
            wanted = wanted.expression_attribute_names(name, *field);
        }
        for pk in keys {
            let sk = AttributeValue::S("alert".to_owned());
            let key = [("pk".to_owned(), AttributeValue::S(pk.clone())), ("sk".to_owned(), sk)];
            wanted = wanted.keys(key.into());
        }
        let wanted = wanted.build();
        let wanted = wanted.map_err(|error| self.error("reading the alerts", error))?;
        let mut asked = [(self.table.clone(), wanted)].into();
        let mut alerts = Vec::new();
        for _ in 0..TRIES {
            let answer = self.client.batch_get_item().set_request_items(Some(asked)).send().await;
            let answer = answer.map_err(|error| self.error("reading the alerts", error))?;
            let items = answer.responses.into_iter().flatten().flat_map(|(_, items)| items);
            alerts.extend(items.filter_map(|item| stored(&item, now)));
            asked = answer.unprocessed_keys.unwrap_or_default();
            if asked.is_empty() {
                break;
            }
        }
        Ok(alerts)
    }

    fn error(
        &self,
        attempt: &'static str,
        source: impl Into<aws_sdk_dynamodb::Error>,
    ) -> StoredError {
        StoredError::Table { attempt, table: self.table.clone(), source: Box::new(source.into()) }
    }
}

/// The alert of an item; none where it was claimed and never told.
fn stored(item: &Item, now: Timestamp) -> Option<StoredAlert> {
    let text = |name: &str| item.get(name).and_then(|it| it.as_s().ok()).cloned();
    let time = |name: &str| number_of(item, name).and_then(Timestamp::from_millis);
    let severity = number_of(item, "severity")?;
    let day = text("day")?;
    // What an older version wrote does not say.
    let last = time("last_at").or_else(|| Some(Day::parse(&day)?.end()));
    let is_quiet = last.is_some_and(|last| last.plus_secs(QUIET_CLOSES_SECS) < now);
    let reason = text("closed_reason").unwrap_or_default();
    let state = match (text("closed_as").as_deref(), text("suppressed")) {
        (Some("suppressed"), _) => State::Suppressed(reason),
        (Some(_), _) => State::Closed(reason),
        (None, Some(reason)) => State::Suppressed(reason),
        (None, None) if is_quiet => State::Quiet,
        (None, None) => State::Open,
    };
    Some(StoredAlert {
        uid: text("pk")?.strip_prefix("alert#")?.to_owned(),
        day,
        severity: Severity::ALL.into_iter().find(|it| i64::from(it.id()) == severity)?,
        score: number_of(item, "score").and_then(|it| u8::try_from(it).ok())?,
        title: text("title")?,
        source: text("source").unwrap_or_default(),
        detection: text("detection").unwrap_or_default(),
        calls: number_of(item, "calls").and_then(|it| u64::try_from(it).ok()).unwrap_or_default(),
        state,
        told: text("told").unwrap_or_default(),
        last,
        opened: time("opened_at"),
        told_at: time("told_at"),
        amended: time("amended_at"),
        closed: time("closed_at"),
        finding: text("finding").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_closes_a_day_after_its_last_call_unless_somebody_decided() {
        let last = 1_772_443_500_000;
        let item = |more: &[(&str, &str)]| -> Item {
            let texts = [("pk", "alert#1"), ("day", "2026-03-02"), ("title", "an alert")];
            let texts = texts.iter().chain(more);
            let numbers = [("severity", 4), ("score", 60), ("last_at", last)];
            let numbers = numbers.map(|(name, it)| (name.to_owned(), number(it)));
            let text = |it: &(&str, &str)| (it.0.to_owned(), AttributeValue::S(it.1.to_owned()));
            texts.map(text).chain(numbers).collect()
        };
        let state = |more: &[(&str, &str)], after: i64| {
            let now = Timestamp::from_millis(last).unwrap().plus_secs(after);
            stored(&item(more), now).unwrap().state
        };
        let day = QUIET_CLOSES_SECS;
        assert_eq!((state(&[], day), state(&[], day + 1)), (State::Open, State::Quiet));
        let suppressed = State::Suppressed("known".to_owned());
        assert_eq!(state(&[("suppressed", "known")], day + 1), suppressed);
        let by_hand = |how| [("closed_as", how), ("closed_reason", "known")];
        assert_eq!(state(&by_hand("suppressed"), 0), suppressed);
        assert_eq!(state(&by_hand("closed"), 0), State::Closed("known".to_owned()));
        let mut old = item(&[]);
        old.remove("last_at");
        let end = Day::parse("2026-03-02").unwrap().end();
        assert_eq!(stored(&old, end.plus_secs(day)).unwrap().state, State::Open);
        old.remove("title");
        assert_eq!(stored(&old, end), None, "claimed, and never told");
    }
}
