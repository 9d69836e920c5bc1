//! `block explain`: what speaks against denying an address, and what it would do. Changes nothing.

use std::io::{self, Write};

use callerwatch_detection::activity::Cloud;
use callerwatch_detection::steps::{Step, denying};
use callerwatch_response::guard::{Guard, Refusal, Verdict, judge};
use callerwatch_response::{Store, TargetId, TargetKind};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::add::{EXIT_REFUSED, candidate, overriding};
use super::facts::{Gathered, callers};
use super::prospect::{Prospect, Would, asked, prospects, room};
use super::{Deployment, list, now, shown};
use crate::EXIT_FAULT;
use crate::args::{ExplainOptions, Format};
use crate::report::{plain, plain_json};

/// What is asked of an address, whoever asks for it to be denied.
const GUARDS: [Guard; 10] = [
    Guard::Address,
    Guard::Width,
    Guard::Trusted,
    Guard::Listed,
    Guard::Caller,
    Guard::BreakGlass,
    Guard::Healthy,
    Guard::History,
    Guard::Hour,
    Guard::Room,
];
/// Where this tool denies nothing itself.
const CLOUDS: [Cloud; 2] = [Cloud::Azure, Cloud::Gcp];

/// Calls of your own APIs are in no log that is read.
const CUSTOMERS: &str = "who uses your own APIs from there is not known to callerwatch";

/// All that is said of an address.
struct Explanation {
    verdict: Verdict,
    prospects: Vec<Prospect>,
    commands: Vec<Step>,
    /// Why it is not known where the command calls from.
    unasked: Option<String>,
}

pub(super) async fn explain(options: &ExplainOptions) -> anyhow::Result<u8> {
    let ExplainOptions { address, table, state_bucket, person, format } = options;
    let deployment = Deployment::open_or(table, state_bucket.as_deref()).await?;
    let now = now();
    let mut gathered = Gathered::of(&deployment, address, now).await?;
    let unasked = match callers(&person.my_addresses).await {
        Ok(callers) => {
            gathered.callers = callers;
            None
        }
        Err(error) => Some(format!("{error:#}")),
    };
    let grounds = gathered.grounds(&deployment, now);
    let denials = deployment.store.denials().await?;
    let candidate = candidate(address, &person.cut_off);
    let mut verdict = judge(&candidate, &grounds.facts(&gathered.known, &denials, &[]));
    let denial = verdict.network.filter(is_denied_by_hand);
    let denial = denial.and_then(|it| asked(&denials, it, "", "", now, grounds.until()));
    let prospects = match &denial {
        Some((denial, _)) => prospects(&deployment, &denials, denial, now).await?,
        None => Vec::new(),
    };
    let room = room(&prospects);
    verdict = judge(&candidate, &grounds.facts(&gathered.known, &denials, &room));
    let commands = commands(&verdict, denial.as_ref().map(|(denial, _)| &denial.network));
    let told = Explanation { verdict, prospects, commands, unasked };
    let mut out = io::BufWriter::new(io::stdout().lock());
    match format {
        Format::Text => told.text(&mut out, address)?,
        Format::Json => writeln!(out, "{}", plain_json(&told.object().to_string()))?,
    }
    out.flush()?;
    let is_known = told.unasked.is_none() && told.prospects.iter().all(|it| it.would.is_ok());
    Ok(match told.verdict.allowed() {
        _ if !is_known => EXIT_FAULT,
        Some(_) => 0,
        None => EXIT_REFUSED,
    })
}

/// What denies it elsewhere, to be pasted: nothing for what must not be denied whoever is named.
fn commands(verdict: &Verdict, network: Option<&IpNet>) -> Vec<Step> {
    let may_be = verdict.refusals.iter().all(|it| it.unless_named.is_some());
    network.filter(|_| may_be).map(|network| denying(network, &CLOUDS)).unwrap_or_default()
}

/// What no guard can ask about a target.
fn unguarded(target: &TargetId) -> Option<&'static str> {
    match target.kind {
        TargetKind::Ipv4Set | TargetKind::Ipv6Set => Some(CUSTOMERS),
        TargetKind::Policy | TargetKind::OrganizationPolicy => None,
    }
}

/// What is wider than anything that is ever denied has no prospects.
fn is_denied_by_hand(network: &IpNet) -> bool {
    callerwatch_response::guard::keys(*network).is_some()
        || matches!(network, IpNet::V6(it) if it.prefix_len() >= 48)
}

impl Explanation {
    fn text(&self, out: &mut impl Write, address: &str) -> io::Result<()> {
        let Self { verdict, prospects, commands, unasked } = self;
        let network = verdict.network.as_ref().map_or_else(|| plain(address), shown);
        let may = if verdict.allowed().is_some() { "may be denied" } else { "must not be denied" };
        writeln!(out, "{network} {may}")?;
        writeln!(out, "guards")?;
        for guard in GUARDS {
            let is_it = |refusal: &&Refusal| refusal.guard == guard;
            let refusals: Vec<&Refusal> = verdict.refusals.iter().filter(is_it).collect();
            let overridden: Vec<&Refusal> = verdict.overridden.iter().filter(is_it).collect();
            if refusals.is_empty() && overridden.is_empty() {
                let passed = if self.is_asked(guard) { "pass" } else { "not asked" };
                writeln!(out, "  {guard:12} {passed}")?;
            }
            for refusal in refusals {
                writeln!(out, "  {guard:12} refuse: {}", plain(&refusal.reason))?;
            }
            for refusal in overridden {
                writeln!(out, "  {guard:12} pass, since you named it: {}", plain(&refusal.reason))?;
            }
        }
        if let Some(unasked) = unasked {
            writeln!(out, "  not known: {}", plain(unasked))?;
        }
        for note in &verdict.notes {
            writeln!(out, "  note: {}", plain(note))?;
        }
        if let Some(options) = overriding(&verdict.refusals) {
            writeln!(out, "  to deny it all the same: {options}")?;
        }
        writeln!(out, "targets")?;
        for Prospect { target, would } in prospects {
            writeln!(out, "  {}", plain(&target.to_string()))?;
            if let Some(unguarded) = unguarded(target) {
                writeln!(out, "    {unguarded}")?;
            }
            match would {
                Ok(Would { ours, others, then, state, left }) => {
                    let state = list::in_words(state);
                    writeln!(
                        out,
                        "    holds {ours} of ours and {others} of others; would hold {then} of ours, \
                         with room for {left} left;\n    it would be: {state}"
                    )?;
                }
                Err(why) => writeln!(out, "    cannot be asked: {why}")?,
            }
        }
        if prospects.is_empty() {
            writeln!(out, "  none that could deny it")?;
        }
        for Step { cloud, title, text, .. } in commands {
            writeln!(out, "{}: {title}\n  {text}", cloud.name())?;
        }
        if commands.is_empty() {
            let clouds = CLOUDS.map(Cloud::name).join(", ");
            writeln!(out, "{clouds}: no command, since nobody can take this on themselves")?;
        }
        Ok(())
    }

    /// Of what is no network, or too wide, little is asked.
    fn is_asked(&self, guard: Guard) -> bool {
        match guard {
            Guard::Address => true,
            Guard::Caller => self.verdict.network.is_some() && self.unasked.is_none(),
            Guard::Room => self.prospects.iter().any(|it| it.would.is_ok()),
            _ => self.verdict.network.is_some(),
        }
    }

    fn object(&self) -> Value {
        let Self { verdict, prospects, commands, unasked } = self;
        let guard = |guard: Guard| {
            let is_it = |refusal: &&Refusal| refusal.guard == guard;
            let all = verdict.refusals.iter().chain(&verdict.overridden).filter(is_it);
            let said = if verdict.refusals.iter().any(|it| is_it(&it)) {
                "refuse"
            } else if self.is_asked(guard) {
                "pass"
            } else {
                "not asked"
            };
            let reasons: Vec<Value> = all
                .map(|it| json!({ "reason": it.reason, "unless_named": it.unless_named }))
                .collect();
            json!({ "guard": guard.as_str(), "verdict": said, "reasons": reasons })
        };
        let target = |it: &Prospect| match &it.would {
            Ok(Would { ours, others, then, state, left }) => json!({
                "target": it.target.to_string(),
                "not_known": unguarded(&it.target),
                "ours": ours,
                "others": others,
                "ours_then": then,
                "state": list::word(state),
                "room_left": left,
            }),
            Err(why) => json!({
                "target": it.target.to_string(),
                "not_known": unguarded(&it.target),
                "error": why,
            }),
        };
        let command = |step: &Step| json!({ "cloud": step.cloud.name(), "title": step.title, "command": step.text });
        json!({
            "network": verdict.network.map(|it| it.to_string()),
            "is_allowed": verdict.allowed().is_some(),
            "guards": GUARDS.map(guard),
            "not_known": unasked,
            "notes": verdict.notes,
            "targets": prospects.iter().map(target).collect::<Vec<_>>(),
            "commands": commands.iter().map(command).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use callerwatch_response::State;

    use super::*;

    fn explanation() -> Explanation {
        let healthy = Refusal {
            guard: Guard::Healthy,
            reason: "would have cut off 1 principal: al\u{202e}ice".to_owned(),
            unless_named: Some(["alice".to_owned()].into()),
        };
        let network: IpNet = "203.0.113.7/32".parse().unwrap();
        let would = Would {
            ours: 2,
            others: 1,
            then: 3,
            state: State::Denied,
            left: "9996 prefixes".to_owned(),
        };
        let target = |arn: &str| TargetId { kind: TargetKind::Ipv4Set, arn: arn.to_owned() };
        Explanation {
            verdict: Verdict {
                network: Some(network),
                refusals: vec![healthy],
                ..Verdict::default()
            },
            prospects: vec![
                Prospect { target: target("arn:1"), would: Ok(would) },
                Prospect { target: target("arn:2"), would: Err("reading it".to_owned()) },
            ],
            commands: denying(&network, &CLOUDS),
            unasked: None,
        }
    }

    #[test]
    fn for_people_every_guard_speaks() {
        let mut out = Vec::new();
        explanation().text(&mut out, "203.0.113.7").unwrap();
        let text = String::from_utf8(out).unwrap();
        let start = "\
203.0.113.7 must not be denied
guards
  address      pass
  width        pass
  trusted      pass
  listed       pass
  caller       pass
  break-glass  pass
  healthy      refuse: would have cut off 1 principal: al\\u{202e}ice
  history      pass
  hour         pass
  room         pass
  to deny it all the same: --cut-off 'alice'
targets
  ipv4-set arn:1
    who uses your own APIs from there is not known to callerwatch
    holds 2 of ours and 1 of others; would hold 3 of ours, with room for 9996 prefixes left;
    it would be: denied
  ipv4-set arn:2
    who uses your own APIs from there is not known to callerwatch
    cannot be asked: reading it
Azure: deny it";
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("GCP: deny it"), "{text}");
    }

    #[test]
    fn for_machines_every_guard_speaks() {
        let told = explanation().object();
        assert_eq!(told["is_allowed"], false);
        assert_eq!(told["guards"].as_array().unwrap().len(), GUARDS.len());
        assert_eq!(told["guards"][6]["verdict"], "refuse");
        assert_eq!(told["guards"][6]["reasons"][0]["unless_named"][0], "alice");
        assert_eq!(told["targets"][0]["ours_then"], 3);
        assert_eq!(told["targets"][0]["not_known"], CUSTOMERS);
        assert_eq!(told["targets"][1]["error"], "reading it");
        assert_eq!(told["commands"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_policy_denies_nobodys_customers() {
        for (kind, expected) in [
            (TargetKind::Policy, None),
            (TargetKind::OrganizationPolicy, None),
            (TargetKind::Ipv4Set, Some(CUSTOMERS)),
            (TargetKind::Ipv6Set, Some(CUSTOMERS)),
        ] {
            assert_eq!(unguarded(&TargetId { kind, arn: String::new() }), expected, "{kind:?}");
        }
    }

    /// Whoever pastes what is printed asks no guard.
    #[test]
    fn for_what_is_protected_there_is_no_command() {
        let mut told = explanation();
        let network = told.verdict.network;
        assert_eq!(commands(&told.verdict, network.as_ref()).len(), 2, "a person may be named");
        for guard in
            [Guard::Address, Guard::Trusted, Guard::Listed, Guard::Caller, Guard::BreakGlass]
        {
            let reason = "it is yours".to_owned();
            told.verdict.refusals.push(Refusal { guard, reason, unless_named: None });
            told.commands = commands(&told.verdict, network.as_ref());
            assert_eq!(told.commands, [], "{guard}");
            let mut out = Vec::new();
            told.text(&mut out, "203.0.113.7").unwrap();
            let text = String::from_utf8(out).unwrap();
            let last = "\nAzure, GCP: no command, since nobody can take this on themselves\n";
            assert!(text.ends_with(last), "{text}");
            told.verdict.refusals.pop();
        }
    }

    #[test]
    fn of_what_is_no_network_nothing_else_is_asked() {
        let mut told = explanation();
        told.verdict.network = None;
        told.prospects.clear();
        let guards = told.object()["guards"].clone();
        assert_eq!(guards[0]["verdict"], "pass");
        assert_eq!(guards[1]["verdict"], "not asked");
        assert_eq!(guards[9]["verdict"], "not asked");
    }

    #[test]
    fn what_is_too_wide_has_no_prospects() {
        for (network, expected) in [
            ("203.0.113.0/24", true),
            ("198.51.100.0/23", false),
            ("2001:db8::/48", true),
            ("2001:db8::/47", false),
        ] {
            assert_eq!(is_denied_by_hand(&network.parse().unwrap()), expected, "{network}");
        }
    }
}
