//! Deliver: an invocation becomes messages of an event hub, as a mapping of Kafka hands them over.
//!
//! Promises a message for whatever it is invoked with, so that none is lost unsaid, and an answer
//! after which nothing that failed is skipped. Sizes are bounded by Lambda, which hands over 6 MB at
//! most. Must not know what a message says.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the function is invoked with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch<'a> {
    pub(crate) messages: Vec<Message<'a>>,
}

/// A message of a hub, or what is in the place of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// It as it came, in JSON.
    pub(crate) text: &'a str,
    /// What it says, in Base64.
    value: Result<Cow<'a, str>, Fault>,
    /// Where it lies. None where it does not say so.
    position: Option<Position>,
}

/// Where a message lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Position {
    /// The hub and the number of one of its partitions, as Lambda writes them: `hub-0`.
    partition: String,
    offset: u64,
}

/// Why a message can never be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no batch of an event hub")]
    NoBatch,
    #[error("no message of an event hub")]
    NoMessage,
    #[error("a message without a value")]
    NoValue,
    #[error("a message that is not in Base64")]
    NoBase64,
}

/// Which messages are to come back: in each partition, all from the one that is named.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: Position,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline<'a> {
    event_source: String,
    #[serde(borrow)]
    records: BTreeMap<String, Vec<&'a RawValue>>,
}

/// A record of Kafka.
#[derive(Deserialize)]
struct Record<'a> {
    offset: u64,
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
}

impl<'a> Batch<'a> {
    /// Tells what the JSON text of an invocation is.
    pub(crate) fn of(text: &'a str) -> Self {
        let outline: Option<Outline<'a>> = serde_json::from_str(text).ok();
        // Lambda's documentation has it with and without the prefix.
        let outline = outline.filter(|it| {
            it.event_source.strip_prefix("aws:").unwrap_or(&it.event_source) == "SelfManagedKafka"
        });
        let Some(Outline { records, .. }) = outline else {
            let message = Message { text, value: Err(Fault::NoBatch), position: None };
            return Self { messages: vec![message] };
        };
        let records = records.iter().flat_map(|(partition, records)| {
            records.iter().map(|record| Message::of(partition, record.get()))
        });
        Self { messages: records.collect() }
    }

    /// The answer that says which of the messages failed, by their place. None where only an error
    /// would say it: unless the mapping takes failures by item, and whenever one that failed does
    /// not say where it lies.
    pub(crate) fn answer(
        self,
        failed: impl IntoIterator<Item = usize>,
        item_failures: bool,
    ) -> Option<Answer> {
        let mut first: BTreeMap<String, u64> = BTreeMap::new();
        for place in failed {
            let position = self.messages.get(place)?.position.as_ref();
            let Position { partition, offset } = position.filter(|_| item_failures)?;
            match first.entry(partition.clone()) {
                Entry::Occupied(mut least) => *least.get_mut() = *least.get().min(offset),
                Entry::Vacant(entry) => {
                    entry.insert(*offset);
                }
            }
        }
        let failures = first
            .into_iter()
            .map(|(partition, offset)| Failure { item_identifier: Position { partition, offset } });
        Some(Answer { batch_item_failures: failures.collect() })
    }
}

impl<'a> Message<'a> {
    fn of(partition: &str, text: &'a str) -> Self {
        let record: Option<Record<'a>> = serde_json::from_str(text).ok();
        let position = record
            .as_ref()
            .map(|it| Position { partition: partition.to_owned(), offset: it.offset });
        let value = record.ok_or(Fault::NoMessage).and_then(|it| it.value.ok_or(Fault::NoValue));
        Self { text, value, position }
    }

    /// What it says.
    pub(crate) fn body(&self) -> Result<Vec<u8>, Fault> {
        let value = self.value.as_ref().map_err(|fault| *fault)?;
        STANDARD.decode(value.as_bytes()).map_err(|_| Fault::NoBase64)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A batch of two partitions: what messages say, by their place.
    fn of_two_partitions() -> String {
        let message = |partition: u64, offset: u64, value: &str| {
            json!({
                "topic": "logs", "partition": partition, "offset": offset,
                "timestamp": 1_772_438_400_000_u64, "timestampType": "CREATE_TIME",
                "key": null, "value": STANDARD.encode(value), "headers": [],
            })
        };
        json!({
            "eventSource": "SelfManagedKafka",
            "bootstrapServers": "example.servicebus.windows.net:9093",
            "records": {
                "logs-1": [message(1, 70, "c"), message(1, 71, "d"), message(1, 72, "e")],
                "logs-0": [message(0, 5, "{}"), message(0, 6, "é\n")],
            },
        })
        .to_string()
    }

    fn bodies(text: &str) -> Vec<Result<String, Fault>> {
        let text_of = |body: Vec<u8>| String::from_utf8(body).unwrap();
        Batch::of(text).messages.iter().map(|message| message.body().map(text_of)).collect()
    }

    #[test]
    fn messages_of_all_partitions() {
        let text = of_two_partitions();
        let said = bodies(&text).into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(said, ["{}", "é\n", "c", "d", "e"]);
        let prefixed = text.replace("SelfManagedKafka", "aws:SelfManagedKafka");
        assert_eq!(bodies(&prefixed).len(), 5);
        let none = r#"{"eventSource":"SelfManagedKafka","records":{"logs-0":[]}}"#;
        assert!(Batch::of(none).messages.is_empty());
    }

    #[test]
    fn the_first_that_failed_of_each_partition_comes_back_and_what_follows() {
        let text = of_two_partitions();
        for (failed, expected) in [
            (vec![], json!([])),
            (vec![1], json!([["logs-0", 6]])),
            (vec![4, 3], json!([["logs-1", 71]])),
            (vec![0, 2, 4], json!([["logs-0", 5], ["logs-1", 70]])),
        ] {
            let answer = Batch::of(&text).answer(failed.clone(), true).unwrap();
            let expected: Vec<_> = expected
                .as_array()
                .unwrap()
                .iter()
                .map(|it| json!({ "itemIdentifier": { "partition": it[0], "offset": it[1] } }))
                .collect();
            let expected = json!({ "batchItemFailures": expected });
            assert_eq!(serde_json::to_value(answer).unwrap(), expected, "{failed:?}");
        }
    }

    #[test]
    fn where_items_cannot_be_told_the_batch_comes_back() {
        let text = of_two_partitions();
        assert_eq!(Batch::of(&text).answer([], false), Some(Answer::default()));
        assert_eq!(Batch::of(&text).answer([4], false), None);
        // Nor where one does not say where it lies.
        assert_eq!(Batch::of("7").answer([0], true), None);
        assert_eq!(Batch::of("7").answer([], true), Some(Answer::default()));
    }

    #[test]
    fn what_is_no_message_is_told_beside_its_neighbors() {
        let good = json!({ "offset": 1, "value": "e30=" });
        for (poison, fault) in [
            (json!({ "offset": 2, "value": null }), Fault::NoValue),
            (json!({ "offset": 2 }), Fault::NoValue),
            (json!({ "offset": 2, "value": "e30" }), Fault::NoBase64),
            (json!({ "offset": 2, "value": "{}" }), Fault::NoBase64),
            (json!({ "offset": 2, "value": 7 }), Fault::NoMessage),
            (json!({ "offset": -2, "value": "e30=" }), Fault::NoMessage),
            (json!({ "value": "e30=" }), Fault::NoMessage),
            (json!(null), Fault::NoMessage),
            (json!("e30="), Fault::NoMessage),
            (json!([]), Fault::NoMessage),
        ] {
            let records = json!({ "logs-0": [good, poison, good] });
            let text = json!({ "eventSource": "SelfManagedKafka", "records": records }).to_string();
            let ok = || Ok("{}".to_owned());
            assert_eq!(bodies(&text), [ok(), Err(fault), ok()], "{poison}");
            // It is set aside as it came.
            let [_, message, _] = &Batch::of(&text).messages[..] else { panic!("three") };
            assert_eq!(serde_json::from_str::<Value>(message.text).unwrap(), poison);
        }
    }

    #[test]
    fn all_else_is_one_message_that_cannot_be_read() {
        for text in [
            "null",
            "7",
            "[]",
            "{}",
            r#"{"records":[{"category":"SignInLogs"}]}"#,
            r#"{"eventSource":"SelfManagedKafka"}"#,
            r#"{"eventSource":"SelfManagedKafka","records":[]}"#,
            r#"{"eventSource":"SelfManagedKafka","records":{"logs-0":7}}"#,
            r#"{"eventSource":"aws:kafka","records":{"logs-0":[{"offset":1,"value":"e30="}]}}"#,
            r#"{"eventSource":7,"records":{"logs-0":[{"offset":1,"value":"e30="}]}}"#,
            r#"{"Records":[{"eventSource":"aws:sqs","messageId":"a","body":"b"}]}"#,
        ] {
            assert_eq!(bodies(text), [Err(Fault::NoBatch)], "{text}");
            assert_eq!(Batch::of(text).messages[0].text, text);
        }
    }
}
