//! What became of feeds, for the function that refreshes them: a line for each, and one for all.

use std::io::{self, Write};

use callerwatch_detection::feeds::EGRESS;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_feeds::egress::AccountReport;
use callerwatch_feeds::{Outcome, Report};

use super::embedded::{self, FUNCTION};

/// The dimension that names a feed.
const FEED: &str = "Feed";

/// Prints them.
pub fn emit_feeds(
    reports: &[Report],
    accounts: &[AccountReport],
    function_name: &str,
    now: Timestamp,
) {
    // Where standard output is closed, there is nowhere to say so.
    let _ = write(reports, accounts, function_name, now, &mut io::stdout().lock());
}

fn write(
    reports: &[Report],
    accounts: &[AccountReport],
    function_name: &str,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let ages = reports.iter().map(|report| (report.feed.name.as_str(), report.age_secs));
    // What accounts told is as old as what the last of them told.
    let learned = accounts.iter().map(|account| account.age_secs).max();
    let ages: Vec<(&str, u64)> = ages.chain(learned.map(|age| (EGRESS, age))).collect();
    for (feed, age_secs) in &ages {
        let dimensions = [(FUNCTION, function_name), (FEED, feed)];
        embedded::write(out, now, &dimensions, &[("FeedAge", "Seconds", *age_secs)])?;
    }
    let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
    let count =
        |is: fn(&Report) -> bool| number(reports.iter().filter(|report| is(report)).count());
    let oldest = ages.iter().map(|(_, age_secs)| *age_secs).max().unwrap_or_default();
    let faulty = accounts.iter().filter(|account| !account.faults.is_empty()).count();
    let addresses = accounts.iter().map(|account| account.addresses).sum::<usize>();
    let metrics = [
        ("Feeds", "Count", count(|_| true)),
        ("FeedsNew", "Count", count(|report| matches!(report.outcome, Outcome::New))),
        ("FeedsFailed", "Count", count(|report| matches!(report.outcome, Outcome::Failed(_)))),
        ("FeedsRefused", "Count", count(|report| matches!(report.outcome, Outcome::Refused(_)))),
        ("FeedsMissing", "Count", count(|report| !report.is_in_use)),
        ("OldestFeedAge", "Seconds", oldest),
        ("EgressAddresses", "Count", number(addresses)),
        ("EgressAccountsFailed", "Count", number(faulty)),
    ];
    embedded::write(out, now, &[(FUNCTION, function_name)], &metrics)
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::feeds::{Feed, Refusal, SHIPPED};
    use callerwatch_feeds::egress::Fault;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_feed_has_its_age_and_all_have_theirs() {
        let report = |feed: usize, outcome, age_secs, is_in_use| Report {
            feed: Feed::from(&SHIPPED[feed]),
            outcome,
            age_secs,
            content_age_secs: None,
            is_in_use,
            fault: None,
        };
        let refused = Outcome::Refused(Refusal::TooWide);
        let reports = [
            report(0, Outcome::New, 0, true),
            report(1, Outcome::NotDue, 700, true),
            report(2, refused, 90_000, false),
        ];
        let account = |age_secs, faults: &[&str]| AccountReport {
            account: "111111111111".to_owned(),
            addresses: 2,
            regions: 1,
            closed: 0,
            age_secs,
            faults: faults
                .iter()
                .map(|it| Fault { message: (*it).to_owned(), is_denied: false })
                .collect(),
        };
        let accounts = [account(100_000, &["eu-west-1: listing Elastic IPs"]), account(0, &[])];
        let mut out = Vec::new();
        let now = Timestamp::from_millis(1_772_443_500_000).unwrap();
        write(&reports, &accounts, "callerwatch-intel", now, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
        assert_eq!(lines.len(), 5);
        assert_eq!((&lines[3]["Feed"], &lines[3]["FeedAge"]), (&json!("egress"), &json!(100_000)));
        let about = &lines[1]["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(about["Dimensions"], json!([["FunctionName", "Feed"]]));
        assert_eq!(
            (&lines[1]["Feed"], &lines[1]["FeedAge"]),
            (&json!(SHIPPED[1].name), &json!(700))
        );
        let all = &lines[4];
        for (name, expected) in [
            ("Feeds", 3),
            ("FeedsNew", 1),
            ("FeedsFailed", 0),
            ("FeedsRefused", 1),
            ("FeedsMissing", 1),
            ("OldestFeedAge", 100_000),
            ("EgressAddresses", 4),
            ("EgressAccountsFailed", 1),
        ] {
            assert_eq!(all[name], json!(expected), "{name}");
        }
        assert_eq!(all["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["FunctionName"]]));
    }
}
