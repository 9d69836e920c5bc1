//! `block add`: an address or a prefix is denied for a time, where no guard refuses.

use std::collections::BTreeSet;
use std::io::{self, Write};

use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::guard::{Asked, Candidate, Refusal, Verdict, judge};
use callerwatch_response::{Change, Converged, Denial, Mode, Store, converge};

use super::facts::{Gathered, callers};
use super::{Deployment, finish, now, prospect, shown};
use crate::args::AddOptions;
use crate::report::plain;

/// A guard refuses.
pub(super) const EXIT_REFUSED: u8 = 1;
/// Names that are asked for; `block explain` has all of them.
const NAMES_MAX: usize = 20;

/// What came of it.
enum Added {
    Refused(Verdict),
    Done { extended: Vec<Change>, converged: Converged },
}

pub(super) async fn add(
    deployment: &Deployment,
    options: &AddOptions,
    reason: &str,
) -> anyhow::Result<u8> {
    let callers = callers(&options.person.my_addresses).await?;
    let person = deployment.person().await?;
    let now = now();
    let mut gathered = Gathered::of(deployment, &options.address, now).await?;
    gathered.callers = callers;
    let mode = if options.dry_run { Mode::DryRun } else { deployment.settings.mode };
    let adding = Adding { deployment, options, reason, person: &person, gathered: &gathered };
    let (added, announced) = match mode {
        Mode::DryRun => (adding.add(mode, now).await?, Ok(())),
        Mode::Enforce => deployment.alone(&person, async || adding.add(mode, now).await).await?,
    };
    match added {
        // Nothing was recorded, so that nothing of it is announced.
        Added::Refused(verdict) => {
            refused(&options.address, &verdict)?;
            Ok(EXIT_REFUSED)
        }
        Added::Done { extended, converged } => finish(extended, &converged, mode, announced),
    }
}

struct Adding<'a> {
    deployment: &'a Deployment,
    options: &'a AddOptions,
    reason: &'a str,
    person: &'a str,
    gathered: &'a Gathered,
}

impl Adding<'_> {
    async fn add(&self, mode: Mode, now: Timestamp) -> anyhow::Result<Added> {
        let Self { deployment, gathered, .. } = self;
        let (store, grounds) = (&deployment.store, gathered.grounds(deployment, now));
        let mut denials = store.denials().await?;
        let asked = |network| {
            let hours = self.options.hours.map(|hours| now.plus_secs(hours * 3600));
            let until = hours.unwrap_or_else(|| grounds.until());
            prospect::asked(&denials, network, self.person, self.reason, now, until)
        };
        let candidate = candidate(&self.options.address, &self.options.person.cut_off);
        let mut verdict = judge(&candidate, &grounds.facts(&gathered.known, &denials, &[]));
        let mut denial = verdict.allowed().and_then(asked);
        if let Some((more, _)) = &denial {
            let prospects = prospect::prospects(deployment, &denials, more, now).await?;
            let room = prospect::room(&prospects);
            verdict = judge(&candidate, &grounds.facts(&gathered.known, &denials, &room));
            denial = denial.filter(|_| verdict.allowed().is_some());
        }
        let Some((denial, is_new)) = denial else { return Ok(Added::Refused(verdict)) };
        let extended: Vec<Change> = (!is_new)
            .then(|| extension(&denial, self.reason, self.person, now))
            .into_iter()
            .collect();
        if mode == Mode::Enforce {
            if !extended.is_empty() {
                store.record(&extended).await?;
            }
            store.keep(&denial).await?;
        }
        denials.retain(|it| it.network != denial.network);
        let network = denial.network;
        denials.push(denial);
        let mut converged = converge(&deployment.targets, store, denials, mode, now).await?;
        if mode == Mode::DryRun {
            // Whatever else it would do is not for this.
            converged.changes.retain(|it| it.network == Some(network));
        }
        Ok(Added::Done { extended, converged })
    }
}

/// What a person asks for.
pub(super) fn candidate(address: &str, cut_off: &[String]) -> Candidate {
    let cut_off: BTreeSet<String> = cut_off.iter().cloned().collect();
    Candidate { asked: Asked::Person { address: address.to_owned(), cut_off } }
}

fn extension(denial: &Denial, reason: &str, person: &str, now: Timestamp) -> Change {
    let why = format!("until {}: {reason} (by hand, {person})", denial.until);
    Change { time: now, what: "extended", network: Some(denial.network), target: None, why }
}

fn refused(address: &str, verdict: &Verdict) -> io::Result<()> {
    let mut out = io::stdout();
    let network = verdict.network.as_ref().map_or_else(|| plain(address), shown);
    writeln!(out, "{network} is not denied:")?;
    for refusal in &verdict.refusals {
        writeln!(out, "  {}: {}", refusal.guard, plain(&refusal.reason))?;
    }
    if let Some(options) = overriding(&verdict.refusals) {
        writeln!(out, "to deny it all the same: {options}")?;
    }
    Ok(())
}

/// The options that deny it all the same, where there are any.
pub(super) fn overriding(refusals: &[Refusal]) -> Option<String> {
    let mut names = BTreeSet::new();
    for refusal in refusals {
        names.extend(refusal.unless_named.as_ref()?);
    }
    let quoted = |name: &&String| format!("--cut-off '{}'", plain(name).replace('\'', r"'\''"));
    let options: Vec<String> = names.iter().take(NAMES_MAX).map(quoted).collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let more = (more > 0).then(|| format!(", and {more} more, which --format json names"));
    (!options.is_empty()).then(|| options.join(" ") + &more.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use callerwatch_response::guard::Guard;

    use super::*;

    fn refusal(guard: Guard, names: Option<&[&str]>) -> Refusal {
        let unless_named = names.map(|names| names.iter().map(|it| (*it).to_owned()).collect());
        Refusal { guard, reason: "for that".to_owned(), unless_named }
    }

    #[test]
    fn what_denies_it_all_the_same_is_said_where_that_is_possible() {
        let healthy = refusal(Guard::Healthy, Some(&["bob", "al'ice"]));
        let history = refusal(Guard::History, Some(&["111111111111"]));
        let told = overriding(&[healthy.clone(), history]);
        let expected = r"--cut-off '111111111111' --cut-off 'al'\''ice' --cut-off 'bob'";
        assert_eq!(told.as_deref(), Some(expected));
        let trusted = refusal(Guard::Trusted, None);
        assert_eq!(overriding(&[healthy, trusted]), None);
        assert_eq!(overriding(&[]), None);
    }

    #[test]
    fn many_names_are_counted() {
        let names: Vec<String> = (0..25).map(|n| format!("{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let told = overriding(&[refusal(Guard::Healthy, Some(&names))]).unwrap();
        assert!(told.ends_with("--cut-off '19', and 5 more, which --format json names"), "{told}");
    }
}
