//! The last good policy, in the table: item `policy`, `policy`.
//!
//! Survives the functions that read it, and is what they agree on when one of them is to announce
//! a change: of all that write the new one over the old one, one succeeds.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use callerwatch_detection::timestamp::Timestamp;

use super::PolicyError;

const KEY: &str = "policy";

/// Where it is.
#[derive(Debug)]
pub(super) struct Table {
    client: Client,
    name: String,
}

/// A policy that was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remembered {
    pub(super) etag: String,
    pub(super) text: String,
}

impl Table {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// The last good policy; none where there never was one.
    pub(super) async fn read(&self) -> Result<Option<Remembered>, PolicyError> {
        let get = self.client.get_item().table_name(&self.name);
        let get = get.key("pk", text(KEY)).key("sk", text(KEY)).consistent_read(true);
        let answer =
            get.send().await.map_err(|error| self.error("reading the last good policy", error))?;
        Ok(answer.item.and_then(|item| {
            Some(Remembered { etag: text_of(&item, "etag")?, text: text_of(&item, "text")? })
        }))
    }

    /// Remembers a policy in place of another. False where another function did something else
    /// meanwhile.
    pub(super) async fn replace(
        &self,
        before: Option<&Remembered>,
        etag: &str,
        policy: &str,
        now: Timestamp,
    ) -> Result<bool, PolicyError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .item("pk", text(KEY))
            .item("sk", text(KEY))
            .item("etag", text(etag))
            .item("text", text(policy))
            .item("announced_at", text(&now.to_string()));
        let put = match before {
            Some(before) => put
                .condition_expression("etag = :before")
                .expression_attribute_values(":before", text(&before.etag)),
            None => put.condition_expression("attribute_not_exists(etag)"),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(self.error("remembering the policy", error)),
        }
    }

    fn error(
        &self,
        attempt: &'static str,
        source: impl Into<aws_sdk_dynamodb::Error>,
    ) -> PolicyError {
        PolicyError::Table { attempt, table: self.name.clone(), source: Box::new(source.into()) }
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn text_of(item: &HashMap<String, AttributeValue>, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}
