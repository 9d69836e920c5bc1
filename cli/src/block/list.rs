//! `block list`: what is denied, why, until when, and what became of it in each target.

use std::io::{self, Write};

use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::{By, Cause, Denial, Placed, Removal, State, Store, TargetId};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::{Deployment, now, shown};
use crate::args::Format;
use crate::report::{brief, plain, plain_json};

/// Causes of a denial that are told to people; JSON has all of them.
const CAUSES_MAX: usize = 5;

pub(super) async fn list(deployment: &Deployment, format: Format) -> anyhow::Result<u8> {
    let now = now();
    let denials = deployment.store.denials().await?;
    let (mut let_go, mut denials): (Vec<Denial>, Vec<Denial>) =
        denials.into_iter().partition(Denial::is_let_go);
    denials.sort_by_key(|it| (it.is_over(now), it.until, it.network));
    let_go.sort_by_key(|it| (it.until, it.network));
    let mut out = io::BufWriter::new(io::stdout().lock());
    for denial in &denials {
        match format {
            Format::Text => text(&mut out, denial, now)?,
            Format::Json => writeln!(out, "{}", plain_json(&object(denial, now).to_string()))?,
        }
    }
    if denials.is_empty() && format == Format::Text {
        writeln!(out, "nothing is denied")?;
    }
    for (network, removal) in
        let_go.iter().filter_map(|it| Some((it.network, it.removed.as_ref()?)))
    {
        match format {
            Format::Text => let_go_text(&mut out, &network, removal)?,
            Format::Json => {
                let told = let_go_object(&network, removal);
                writeln!(out, "{}", plain_json(&told.to_string()))?;
            }
        }
    }
    let mut targets = deployment.settings.targets.clone();
    for target in deployment.store.targets().await? {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    for target in targets {
        let Placed { ours, foreign, .. } = deployment.store.placed(&target).await?;
        let (ours, others) = (ours.len(), foreign.len());
        match format {
            Format::Text => {
                let target = plain(&target.to_string());
                writeln!(out, "{target}: {ours} of ours, {others} of others")?;
            }
            Format::Json => {
                let told = json!({ "target": target.to_string(), "ours": ours, "others": others });
                writeln!(out, "{}", plain_json(&told.to_string()))?;
            }
        }
    }
    out.flush()?;
    Ok(0)
}

fn text(out: &mut impl Write, denial: &Denial, now: Timestamp) -> io::Result<()> {
    let Denial { network, since, until, causes, states, removed, .. } = denial;
    let left = if denial.is_over(now) { "ended".to_owned() } else { left(*until, now) };
    writeln!(out, "{}  since {since} until {until} ({left})", shown(network))?;
    if let Some(removed) = removed {
        writeln!(out, "    ended: {}", brief(&removed.why))?;
    }
    let mut causes: Vec<(&String, &Cause)> = causes.iter().collect();
    causes.sort_by_key(|(_, cause)| std::cmp::Reverse(cause.score));
    for (uid, cause) in causes.iter().take(CAUSES_MAX) {
        writeln!(out, "    {}", why(uid, cause))?;
    }
    if let Some(more) = causes.len().checked_sub(CAUSES_MAX).filter(|it| *it > 0) {
        writeln!(out, "    and {more} more reasons")?;
    }
    for (target, state) in states {
        writeln!(out, "    {}: {}", plain(&target.to_string()), in_words(state))?;
    }
    Ok(())
}

/// Whence a network was let go, and until when that is remembered.
fn let_go_text(out: &mut impl Write, network: &IpNet, removal: &Removal) -> io::Result<()> {
    let Removal { time, why, until, .. } = removal;
    let network = shown(network);
    writeln!(
        out,
        "{network}  was let go at {time}, and is not denied for the same alerts until {until}"
    )?;
    writeln!(out, "    ended: {}", brief(why))
}

fn let_go_object(network: &IpNet, removal: &Removal) -> Value {
    json!({
        "let_go": network.to_string(),
        "time": removal.time.to_string(),
        "by": removal.by,
        "why": removal.why,
        "remembered_until": removal.until.to_string(),
    })
}

/// `High 61 40 failed sign-ins …; uid 0123`, or what a person gave for a reason.
fn why(uid: &str, cause: &Cause) -> String {
    let Cause { by, title, score, severity, .. } = cause;
    match by {
        By::Alert(_) => format!("{severity} {score}  {}; uid {}", brief(title), plain(uid)),
        By::Person(_) => brief(title),
    }
}

/// `23 h 59 min left`.
fn left(until: Timestamp, now: Timestamp) -> String {
    let minutes = (until.millis() - now.millis()).max(0) / 60_000;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min left"),
        (0, hours, minutes) => format!("{hours} h {minutes} min left"),
        (days, hours, _) => format!("{days} d {hours} h left"),
    }
}

pub(super) fn in_words(state: &State) -> String {
    match state {
        State::Pending => "to be denied".to_owned(),
        State::Denied => "denied".to_owned(),
        State::Foreign => "denied by others, and not taken away with this".to_owned(),
        State::NoRoom => {
            "not denied: it has no room, and denies others of a higher score".to_owned()
        }
        State::Left => {
            "denied still, where this deployment no longer looks after it: `callerwatch block \
             rollback` takes it out"
                .to_owned()
        }
        State::Failed(why) => format!("not denied, and tried again: {}", plain(why)),
    }
}

fn object(denial: &Denial, now: Timestamp) -> Value {
    let cause = |(uid, cause): (&String, &Cause)| {
        let (detection, person) = match &cause.by {
            By::Alert(detection) => (Some(detection), None),
            By::Person(person) => (None, Some(person)),
        };
        json!({
            "uid": uid,
            "since": cause.since.to_string(),
            "analytic": detection,
            "person": person,
            "title": cause.title,
            "risk_score": cause.score,
            "severity": cause.severity.name(),
            "severity_id": cause.severity.id(),
        })
    };
    let state = |(target, state): (&TargetId, &State)| json!({ "target": target.to_string(), "state": word(state), "detail": in_words(state) });
    json!({
        "network": denial.network.to_string(),
        "since": denial.since.to_string(),
        "until": denial.until.to_string(),
        "is_over": denial.is_over(now),
        "causes": denial.causes.iter().map(cause).collect::<Vec<_>>(),
        "states": denial.states.iter().map(state).collect::<Vec<_>>(),
    })
}

/// For machines.
pub(super) fn word(state: &State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Denied => "denied",
        State::Foreign => "foreign",
        State::NoRoom => "no room",
        State::Left => "left",
        State::Failed(_) => "failed",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use callerwatch_detection::score::Severity;
    use callerwatch_response::TargetKind;

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(1_772_443_500_000).unwrap().plus_secs(secs)
    }

    fn a_denial() -> Denial {
        let by = By::Alert("password-spray".to_owned());
        let title = "40 failed sign-ins as \u{202e}\x1b[31m".to_owned();
        let cause = Cause { since: at(0), by, title, score: 61, severity: Severity::High };
        let target =
            |kind| TargetId { kind, arn: format!("arn:aws:x::111111111111:{}", kind.as_str()) };
        Denial {
            network: "203.0.113.7/32".parse().unwrap(),
            causes: [("00ff".to_owned(), cause)].into(),
            since: at(0),
            until: at(26 * 3600),
            states: [
                (target(TargetKind::Policy), State::Denied),
                (target(TargetKind::Ipv4Set), State::Failed("it \x1b broke".to_owned())),
            ]
            .into(),
            removed: None,
            let_go: BTreeMap::new(),
        }
    }

    fn removal() -> Removal {
        let by = "arn:aws:iam::111111111111:user/alice".to_owned();
        let why = "rolled \u{1b}back".to_owned();
        Removal { time: at(60), by, why, until: at(7200), is_done: false }
    }

    fn told(denial: &Denial, now: Timestamp) -> String {
        let mut out = Vec::new();
        text(&mut out, denial, now).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_denial_for_people_has_no_text_that_moves_a_cursor() {
        let expected = "\
203.0.113.7  since 2026-03-02T09:25:00Z until 2026-03-03T11:25:00Z (1 d 1 h left)
    High 61  40 failed sign-ins as \\u{202e}\\u{1b}[31m; uid 00ff
    policy arn:aws:x::111111111111:policy: denied
    ipv4-set arn:aws:x::111111111111:ipv4-set: not denied, and tried again: it \\u{1b} broke
";
        assert_eq!(told(&a_denial(), at(60)), expected);
    }

    #[test]
    fn what_ended_says_who_ended_it() {
        let text = told(&a_denial().ended(removal()), at(61));
        let expected = "(ended)\n    ended: rolled \\u{1b}back\n    High 61";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn what_was_let_go_says_until_when_it_is_remembered() {
        let mut out = Vec::new();
        let_go_text(&mut out, &a_denial().network, &removal()).unwrap();
        let expected = "\
203.0.113.7  was let go at 2026-03-02T09:26:00Z, and is not denied for the same alerts until 2026-03-02T11:25:00Z
    ended: rolled \\u{1b}back
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let told = let_go_object(&a_denial().network, &removal());
        assert_eq!(told["let_go"], "203.0.113.7/32");
        assert!(told.get("network").is_none());
    }

    #[test]
    fn how_long_is_left() {
        for (secs, expected) in [
            (-5, "0 min left"),
            (119, "1 min left"),
            (3660, "1 h 1 min left"),
            (90_000, "1 d 1 h left"),
        ] {
            assert_eq!(left(at(secs), at(0)), expected);
        }
    }

    #[test]
    fn a_denial_for_machines() {
        let told = object(&a_denial(), at(60));
        assert_eq!(told["network"], "203.0.113.7/32");
        assert_eq!(told["causes"][0]["uid"], "00ff");
        assert_eq!(told["causes"][0]["analytic"], "password-spray");
        assert_eq!(told["states"][0]["state"], "denied");
        assert_eq!(told["states"][1]["state"], "failed");
        assert_eq!(told["is_over"], false);
    }
}
