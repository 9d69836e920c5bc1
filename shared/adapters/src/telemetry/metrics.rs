//! Counters of an invocation of a function that reads events.

use std::io::{self, Write};

use super::embedded::{self, FUNCTION};
use callerwatch_detection::timestamp::Timestamp;

/// What happened in an invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Calls read.
    pub events: u64,
    /// Those that are evidence.
    pub evidence: u64,
    /// Records that could not be read.
    pub rejected: u64,
    /// Findings of the sources met.
    pub findings: u64,
    /// Alerts that went out.
    pub published: u64,
    /// Alerts that exceeded their budget, and go out in a digest.
    pub deferred: u64,
    /// Alerts that the policy suppresses, in whole or in part.
    pub suppressed: u64,
    /// Alerts that went out and that chat refused.
    pub chat_refused: u64,
    /// Messages that are to come back.
    pub batch_failures: u64,
    /// Times that evidence found no room in its ledger.
    pub ledger_full: u64,
    /// Bad input that was met, whether or not there was room to keep it.
    pub quarantined: u64,
    /// Whether the newest policy file is refused: 1, or 0.
    pub policy_refused: u64,
    /// Whether what feeds were compiled to is damaged: 1, or 0.
    pub intelligence_damaged: u64,
    /// How old the newest call is; none where there was no call.
    pub newest_event_age_secs: Option<u64>,
}

impl Metrics {
    /// Prints them.
    pub fn emit(&self, function_name: &str, now: Timestamp) {
        // Where standard output is closed, there is nowhere to say so.
        let _ = self.write(function_name, now, &mut io::stdout().lock());
    }

    /// Writes them as one line.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(
        &self,
        function_name: &str,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let counts = [
            ("Events", self.events),
            ("Evidence", self.evidence),
            ("Rejected", self.rejected),
            ("Findings", self.findings),
            ("Published", self.published),
            ("Deferred", self.deferred),
            ("Suppressed", self.suppressed),
            ("ChatRefused", self.chat_refused),
            ("BatchFailures", self.batch_failures),
            ("LedgerFull", self.ledger_full),
            ("Quarantined", self.quarantined),
            ("PolicyRefused", self.policy_refused),
            ("IntelligenceDamaged", self.intelligence_damaged),
        ];
        let counts = counts.into_iter().map(|(name, value)| (name, "Count", value));
        let age = self.newest_event_age_secs.map(|age| ("NewestEventAge", "Seconds", age));
        let metrics: Vec<_> = counts.chain(age).collect();
        embedded::write(out, now, &[(FUNCTION, function_name)], &metrics)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(metrics: Metrics) -> Value {
        let mut out = Vec::new();
        let now = Timestamp::from_millis(1_772_443_500_000).unwrap();
        metrics.write("callerwatch-aws", now, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap()
    }

    #[test]
    fn every_metric_that_is_declared_has_a_value() {
        let all = Metrics { events: 7, newest_event_age_secs: Some(12), ..Metrics::default() };
        let line = line(all);
        let about = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], 1_772_443_500_000_i64);
        assert_eq!(
            (&about["Namespace"], &about["Dimensions"]),
            (&json!("callerwatch"), &json!([["FunctionName"]]))
        );
        assert_eq!(line["FunctionName"], "callerwatch-aws");
        let declared = about["Metrics"].as_array().unwrap();
        assert_eq!(declared.len(), 14);
        for metric in declared {
            assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{metric}");
        }
        assert_eq!(line.as_object().unwrap().len(), 16);
        assert_eq!((&line["Events"], &line["NewestEventAge"]), (&json!(7), &json!(12)));
    }

    #[test]
    fn an_age_that_is_not_known_is_not_zero() {
        let line = line(Metrics::default());
        assert_eq!(line.get("NewestEventAge"), None);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 13);
        assert_eq!(line["Events"], 0);
    }
}
