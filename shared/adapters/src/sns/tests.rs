//! The sink against a running SNS and SQS: the emulator that `MINISTACK` names. Skipped, loudly,
//! where it names none.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use aws_config::BehaviorVersion;
use aws_sdk_sns::config::{Credentials, SharedCredentialsProvider};
use callerwatch_detection::alert::Alert;
use callerwatch_detection::ocsf::Activity;
use serde_json::{Value, json};

use self::ministack::{Ministack, PATIENCE};
use super::*;
use crate::clients;

#[path = "../../../../tests/ministack.rs"]
mod ministack;

const ACCOUNT: &str = "111111111111";

/// An emulator. Ends with its value.
struct World {
    process: Ministack,
    sns: Client,
}

impl World {
    async fn start() -> Option<Self> {
        let process = Ministack::start()?;
        let credentials = Credentials::new(ACCOUNT, "emulator", None, None, "emulator");
        let loader = clients::loader(aws_config::defaults(BehaviorVersion::latest()));
        let config = ministack::clients(loader, &process.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(credentials));
        let sns = Client::new(&config.load().await);
        Some(Self { process, sns })
    }

    /// A topic's ARN.
    async fn topic(&self, name: &str) -> String {
        self.sns.create_topic().name(name).send().await.unwrap().topic_arn.unwrap()
    }

    /// The ARN of a topic that refuses, entry by entry, whatever has no group.
    async fn refusing_topic(&self) -> String {
        let create = self.sns.create_topic().name("refusing.fifo").attributes("FifoTopic", "true");
        create.send().await.unwrap().topic_arn.unwrap()
    }

    /// A queue that gets what of a topic passes a filter; its URL.
    async fn subscribed(&self, topic_arn: &str, name: &str, filter: Value) -> String {
        let created = self.sqs("CreateQueue", &json!({ "QueueName": name }));
        let subscribe = self.sns.subscribe().topic_arn(topic_arn).protocol("sqs");
        let subscribe = subscribe.endpoint(format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"));
        let subscribe = subscribe.attributes("FilterPolicy", filter.to_string());
        subscribe.send().await.unwrap();
        created["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// What SNS put into a queue, once there are so many.
    fn received(&self, queue_url: &str, count: usize) -> Vec<Value> {
        let ask = json!({ "QueueUrl": queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1 });
        let mut received = Vec::new();
        wait_for("messages", || {
            let answer = self.sqs("ReceiveMessage", &ask);
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            let bodies = messages.iter().map(|it| it["Body"].as_str().unwrap());
            received.extend(bodies.map(|it| serde_json::from_str::<Value>(it).unwrap()));
            (received.len() >= count).then_some(())
        });
        received
    }

    /// Asks SQS, whose SDK nothing else here needs. An HTTP/1.0 answer comes whole and ends.
    fn sqs(&self, operation: &str, ask: &Value) -> Value {
        let ask = ask.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.process.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "POST / HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nX-Amz-Target: AmazonSQS.{operation}\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\
             Authorization: AWS4-HMAC-SHA256 \
             Credential={ACCOUNT}/20260302/us-east-1/sqs/aws4_request, SignedHeaders=host, \
             Signature=none\r\n\r\n{ask}",
            self.process.port,
            ask.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{operation}: {error}: {answer}"))
    }

    fn sink(&self, topic_arn: &str, chat_topic_arn: Option<String>) -> SnsSink {
        SnsSink::new(self.sns.clone(), topic_arn, chat_topic_arn)
    }
}

fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "what is measured here is waiting")]
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "no {what}");
        std::thread::yield_now();
    }
}

fn announced(alerts: &[Alert]) -> Vec<Announcement<'_>> {
    alerts.iter().map(|alert| Announcement { alert, activity: Activity::Create }).collect()
}

fn uids<'a>(uids: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    uids.map(str::to_owned).collect()
}

#[tokio::test]
async fn alerts_reach_who_asked_for_them() {
    let Some(world) = World::start().await else { return };
    let (topic, chat) = (world.topic("alerts").await, world.topic("chat").await);
    let all = json!({});
    let severe = json!({ "severity": ["Medium", "High"] });
    let whole_queue = world.subscribed(&topic, "everything", all.clone()).await;
    let severe_queue = world.subscribed(&topic, "pager", severe).await;
    let account = json!({ "account": ["222222222222"] });
    let elsewhere = world.subscribed(&topic, "elsewhere", account).await;
    let talk = world.subscribed(&chat, "talk", all).await;
    let sink = world.sink(&topic, Some(chat));

    // More than one request takes, and one that a filter on severity keeps away.
    let mut alerts: Vec<Alert> =
        (1..=12).map(|n| cases::spray_from(&format!("203.0.113.{n}"))).collect();
    let severe = uids(alerts.iter().map(|alert| alert.uid.as_str()));
    alerts.push(cases::hostile());
    let answers = sink.publish(&announced(&alerts)).await;
    assert_eq!(answers.len(), 13);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    sink.publish_notice("policy-change", "The policy changed", "+a = 1\n").await.unwrap();

    let paged = world.received(&severe_queue, 13);
    let is_notice = |it: &&Value| it["MessageAttributes"]["detection"]["Value"] == "policy-change";
    let notices: Vec<&Value> = paged.iter().filter(is_notice).collect();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0]["Message"], "The policy changed\n\n+a = 1\n");
    assert_eq!(notices[0]["Subject"], "The policy changed");
    let findings: Vec<Value> = paged
        .iter()
        .filter(|it| !is_notice(it))
        .map(|it| serde_json::from_str(it["Message"].as_str().unwrap()).unwrap())
        .collect();
    let paged = uids(findings.iter().map(|it| it["finding_info"]["uid"].as_str().unwrap()));
    assert_eq!((findings.len(), &paged), (12, &severe));
    assert!(findings.iter().all(|it| it["class_uid"] == 2004 && it["severity"] == "High"));

    assert_eq!(world.received(&whole_queue, 14).len(), 14);
    let told = world.received(&talk, 13);
    let told: Vec<Value> = told
        .iter()
        .map(|it| serde_json::from_str(it["Message"].as_str().unwrap()).unwrap())
        .collect();
    assert!(told.iter().all(|it| it["source"] == "custom"), "{told:?}");
    let told = uids(told.iter().map(|it| it["metadata"]["threadId"].as_str().unwrap()));
    assert_eq!(told, uids(alerts.iter().map(|alert| alert.uid.as_str())));
    assert_eq!(sink.take_chat_refused(), 0);
    // Delivered before the others were: nothing is on its way to this one.
    assert_eq!(world.received(&elsewhere, 0), [] as [Value; 0]);
}

#[tokio::test]
async fn refusals_are_told() {
    let Some(world) = World::start().await else { return };
    let topic = world.topic("alerts").await;
    let refusing = world.refusing_topic().await;
    let alerts = [cases::spray(), cases::hostile()];
    let announcements = announced(&alerts);

    let answers = world.sink(&refusing, None).publish(&announcements).await;
    assert_eq!(answers.len(), 2);
    for answer in answers {
        let Err(SinkError::Refused { topic_arn, why, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(topic_arn, refusing);
        assert!(why.contains("MessageGroupId"), "{why}");
    }

    // Chat that refuses takes nothing from the alerts; alerts that did not go out are not told there.
    let sink = world.sink(&topic, Some(refusing.clone()));
    assert!(sink.publish(&announcements).await.iter().all(Result::is_ok));
    assert_eq!(sink.take_chat_refused(), 2);
    let sink = world.sink(&refusing, Some(topic.clone()));
    let talk = world.subscribed(&topic, "talk", json!({})).await;
    assert!(sink.publish(&announcements).await.iter().all(Result::is_err));
    assert_eq!(world.received(&talk, 0), [] as [Value; 0]);

    // A request that fails, fails all of its messages.
    let answers = world.sink(&format!("{topic}-gone"), None).publish(&announcements).await;
    assert_eq!(answers.len(), 2);
    for answer in answers {
        assert!(matches!(answer, Err(SinkError::Request { .. })), "{answer:?}");
    }
}
