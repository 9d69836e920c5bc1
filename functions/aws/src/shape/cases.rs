//! Bodies of messages, and what they bring.

use serde_json::{Value, json};

use super::*;

const KEY: &str = "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/02/a.json.gz";

/// What a body brings: `records: …` with its start, or `bucket key size`; or why it brings nothing.
fn told(body: &str) -> Vec<String> {
    match deliveries(body) {
        Ok(found) => found.iter().map(shown).collect(),
        Err(fault) => vec![fault.to_string()],
    }
}

fn shown(delivery: &Delivery<'_>) -> String {
    match delivery {
        Delivery::Records(text) => {
            format!("records: {}", text.chars().take(20).collect::<String>())
        }
        Delivery::Object(Object { bucket, key, size }) => {
            let size = size.map_or("?".to_owned(), |size| size.to_string());
            format!("{bucket} {key} {size}")
        }
    }
}

fn s3(name: &str, keys: &[&str]) -> Value {
    let record = |key: &&str| {
        json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": name,
            "s3": { "bucket": { "name": "trail" }, "object": { "key": key, "size": 7 } },
        })
    };
    json!({ "Records": keys.iter().map(record).collect::<Vec<_>>() })
}

fn sns(message: &Value) -> Value {
    json!({ "Type": "Notification", "TopicArn": "t", "Message": message.to_string() })
}

fn sns_event(messages: &[Value]) -> Value {
    let record = |message: &Value| {
        json!({
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "Sns": { "Type": "Notification", "Message": message.to_string() },
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}

fn event(source: &str, detail_type: &str, detail: &Value) -> Value {
    json!({ "source": source, "detail-type": detail_type, "detail": detail })
}

#[test]
fn notices_of_objects() {
    let object = format!("trail {KEY} 7");
    let created = |key: &str| {
        let detail = json!({
            "bucket": { "name": "trail" },
            "object": { "key": key, "size": 7, "etag": "e", "sequencer": "1" },
        });
        event("aws.s3", "Object Created", &detail)
    };
    let own = json!({ "s3Bucket": "trail", "s3ObjectKey": [KEY, "b+%20c"] });
    let of_own = [format!("trail {KEY} ?"), "trail b+%20c ?".to_owned()];
    let notice = s3("ObjectCreated:Put", &[KEY]);
    for (body, expected) in [
        (notice.clone(), vec![object.clone()]),
        (sns(&notice), vec![object.clone()]),
        (sns(&sns(&notice)), vec![object.clone()]),
        (sns_event(&[notice.clone(), notice.clone()]), vec![object.clone(), object.clone()]),
        (created(KEY), vec![object.clone()]),
        (sns(&created(KEY)), vec![object.clone()]),
        (own.clone(), of_own.to_vec()),
        (sns(&own), of_own.to_vec()),
        (sns_event(&[own]), of_own.to_vec()),
        // Encoded by S3 itself alone.
        (
            s3("ObjectCreated:CompleteMultipartUpload", &["a+b%2Bc%C3%A9%2F"]),
            vec!["trail a b+cé/ 7".to_owned()],
        ),
        (created("a+b%2Bc"), vec!["trail a+b%2Bc 7".to_owned()]),
        // Nothing to read.
        (s3("ObjectRemoved:Delete", &[KEY]), vec![]),
        (event("aws.s3", "Object Deleted", &json!({})), vec![]),
        (json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "trail" }), vec![]),
        (sns(&json!({ "Event": "s3:TestEvent" })), vec![]),
    ] {
        assert_eq!(told(&body.to_string()), expected, "{body}");
    }
    assert_eq!(told("CloudTrail validation message.\n"), [""; 0]);
    let validation = json!({ "Type": "Notification", "Message": "CloudTrail validation message." });
    assert_eq!(told(&validation.to_string()), [""; 0]);
}

#[test]
fn records_are_left_to_their_readers() {
    for body in [
        r#"{"detail-type":"AWS API Call via CloudTrail","source":"aws.s3","detail":{}}"#,
        r#"{"detail-type":"AWS Console Sign In via CloudTrail","source":"aws.signin"}"#,
        // Nobody but S3 says what S3 says.
        r#"{"detail-type":"Object Created","source":"mine","detail":{"bucket":{"name":"b"}}}"#,
        r#"{"detail-type":"a","Records":[{"eventSource":"aws:s3"}],"s3Bucket":"b","s3ObjectKey":[]}"#,
        r#"{"awslogs":{"data":"H4sI"}}"#,
        r#"{"Records":[]}"#,
        r#"{"Records":[{"eventSource":"s3.amazonaws.com","eventName":"GetObject"}]}"#,
        r#"{"Records":[7]}"#,
        r#"{"Records":"x"}"#,
        r#"{"eventVersion":"1.11","eventName":"ConsoleLogin"}"#,
        r#"{"Type":"SubscriptionConfirmation","Message":"m","SubscribeURL":"https://a.example"}"#,
        r#"{"Type":"Notification","Message":{}}"#,
        r#"{"Type":7,"Message":"m"}"#,
        r#"{"Type":"a","Type":"b"}"#,
        "[1,2]",
        "{\"a\":1}\n{\"a\":2}",
        "{broken",
        "",
    ] {
        let start: String = body.chars().take(20).collect();
        assert_eq!(told(body), [format!("records: {start}")], "{body}");
    }
    let inside = sns(&json!({ "eventVersion": "1.11" }));
    assert_eq!(told(&inside.to_string()), [r#"records: {"eventVersion":"1.1"#]);
}

#[test]
fn notices_that_lead_nowhere() {
    let deep = (0..5).fold(s3("ObjectCreated:Put", &[KEY]), |inner, _| sns(&inner));
    let many = vec![KEY; 1001];
    for (body, expected) in [
        (s3("ObjectCreated:Put", &["%FF"]), "a notice that names no object"),
        (
            json!({ "Records": [{ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put" }] }),
            "a notice that names no object",
        ),
        (event("aws.s3", "Object Created", &json!({})), "a notice that names no object"),
        (json!({ "s3Bucket": "b", "s3ObjectKey": 7 }), "a notice that names no object"),
        (
            json!({ "s3Bucket": "b", "s3ObjectKey": many }),
            "a notice that names more than 1000 objects",
        ),
        (
            sns_event(&vec![s3("ObjectCreated:Put", &[KEY; 100]); 11]),
            "a notice that names more than 1000 objects",
        ),
        (deep, "a notice in more than 4 envelopes"),
    ] {
        assert_eq!(told(&body.to_string()), [expected], "{body}");
    }
    assert_eq!(told(&s3("ObjectCreated:Put", &[KEY; 1000]).to_string()).len(), 1000);
}

#[test]
fn only_events_are_fetched() {
    for (key, expected) in [
        (KEY, true),
        ("AWSLogs/o-example/111111111111/CloudTrail/us-east-1/2026/03/02/a.json.gz", true),
        ("logs/AWSLogs/111111111111/CloudTrail/us-east-1/a.json.gz", true),
        ("AWSLogs/111111111111/CloudTrail-NetworkActivity/us-east-1/a.json.gz", true),
        ("exported/a.json", true),
        ("AWSLogs/111111111111/CloudTrail-Digest/us-east-1/a.json.gz", false),
        ("AWSLogs/111111111111/CloudTrail-Insight/us-east-1/a.json.gz", false),
        ("AWSLogs/111111111111/CloudTrail-Aggregated/us-east-1/a.json.gz", false),
        ("CloudTrail/AWSLogs/111111111111/CloudTrail-Digest/us-east-1/a.json.gz", false),
        ("AWSLogs/111111111111/vpcflowlogs/us-east-1/a.log.gz", false),
    ] {
        let body = json!({ "s3Bucket": "b", "s3ObjectKey": [key] }).to_string();
        assert_eq!(told(&body).len(), usize::from(expected), "{key}");
    }
}
