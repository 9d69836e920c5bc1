//! Failed sign-ins of many accounts from one source, or from one network by changing addresses.

use super::login_failures::is_failure;
use super::window::{Completed, Distinct, Share, plural, slide};
use super::{Detection, Parameter, Technique, Unit};
use crate::evidence::Entry;
use crate::finding::Finding;
use crate::score::Reason;
use crate::source::Subject;
use crate::view::View;

/// Failed sign-ins of many accounts from one source.
pub(super) static DETECTION: Detection = Detection {
    id: "password-spray",
    title: "Password spray",
    logic: "Sign-ins of at least `accounts` distinct accounts fail within `window_minutes`, from \
            one source; or from at least `addresses` addresses of one network (IPv4 /24, IPv6 \
            /48), leaving out addresses that alert by themselves. Low while under half of the \
            accounts active there only failed, High from 80%; active in a network is who signs in \
            from it.",
    score: "By the share of accounts active there that only failed: 20 under half, 40 from half, \
            60 from 80%.",
    subjects: &[Subject::Source, Subject::Network],
    parameters: &[ACCOUNTS, WINDOW, ADDRESSES],
    technique: Technique {
        tactic: ("TA0006", "Credential Access"),
        technique: ("T1110.003", "Brute Force: Password Spraying"),
    },
    false_positives: "An office or a VPN gateway whose staff mistype, or must all change their \
                      passwords; a migration that signs many accounts in with old secrets.",
    runbook: "See whether any account signed in from there during or after the spray: that one has \
              a guessed password, so end its sessions and reset it first. Deny the address, or the \
              network. Where most accounts here work normally, it is an office or VPN with \
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

const ADDRESSES: Parameter = Parameter {
    name: "addresses",
    unit: Unit::Count { within: &WINDOW },
    default: 3,
    meaning: "distinct addresses of a network that a spray over it comes from",
};

/// The windows in which a spray was completed, by day.
pub(super) fn sprays(view: &View<'_>) -> Vec<Completed> {
    let accounts = view.count(&DETECTION, &ACCOUNTS);
    let secs = view.secs(&DETECTION, &WINDOW);
    let tally = Distinct::new(Entry::principal);
    slide(&view.calls, is_failure, secs, tally, |distinct| distinct.len() >= accounts)
}

/// The same, of sprays over the addresses of a network.
pub(super) fn spread(view: &View<'_>) -> Vec<Completed> {
    let accounts = view.count(&DETECTION, &ACCOUNTS);
    let addresses = view.count(&DETECTION, &ADDRESSES);
    let secs = view.secs(&DETECTION, &WINDOW);
    let tally = (Distinct::new(Entry::principal), Distinct::new(Entry::member));
    slide(&view.calls, is_failure, secs, tally, |(of_accounts, of_addresses)| {
        of_accounts.len() >= accounts && of_addresses.len() >= addresses
    })
}

fn find(view: &View<'_>) -> Vec<Finding> {
    let sprays = match view.key.subject() {
        Subject::Network => spread(view),
        _ => sprays(view),
    };
    sprays.into_iter().map(|spray| of_spray(view, spray)).collect()
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
    use super::super::check::{Row, check, found_by_default};

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

    #[test]
    fn over_a_network() {
        check(
            "password-spray",
            &[
                // an address for each account
                Row::new(
                    "1 fail@203.0.113.* a,b,c,d,e every 60s",
                    "2026-03-02 High 60: 5 failed sign-ins of 5 accounts from 203.0.113.0/24",
                ),
                Row::new(
                    "1 fail@2001:db8:7:*::1 a,b,c,d,e every 60s",
                    "2026-03-02 High 60: 5 failed sign-ins of 5 accounts from 2001:db8:7::/48",
                ),
                // two addresses, another /24 each, too slow, one account
                Row::new("1 fail@203.0.113.1 a,b,c; 1 fail@203.0.113.2 d,e", ""),
                Row::new("1 fail@203.0.*.1 a,b,c,d,e every 60s", ""),
                Row::new("1 fail@203.0.113.* a,b,c,d,e every 301s", ""),
                Row::new("9 fail@203.0.113.* a every 60s", ""),
                // private addresses have no network
                Row::new("1 fail@10.0.0.* a,b,c,d,e every 60s", ""),
                // a pool of addresses of an office: those who mistype sign in, and so do others
                Row::new(
                    "1 fail@203.0.113.* a,b,c,d,e every 60s; 1 login@203.0.113.9 a,b,c,d,e",
                    "2026-03-02 Low 20: 5 failed sign-ins of 5 accounts from 203.0.113.0/24",
                ),
                Row::new(
                    "1 login@203.0.113.* q,r,s,t,u,v; 1 fail@203.0.113.* a,b,c,d,e every 60s",
                    "2026-03-02 Low 20: 5 failed sign-ins of 5 accounts from 203.0.113.0/24",
                ),
                // strangers and other networks do not excuse it
                Row::new(
                    "1 login@198.51.100.* q,r,s,t,u,v; 1 fail@203.0.113.* a,b,c,d,e every 60s",
                    "2026-03-02 High 60: 5 failed sign-ins of 5 accounts from 203.0.113.0/24",
                ),
            ],
        );
    }

    /// What an address tells by itself is not told again, and hides nothing else.
    #[test]
    fn over_a_network_with_noisy_addresses() {
        check(
            "password-spray",
            &[
                // all that three addresses did is told
                Row::new(
                    concat!(
                        "1 fail@203.0.113.1 a,b,c,d,e; 1 fail@203.0.113.2 f,g,h,i,j; ",
                        "1 fail@203.0.113.3 k,l,m,n,o"
                    ),
                    concat!(
                        "2026-03-02 High 60: 5 failed sign-ins of 5 accounts\n",
                        "2026-03-02 High 60: 5 failed sign-ins of 5 accounts\n",
                        "2026-03-02 High 60: 5 failed sign-ins of 5 accounts"
                    ),
                ),
                // what the others did is too little
                Row::new(
                    "10 fail@203.0.113.9 z every 1s; 1 fail@203.0.113.* a,b,c,d every 60s",
                    "",
                ),
                // an address made noisy on purpose, before and after
                Row::new(
                    concat!(
                        "10 fail@203.0.113.9 z every 1s; 1 fail@203.0.113.* a,b,c,d,e every 60s; ",
                        "10 fail@203.0.113.8 z every 1s"
                    ),
                    "2026-03-02 High 60: 5 failed sign-ins of 5 accounts from 203.0.113.0/24",
                ),
                // nor do failures of an application, which are always Low
                Row::new(
                    concat!(
                        "10 fail@203.0.113.1 app; 10 fail@203.0.113.2 app; 10 fail@203.0.113.3 app; ",
                        "after 1300s 1 fail@203.0.113.1 a,b; 1 fail@203.0.113.2 c,d; ",
                        "1 fail@203.0.113.3 e,f"
                    ),
                    "2026-03-02 High 60: 6 failed sign-ins of 6 accounts from 203.0.113.0/24",
                ),
                // denials excuse no sign-ins
                Row::new(
                    "20 denied@203.0.113.* x; 1 fail@203.0.113.* a,b,c,d,e every 60s",
                    "2026-03-02 High 60: 5 failed sign-ins of 5 accounts from 203.0.113.0/24",
                ),
                Row::new(
                    concat!(
                        "20 denied@203.0.113.1 x; 20 denied@203.0.113.2 x; ",
                        "1 fail@203.0.113.* a,b,c,d,e every 60s"
                    ),
                    "2026-03-02 High 60: 5 failed sign-ins of 5 accounts from 203.0.113.0/24",
                ),
                // nor do failures that are slow and low
                Row::new(
                    concat!(
                        "22 fail@203.0.113.1 a every 1200s; 22 fail@203.0.113.2 b every 1200s; ",
                        "1 fail@203.0.113.* a,b,c,d,e every 60s"
                    ),
                    "2026-03-02 High 60: 5 failed sign-ins of 5 accounts from 203.0.113.0/24",
                ),
            ],
        );
    }

    /// An office behind a pool of eight addresses, and nothing at Medium at any time of its morning:
    /// of 800 who sign in within 40 minutes every 33rd mistypes first, and some give up.
    #[test]
    fn a_morning_behind_a_pool_of_addresses() {
        let part = |n: usize| {
            let (address, who) = (n % 8, format!("staff-{n}"));
            let typo = format!("1 fail@203.0.113.{address} {who} every 2s; ");
            let login = format!("1 login@203.0.113.{address} {who} every 3s; ");
            match n % 33 {
                7 if n.is_multiple_of(4) => typo,
                7 => typo + &login,
                _ => login,
            }
        };
        let parts: Vec<String> = (0..800).map(part).collect();
        for met in [100, 150, 200, 400, 800] {
            let found = found_by_default("password-spray", &parts[..met].concat());
            let is_told = met >= 140;
            assert_eq!(found.contains(" from 203.0.113.0/24"), is_told, "{met}: {found}");
            assert_eq!(found.contains("Low 20: "), is_told, "{met}: {found}");
            assert_eq!(found.lines().count(), usize::from(is_told), "{met}: {found}");
        }
    }
}
