//! One alert as the page shows it: a row, and what opens below it.
//!
//! Texts come out cut to their places and as they are; the page's escaper makes them harmless.

use callerwatch_detection::alert::Alert;
use callerwatch_detection::finding::Finding;
use callerwatch_detection::ocsf;
use callerwatch_detection::sample::Sample;
use callerwatch_detection::steps::{Action, Step, steps};

use super::moment::{Moment, counted, grouped};
use super::timeline::class_of;
use crate::report::{brief, silent};

/// How many alerts are shown with all their samples and what to do about each; those below have
/// [`FEW`] samples, and no links, queries and commands.
pub(super) const FULL_MAX: usize = 500;
const FEW: usize = 2;
/// More lists than these would bury the address they name.
const LISTS_MAX: usize = 6;
const REASONS_MAX: usize = 40;

/// An alert.
pub(super) struct Row<'a> {
    alert: &'a Alert,
    is_full: bool,
}

/// A reason of a score.
pub(super) struct Points {
    /// `+40`.
    pub(super) points: String,
    pub(super) text: String,
}

/// A call.
pub(super) struct Call {
    pub(super) time: Moment,
    pub(super) outcome: &'static str,
    pub(super) has_succeeded: bool,
    pub(super) code: Option<String>,
    pub(super) operation: String,
    pub(super) service: String,
    pub(super) name: String,
    /// Where it says more than the name.
    pub(super) principal: Option<String>,
    /// The address, where the source has several.
    pub(super) address: Option<String>,
    /// `AWS 111111111111, eu-west-1`.
    pub(super) account: String,
    pub(super) resource: Option<String>,
    pub(super) user_agent: Option<String>,
}

impl<'a> Row<'a> {
    /// The alert at a place among all.
    pub(super) fn new(place: usize, alert: &'a Alert) -> Self {
        Self { alert, is_full: place < FULL_MAX }
    }

    pub(super) fn uid(&self) -> &str {
        &self.alert.uid
    }

    pub(super) fn earlier(&self) -> Option<&str> {
        self.alert.earlier.as_deref()
    }

    pub(super) fn severity(&self) -> &'static str {
        self.alert.severity.name()
    }

    pub(super) fn class(&self) -> &'static str {
        class_of(self.alert.severity)
    }

    pub(super) fn severity_id(&self) -> u8 {
        self.alert.severity.id()
    }

    pub(super) fn score(&self) -> u8 {
        self.alert.score
    }

    pub(super) fn title(&self) -> String {
        brief(&self.alert.title())
    }

    pub(super) fn address(&self) -> String {
        brief(&self.alert.address())
    }

    /// What is known of the address: country, network, trusted network.
    pub(super) fn place(&self) -> Vec<String> {
        let mut place: Vec<String> =
            self.alert.country.map(|it| it.to_string()).into_iter().collect();
        place.extend(self.alert.autonomous_system.iter().map(|it| brief(&it.to_string())));
        place.extend(self.alert.trusted_network.iter().map(|it| format!("in {}", brief(it))));
        place
    }

    pub(super) fn lists(&self) -> Vec<String> {
        let mut lists: Vec<String> =
            self.alert.lists.iter().take(LISTS_MAX).map(|list| brief(list)).collect();
        if let Some(more @ 1..) = self.alert.lists.len().checked_sub(LISTS_MAX) {
            lists.push(format!("and {more} more"));
        }
        lists
    }

    /// The addresses, where the source has several.
    pub(super) fn addresses(&self) -> Vec<String> {
        let addresses = self.alert.addresses();
        if addresses.len() < 2 {
            Vec::new()
        } else {
            addresses.iter().map(ToString::to_string).collect()
        }
    }

    pub(super) fn detections(&self) -> Vec<&'static str> {
        self.alert.findings.iter().map(|finding| finding.detection.id).collect()
    }

    pub(super) fn clouds(&self) -> Vec<&'static str> {
        self.alert.clouds.iter().map(|cloud| cloud.name()).collect()
    }

    pub(super) fn calls(&self) -> usize {
        self.alert.calls
    }

    /// `at least 1,204`.
    pub(super) fn calls_told(&self) -> String {
        let calls = grouped(self.alert.calls);
        if self.alert.is_at_least { format!("at least {calls}") } else { calls }
    }

    pub(super) fn first(&self) -> Moment {
        Moment(self.alert.first)
    }

    pub(super) fn last(&self) -> Moment {
        Moment(self.alert.last)
    }

    pub(super) fn reasons(&self) -> Vec<Points> {
        let reasons = self.alert.reasons.iter();
        let reasons = reasons.map(|reason| Points {
            points: format!("{:+}", reason.points),
            text: brief(&reason.text),
        });
        reasons.take(REASONS_MAX).collect()
    }

    /// How the sum of the reasons is not the score.
    pub(super) fn sum(&self) -> Option<String> {
        let sum: i32 = self.alert.reasons.iter().map(|reason| reason.points).sum();
        (sum != i32::from(self.alert.score))
            .then(|| format!("{sum:+} in all, kept within 0 to 100"))
    }

    /// What the policy calls nothing of it.
    pub(super) fn silent(&self) -> impl Iterator<Item = String> {
        silent(self.alert)
    }

    /// What was found, the leading one first.
    pub(super) fn findings(&self) -> &'a [Finding] {
        &self.alert.findings
    }

    /// Whether there is room for what to copy.
    pub(super) fn has_steps(&self) -> bool {
        self.is_full
    }

    /// Links, queries and commands.
    pub(super) fn steps(&self) -> Vec<Step> {
        steps(self.alert)
    }

    /// Whether it is one of our own links, which are live: no caller has a word in them.
    #[expect(clippy::unused_self, reason = "the template asks the row")]
    pub(super) fn is_link(&self, step: &Step) -> bool {
        step.action == Action::See
    }

    pub(super) fn has_samples(&self) -> bool {
        !self.alert.samples.is_empty()
    }

    /// The samples to show, by time; of more than there is room for the successes.
    pub(super) fn samples(&self) -> Vec<Call> {
        let mut samples: Vec<&Sample> = self.alert.samples.iter().collect();
        samples.sort_by_key(|sample| !sample.kind.is_success());
        samples.truncate(self.samples_max());
        samples.sort_by_key(|sample| sample.time);
        let has_addresses = self.alert.addresses().len() > 1;
        samples.into_iter().map(|sample| call(sample, has_addresses)).collect()
    }

    fn samples_max(&self) -> usize {
        if self.is_full { usize::MAX } else { FEW }
    }

    /// What stands over the samples.
    pub(super) fn over_samples(&self) -> String {
        let shown = self.alert.samples.len().min(self.samples_max());
        let calls = counted(self.alert.calls, "call", "calls");
        match shown {
            0 => "Evidence: no call was kept in words, since too much else happened that day"
                .to_owned(),
            shown if shown < self.alert.calls || self.alert.is_at_least => {
                let at_least = if self.alert.is_at_least { "at least " } else { "" };
                format!("Evidence: {shown} of {at_least}{calls}")
            }
            _ => format!("Evidence: {calls}"),
        }
    }
}

fn call(sample: &Sample, has_addresses: bool) -> Call {
    let name = sample.name().or(sample.principal());
    let mut account = sample.cloud.name().to_owned();
    account.extend(sample.account().map(|it| format!(" {}", brief(it))));
    account.extend(sample.region().map(|it| format!(", {}", brief(it))));
    Call {
        time: Moment(sample.time),
        outcome: ocsf::outcome(sample.kind),
        has_succeeded: sample.kind.is_success(),
        code: sample.status_code().map(brief),
        operation: brief(sample.operation()),
        service: brief(sample.service()),
        name: name.map_or_else(|| "not told by the cloud".to_owned(), brief),
        principal: sample.principal().filter(|uid| Some(*uid) != name).map(brief),
        address: has_addresses.then(|| brief(sample.address())),
        account,
        resource: sample.resource().map(brief),
        user_agent: sample.user_agent().map(brief),
    }
}
