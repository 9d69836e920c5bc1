//! The outbox in the table: what is recorded, until it was announced.
//!
//! Promises that an entry is put before the audit trail is written, that no item is larger than the
//! table takes, and that what cannot be read back is said to be so and keeps nobody from the rest.
//! Entries are put whoever has the claim by then: what was done is told.

use std::sync::atomic::Ordering;

use aws_sdk_dynamodb::types::AttributeValue;
use callerwatch_detection::plain::plain;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::{CHANGES, Change, Entry};
use serde::{Deserialize, Serialize};

use super::{DynamoStore, Item, RESPONSE, StoreError, item, text};

/// How the items begin. They sort by time.
const OUTBOX: &str = "outbox#";
/// An item takes 400 KB.
const ITEM_MAX_BYTES: usize = 300_000;
/// A page is a MB; the rest is read once these were announced.
const PAGES_MAX: usize = 8;
const WHY_MAX: usize = 1000;
/// What nobody could announce for so long is in the audit trail alone.
const DAYS: i64 = 8;

#[derive(Serialize, Deserialize)]
struct ChangeText {
    time: i64,
    what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    why: String,
}

impl DynamoStore {
    /// Records, and leaves it to be announced.
    pub(super) async fn append(
        &self,
        changes: &[Change],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let holder = self.holder();
        let entries = self.leave(&holder, changes, now).await?;
        let recorded = self.trail.append(&holder, changes, now).await;
        // Whoever tries again finds the same, and it would be announced each time.
        if let Err(StoreError::Trail { is_answered: true, .. }) = &recorded
            && let Err(error) = self.clear(&entries).await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "what could not be recorded is announced all the same");
        }
        recorded
    }

    /// Puts what is about to be recorded into the outbox; answers with the entries.
    async fn leave(
        &self,
        holder: &str,
        changes: &[Change],
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let expiry = now.plus_secs(DAYS * 24 * 3600).millis() / 1000;
        let mut ids = Vec::new();
        for lines in items(changes) {
            let count = self.left.fetch_add(1, Ordering::Relaxed);
            // Of one process in the order of its count, within a millisecond too.
            let id = format!("{:013}-{count:06}-{}", now.millis(), plain(holder, 200));
            let put = self.client.put_item().table_name(&self.table).item("pk", text(RESPONSE));
            let put = put.item("sk", text(&format!("{OUTBOX}{id}"))).item("holder", text(holder));
            let put = put.item("changes", text(&lines));
            let put = put.item("expires_at", AttributeValue::N(expiry.to_string()));
            let attempt = "leaving what changed to be announced";
            put.send().await.map_err(|error| self.error(attempt, error))?;
            ids.push(id);
        }
        Ok(ids)
    }

    pub(super) async fn left(&self) -> Result<Vec<Entry>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :response AND begins_with(sk, :outbox)")
            .expression_attribute_values(":response", text(RESPONSE))
            .expression_attribute_values(":outbox", text(OUTBOX))
            .into_paginator()
            .send();
        let mut entries = Vec::new();
        for _ in 0..PAGES_MAX {
            let Some(page) = pages.next().await else { break };
            let page =
                page.map_err(|error| self.error("reading what is to be announced", error))?;
            entries.extend(page.items().iter().filter_map(entry));
        }
        Ok(entries)
    }

    pub(super) async fn clear(&self, ids: &[String]) -> Result<(), StoreError> {
        for id in ids {
            let delete = self.client.delete_item().table_name(&self.table);
            let delete = delete.key("pk", text(RESPONSE));
            let delete = delete.key("sk", text(&format!("{OUTBOX}{id}")));
            let attempt = "forgetting what was announced";
            delete.send().await.map_err(|error| self.error(attempt, error))?;
        }
        Ok(())
    }
}

/// A change a line, in as many items as it takes.
fn items(changes: &[Change]) -> Vec<String> {
    let (mut items, mut open) = (Vec::new(), String::new());
    for change in changes {
        let line = item::json(&of_change(change));
        if !open.is_empty() && open.len() + line.len() > ITEM_MAX_BYTES {
            items.push(std::mem::take(&mut open));
        }
        open.push_str(&line);
        open.push('\n');
    }
    items.extend(Some(open).filter(|it| !it.is_empty()));
    items
}

fn of_change(change: &Change) -> ChangeText {
    ChangeText {
        time: change.time.millis(),
        what: change.what.to_owned(),
        network: change.network.map(|it| it.to_string()),
        target: change.target.as_ref().map(ToString::to_string),
        why: plain(&change.why, WHY_MAX),
    }
}

fn entry(read: &Item) -> Option<Entry> {
    let id = item::text_of(read, "sk")?.strip_prefix(OUTBOX)?.to_owned();
    let holder = item::text_of(read, "holder").unwrap_or_default().to_owned();
    let changes =
        item::text_of(read, "changes").and_then(|lines| lines.lines().map(change).collect());
    Some(Entry { id, holder, changes })
}

/// None where another version wrote what this one has no word for.
fn change(line: &str) -> Option<Change> {
    let read: ChangeText = serde_json::from_str(line).ok()?;
    Some(Change {
        time: Timestamp::from_millis(read.time)?,
        what: CHANGES.into_iter().find(|what| *what == read.what)?,
        network: read.network.map(|it| it.parse().ok()).map_or(Some(None), |it| it.map(Some))?,
        target: read.target.map(|it| item::target(&it)).map_or(Some(None), |it| it.map(Some))?,
        why: read.why,
    })
}

#[cfg(test)]
mod tests {
    use callerwatch_response::{TargetId, TargetKind};

    use super::*;

    fn of(what: &'static str, why: &str) -> Change {
        let arn = "arn:aws:iam::111111111111:policy/deny".to_owned();
        Change {
            time: Timestamp::from_millis(1_772_443_500_007).unwrap(),
            what,
            network: Some("203.0.113.7/32".parse().unwrap()),
            target: Some(TargetId { kind: TargetKind::Policy, arn }),
            why: why.to_owned(),
        }
    }

    fn read(item: &str) -> Option<Vec<Change>> {
        let named = |name: &str, value: &str| (name.to_owned(), text(value));
        let item = [named("sk", "outbox#1"), named("holder", "one"), named("changes", item)].into();
        let entry = entry(&item).unwrap();
        assert_eq!((entry.id.as_str(), entry.holder.as_str()), ("1", "one"));
        entry.changes
    }

    #[test]
    fn whatever_may_change_is_read_back() {
        let mut changes: Vec<Change> = CHANGES.iter().map(|what| of(what, "a\nspray")).collect();
        changes.push(Change { network: None, target: None, ..of("repaired", "") });
        let items = items(&changes);
        let escaped = |it: Change| Change { why: plain(&it.why, WHY_MAX), ..it };
        assert_eq!(items.len(), 1);
        assert_eq!(read(&items[0]), Some(changes.into_iter().map(escaped).collect()));
    }

    #[test]
    fn items_are_bounded_whatever_strangers_wrote() {
        assert!(items(&[]).is_empty());
        let changes = vec![of("denied", &"\u{e0001}\"\\".repeat(5000)); 500];
        let items = items(&changes);
        assert!(items.len() > 1 && items.iter().all(|it| it.len() < 400_000));
        let read: Vec<Change> = items.iter().flat_map(|it| read(it).unwrap()).collect();
        assert_eq!(read.len(), 500);
        assert!(read.iter().all(|it| !it.why.contains('\u{e0001}')));
    }

    #[test]
    fn what_cannot_be_read_is_said_to_be_so() {
        let good = items(&[of("denied", "a")]).remove(0);
        for (from, to) in [
            ("denied", "beatified"),
            ("203.0.113.7/32", "203.0.113.7/77"),
            ("policy arn", "nothing arn"),
            ("1772443500007", "-1"),
            ("}", ""),
        ] {
            assert_eq!(read(&good.replacen(from, to, 1)), None, "{to}");
        }
        assert!(read(&good).is_some());
    }
}
