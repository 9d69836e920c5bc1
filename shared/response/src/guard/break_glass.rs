//! Whether somebody works from an address who must never be cut off.
//!
//! Who is meant is said as policies say it, by patterns of the ARNs of users and roles. Evidence leaves
//! their paths out, and knows sessions of people by ARNs of their own; so each pattern stands for those
//! too. Wider than meant is safe here: it denies less.

use std::collections::BTreeSet;

use callerwatch_detection::activity::Cloud;
use callerwatch_detection::evidence::{Entry, Kind, principal_hash};
use callerwatch_detection::plain::plain;
use callerwatch_detection::policy::is_like;

use super::people::{NAME_MAX, list, name};
use super::{Facts, Guard, Verdict};

pub(super) fn judge(facts: &Facts<'_>, verdict: &mut Verdict) {
    let patterns: Vec<String> =
        facts.break_glass.iter().flat_map(|it| as_in_evidence(it)).collect();
    let exact = patterns.iter().filter_map(|arn| principal_hash(Cloud::Aws, Some(arn)));
    let exact: BTreeSet<u64> = exact.collect();
    let is_one = |text: &str| patterns.iter().any(|pattern| is_like(pattern, text));
    let mut found = BTreeSet::new();
    for ledger in facts.ledgers {
        // Anybody can fail as a break-glass principal, and must not be safe for it.
        let succeeded = ledger.entries.iter().filter(|entry| {
            entry.kind().is_success() || matches!(entry.kind(), Kind::Seen | Kind::PasswordCorrect)
        });
        for principal in succeeded.filter_map(Entry::principal) {
            let known = facts.names.get(&principal);
            if exact.contains(&principal) || known.is_some_and(|known| is_one(known)) {
                found.insert(name(principal, facts));
            }
        }
        let samples = ledger.samples.iter().filter(|sample| sample.kind.is_success());
        let named = samples.filter_map(|sample| sample.principal()).filter(|it| is_one(it));
        found.extend(named.map(|it| plain(it, NAME_MAX)));
    }
    if !found.is_empty() {
        let reason = format!("break-glass works from there: {}", list(&found));
        verdict.refuse(Guard::BreakGlass, reason);
    }
}

/// A pattern, and what evidence calls whom it means.
fn as_in_evidence(pattern: &str) -> Vec<String> {
    let mut patterns = vec![pattern.to_owned()];
    let parts: Vec<&str> = pattern.splitn(6, ':').collect();
    let [arn, partition, _, region, account, resource] = *parts else { return patterns };
    let Some((kind, rest)) = resource.split_once('/') else { return patterns };
    let own = rest.rsplit('/').next().unwrap_or(rest);
    patterns.push(format!("{arn}:{partition}:iam:{region}:{account}:{kind}/{own}"));
    if kind != "user" {
        patterns.push(format!("{arn}:{partition}:sts:{region}:{account}:assumed-role/{own}/*"));
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_meant() {
        let role = "arn:aws:iam::111111111111:role/ops/BreakGlass*";
        for (pattern, principal, expected) in [
            (role, "arn:aws:iam::111111111111:role/BreakGlass", true),
            (role, "arn:aws:iam::111111111111:role/BreakGlass-1", true),
            (role, "arn:aws:sts::111111111111:assumed-role/BreakGlass-1/alice", true),
            (role, "arn:aws:iam::222222222222:role/BreakGlass", false),
            (role, "arn:aws:iam::111111111111:role/NoBreakGlass", false),
            (role, "arn:aws:iam::111111111111:user/BreakGlass", false),
            ("arn:aws:iam::*:user/ops/root?", "arn:aws:iam::1:user/root1", true),
            ("arn:aws:iam::*:user/ops/root?", "arn:aws:iam::1:user/root", false),
            ("arn:aws:iam::111111111111:root", "arn:aws:iam::111111111111:root", true),
            ("*", "arn:aws:iam::111111111111:user/alice", true),
            ("", "arn:aws:iam::111111111111:user/alice", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
        ] {
            let patterns = as_in_evidence(pattern);
            let is_meant = patterns.iter().any(|it| is_like(it, principal));
            assert_eq!(is_meant, expected, "{pattern} {principal}");
        }
    }
}
