//! What is remembered of denials: the table, and the audit trail in the state bucket. What is to be
//! announced is in `outbox.rs`.
//!
//! Promises that only who holds the claim changes anything: each write is made together with a check
//! of the lease, so that who was stopped for longer than it lasts finds it gone. What an item holds
//! is in `item.rs`. Must not know why anything is denied, nor where it can be.

mod item;
mod outbox;
mod trail;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::{Change, Claim, Denial, Entry, Placed, Settings, Store, TargetId};
use ipnet::IpNet;

use self::trail::Trail;
use crate::clock;

/// How many denials are written at once: a transaction takes 100 items of 4 MB together.
const CHUNK_MAX: usize = 50;
const CHUNK_MAX_BYTES: usize = 3_000_000;

type Item = HashMap<String, AttributeValue>;

/// The partition of denials.
const DENIALS: &str = "denials";
/// The partition of all else: the lease, the settings, what was put into each target, and the outbox.
const RESPONSE: &str = "response";
const LEASE: &str = "lease";
const SETTINGS: &str = "settings";
/// How the items begin that tell what was put into a target.
const TARGET: &str = "target#";

/// Denials in a table, and the audit trail in a bucket.
#[derive(Debug)]
pub struct DynamoStore {
    client: Client,
    table: String,
    trail: Trail,
    /// Who claimed last: what writes are held to.
    holder: Mutex<String>,
    /// How many entries of the outbox this process wrote.
    left: AtomicU64,
}

/// Something that was attempted on what is remembered, and failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The table failed.
    #[error("{attempt} in the table {table}")]
    Table {
        /// What was tried.
        attempt: &'static str,
        /// The table.
        table: String,
        /// What the SDK says.
        #[source]
        source: Box<aws_sdk_dynamodb::Error>,
    },
    /// The lease ended meanwhile, or another has it.
    #[error("{attempt} in the table {table}: the claim to change it is lost")]
    Lost {
        /// What was tried.
        attempt: &'static str,
        /// The table.
        table: String,
    },
    /// The audit trail was not written.
    #[error("appending to the audit trail, s3://{bucket}/{key}")]
    Trail {
        /// The bucket.
        bucket: String,
        /// The object.
        key: String,
        /// Whether S3 said so, and it is not that nobody answered.
        is_answered: bool,
        /// What the SDK says.
        #[source]
        source: Box<aws_sdk_s3::Error>,
    },
}

impl DynamoStore {
    /// Denials in a table, with an audit trail under `responses/` of a bucket.
    pub fn new(
        dynamodb: Client,
        s3: aws_sdk_s3::Client,
        table: impl Into<String>,
        state_bucket: impl Into<String>,
    ) -> Self {
        let trail = Trail::new(s3, state_bucket.into());
        Self {
            client: dynamodb,
            table: table.into(),
            trail,
            holder: Mutex::default(),
            left: AtomicU64::new(0),
        }
    }

    /// Says what the deployment denies by, for whoever asks the table alone. Writes nothing where it
    /// was said before.
    ///
    /// # Errors
    ///
    /// When the table fails, or the claim is lost.
    pub async fn say(&self, settings: &Settings) -> Result<(), StoreError> {
        if self.settings().await?.as_ref() == Some(settings) {
            return Ok(());
        }
        let attributes = [("settings", text(&item::of_settings(settings)))];
        self.put("saying the settings", RESPONSE, SETTINGS, attributes).await
    }

    /// Makes the claim last until then, which is ours still.
    ///
    /// # Errors
    ///
    /// When the table fails, or the claim is lost.
    #[cfg(feature = "operator")]
    pub async fn renew(&self, until: Timestamp) -> Result<(), StoreError> {
        let attempt = "renewing the claim to what is denied";
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(RESPONSE))
            .key("sk", text(LEASE))
            .update_expression("SET lease_until = :until")
            // One that ended, and that nobody else had since, may go on.
            .condition_expression("holder = :holder")
            .expression_attribute_values(":holder", text(&self.holder()))
            .expression_attribute_values(":until", number(until))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Err(StoreError::Lost { attempt, table: self.table.clone() })
            }
            Err(error) => Err(self.error(attempt, error)),
        }
    }

    /// The targets into which anything was put, those that the deployment names no more too.
    ///
    /// # Errors
    ///
    /// When the table fails.
    #[cfg(feature = "operator")]
    pub async fn targets(&self) -> Result<Vec<TargetId>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :response AND begins_with(sk, :target)")
            .projection_expression("sk")
            .expression_attribute_values(":response", text(RESPONSE))
            .expression_attribute_values(":target", text(TARGET))
            .into_paginator()
            .send();
        let mut targets = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.error("reading what targets there are", error))?;
            let names = page.items().iter().filter_map(|item| item::text_of(item, "sk"));
            targets.extend(names.filter_map(|name| item::target(name.strip_prefix(TARGET)?)));
        }
        Ok(targets)
    }

    fn holder(&self) -> String {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An item, as of now.
    async fn read(&self, attempt: &'static str, sk: &str) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.key("pk", text(RESPONSE)).key("sk", text(sk));
        Ok(get.send().await.map_err(|error| self.error(attempt, error))?.item)
    }

    async fn put<const N: usize>(
        &self,
        attempt: &'static str,
        pk: &str,
        sk: &str,
        attributes: [(&str, AttributeValue); N],
    ) -> Result<(), StoreError> {
        let put = self.item(attempt, pk, sk, attributes)?;
        self.write(attempt, vec![put]).await
    }

    fn item<const N: usize>(
        &self,
        attempt: &'static str,
        pk: &str,
        sk: &str,
        attributes: [(&str, AttributeValue); N],
    ) -> Result<TransactWriteItem, StoreError> {
        let mut put = Put::builder().table_name(&self.table);
        for (name, value) in [("pk", text(pk)), ("sk", text(sk))].into_iter().chain(attributes) {
            put = put.item(name, value);
        }
        let put = put.build().map_err(|error| self.error(attempt, error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Writes, made all at once where the claim is ours still, and nowhere else.
    async fn write(
        &self,
        attempt: &'static str,
        writes: Vec<TransactWriteItem>,
    ) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .key("pk", text(RESPONSE))
            .key("sk", text(LEASE))
            .condition_expression("holder = :holder AND lease_until > :now")
            .expression_attribute_values(":holder", text(&self.holder()))
            .expression_attribute_values(":now", number(clock::now()))
            .build()
            .map_err(|error| self.error(attempt, error))?;
        let check = TransactWriteItem::builder().condition_check(check).build();
        let items = Some(std::iter::once(check).chain(writes).collect());
        let sent = self.client.transact_write_items().set_transact_items(items).send().await;
        let Err(error) = sent else { return Ok(()) };
        if let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
            error.as_service_error()
        {
            let of_lease = canceled.cancellation_reasons().first().and_then(|it| it.code());
            if of_lease == Some("ConditionalCheckFailed") {
                return Err(StoreError::Lost { attempt, table: self.table.clone() });
            }
        }
        Err(self.error(attempt, error))
    }

    fn error(
        &self,
        attempt: &'static str,
        source: impl Into<aws_sdk_dynamodb::Error>,
    ) -> StoreError {
        StoreError::Table { attempt, table: self.table.clone(), source: Box::new(source.into()) }
    }
}

impl Store for DynamoStore {
    type Error = StoreError;

    /// Asks first and writes where it may be had: a write beside those of the holder would make
    /// them fail.
    async fn claim(
        &self,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Claim, StoreError> {
        let attempt = "claiming what is denied";
        let lease = self.read(attempt, LEASE).await?.unwrap_or_default();
        let is_held = item::number_of(&lease, "lease_until").is_some_and(|it| it > now.millis())
            && item::text_of(&lease, "holder").is_some_and(|it| it != holder);
        if is_held {
            return Ok(Claim::Held);
        }
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(RESPONSE))
            .key("sk", text(LEASE))
            .update_expression("SET holder = :holder, lease_until = :until")
            .condition_expression(
                "attribute_not_exists(holder) OR holder = :holder OR lease_until <= :now",
            )
            .expression_attribute_values(":holder", text(holder))
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":now", number(now))
            .send()
            .await;
        match sent {
            Ok(_) => {
                holder.clone_into(&mut self.holder.lock().unwrap_or_else(PoisonError::into_inner));
                Ok(Claim::Granted)
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(Claim::Held)
            }
            Err(error) => Err(self.error(attempt, error)),
        }
    }

    async fn release(&self, holder: &str) -> Result<(), StoreError> {
        let sent = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(RESPONSE))
            .key("sk", text(LEASE))
            .condition_expression("attribute_not_exists(holder) OR holder = :holder")
            .expression_attribute_values(":holder", text(holder))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            // Another's by now.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(self.error("giving back the claim to what is denied", error)),
        }
    }

    async fn settings(&self) -> Result<Option<Settings>, StoreError> {
        let item = self.read("reading the settings", SETTINGS).await?.unwrap_or_default();
        Ok(item::text_of(&item, "settings").and_then(item::settings))
    }

    async fn denials(&self) -> Result<Vec<Denial>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :denials")
            .expression_attribute_values(":denials", text(DENIALS))
            .into_paginator()
            .send();
        let mut denials = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.error("reading what is denied", error))?;
            for item in page.items() {
                if let Some(denial) = item::text_of(item, "denial").and_then(item::denial) {
                    denials.push(denial);
                } else {
                    let network = item::text_of(item, "sk");
                    tracing::error!(network, "a denial cannot be read and is passed over");
                }
            }
        }
        Ok(denials)
    }

    async fn keep_all(&self, denials: &[Denial]) -> Result<(), StoreError> {
        let attempt = "keeping denials";
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        for denial in denials {
            let denied = item::of_denial(denial);
            bytes += denied.len();
            if bytes > CHUNK_MAX_BYTES || chunk.len() == CHUNK_MAX {
                self.write(attempt, std::mem::take(&mut chunk)).await?;
                bytes = denied.len();
            }
            let attributes = [("denial", text(&denied))];
            let put = self.item(attempt, DENIALS, &denial.network.to_string(), attributes)?;
            chunk.push(put);
        }
        self.write(attempt, chunk).await
    }

    async fn forget_all(&self, networks: &[IpNet]) -> Result<(), StoreError> {
        let attempt = "forgetting denials";
        for networks in networks.chunks(CHUNK_MAX) {
            let delete = |network: &IpNet| {
                let delete = Delete::builder().table_name(&self.table);
                let delete = delete.key("pk", text(DENIALS)).key("sk", text(&network.to_string()));
                let delete = delete.build().map_err(|error| self.error(attempt, error))?;
                Ok(TransactWriteItem::builder().delete(delete).build())
            };
            let chunk: Result<_, _> = networks.iter().map(delete).collect();
            self.write(attempt, chunk?).await?;
        }
        Ok(())
    }

    async fn placed(&self, target: &TargetId) -> Result<Placed, StoreError> {
        let attempt = "reading what was put into a target";
        let item = self.read(attempt, &of_target(target)).await?.unwrap_or_default();
        let networks = |name| item::networks(item.get(name));
        Ok(Placed {
            ours: networks("ours"),
            foreign: networks("foreign"),
            taken_out: item::taken_out(item.get("taken_out")),
        })
    }

    async fn place(&self, target: &TargetId, placed: &Placed) -> Result<(), StoreError> {
        let Placed { ours, foreign, taken_out } = placed;
        let attributes = [
            ("ours", item::of_networks(ours)),
            ("foreign", item::of_networks(foreign)),
            ("taken_out", item::of_taken_out(taken_out)),
        ];
        let attempt = "saying what is put into a target";
        self.put(attempt, RESPONSE, &of_target(target), attributes).await
    }

    async fn record(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.append(changes, clock::now()).await
    }

    async fn outbox(&self) -> Result<Vec<Entry>, StoreError> {
        self.left().await
    }

    async fn take_out(&self, ids: &[String]) -> Result<(), StoreError> {
        self.clear(ids).await
    }
}

fn of_target(target: &TargetId) -> String {
    format!("{TARGET}{target}")
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.millis().to_string())
}
