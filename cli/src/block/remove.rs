//! `block remove` and `block rollback`: denials end before their time, one or all.

use std::io::{self, BufRead, Write};

use anyhow::bail;
use callerwatch_adapters::clock;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::guard::network_of_text;
use callerwatch_response::{
    Change, Converged, Denial, Mode, Removal, Store, Target, TargetId, converge,
};
use callerwatch_targets::AnyTarget;
use callerwatch_targets::sessions::{Allowed, Sessions};
use ipnet::IpNet;

use super::facts::denied_secs;
use super::{Deployment, finish, now, shown};
use crate::EXIT_FAULT;
use crate::report::plain;

pub(super) async fn remove(deployment: &Deployment, address: &str) -> anyhow::Result<u8> {
    let network = network_of_text(address).map_err(anyhow::Error::msg)?;
    let person = deployment.person().await?;
    let targets = deployment.all_targets().await?;
    let (converged, announced) = deployment
        .alone(&person, async || {
            let now = now();
            let mut denials = deployment.store.denials().await?;
            let is_it = |it: &&mut Denial| it.network == network && !it.is_let_go();
            let Some(denial) = denials.iter_mut().find(is_it) else {
                bail!("{}", unknown(&network, &denials));
            };
            if !denial.is_over(now) {
                let why = format!("removed by hand, {person}");
                *denial = denial.ended(removal(deployment, &person, why, now).await);
                deployment.store.keep(denial).await?;
            }
            let store = &deployment.store;
            Ok(converge(&targets, store, denials, Mode::Enforce, now).await?)
        })
        .await?;
    finish(Vec::new(), &converged, Mode::Enforce, announced)
}

/// What is remembered of whoever ends a denial.
async fn removal(deployment: &Deployment, person: &str, why: String, now: Timestamp) -> Removal {
    let until = now.plus_secs(denied_secs(deployment, now).await);
    Removal { time: now, by: person.to_owned(), why, until, is_done: false }
}

/// Why there is nothing to be removed.
fn unknown(network: &IpNet, denials: &[Denial]) -> String {
    let network_shown = shown(network);
    let around = denials.iter().find(|it| it.network.contains(network) && !it.is_let_go());
    match around {
        Some(around) => {
            format!("{network_shown} is denied as part of {}: remove that", shown(&around.network))
        }
        None => format!("{network_shown} is not denied; see `callerwatch block list`"),
    }
}

pub(super) async fn rollback(deployment: &Deployment, yes: bool) -> anyhow::Result<u8> {
    let person = deployment.person().await?;
    let targets = deployment.all_targets().await?;
    let ids: Vec<TargetId> = targets.iter().map(|it| it.id().clone()).collect();
    if !yes && !is_wanted(deployment, &ids).await? {
        bail!("nothing was changed; say --yes, or answer with yes");
    }
    let ((converged, sessions), announced) = deployment
        .alone(&person, async || {
            let (store, now) = (&deployment.store, now());
            let denials = store.denials().await?;
            let removal = removal(deployment, &person, "rolled back".to_owned(), now).await;
            let renew = async || deployment.renew().await;
            let converged =
                callerwatch_response::rollback(&targets, store, &denials, &removal, renew).await?;
            let mut sessions = restore(deployment).await;
            sessions.extend(retire(&targets, &converged).await.into_iter().map(Err));
            let changes: Vec<Change> = sessions.iter().filter_map(|it| it.clone().ok()).collect();
            if !changes.is_empty() {
                store.record(&changes).await?;
            }
            Ok((converged, sessions))
        })
        .await?;
    let mut status = 0;
    let mut changes = Vec::new();
    for session in sessions {
        match session {
            Ok(change) => changes.push(change),
            Err(error) => {
                writeln!(io::stderr(), "callerwatch: {}", plain(&error))?;
                status = EXIT_FAULT;
            }
        }
    }
    status = status.max(finish(changes, &converged, Mode::Enforce, announced)?);
    let mut out = io::stdout();
    if status == 0 {
        writeln!(out, "nothing is denied any more that callerwatch denied")?;
    }
    if deployment.settings.mode == Mode::Enforce {
        writeln!(
            out,
            "RespondMode is enforce: what alerts accuse from now on is denied; to stop that, deploy \
             with RespondMode=off"
        )?;
    }
    Ok(status)
}

/// Says what would go, and asks.
async fn is_wanted(deployment: &Deployment, targets: &[TargetId]) -> anyhow::Result<bool> {
    let mut out = io::stdout();
    let denials = deployment.store.denials().await?;
    let open = denials.iter().filter(|it| !it.is_over(clock::now())).count();
    writeln!(out, "{open} denials would end:")?;
    for target in targets {
        let placed = deployment.store.placed(target).await?;
        let (ours, others) = (placed.ours.len(), placed.foreign.len());
        let target = plain(&target.to_string());
        writeln!(out, "{target}: {ours} would be taken out, {others} of others stay")?;
    }
    write!(out, "type yes to go on: ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// Takes away what would keep targets from being deleted with the stack, also where others left
/// something there. Answers with what went wrong.
async fn retire(targets: &[AnyTarget], converged: &Converged) -> Vec<String> {
    let mut told = Vec::new();
    for target in targets {
        let has_failed = converged.failed.iter().any(|(id, _)| id == target.id());
        if !has_failed
            && let Err(error) = target.retire().await
            && !AnyTarget::is_missing(&error)
        {
            told.push(format!("{:#}", anyhow::Error::from(error)));
        }
    }
    told
}

/// Lets the sessions live again that were revoked; each a change, or what went wrong.
async fn restore(deployment: &Deployment) -> Vec<Result<Change, String>> {
    let settings = &deployment.settings;
    let allowed = Allowed {
        account: settings.account.clone(),
        roles: settings.revoked_roles.clone(),
        users: Vec::new(),
        break_glass: settings.break_glass.clone(),
    };
    let sessions = Sessions::new(&deployment.config, allowed);
    let mut told = Vec::new();
    for arn in &settings.revoked_roles {
        let role = arn.rsplit('/').next().unwrap_or_default();
        match sessions.restore(role).await {
            Ok(false) => {}
            Ok(true) => told.push(Ok(Change {
                time: now(),
                what: "removed",
                network: None,
                target: None,
                why: format!("sessions of role {role} live again"),
            })),
            Err(error) => told.push(Err(format!("{:#}", anyhow::Error::from(error)))),
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_not_denied_by_itself() {
        let since = Timestamp::from_millis(1_772_443_500_000).unwrap();
        let denials = [Denial {
            network: "203.0.113.0/28".parse().unwrap(),
            causes: BTreeMap::new(),
            since,
            until: since,
            states: BTreeMap::new(),
            removed: None,
            let_go: BTreeMap::new(),
        }];
        for (text, expected) in [
            ("203.0.113.7/32", "203.0.113.7 is denied as part of 203.0.113.0/28: remove that"),
            ("203.0.113.77/32", "203.0.113.77 is not denied; see `callerwatch block list`"),
        ] {
            assert_eq!(unknown(&text.parse().unwrap(), &denials), expected);
        }
    }
}
