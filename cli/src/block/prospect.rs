//! What targets would hold, were one more address denied.
//!
//! Reads them, and writes nothing.

use callerwatch_detection::score::Severity;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::{
    By, Cause, Denial, Effect, Room, State, Store, Target, TargetId, ask, plan,
};
use ipnet::IpNet;

use super::{Deployment, shown};
use crate::report::plain;

/// What has no room goes by its score, and what a person asked for goes last.
const SCORE: u8 = 100;

/// One target.
#[derive(Debug)]
pub(super) struct Prospect {
    pub(super) target: TargetId,
    /// What it would hold, or why it cannot be asked.
    pub(super) would: Result<Would, String>,
}

/// What a target would hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Would {
    /// Prefixes of ours that it holds now.
    pub(super) ours: usize,
    /// Prefixes of others.
    pub(super) others: usize,
    /// Prefixes of ours that it would hold.
    pub(super) then: usize,
    /// What would become of the denial there.
    pub(super) state: State,
    /// What would be left of the room: `9,987 prefixes`.
    pub(super) left: String,
}

/// What a person asks for. Each time it is asked for is a cause of its own, so that it may be asked for
/// again.
pub(super) fn asked(
    denials: &[Denial],
    network: IpNet,
    person: &str,
    reason: &str,
    now: Timestamp,
    until: Timestamp,
) -> Option<(Denial, bool)> {
    let known = denials.iter().find(|it| it.network == network);
    let cause = Cause {
        since: now,
        by: By::Person(person.to_owned()),
        title: format!("{reason} (by hand, {person})"),
        score: SCORE,
        severity: Severity::Critical,
    };
    let uid = format!("{} {person}", now.millis());
    match ask(known, network, &uid, cause, now, until) {
        Effect::New(denial) => Some((denial, true)),
        Effect::Extended(denial) => Some((denial, false)),
        Effect::Known | Effect::Over => None,
    }
}

/// Asks each target that can deny it.
pub(super) async fn prospects(
    deployment: &Deployment,
    denials: &[Denial],
    more: &Denial,
    now: Timestamp,
) -> anyhow::Result<Vec<Prospect>> {
    let mut prospects = Vec::new();
    for target in deployment.targets.iter().filter(|it| it.takes(&more.network)) {
        let id = target.id();
        let others = denials.iter().filter(|it| it.network != more.network && !it.is_over(now));
        let wanted: Vec<&Denial> =
            others.filter(|it| target.takes(&it.network)).chain([more]).collect();
        let placed = deployment.store.placed(id).await?;
        let would = match target.read().await {
            Ok(held) => {
                let plan = plan(id, &held, &placed, &wanted, now);
                let state = plan.states.get(&more.network).cloned();
                Ok(Would {
                    ours: held.networks.intersection(&placed.ours).count(),
                    others: plan.after.foreign.len(),
                    then: plan.after.ours.len(),
                    state: state.unwrap_or(State::Pending),
                    left: left(held.room, plan.networks.iter()),
                })
            }
            Err(error) => Err(plain(&format!("{:#}", anyhow::Error::from(error)))),
        };
        prospects.push(Prospect { target: id.clone(), would });
    }
    Ok(prospects)
}

/// Whether there is room in each that could be asked, as the guards want to know.
pub(super) fn room(prospects: &[Prospect]) -> Vec<(TargetId, bool)> {
    let of = |it: &Prospect| {
        let would = it.would.as_ref().ok()?;
        Some((it.target.clone(), would.state != State::NoRoom))
    };
    prospects.iter().filter_map(of).collect()
}

fn left<'a>(room: Room, networks: impl Iterator<Item = &'a IpNet>) -> String {
    match room {
        Room::Prefixes(prefixes) => {
            format!("{} prefixes", prefixes.saturating_sub(networks.count()))
        }
        Room::Characters(characters) => {
            let taken: usize = networks.map(|it| shown(it).len() + 3).sum();
            format!("{} characters", characters.saturating_sub(taken))
        }
    }
}

#[cfg(test)]
mod tests {
    use callerwatch_response::Removal;

    use super::*;

    const ALICE: &str = "arn:aws:iam::111111111111:user/alice";

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(1_772_443_500_000).unwrap().plus_secs(secs)
    }

    fn network() -> IpNet {
        "203.0.113.7/32".parse().unwrap()
    }

    #[test]
    fn a_person_may_ask_again_and_after_it_ended() {
        let ask = |denials: &[Denial], secs, hours: i64| {
            let until = at(secs + hours * 3600);
            asked(denials, network(), ALICE, "a scanner", at(secs), until).unwrap()
        };
        let (first, is_new) = ask(&[], 0, 24);
        assert!(is_new);
        assert_eq!((first.since, first.until, first.score()), (at(0), at(24 * 3600), 100));
        let (longer, is_new) = ask(std::slice::from_ref(&first), 60, 48);
        assert!(!is_new);
        assert_eq!((longer.since, longer.until), (at(0), at(60 + 48 * 3600)));
        assert_eq!(longer.causes.len(), 2);
        let (by, why) = (ALICE.to_owned(), "removed".to_owned());
        let removal = Removal { time: at(120), by, why, until: at(7200), is_done: true };
        let (again, is_new) = ask(&[longer.ended(removal)], 180, 1);
        assert!(is_new);
        assert_eq!((again.until, again.removed), (at(180 + 3600), None));
    }

    #[test]
    fn what_is_left_of_the_room() {
        let networks: Vec<IpNet> = vec![network(), "2001:db8:7::/64".parse().unwrap()];
        assert_eq!(left(Room::Prefixes(10_000), networks.iter()), "9998 prefixes");
        // 11 and 15 characters, with two quotes and a comma each.
        assert_eq!(left(Room::Characters(100), networks.iter()), "68 characters");
        assert_eq!(left(Room::Characters(10), networks.iter()), "0 characters");
    }
}
