//! The phrases of an alert that mail and chat have in common, in the words of the command's report.
//!
//! Everything comes out escaped, by the one who shows it, and in bounded numbers: lists, reasons
//! and accounts may be many.

use callerwatch_detection::alert::Alert;
use callerwatch_detection::ocsf;
use callerwatch_detection::sample::Sample;

/// Makes a text harmless, of at most so many characters.
pub(super) type Escape = fn(&str, usize) -> String;

/// Longer than any real name; what is longer is an attack on the reader.
const TEXT_MAX: usize = 120;
/// A title is a sentence with at most one name in it.
const TITLE_MAX: usize = 200;
/// How many of a kind are named before "and more".
const NAMED_MAX: usize = 12;
/// More than a score has, unless very many lists name the address.
const REASONS_MAX: usize = 40;

/// `High: 42 failed sign-ins from 203.0.113.7 (NL)`.
pub(super) fn headline(alert: &Alert, escape: Escape) -> String {
    format!("{}: {}", alert.severity, escape(&alert.title(), TITLE_MAX))
}

/// `+40 listed: malicious (ipsum, 6 lists)`, the weightiest first, and their sum where the score is
/// another.
pub(super) fn reasons(alert: &Alert, escape: Escape) -> Vec<String> {
    let mut told =
        named(alert.reasons.iter().map(|it| escape(&it.to_string(), TITLE_MAX)), REASONS_MAX);
    let sum: i32 = alert.reasons.iter().map(|reason| reason.points).sum();
    if sum != i32::from(alert.score) {
        told.push(format!("{sum:+} in all, kept within 0 to 100"));
    }
    told
}

/// The source, and what is known of it.
pub(super) fn source(alert: &Alert, escape: Escape) -> Vec<String> {
    let mut told = vec![escape(&alert.address(), TEXT_MAX)];
    let addresses = alert.addresses();
    if addresses.len() > 1 {
        told.push(named(addresses.iter().map(ToString::to_string), NAMED_MAX).join(", "));
    }
    told.extend(alert.country.map(|country| country.to_string()));
    let network = alert.autonomous_system.iter();
    told.extend(network.map(|it| escape(&it.to_string(), TEXT_MAX)));
    told.extend(named(alert.lists.iter().map(|list| escape(list, TEXT_MAX)), NAMED_MAX));
    let network = alert.trusted_network.iter();
    told.extend(network.map(|it| format!("in the trusted network {}", escape(it, TEXT_MAX))));
    told
}

/// `at least 42`.
pub(super) fn calls(alert: &Alert) -> String {
    let at_least = if alert.is_at_least { "at least " } else { "" };
    format!("{at_least}{}", alert.calls)
}

/// `AWS, GCP`.
pub(super) fn clouds(alert: &Alert) -> String {
    let clouds: Vec<&str> = alert.clouds.iter().map(|cloud| cloud.name()).collect();
    clouds.join(", ")
}

/// The accounts known of an alert, in order.
pub(super) fn accounts(alert: &Alert) -> Vec<&str> {
    let mut accounts: Vec<&str> = alert.samples.iter().filter_map(Sample::account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}

/// The accounts known of an alert, with their clouds: `AWS 111111111111`.
pub(super) fn accounts_of_clouds(alert: &Alert, escape: Escape) -> Vec<String> {
    let of =
        |sample: &Sample| Some(format!("{} {}", sample.cloud, escape(sample.account()?, TEXT_MAX)));
    let mut accounts: Vec<String> = alert.samples.iter().filter_map(of).collect();
    accounts.sort_unstable();
    accounts.dedup();
    named(accounts.into_iter(), NAMED_MAX)
}

/// The samples to show, by time; of more than `most` the successes first.
pub(super) fn samples(alert: &Alert, most: usize) -> Vec<&Sample> {
    let mut samples: Vec<&Sample> = alert.samples.iter().collect();
    samples.sort_by_key(|sample| !sample.kind.is_success());
    samples.truncate(most);
    samples.sort_by_key(|sample| sample.time);
    samples
}

/// What stands over the samples, where so many of them are shown.
pub(super) fn over_samples(alert: &Alert, shown: usize) -> String {
    match shown {
        0 => "calls not kept: too much else happened that day".to_owned(),
        shown if shown < alert.calls || alert.is_at_least => {
            format!("{shown} of {} calls", calls(alert))
        }
        _ => "calls".to_owned(),
    }
}

/// `2026-03-02T08:00:00Z ConsoleLogin: sign-in failed by alice (arn…)`, and where known on what, in
/// which service, and with what; from where, if the alert has several addresses.
pub(super) fn call(alert: &Alert, sample: &Sample, escape: Escape) -> String {
    let text = |text: &str| escape(text, TEXT_MAX);
    let who = match (sample.name(), sample.principal()) {
        (Some(name), Some(uid)) if name != uid => format!("{} ({})", text(name), text(uid)),
        (name, uid) => name.or(uid).map_or("somebody the cloud does not tell".to_owned(), text),
    };
    let (operation, outcome) = (text(sample.operation()), ocsf::outcome(sample.kind));
    let mut call = format!("{} {operation}: {outcome}", sample.time);
    if let Some(code) = sample.status_code() {
        call.extend([" (", &text(code), ")"]);
    }
    call.extend([", by ", &who]);
    if let Some(resource) = sample.resource() {
        call.extend([", on ", &text(resource)]);
    }
    call.extend([", in ", &text(sample.service())]);
    if let Some(region) = sample.region() {
        call.extend([" ", &text(region)]);
    }
    if let Some(agent) = sample.user_agent() {
        call.extend([", with ", &text(agent)]);
    }
    if alert.addresses().len() > 1 {
        call.extend([", from ", &text(sample.address())]);
    }
    call
}

/// The first few, and how many more there are.
fn named(mut items: impl ExactSizeIterator<Item = String>, most: usize) -> Vec<String> {
    let mut shown: Vec<String> = items.by_ref().take(most).collect();
    if items.len() > 0 {
        shown.push(format!("and {} more", items.len()));
    }
    shown
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::intelligence::AutonomousSystem;
    use callerwatch_detection::score::Reason;

    use super::*;
    use crate::sns::cases;
    use crate::sns::escape::defanged;

    #[test]
    fn what_is_known_of_a_source() {
        let mut alert = cases::spray();
        alert.country = "NL".parse().ok();
        let name = Some("Net <example.com>".to_owned());
        alert.autonomous_system = Some(AutonomousSystem { number: 64500, name });
        alert.lists = vec!["tor (exits)".to_owned(), "malicious (ipsum, 6 lists)".to_owned()];
        alert.trusted_network = Some("HQ vpn.example".to_owned());
        assert_eq!(
            source(&alert, defanged),
            [
                "203.0.113.7",
                "NL",
                "AS64500 Net <example[.]com>",
                "tor (exits)",
                "malicious (ipsum, 6 lists)",
                "in the trusted network HQ vpn[.]example"
            ]
        );
        alert.lists = vec!["tor (exits)".to_owned(); NAMED_MAX + 3];
        assert_eq!(source(&alert, defanged)[3 + NAMED_MAX], "and 3 more");
    }

    #[test]
    fn addresses_of_a_network_are_told_with_the_calls() {
        let alert = cases::spray_from("2001:db8::7");
        assert_eq!(source(&alert, defanged), ["2001:db8::7"]);
        let alert = cases::hopping();
        assert_eq!(
            source(&alert, defanged),
            [
                "2001:db8::/64",
                &(0..7).map(|n| format!("2001:db8::{}", n + 1)).collect::<Vec<_>>().join(", ")
            ]
        );
        assert!(call(&alert, &alert.samples[0], defanged).ends_with(", from 2001:db8::1"));
    }

    #[test]
    fn a_sum_that_is_not_the_score_is_told() {
        let mut alert = cases::spray();
        assert_eq!(
            reasons(&alert, defanged),
            ["+60 password spray on 7 accounts: 7 of 7 accounts here only failed"]
        );
        alert.reasons = vec![Reason::new(20, "a"), Reason::new(-30, "trusted network b.example")];
        alert.score = 0;
        assert_eq!(
            reasons(&alert, defanged),
            ["+20 a", "-30 trusted network b[.]example", "-10 in all, kept within 0 to 100"]
        );
    }

    #[test]
    fn whoever_is_not_told() {
        let alert = cases::nameless();
        assert_eq!(
            call(&alert, &alert.samples[0], defanged),
            "2026-03-02T08:00:00Z ListUsers: denied, by somebody the cloud does not tell, in \
             iam[.]amazonaws[.]com eu-west-1, with curl/8.5.0"
        );
    }

    #[test]
    fn samples_say_how_many_they_are_of() {
        let mut alert = cases::hostile();
        assert_eq!(over_samples(&alert, 1), "1 of 20 calls");
        alert.is_at_least = true;
        assert_eq!(over_samples(&alert, 20), "20 of at least 20 calls");
        alert.is_at_least = false;
        assert_eq!(over_samples(&alert, 20), "calls");
    }
}
