//! What the guards are told of an address: gathered from the table and the state bucket, and where the
//! command itself calls from.
//!
//! Reads, and writes nothing.

use std::net::IpAddr;

use anyhow::{Context, bail};
use callerwatch_adapters::ledger::DynamoLedger;
use callerwatch_adapters::policy::{Loaded, PolicyStore};
use callerwatch_detection::activity::Cloud;
use callerwatch_detection::ledger::Bounds;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_feeds::{Answer, Fetcher};
use callerwatch_response::guard::{keys, network_of_text, workers};
use callerwatch_response::{Grounds, Known};

use super::Deployment;
use crate::report::plain;

/// What every deployment calls its policy.
const POLICY_KEY: &str = "policy.toml";
/// Who says from which address they were asked.
const CHECK_IP: &str = "https://checkip.amazonaws.com";
/// No address is longer, with a line's end.
const ADDRESS_MAX_BYTES: usize = 64;

/// What is known.
pub(super) struct Gathered {
    loaded: Loaded,
    pub(super) known: Known,
    /// Where the command calls from.
    pub(super) callers: Vec<IpAddr>,
}

impl Gathered {
    /// All of it but where the command calls from.
    pub(super) async fn of(
        deployment: &Deployment,
        address: &str,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let Deployment { clients, settings, table, .. } = deployment;
        let (s3, dynamodb) = (clients.s3.clone(), clients.dynamodb.clone());
        let policies =
            PolicyStore::new(s3, dynamodb.clone(), &settings.state_bucket, POLICY_KEY, table);
        let loaded = policies.in_force().await?;
        let known = known(deployment, address, &loaded.policy, now).await?;
        Ok(Self { loaded, known, callers: Vec::new() })
    }

    /// What an address is judged by.
    pub(super) fn grounds<'a>(&'a self, deployment: &'a Deployment, now: Timestamp) -> Grounds<'a> {
        let Loaded { policy, intelligence, .. } = &self.loaded;
        let settings = &deployment.settings;
        let mut grounds =
            Grounds::new(policy, intelligence, &settings.account, &settings.break_glass, now);
        grounds.callers = &self.callers;
        grounds
    }
}

async fn known(
    deployment: &Deployment,
    address: &str,
    policy: &Policy,
    now: Timestamp,
) -> anyhow::Result<Known> {
    // What is no network is refused for that.
    let Ok(network) = network_of_text(address) else { return Ok(Known::default()) };
    let dynamodb = deployment.clients.dynamodb.clone();
    // Nothing is added, so how long it would be kept is of no account.
    let ledgers = DynamoLedger::new(dynamodb, &deployment.table, Bounds::of(policy), 0, 0);
    let account = &deployment.settings.account;
    let mut known = Known::default();
    known.histories.insert(account.clone(), ledgers.history(Cloud::Aws, account).await?);
    let Some(keys) = keys(network) else { return Ok(known) };
    known.is_whole = true;
    known.ledgers = ledgers.look(&keys).await?.into_iter().map(|(_, ledger)| ledger).collect();
    let workers: Vec<u64> = workers(&known.ledgers, policy, now).into_iter().collect();
    let names = ledgers.who(&workers).await?;
    known.names = names.into_iter().map(|(principal, who)| (principal, who.uid)).collect();
    Ok(known)
}

/// Where the command calls from: what was said, or else what is seen by AWS.
///
/// # Errors
///
/// When nobody says it.
pub(super) async fn callers(said: &[IpAddr]) -> anyhow::Result<Vec<IpAddr>> {
    if !said.is_empty() {
        return Ok(said.to_vec());
    }
    let asked = async {
        let answer = Fetcher::new()?.fetch(CHECK_IP, None).await?;
        let Answer::New { bytes, .. } = answer else { bail!("it did not answer") };
        caller(&bytes)
    };
    let caller = asked.await.with_context(|| {
        format!(
            "your own address is not known, and must not be denied: say it with --my-address \
             ADDRESS (asking {CHECK_IP})"
        )
    })?;
    Ok(vec![caller])
}

/// The address that an answer is.
fn caller(bytes: &[u8]) -> anyhow::Result<IpAddr> {
    let start = bytes.get(..bytes.len().min(ADDRESS_MAX_BYTES)).unwrap_or_default();
    let text = String::from_utf8_lossy(start);
    text.trim().parse().ok().with_context(|| format!("`{}` is no address", plain(text.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_address() {
        assert_eq!(caller(b"203.0.113.7\n").unwrap().to_string(), "203.0.113.7");
        assert_eq!(caller(b"2001:db8::7").unwrap().to_string(), "2001:db8::7");
        for bytes in [&b""[..], b"<html>", b"203.0.113.7 203.0.113.8", &[b'1'; 1000], b"\xff\x1b"] {
            let error = caller(bytes).unwrap_err().to_string();
            assert!(error.ends_with("is no address") && error.len() < 400, "{error}");
        }
    }

    #[tokio::test]
    async fn what_was_said_is_not_asked() {
        let said: Vec<IpAddr> = vec!["203.0.113.7".parse().unwrap()];
        assert_eq!(callers(&said).await.unwrap(), said);
    }
}
