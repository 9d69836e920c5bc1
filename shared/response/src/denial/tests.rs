//! What asking does, before and after somebody ended what was asked for.

use super::*;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(1_772_443_500_000).unwrap().plus_secs(hours * 3600)
}

fn network() -> IpNet {
    "203.0.113.7/32".parse().unwrap()
}

/// An alert asks for a day, of what happened until an hour before.
fn asked(known: Option<&Denial>, uid: &str, score: u8, hours: i64) -> Effect {
    with_evidence_of(known, uid, score, hours, hours - 1)
}

fn with_evidence_of(known: Option<&Denial>, uid: &str, score: u8, hours: i64, last: i64) -> Effect {
    let by = By::Alert("password-spray".to_owned());
    let title = "a spray".to_owned();
    let cause = Cause { since: at(hours), by, title, score, severity: Severity::of_score(score) };
    ask(known, network(), uid, cause, at(last), at(hours + 24))
}

fn new(effect: Effect) -> Denial {
    let Effect::New(denial) = effect else { panic!("{effect:?}") };
    denial
}

fn removed(denial: &Denial, hours: i64, until: i64) -> Denial {
    denial.ended(Removal {
        time: at(hours),
        by: "alice".to_owned(),
        why: "it was our scanner".to_owned(),
        until: at(until),
        is_done: true,
    })
}

#[test]
fn what_was_ended_is_not_denied_again_for_the_same_alert() {
    let ended = removed(&new(asked(None, "a", 60, 0)), 2, 10);
    assert_eq!((ended.until, ended.is_let_go()), (at(2), true));
    // It would have lasted for 24 hours, which is longer than what was asked to be remembered.
    assert_eq!(ended.removed.as_ref().map(|it| it.until), Some(at(24)));
    for hours in [2, 10, 23] {
        assert_eq!(asked(Some(&ended), "a", 60, hours), Effect::Over, "{hours}");
    }
    // A score that rose for what happened before changes nothing, and one that did not rise neither.
    assert_eq!(with_evidence_of(Some(&ended), "a", 80, 5, 2), Effect::Over);
    assert_eq!(with_evidence_of(Some(&ended), "a", 60, 5, 4), Effect::Over);
    assert_eq!(new(with_evidence_of(Some(&ended), "a", 80, 5, 3)).since, at(5));
    // A longer memory that was asked for.
    let ended = removed(&new(asked(None, "a", 60, 0)), 2, 48);
    assert_eq!(asked(Some(&ended), "a", 60, 47), Effect::Over);
}

#[test]
fn another_alert_begins_anew_and_the_first_does_not_extend_it() {
    let ended = removed(&new(asked(None, "a", 60, 0)), 2, 10);
    let again = new(asked(Some(&ended), "b", 40, 3));
    assert_eq!((again.removed.clone(), again.is_let_go(), again.score()), (None, false, 40));
    assert_eq!(asked(Some(&again), "a", 60, 4), Effect::Over);
    assert_eq!(asked(Some(&again), "b", 40, 4), Effect::Known);
    let again = removed(&again, 5, 10);
    for uid in ["a", "b"] {
        assert_eq!(asked(Some(&again), uid, 40, 6), Effect::Over, "{uid}");
    }
}

#[test]
fn what_ended_by_itself_and_is_somewhere_still_is_over() {
    let denial = new(asked(None, "a", 60, 0));
    assert_eq!(asked(Some(&denial), "a", 60, 23), Effect::Known);
    assert_eq!(asked(Some(&denial), "a", 60, 24), Effect::Over);
    assert_eq!(new(asked(Some(&denial), "a", 61, 24)).since, at(24));
}

#[test]
fn each_cause_has_its_own_time() {
    let first = new(asked(None, "a", 60, 0));
    let Effect::Extended(both) = asked(Some(&first), "b", 60, 7) else { panic!("not extended") };
    assert_eq!((both.since, both.causes["a"].since, both.causes["b"].since), (at(0), at(0), at(7)));
    let Effect::Extended(risen) = asked(Some(&both), "a", 80, 9) else { panic!("not extended") };
    assert_eq!(risen.causes["a"].since, at(9));
}

#[test]
fn of_what_was_let_go_the_newest_is_remembered() {
    let mut denial = new(asked(None, "0", 60, 0));
    for hours in 1..100 {
        denial = removed(&denial, hours, hours + 500);
        denial = new(asked(Some(&denial), &hours.to_string(), 60, hours));
    }
    assert_eq!(denial.let_go.len(), LET_GO_MAX);
    assert_eq!(asked(Some(&denial), "98", 60, 100), Effect::Over);
}
