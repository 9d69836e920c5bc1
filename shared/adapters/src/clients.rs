//! The SDK's clients, made once at cold start.
//!
//! TLS is that of ring, which starts in a quarter of the time of the SDK's default. Nothing retries
//! but the SDK, three attempts within a bound; whatever fails then is the queue's to bring back.

use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_smithy_http_client::{Builder, tls};

/// A client of each service that functions use.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Of the ledgers.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Of objects.
    pub s3: aws_sdk_s3::Client,
    /// Of topics.
    pub sns: aws_sdk_sns::Client,
}

impl Clients {
    /// All of them.
    pub async fn load() -> Self {
        Self::of(&load().await)
    }

    /// The same of what they are made of.
    pub fn of(config: &SdkConfig) -> Self {
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            s3: aws_sdk_s3::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
        }
    }
}

/// What all clients are made of: region, credentials and endpoints from where the SDK finds them.
pub async fn load() -> SdkConfig {
    loader(aws_config::defaults(BehaviorVersion::latest())).load().await
}

/// The same of a loader that was told some of it.
pub fn loader(loader: ConfigLoader) -> ConfigLoader {
    let http =
        Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring));
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(15))
        .build();
    loader
        .http_client(http.build_https())
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(timeouts)
}
