//! The AWS emulator, for tests that need what only a running service shows.

use std::env;
use std::future::Future;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use callerwatch_adapters::clients;
use tokio::runtime::Runtime;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// An emulator on a port of its own, with its own runtime to ask it from. Ends with its value.
pub struct Emulator {
    process: Child,
    endpoint: String,
    runtime: Runtime,
}

impl Emulator {
    /// Starts the program that `MINISTACK` names. None, loudly, where it names none: `make test`
    /// does.
    #[expect(clippy::disallowed_methods, reason = "which emulator there is, is said by make")]
    pub fn start() -> Option<Self> {
        let Ok(program) = env::var("MINISTACK") else {
            // Not by a macro, which would be silent unless the test fails.
            let _ = writeln!(
                io::stderr(),
                "SKIPPED, no emulator: run `make test`, or set MINISTACK to its program"
            );
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
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let emulator = Self { process, endpoint, runtime };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "the emulator did not start");
            std::thread::yield_now();
        }
        Some(emulator)
    }

    /// Clients of it, made as the functions make theirs.
    pub fn config(&self) -> SdkConfig {
        let loader = clients::loader(aws_config::defaults(BehaviorVersion::latest()))
            .endpoint_url(&self.endpoint)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(
                "000000000000",
                "emulator",
                None,
                None,
                "emulator",
            ));
        self.block_on(loader.load())
    }

    /// Where it is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
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

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
