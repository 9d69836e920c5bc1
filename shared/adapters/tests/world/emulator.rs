//! The emulator that `MINISTACK` names, with a bucket and a table.

use std::collections::BTreeSet;
use std::env;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::primitives::ByteStream;
use callerwatch_adapters::clients;
use callerwatch_adapters::policy::PolicyStore;
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;

pub(crate) const BUCKET: &str = "callerwatch-state";
pub(crate) const TABLE: &str = "callerwatch";
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// An emulator with a bucket and a table. Ends with its value.
pub(crate) struct World {
    process: Child,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
}

impl World {
    pub(crate) async fn start() -> Option<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "which emulator there is, is said from outside"
        )]
        let Ok(program) = env::var("MINISTACK") else {
            eprintln!("SKIPPED, no emulator: set MINISTACK to its program");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let port = port.expect("a free port").port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let process = Command::new(&program)
            .env("BIND_HOST", "127.0.0.1")
            .env("IOT_MTLS_ENABLED", "0")
            .env("GATEWAY_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", &endpoint)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("starting {program}: {error}"));
        let config = config(&endpoint).await;
        let s3 = aws_sdk_s3::Client::new(&config);
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        let world = Self { process, s3, dynamodb };
        #[expect(clippy::disallowed_methods, reason = "what is measured here is waiting")]
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "the emulator did not start");
            std::thread::yield_now();
        }
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

impl Drop for World {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) async fn config(endpoint: &str) -> SdkConfig {
    clients::loader(aws_config::defaults(BehaviorVersion::latest()))
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "111111111111",
            "emulator",
            None,
            None,
            "emulator",
        )))
        .load()
        .await
}

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(1_772_443_500_000).expect("a time").plus_secs(secs)
}

pub(crate) fn source(address: &str) -> LedgerKey {
    LedgerKey::of_public(address.parse().expect("an address"))
}
