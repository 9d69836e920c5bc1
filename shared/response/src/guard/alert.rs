//! Whether the alert is one that addresses are denied for, and whether there is room.

use callerwatch_detection::plain::plain;
use ipnet::IpNet;

use super::{Asked, Candidate, Facts, Guard, Verdict};
use crate::denial::Denial;

const HOUR_SECS: i64 = 3600;
/// Of a reason that a person gave, so much is shown.
const REASON_MAX: usize = 120;

pub(super) fn judge(candidate: &Candidate, facts: &Facts<'_>, verdict: &mut Verdict) {
    let Asked::Alert(alert) = &candidate.asked else { return };
    let rules = facts.rules;
    let leading = alert.detections.first().map_or("", String::as_str);
    if !rules.detections.contains(leading) {
        let reason = format!("the policy denies nothing for {}", plain(leading, REASON_MAX));
        verdict.refuse(Guard::Detection, reason);
    }
    if alert.severity < rules.severity {
        let (is, least) = (alert.severity.name(), rules.severity.name());
        let reason = format!("the alert is {is}, and the policy denies from {least} on");
        verdict.refuse(Guard::Severity, reason);
    }
    if let Some(why) = &alert.decided {
        let reason = format!("a person decided on the alert: {}", plain(why, REASON_MAX));
        verdict.refuse(Guard::Closed, reason);
    }
    let lasts = i64::from(rules.hours).saturating_mul(HOUR_SECS);
    if alert.last.plus_secs(lasts) <= facts.now {
        let (last, hours) = (alert.last, rules.hours);
        let reason =
            format!("the last call was at {last}, longer ago than the {hours} h a denial lasts");
        verdict.refuse(Guard::Stale, reason);
    }
}

/// Whether one more may be denied, and somewhere.
pub(super) fn judge_load(network: IpNet, facts: &Facts<'_>, verdict: &mut Verdict) {
    let of_network = facts.denials.iter().filter(|denial| denial.network == network);
    let is_extension = of_network.into_iter().any(|denial| !denial.is_over(facts.now));
    let since = facts.now.plus_secs(-HOUR_SECS);
    let is_new = |denial: &&Denial| denial.since > since && !denial.is_let_go();
    let new = facts.denials.iter().filter(is_new).count();
    let most = facts.rules.new_an_hour;
    if !is_extension && new >= usize::try_from(most).unwrap_or(usize::MAX) {
        let reason =
            format!("{new} addresses were denied within the hour, and {most} an hour is the limit");
        verdict.refuse(Guard::Hour, reason);
    }
    let full = facts.room.iter().filter(|(_, has_room)| !has_room);
    let full: Vec<String> = full.map(|(target, _)| target.to_string()).collect();
    if !full.is_empty() && full.len() == facts.room.len() {
        let reason = "no target has room for it: they deny others of a higher score".to_owned();
        verdict.refuse(Guard::Room, reason);
    } else {
        let note =
            |target| format!("{target} has no room for it: it denies others of a higher score");
        verdict.notes.extend(full.into_iter().map(note));
    }
}
