//! The AWS emulator, for tests that need what only a running service shows.

use std::future::Future;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use callerwatch_adapters::clients;
use tokio::runtime::Runtime;

use crate::ministack::{self, Ministack};

/// An emulator on a port of its own, with its own runtime to ask it from. Ends with its value.
pub struct Emulator {
    process: Ministack,
    runtime: Runtime,
}

impl Emulator {
    /// Starts one; none, loudly, where there is none to start.
    pub fn start() -> Option<Self> {
        let process = Ministack::start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        Some(Self { process, runtime })
    }

    /// Clients of it, made as the functions make theirs, but with more patience.
    pub fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("000000000000", "emulator", None, None, "emulator");
        let loader = clients::loader(aws_config::defaults(BehaviorVersion::latest()));
        let loader = ministack::clients(loader, &self.endpoint());
        self.block_on(loader.credentials_provider(credentials).load())
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        self.process.endpoint()
    }

    /// Runs to the end.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

/// A table as the template makes it.
pub async fn create_table(client: &aws_sdk_dynamodb::Client, table: &str) {
    let key = |name, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key")
    };
    let attribute = |name| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .expect("an attribute")
    };
    client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .send()
        .await
        .expect("a table");
}
