//! Failed sign-ins of many accounts from one source.

use super::login_failures::is_failure;
use super::window::{Completed, Distinct, Share, plural, slide};
use super::{Detection, Parameter, Technique, Unit};
use crate::evidence::Entry;
use crate::finding::Finding;
use crate::score::Reason;
use crate::view::View;

/// Failed sign-ins of many accounts from one source.
pub(super) static DETECTION: Detection = Detection {
    id: "password-spray",
    title: "Password spray",
    logic: "Sign-ins of at least `accounts` distinct accounts from one source fail within \
            `window_minutes`. Low while under half of the accounts active there only failed, High \
            from 80%.",
    score: "By the share of accounts active there that only failed: 20 under half, 40 from half, \
            60 from 80%.",
    parameters: &[ACCOUNTS, WINDOW],
    technique: Technique {
        tactic: ("TA0006", "Credential Access"),
        technique: ("T1110.003", "Brute Force: Password Spraying"),
    },
    false_positives: "An office or a VPN gateway whose staff mistype, or must all change their \
                      passwords; a migration that signs many accounts in with old secrets.",
    runbook: "See whether any account signed in from this address during or after the spray: that \
              one has a guessed password, so end its sessions and reset it first. Deny the \
              address. Where most accounts here work normally, it is an office or VPN with \
              mistyped passwords.",
    find,
};

const ACCOUNTS: Parameter = Parameter {
    name: "accounts",
    unit: Unit::Count { within: &WINDOW },
    default: 5,
    meaning: "distinct accounts that fail",
};
const WINDOW: Parameter = Parameter {
    name: "window_minutes",
    unit: Unit::Minutes,
    default: 20,
    meaning: "within which they fail",
};

/// The windows in which a spray was completed, by day.
pub(super) fn sprays(view: &View<'_>) -> Vec<Completed> {
    let accounts = view.count(&DETECTION, &ACCOUNTS);
    let secs = view.secs(&DETECTION, &WINDOW);
    let tally = Distinct::new(Entry::principal);
    slide(&view.calls, is_failure, secs, tally, |distinct| distinct.len() >= accounts)
}

fn find(view: &View<'_>) -> Vec<Finding> {
    sprays(view).into_iter().map(|spray| of_spray(view, spray)).collect()
}

fn of_spray(view: &View<'_>, spray: Completed) -> Finding {
    let share = Share::of(view, &spray.selection, spray.day);
    let mut accounts: Vec<_> =
        spray.selection.of(&view.calls).filter_map(Entry::principal).collect();
    accounts.sort_unstable();
    accounts.dedup();
    Finding {
        detection: &DETECTION,
        day: spray.day,
        headline: format!(
            "{} of {}",
            plural(spray.selection.of(&view.calls).count(), "failed sign-in"),
            plural(accounts.len(), "account")
        ),
        base: Reason::new(
            share.severity().points(),
            format!("password spray on {}: {share}", plural(accounts.len(), "account")),
        ),
        is_of_address: false,
        reasons: Vec::new(),
        weighs_targets: true,
        selection: spray.selection,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{Row, check};

    #[test]
    fn distinct_accounts_in_a_window() {
        check(
            "password-spray",
            &[
                Row::new(
                    "1 fail a,b,c,d,e every 60s",
                    "2026-03-02 High 60: 5 failed sign-ins of 5 accounts",
                ),
                Row::new("2 fail a,b,c,d every 60s", ""),
                Row::new("1 fail a,b,c,d,e every 301s", ""),
                // hidden names are no accounts
                Row::new("9 fail - every 60s; 1 fail a,b,c,d every 1s", ""),
                // what is guessed does not excuse the rest
                Row::new(
                    "1 fail a,b,c,d,e every 60s; after 30s 1 login a,b,c",
                    "2026-03-02 High 60: 5 failed sign-ins of 5 accounts",
                ),
                // nor do accounts of another cloud, or of strangers
                Row::new(
                    "1 gcp:ok p,q,r,s,t; 1 foreign x,y,z,u,v,w; 1 fail a,b,c,d,e every 60s",
                    "2026-03-02 High 60: 5 failed sign-ins of 5 accounts",
                ),
                // an office: each signs in a minute later
                Row::new(
                    "1 fail a,b,c,d,e every 60s; after 30s 1 login a,b,c,d,e every 60s",
                    "2026-03-02 Low 20: 5 failed sign-ins of 5 accounts",
                ),
                Row::new(
                    "1 login v,w,x,y,z every 1s; 1 fail a,b,c,d,e every 60s",
                    "2026-03-02 Medium 40: 5 failed sign-ins of 5 accounts",
                ),
            ],
        );
    }
}
