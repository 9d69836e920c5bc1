//! Batches: as many messages in a request as SNS takes, and its answer for each of them.

use std::collections::{HashMap, HashSet};

use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::operation::publish_batch::PublishBatchOutput;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};

use super::SinkError;
use super::message::{BATCH_MAX_BYTES, Message};

/// `PublishBatch` takes no more.
const BATCH_MAX: usize = 10;

/// The messages in their order, as many at once as SNS takes.
pub(super) fn batches(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut batches: Vec<Vec<Message>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let its_bytes = message.bytes();
        match batches.last_mut() {
            Some(last) if last.len() < BATCH_MAX && bytes + its_bytes <= BATCH_MAX_BYTES => {
                bytes += its_bytes;
                last.push(message);
            }
            _ => {
                bytes = its_bytes;
                batches.push(vec![message]);
            }
        }
    }
    batches
}

/// A message as an entry, whose id is its place in the batch.
pub(super) fn entry(
    place: usize,
    message: Message,
) -> Result<PublishBatchRequestEntry, BuildError> {
    let mut attributes = HashMap::new();
    for (name, kind, value) in message.attributes {
        let value = MessageAttributeValue::builder().data_type(kind).string_value(value).build()?;
        attributes.insert(name.to_owned(), value);
    }
    PublishBatchRequestEntry::builder()
        .id(place.to_string())
        .message(message.body)
        .set_message_structure(message.is_structured.then(|| "json".to_owned()))
        .set_subject(message.subject)
        .set_message_attributes(Some(attributes))
        .build()
}

/// What became of so many messages, of which some were `refused` before they were sent. Only what
/// SNS says it took went out.
pub(super) fn answers(
    topic_arn: &str,
    count: usize,
    mut refused: HashMap<String, (String, bool)>,
    sent: &PublishBatchOutput,
) -> Vec<Result<(), SinkError>> {
    for failed in sent.failed() {
        let why = [Some(failed.code()), failed.message()];
        let why: Vec<&str> = why.into_iter().flatten().collect();
        // Other faults of the sender, as of keys and rights, are mended.
        let is_for_good = failed.sender_fault() && failed.code().starts_with("InvalidParameter");
        refused.insert(failed.id().to_owned(), (why.join(": "), is_for_good));
    }
    let taken: HashSet<&str> = sent.successful().iter().filter_map(|it| it.id()).collect();
    let ids = (0..count).map(|place| place.to_string());
    ids.map(|id| match refused.remove(&id) {
        None if taken.contains(id.as_str()) => Ok(()),
        refused => {
            let (why, is_for_good) = refused.unwrap_or_else(|| ("no answer".to_owned(), false));
            Err(SinkError::Refused { topic_arn: topic_arn.to_owned(), why, is_for_good })
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sns::types::{BatchResultErrorEntry, PublishBatchResultEntry};

    use super::*;

    fn message(bytes: usize) -> Message {
        let body = "x".repeat(bytes);
        Message { body, is_structured: false, subject: None, attributes: Vec::new() }
    }

    #[test]
    fn batches_are_full_and_not_too_large() {
        let third = BATCH_MAX_BYTES / 3;
        for (messages, expected) in [
            (vec![], vec![]),
            (vec![1; 25], vec![10, 10, 5]),
            (vec![third; 7], vec![3, 3, 1]),
            (vec![third + 1; 4], vec![2, 2]),
            (vec![BATCH_MAX_BYTES, 1, BATCH_MAX_BYTES - 1, 1], vec![1, 2, 1]),
            (vec![1, 2 * BATCH_MAX_BYTES, 1], vec![1, 1, 1]),
        ] {
            let batches = batches(messages.iter().copied().map(message).collect());
            assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), expected);
            let flat: Vec<usize> = batches.iter().flatten().map(|it| it.body.len()).collect();
            assert_eq!(flat, messages);
        }
    }

    #[test]
    fn each_message_has_its_answer() {
        let failed = BatchResultErrorEntry::builder().id("2").code("InternalError");
        let failed = failed.message("try again").sender_fault(false).build().unwrap();
        let taken = |id: &str| PublishBatchResultEntry::builder().id(id).message_id("m").build();
        let sent = PublishBatchOutput::builder()
            .failed(failed)
            .successful(taken("0"))
            .successful(taken("4"))
            .build();
        let unsent = HashMap::from([("3".to_owned(), ("no value".to_owned(), true))]);
        let answers = answers("arn", 5, unsent, &sent);
        let answers: Vec<String> = answers
            .into_iter()
            .map(|answer| answer.map_or_else(|error| error.to_string(), |()| "taken".to_owned()))
            .collect();
        assert_eq!(
            answers,
            [
                "taken",
                "arn refused the message: no answer",
                "arn refused the message: InternalError: try again",
                "arn refused the message: no value",
                "taken",
            ]
        );
    }
}
