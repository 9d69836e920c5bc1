//! What the guards are told of an address: gathered from the table and the state bucket, and where the
//! command itself calls from.
//!
//! Reads, and writes nothing.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Context, bail};
use callerwatch_adapters::ledger::DynamoLedger;
use callerwatch_adapters::policy::{Loaded, PolicyStore};
use callerwatch_detection::ledger::Bounds;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_feeds::{Answer, Fetcher};
use callerwatch_response::guard::network_of_text;
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

/// For how long the policy denies, and hence may be asked to deny the same again.
///
/// What denies for alerts does not while the policy cannot be read, so that any answer will do then.
pub(super) async fn denied_secs(deployment: &Deployment, now: Timestamp) -> i64 {
    let Deployment { clients, settings, table, .. } = deployment;
    let (s3, dynamodb) = (clients.s3.clone(), clients.dynamodb.clone());
    let mut policies = PolicyStore::new(s3, dynamodb, &settings.state_bucket, POLICY_KEY, table);
    let hours = match policies.seen(now).await {
        Ok(loaded) => loaded.policy.response().hours,
        Err(_) => Policy::default().response().hours,
    };
    i64::from(hours) * 3600
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
        let bucket = &settings.state_bucket;
        let mut policies = PolicyStore::new(s3, dynamodb.clone(), bucket, POLICY_KEY, table);
        policies.seen(now).await?;
        let is_refused = policies.is_refused();
        let is_damaged = policies.is_damaged();
        let loaded = policies.into_loaded().filter(|it| !is_refused || !it.etag.is_empty());
        let Some(loaded) = loaded.filter(|_| !is_damaged) else {
            bail!(
                "the policy in {bucket}, or what feeds were compiled to, cannot be read, so that it is \
                 not known what protects addresses"
            );
        };
        // What is no network is refused for that.
        let known = match network_of_text(address) {
            Ok(network) => {
                // Nothing is added, so how long it would be kept is of no account.
                let bounds = Bounds::of(&loaded.policy);
                let ledgers = DynamoLedger::new(dynamodb, table, bounds, 0, 0);
                let accounts = BTreeSet::from([settings.account.clone()]);
                ledgers.known(network, &accounts, &loaded.policy, now).await?
            }
            Err(_) => Known::default(),
        };
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
