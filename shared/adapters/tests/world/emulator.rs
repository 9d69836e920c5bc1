//! The emulator that `MINISTACK` names, with a bucket and a table.

use std::collections::BTreeSet;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::primitives::ByteStream;
use callerwatch_adapters::clients;
use callerwatch_adapters::policy::PolicyStore;
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;

use crate::ministack::{self, Ministack};

pub(crate) const BUCKET: &str = "callerwatch-state";
pub(crate) const TABLE: &str = "callerwatch";

/// An emulator with a bucket and a table. Ends with its value.
pub(crate) struct World {
    _process: Ministack,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
}

impl World {
    pub(crate) async fn start() -> Option<Self> {
        let process = Ministack::start()?;
        let config = config(&process.endpoint()).await;
        let s3 = aws_sdk_s3::Client::new(&config);
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        let world = Self { _process: process, s3, dynamodb };
        world.s3.create_bucket().bucket(BUCKET).send().await.expect("a bucket");
        world.create_table(TABLE).await;
        Some(world)
    }

    pub(crate) async fn create_table(&self, table: &str) {
        let mut create = self.dynamodb.create_table().table_name(table);
        for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            let attribute = attribute.attribute_type(ScalarAttributeType::S).build();
            let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
            create = create
                .attribute_definitions(attribute.expect("an attribute"))
                .key_schema(key.expect("a key"));
        }
        create.billing_mode(BillingMode::PayPerRequest).send().await.expect("a table");
    }

    pub(crate) async fn put(&self, key: &str, text: impl AsRef<[u8]>) {
        let body = ByteStream::from(text.as_ref().to_vec());
        self.s3.put_object().bucket(BUCKET).key(key).body(body).send().await.expect("put");
    }

    pub(crate) async fn delete(&self, key: &str) {
        self.s3.delete_object().bucket(BUCKET).key(key).send().await.expect("delete");
    }

    pub(crate) async fn keys(&self) -> BTreeSet<String> {
        let listed = self.s3.list_objects_v2().bucket(BUCKET).send().await.expect("a listing");
        listed.contents().iter().filter_map(|it| it.key().map(str::to_owned)).collect()
    }

    /// What a function that starts now would have.
    pub(crate) fn store(&self) -> PolicyStore {
        PolicyStore::new(self.s3.clone(), self.dynamodb.clone(), BUCKET, "a/policy.toml", TABLE)
    }
}

pub(crate) async fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("111111111111", "emulator", None, None, "emulator");
    let loader = clients::loader(aws_config::defaults(BehaviorVersion::latest()));
    ministack::clients(loader, endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .load()
        .await
}

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(1_772_443_500_000).expect("a time").plus_secs(secs)
}

pub(crate) fn source(address: &str) -> LedgerKey {
    LedgerKey::of_public(address.parse().expect("an address"))
}
