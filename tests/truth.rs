//! What a generated day of logs has in it, and what must be told of it: the thresholds, read naively.

use std::collections::BTreeSet;

use callerwatch_detection::activity::{ApiActivity, Outcome};
use callerwatch_detection::score::Severity;
use callerwatch_detection::source::LedgerKey;
use serde::Deserialize;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// What the generator says it planted.
#[derive(Deserialize)]
pub(crate) struct Truth {
    pub(crate) items: Vec<Planted>,
}

/// An attack or a decoy.
#[derive(Deserialize)]
pub(crate) struct Planted {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) attack: bool,
    pub(crate) source_ips: Vec<String>,
    pub(crate) failures: usize,
    pub(crate) event_ids: Vec<String>,
}

/// A planted event, as it was read.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) millis: i64,
    pub(crate) outcome: Outcome,
    pub(crate) principal: String,
    pub(crate) operation: String,
    pub(crate) service: String,
}

/// What must be told of an attack.
#[derive(Default)]
pub(crate) struct Expected {
    /// The detection that names it.
    pub(crate) detection: &'static str,
    pub(crate) severities: Vec<Severity>,
    /// All calls that any detection must count; none where the attack must stay unseen.
    pub(crate) calls: BTreeSet<usize>,
}

impl Call {
    pub(crate) fn of(call: &ApiActivity<'_>) -> Self {
        Self {
            millis: call.time.expect("a time").millis(),
            outcome: call.outcome,
            principal: call.actor.uid.as_deref().unwrap_or_default().to_owned(),
            operation: call.operation.to_string(),
            service: call.service.to_string(),
        }
    }

    /// Whether the generator would say that it failed.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::LoginFailed | Outcome::Denied | Outcome::Throttled | Outcome::OtherError
        )
    }
}

impl Planted {
    /// The ledgers it is told in.
    pub(crate) fn keys(&self) -> Vec<LedgerKey> {
        let addresses = self.source_ips.iter();
        addresses.map(|ip| LedgerKey::of_public(ip.parse().expect("an address"))).collect()
    }

    /// What the default thresholds make of an attack's calls, which are in order of time.
    pub(crate) fn expected(&self, calls: &[Call]) -> Expected {
        use Severity::{Critical, High, Low, Medium};
        let at = |outcome: Outcome| -> Vec<usize> {
            (0..calls.len()).filter(|it| calls[*it].outcome == outcome).collect()
        };
        let covered = |of: &[usize], span: i64, is_enough: &dyn Fn(&[usize]) -> bool| {
            let millis = |it: &usize| calls[*it].millis;
            let windows = of.iter().map(|end| -> Vec<usize> {
                let lies_in =
                    |it: &&usize| (millis(end) - span..=millis(end)).contains(&millis(it));
                of.iter().filter(lies_in).copied().collect()
            });
            windows.filter(|window| is_enough(window)).flatten().collect::<BTreeSet<usize>>()
        };
        let distinct = |window: &[usize], what: fn(&Call) -> &str| {
            window.iter().map(|it| what(&calls[*it])).collect::<BTreeSet<_>>().len()
        };
        let failed = at(Outcome::LoginFailed);
        let mut failures = covered(&failed, 10 * MINUTE, &|window| window.len() >= 10);
        let is_burst = !failures.is_empty();
        failures.extend(covered(&failed, 24 * HOUR, &|window| window.len() >= 20));
        match self.kind.as_str() {
            // One account, which never succeeded there.
            "brute_force" => Expected {
                detection: "login-failures",
                severities: if is_burst { vec![High] } else { vec![Low] },
                calls: failures,
            },
            "slow_brute_force" => {
                Expected { detection: "login-failures", severities: vec![Low], calls: failures }
            }
            "password_spray" => {
                let is_spray = |window: &[usize]| distinct(window, |call| &call.principal) >= 5;
                let spray = covered(&failed, 20 * MINUTE, &is_spray);
                let is_met = !spray.is_empty();
                Expected {
                    detection: if is_met { "password-spray" } else { "login-failures" },
                    severities: if is_met || is_burst { vec![High] } else { vec![Low] },
                    calls: &spray | &failures,
                }
            }
            "success_after_failures" => {
                let mut guess: BTreeSet<usize> = at(Outcome::LoginSucceeded).into_iter().collect();
                for success in guess.clone() {
                    let before = failed.iter().filter(|it| **it < success);
                    let since = calls[success].millis - HOUR;
                    guess.extend(before.filter(|it| calls[**it].millis >= since));
                }
                let is_met = guess.len() > 5;
                Expected {
                    detection: if is_met { "login-after-failures" } else { "login-failures" },
                    severities: vec![Medium, High, Critical],
                    calls: if is_met { &guess | &failures } else { failures },
                }
            }
            "access_denied_burst" => {
                let burst =
                    covered(&at(Outcome::Denied), 10 * MINUTE, &|window| window.len() >= 15);
                // All principals are new there: 35, and 15 for an enumeration.
                let is_enumeration = |window: &[usize]| {
                    distinct(window, |call| &call.operation) >= 10
                        && distinct(window, |call| &call.service) >= 3
                };
                let of_burst: Vec<usize> = burst.iter().copied().collect();
                let enumeration = covered(&of_burst, 10 * MINUTE, &is_enumeration);
                let severity = if enumeration.is_empty() { Low } else { Medium };
                Expected { detection: "error-burst", severities: vec![severity], calls: burst }
            }
            "listed_ip" => Expected {
                detection: "listed-source",
                severities: vec![High],
                calls: (0..calls.len()).collect(),
            },
            // One failure an address.
            "distributed_spray" => Expected::default(),
            kind => panic!("{kind}: not known what must be found"),
        }
    }
}
