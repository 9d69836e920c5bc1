//! Input that can never be read, kept for whoever wants to know why.
//!
//! Promises that it costs its caller nothing: it is bounded in size and rate, and failing is only
//! logged. What is the same is kept once. It was written by whoever made the calls, so it is kept
//! as Base64 within JSON, which nothing takes for what it says.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callerwatch_detection::hash;
use callerwatch_detection::timestamp::Timestamp;
use serde_json::json;

const CONTENT_MAX_BYTES: usize = 64 * 1024;
const REASON_MAX_CHARS: usize = 300;
const SLUG_MAX_CHARS: usize = 40;
/// By each instance of a function.
const HOURLY_MAX: u32 = 100;
const HOUR_MILLIS: i64 = 3_600_000;

/// Where bad input goes.
#[derive(Debug)]
pub struct Quarantine {
    client: Client,
    bucket: String,
    rate: Rate,
}

/// How much was kept in an hour.
#[derive(Debug, Default)]
struct Rate {
    hour: i64,
    kept: u32,
}

impl Quarantine {
    /// A quarantine in a bucket, under `quarantine/`.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into(), rate: Rate::default() }
    }

    /// Keeps an input, and says whether it is kept: not where it failed, or there was too much of
    /// it already. It is logged either way.
    pub async fn store(&mut self, reason: &str, bytes: &[u8], now: Timestamp) -> bool {
        if !self.rate.has_room(now) {
            tracing::warn!(reason, size = bytes.len(), "bad input was met and not kept: too much");
            return false;
        }
        let (key, body) = object(reason, bytes, now);
        let put = self.client.put_object().bucket(&self.bucket).key(&key);
        let put = put.content_type("application/json").body(ByteStream::from(body.into_bytes()));
        match put.send().await {
            Ok(_) => {
                tracing::warn!(reason, size = bytes.len(), key, "bad input was kept");
                true
            }
            Err(error) => {
                let error = aws_sdk_s3::Error::from(error);
                tracing::warn!(
                    reason,
                    size = bytes.len(),
                    key,
                    error = &error as &dyn std::error::Error,
                    "bad input could not be kept"
                );
                false
            }
        }
    }
}

impl Rate {
    fn has_room(&mut self, now: Timestamp) -> bool {
        let hour = now.millis() / HOUR_MILLIS;
        if hour != self.hour {
            *self = Self { hour, kept: 0 };
        }
        let has_room = self.kept < HOURLY_MAX;
        self.kept += u32::from(has_room);
        has_room
    }
}

/// Its key and its text.
fn object(reason: &str, bytes: &[u8], now: Timestamp) -> (String, String) {
    let start = bytes.get(..CONTENT_MAX_BYTES).unwrap_or(bytes);
    let content = STANDARD.encode(start);
    let size = bytes.len();
    let hash = hash::identifier(&[reason, &size.to_string(), &content]);
    let key = format!("quarantine/{}/{}-{hash}.json", now.day(), slug(reason));
    let text = json!({
        "reason": reason.chars().take(REASON_MAX_CHARS).collect::<String>(),
        "received_at": now.to_string(),
        "size": size,
        "truncated": start.len() < size,
        "content": content,
    });
    (key, text.to_string())
}

/// The words of a reason, joined by hyphens.
fn slug(reason: &str) -> String {
    let words = reason.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    slug.truncate(SLUG_MAX_CHARS);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "unknown".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_772_443_500_000).unwrap()
    }

    #[test]
    fn an_object_says_why_and_what() {
        let (key, text) = object("not JSON", b"<a>\xff", now());
        assert!(key.starts_with("quarantine/2026-03-02/not-json-"), "{key}");
        assert_eq!(key.len(), "quarantine/2026-03-02/not-json-.json".len() + 32);
        let expected = json!({
            "reason": "not JSON",
            "received_at": "2026-03-02T09:25:00Z",
            "size": 4,
            "truncated": false,
            "content": "PGE+/w==",
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn the_same_has_the_same_key_and_else_it_has_another() {
        let key = |reason, bytes: &[u8], secs| object(reason, bytes, now().plus_secs(secs)).0;
        assert_eq!(key("a", b"1", 0), key("a", b"1", 60));
        assert_ne!(key("a", b"1", 0), key("a", b"2", 0));
        assert_ne!(key("a", b"1", 0), key("A", b"1", 0));
        assert_ne!(key("a", &vec![0; 100_000], 0), key("a", &vec![0; 100_001], 0));
    }

    #[test]
    fn size_is_bounded() {
        let (key, text) = object(&"\n../".repeat(10_000), &vec![7; 1_000_000], now());
        assert!(key.starts_with("quarantine/2026-03-02/unknown-"), "{key}");
        assert!(text.len() < 90_000);
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&read["size"], &read["truncated"]), (&json!(1_000_000), &json!(true)));
        assert_eq!(slug(&"Very long ".repeat(100)), "very-long-very-long-very-long-very-long");
    }

    #[test]
    fn rate_is_bounded_by_the_hour() {
        let mut rate = Rate::default();
        let kept = (0..1000).filter(|_| rate.has_room(now())).count();
        assert_eq!(kept, 100);
        assert!(rate.has_room(now().plus_secs(3600)));
    }
}
