//! Single events with the verdicts of another team's rules, beside ours.
//!
//! `agreement.toml` says, rule by rule, what of ours asks the same question, and why we differ where
//! we do. What differs without a reason is a fault, and so is a reason that nothing needs any more.

use std::collections::BTreeMap;
use std::fs;

use callerwatch_detection::activity::ApiActivity;
use callerwatch_detection::decide;
use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::ledger::MemoryLedger;
use callerwatch_detection::observe::Observer;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_sources::{Event, Reading, read_document};
use callerwatch_tests::{START, beside_checkout};
use serde::Deserialize;
use serde_json::Value;

/// What `agreement.toml` says of one of their rules: one of the first three, and reasons.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    /// The detection of ours that the event must count toward.
    detection: Option<String>,
    /// Or the outcomes of which the event must have one.
    outcomes: Option<Vec<String>>,
    /// Or why the rule's question is not ours.
    not_asked: Option<String>,
    /// Why we differ, by the name of the event.
    #[serde(default)]
    because: BTreeMap<String, String>,
}

/// An event, and what their rule says of it.
#[derive(Deserialize)]
struct Case {
    verdict: bool,
    meta: Meta,
    event: Value,
}

#[derive(Deserialize)]
struct Meta {
    rule: String,
    name: String,
    threshold: Option<i64>,
}

#[test]
fn verdicts_agree_or_the_difference_is_explained() {
    let untested = "the verdicts of another team's rules";
    let Some(file) = beside_checkout("corpus/logs/panther-analysis/relevant.ndjson", untested)
    else {
        return;
    };
    let questions: BTreeMap<String, Question> =
        toml::from_str(include_str!("agreement.toml")).expect("agreement.toml");
    let mut cases: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for line in fs::read_to_string(file).expect("a file of the corpus").lines() {
        let case: Case = serde_json::from_str(line).expect("a line of the corpus");
        cases.entry(case.meta.rule.clone()).or_default().push(case);
    }
    assert!(cases.keys().eq(questions.keys()), "agreement.toml has other rules than the corpus");

    let mut faults = Vec::new();
    println!("{:<48} events  theirs      ours  agreed explained", "");
    for (rule, question) in &questions {
        compare(rule, question, &cases[rule], &mut faults);
    }
    println!("\nnot asked:");
    for (rule, question) in &questions {
        if let Some(why) = &question.not_asked {
            println!("{rule:<48} {:>2} events: {why}", cases[rule].len());
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Prints the row of a rule, and notes what is not explained and what needs no explanation.
fn compare(rule: &str, question: &Question, cases: &[Case], faults: &mut Vec<String>) {
    if question.not_asked.is_some() {
        return;
    }
    let (mut theirs, mut ours, mut agreed, mut explained) = (0, 0, 0, 0);
    for case in cases {
        let name = &case.meta.name;
        let answer = answer(question, case);
        theirs += usize::from(case.verdict);
        ours += usize::from(answer);
        match (answer == case.verdict, question.because.contains_key(name)) {
            (true, false) => agreed += 1,
            (false, true) => explained += 1,
            (true, true) => {
                faults.push(format!("{rule}: {name}: agreed, and explained for nothing"));
            }
            (false, false) => faults.push(format!("{rule}: {name}: ours is {answer}")),
        }
    }
    let strangers =
        question.because.keys().filter(|name| cases.iter().all(|it| it.meta.name != **name));
    faults.extend(strangers.map(|name| format!("{rule}: {name}: explained, and not there")));
    let (all, shares) =
        (cases.len(), [theirs, ours].map(|it| format!("{it}/{}", cases.len() - it)));
    let [theirs, ours] = shares;
    println!("{rule:<48} {all:>6} {theirs:>7} {ours:>9} {agreed:>7} {explained:>9}");
}

/// Whether the event is what the question is about.
fn answer(question: &Question, case: &Case) -> bool {
    let mut is_asked = false;
    let document = case.event.to_string();
    let result = read_document(document.as_bytes(), &mut |event| {
        let Event::Reading(Reading::Activity(call)) = event else { return };
        is_asked |= match (&question.detection, &question.outcomes) {
            (Some(detection), None) => counts_toward(detection, call, case.meta.threshold),
            (None, Some(outcomes)) => {
                let outcome = format!("{:?}", call.outcome);
                outcomes.contains(&outcome) && call.source.ledger_key().is_some()
            }
            _ => panic!("{}: a detection, or outcomes, or `not_asked`", case.meta.rule),
        };
    });
    result.expect("a whole record");
    is_asked
}

/// Whether a detection fires on the call alone, made as often as the rule and the detection demand,
/// within a minute.
fn counts_toward(detection: &str, call: &ApiActivity<'_>, threshold: Option<i64>) -> bool {
    let count = threshold.unwrap_or(1).max(20);
    // Made-up ranges of AWS, so that there is an outside.
    let ranges = br#"{"syncToken":"1","createDate":"2026-03-02-08-00-00","prefixes":[
        {"ip_prefix":"192.0.2.0/24","service":"AMAZON"}]}"#;
    let lists = Intelligence::builder().list("aws-ranges", Category::Cloud, ranges);
    let (intelligence, policy) = (lists.expect("ranges").build(), Policy::default());
    let (mut observer, mut ledger) = (Observer::default(), MemoryLedger::default());
    for number in 0..count {
        let mut call = call.clone();
        call.uid = number.to_string().into();
        call.time = Timestamp::from_millis(START + number * 60_000 / count);
        for observation in observer.observe(&call, &intelligence, &policy, None) {
            ledger.add(observation);
        }
    }
    let sources = ledger.into_sources();
    let mut alerts =
        sources.flat_map(|(key, of_source)| decide(&key, of_source, &intelligence, &policy));
    alerts.any(|alert| alert.findings.iter().any(|finding| finding.detection.id == detection))
}
