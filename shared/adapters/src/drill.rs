//! A drill: a made-up incident sent through a deployed stack, and the alert it must make.
//!
//! Its source is an IPv6 network of the documentation range, a new one each time, so that every
//! drill is an alert of its own and accuses nobody. Promises to touch nothing but the bus it is
//! given and, reading, the table.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use callerwatch_detection::alert;
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;
use serde_json::{Value, json};

/// Enough for a burst of failed sign-ins, after which one succeeds.
const FAILURES: u8 = 12;
/// `PutEvents` takes no more at once.
const ENTRIES_MAX: usize = 10;
/// How often the table is asked for the alert.
const POLL: Duration = Duration::from_millis(500);

/// A made-up incident: one account whose password is guessed.
#[derive(Clone, Debug)]
pub struct Drill {
    /// Where it claims to come from.
    pub address: IpAddr,
    /// The uid of the alert it must make.
    pub alert_uid: String,
    events: Vec<Value>,
}

/// What became of the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its title, as it was announced.
    pub title: String,
    /// How long it took from sending.
    pub after: Duration,
}

/// Why a drill failed.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The bus could not be asked.
    #[error("sending made-up events to the bus {bus}")]
    Send {
        /// The bus.
        bus: String,
        /// What the SDK says.
        #[source]
        source: Box<aws_sdk_eventbridge::Error>,
    },
    /// The bus took the request and refused an event.
    #[error("the bus {bus} refused a made-up event: {why}")]
    Refused {
        /// The bus.
        bus: String,
        /// Its code and message.
        why: String,
    },
    /// The table could not be read.
    #[error("looking for the alert {uid} in the table {table}")]
    Look {
        /// The table.
        table: String,
        /// The alert.
        uid: String,
        /// What the SDK says.
        #[source]
        source: Box<aws_sdk_dynamodb::Error>,
    },
    /// No alert in time.
    #[error("no alert {uid} in the table {table} after {} s", waited.as_secs())]
    Silent {
        /// The table.
        table: String,
        /// The alert.
        uid: String,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl Drill {
    /// Makes an incident that happens up to `now`.
    pub fn new(now: Timestamp) -> Self {
        // Unforeseeable, and of no other use.
        let seed = RandomState::new().hash_one(now.millis());
        let [a, b, c, d, ..] = seed.to_be_bytes();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let address = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, high, low, 0, 0, 0, 1));
        // All on one day, or it would be two alerts.
        let start = now.plus_secs(-i64::from(FAILURES)).max(now.day().start());
        let events = (0..=FAILURES)
            .map(|n| sign_in(seed, n, start.plus_secs(n.into()).min(now), address))
            .collect();
        let alert_uid = alert::uid(&LedgerKey::of_public(address), now.day());
        Self { address, alert_uid, events }
    }

    /// How many sign-ins it is made of.
    pub fn sign_ins(&self) -> usize {
        self.events.len()
    }

    /// Sends the incident to a bus, as events of `event_source`, which the stack's rule admits.
    ///
    /// # Errors
    ///
    /// When the bus cannot be asked, or refuses an event.
    pub async fn send(
        &self,
        config: &SdkConfig,
        bus: &str,
        event_source: &str,
    ) -> Result<(), DrillError> {
        let client = aws_sdk_eventbridge::Client::new(config);
        for events in self.events.chunks(ENTRIES_MAX) {
            let entries = events.iter().map(|event| {
                PutEventsRequestEntry::builder()
                    .event_bus_name(bus)
                    .source(event_source)
                    .detail_type("AWS Console Sign In via CloudTrail")
                    .detail(event.to_string())
                    .build()
            });
            let sent = client.put_events().set_entries(Some(entries.collect())).send().await;
            let sent = sent.map_err(|error| DrillError::Send {
                bus: bus.to_owned(),
                source: Box::new(error.into()),
            })?;
            if let Some(refused) = sent.entries().iter().find(|entry| entry.error_code().is_some())
            {
                let (code, message) = (refused.error_code(), refused.error_message());
                let why = [code, message].into_iter().flatten().collect::<Vec<_>>().join(": ");
                return Err(DrillError::Refused { bus: bus.to_owned(), why });
            }
        }
        Ok(())
    }

    /// Waits until the alert was announced.
    ///
    /// # Errors
    ///
    /// When the table cannot be read, or no alert is in it in time.
    pub async fn wait(
        &self,
        config: &SdkConfig,
        table: &str,
        patience: Duration,
    ) -> Result<Outcome, DrillError> {
        let client = aws_sdk_dynamodb::Client::new(config);
        #[expect(clippy::disallowed_methods, reason = "what is measured here is waiting")]
        let start = Instant::now();
        loop {
            let found = client
                .get_item()
                .table_name(table)
                .key("pk", AttributeValue::S(format!("alert#{}", self.alert_uid)))
                .key("sk", AttributeValue::S("alert".to_owned()))
                .consistent_read(true)
                .send()
                .await
                .map_err(|error| DrillError::Look {
                    table: table.to_owned(),
                    uid: self.alert_uid.clone(),
                    source: Box::new(error.into()),
                })?;
            // A claim makes the item; the announcement gives it a title.
            let title = found.item().and_then(|item| item.get("title")).map(AttributeValue::as_s);
            if let Some(Ok(title)) = title {
                return Ok(Outcome { title: title.clone(), after: start.elapsed() });
            }
            if start.elapsed() > patience {
                return Err(DrillError::Silent {
                    table: table.to_owned(),
                    uid: self.alert_uid.clone(),
                    waited: patience,
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The record of a sign-in to the console; the last of them succeeds.
fn sign_in(seed: u64, n: u8, time: Timestamp, address: IpAddr) -> Value {
    let has_failed = n < FAILURES;
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "accountId": "111111111111",
            "arn": "arn:aws:iam::111111111111:user/callerwatch-drill",
            "userName": "callerwatch-drill",
        },
        "eventTime": time.to_string(),
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "awsRegion": "us-east-1",
        "sourceIPAddress": address.to_string(),
        "userAgent": "callerwatch test-alert",
        "responseElements": { "ConsoleLogin": if has_failed { "Failure" } else { "Success" } },
        "additionalEventData": { "MFAUsed": "No" },
        "eventID": format!("drill-{seed:016x}-{n}"),
        "readOnly": false,
        "eventType": "AwsConsoleSignIn",
        "managementEvent": true,
        "recipientAccountId": "111111111111",
        "eventCategory": "Management",
    });
    if has_failed && let Some(fields) = record.as_object_mut() {
        fields.insert("errorMessage".to_owned(), json!("Failed authentication"));
    }
    record
}
