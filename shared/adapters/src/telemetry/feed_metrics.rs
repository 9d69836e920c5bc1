//! What became of feeds, for the function that refreshes them: a line for each, and one for all.

use std::io::{self, Write};

use callerwatch_detection::timestamp::Timestamp;
use callerwatch_feeds::{Outcome, Report};

use super::embedded::{self, FUNCTION};

/// The dimension that names a feed.
const FEED: &str = "Feed";

/// Prints them.
pub fn emit_feeds(reports: &[Report], function_name: &str, now: Timestamp) {
    // Where standard output is closed, there is nowhere to say so.
    let _ = write(reports, function_name, now, &mut io::stdout().lock());
}

fn write(
    reports: &[Report],
    function_name: &str,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    for report in reports {
        let dimensions = [(FUNCTION, function_name), (FEED, report.feed.name.as_str())];
        embedded::write(out, now, &dimensions, &[("FeedAge", "Seconds", report.age_secs)])?;
    }
    let count = |is: fn(&Report) -> bool| {
        u64::try_from(reports.iter().filter(|report| is(report)).count()).unwrap_or(u64::MAX)
    };
    let oldest = reports.iter().map(|report| report.age_secs).max().unwrap_or_default();
    let metrics = [
        ("Feeds", "Count", count(|_| true)),
        ("FeedsNew", "Count", count(|report| matches!(report.outcome, Outcome::New))),
        ("FeedsFailed", "Count", count(|report| matches!(report.outcome, Outcome::Failed(_)))),
        ("FeedsRefused", "Count", count(|report| matches!(report.outcome, Outcome::Refused(_)))),
        ("FeedsMissing", "Count", count(|report| !report.is_in_use)),
        ("OldestFeedAge", "Seconds", oldest),
    ];
    embedded::write(out, now, &[(FUNCTION, function_name)], &metrics)
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::feeds::{Feed, Refusal, SHIPPED};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_feed_has_its_age_and_all_have_theirs() {
        let report = |feed: usize, outcome, age_secs, is_in_use| Report {
            feed: Feed::from(&SHIPPED[feed]),
            outcome,
            age_secs,
            is_in_use,
        };
        let refused = Outcome::Refused(Refusal::TooWide);
        let reports = [
            report(0, Outcome::New, 0, true),
            report(1, Outcome::NotDue, 700, true),
            report(2, refused, 90_000, false),
        ];
        let mut out = Vec::new();
        let now = Timestamp::from_millis(1_772_443_500_000).unwrap();
        write(&reports, "callerwatch-intel", now, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        let about = &lines[1]["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(about["Dimensions"], json!([["FunctionName", "Feed"]]));
        assert_eq!(
            (&lines[1]["Feed"], &lines[1]["FeedAge"]),
            (&json!(SHIPPED[1].name), &json!(700))
        );
        let all = &lines[3];
        for (name, expected) in [
            ("Feeds", 3),
            ("FeedsNew", 1),
            ("FeedsFailed", 0),
            ("FeedsRefused", 1),
            ("FeedsMissing", 1),
            ("OldestFeedAge", 90_000),
        ] {
            assert_eq!(all[name], json!(expected), "{name}");
        }
        assert_eq!(all["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["FunctionName"]]));
    }
}
