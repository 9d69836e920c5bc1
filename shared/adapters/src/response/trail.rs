//! The audit trail: what was changed, in objects that are put once and never again.
//!
//! Promises that no object of before is overwritten, and that what a request may have written
//! without an answer is rather told twice than not at all.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use callerwatch_detection::plain::plain_json;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::Change;
use serde_json::{Value, json};

use super::StoreError;

/// Keys that are tried: who makes one up for each of them could write anything anyway.
const TRIES: usize = 4;
const HOLDER_MAX: usize = 64;
const TEXT_MAX: usize = 1000;

/// Where it is kept.
#[derive(Debug)]
pub(super) struct Trail {
    client: Client,
    bucket: String,
    /// How many were written by this process.
    count: AtomicU64,
}

impl Trail {
    pub(super) fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket, count: AtomicU64::new(0) }
    }

    pub(super) async fn append(
        &self,
        holder: &str,
        changes: &[Change],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let body = plain_json(&object(holder, changes).to_string());
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let key = key(holder, self.count.fetch_add(1, Ordering::Relaxed), now);
            let put = self.client.put_object().bucket(&self.bucket).key(&key).if_none_match("*");
            let put = put.content_type("application/json");
            let Err(error) = put.body(ByteStream::from(body.clone().into_bytes())).send().await
            else {
                return Ok(());
            };
            let status = error.raw_response().map(|response| response.status().as_u16());
            if status == Some(412) && tries > 0 {
                continue;
            }
            let source = Box::new(aws_sdk_s3::Error::from(error));
            let (bucket, is_answered) = (self.bucket.clone(), status.is_some());
            return Err(StoreError::Trail { bucket, key, is_answered, source });
        }
    }
}

/// `responses/2026/03/02/092500000-HOLDER-0.json`, so that a listing is in the order of time.
fn key(holder: &str, count: u64, now: Timestamp) -> String {
    let day = now.day();
    let date = day.to_string().replace('-', "/");
    let of_day = now.millis() - day.start().millis();
    let (secs, millis) = (of_day / 1000, of_day % 1000);
    let time = format!("{:02}{:02}{:02}{millis:03}", secs / 3600, secs / 60 % 60, secs % 60);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let holder: String = holder.chars().filter(|c| is_word(*c)).take(HOLDER_MAX).collect();
    format!("responses/{date}/{time}-{holder}-{count}.json")
}

fn object(holder: &str, changes: &[Change]) -> Value {
    let change = |it: &Change| it.to_json(TEXT_MAX);
    json!({ "holder": holder, "changes": changes.iter().map(change).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_time_and_are_names() {
        let now = Timestamp::from_millis(1_772_443_500_007).unwrap();
        assert_eq!(key("a1-b", 7, now), "responses/2026/03/02/092500007-a1-b-7.json");
        let hostile = key(&"../\n arn:aws".repeat(100), 0, now);
        assert!(hostile.starts_with("responses/2026/03/02/092500007-arnaws"), "{hostile}");
        assert!(hostile.len() < 120);
        assert!(key("z", 9, now) < key("a", 0, now.plus_secs(1)));
    }
}
