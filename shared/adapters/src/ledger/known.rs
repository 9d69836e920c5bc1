//! What is known of who works from an address, for whoever decides whether it may be denied.
//!
//! Promises to write nothing.

use std::collections::BTreeSet;
use std::net::IpAddr;

use callerwatch_detection::activity::Cloud;
use callerwatch_detection::evidence::principal_hash;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::Known;
use callerwatch_response::guard::{keys, network_of_key, workers};
use ipnet::IpNet;

use super::{DynamoLedger, LedgerError};

impl DynamoLedger {
    /// What is known of the address of an alert, and of AWS accounts.
    ///
    /// # Errors
    ///
    /// When the table does not answer.
    pub async fn known_of(
        &self,
        key: &LedgerKey,
        accounts: &BTreeSet<String>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Known, LedgerError> {
        match network_of_key(key) {
            Ok(network) => self.known(network, accounts, policy, now).await,
            // It is refused whatever is known of it.
            Err(_) => Ok(Known::default()),
        }
    }

    /// What is known of a network, and of AWS accounts.
    ///
    /// # Errors
    ///
    /// When the table does not answer.
    pub async fn known(
        &self,
        network: IpNet,
        accounts: &BTreeSet<String>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Known, LedgerError> {
        let keys = keys(network);
        let mut known = Known { is_whole: keys.is_some(), ..Known::default() };
        let ledgers = self.look(&keys.unwrap_or_default()).await?;
        known.ledgers = ledgers.into_iter().map(|(_, ledger)| ledger).collect();
        // What calls say of themselves, for who has no baseline.
        for sample in known.ledgers.iter().flat_map(|ledger| &ledger.samples) {
            let principal = sample.principal();
            if let (Some(hash), Some(name)) = (principal_hash(sample.cloud, principal), principal) {
                known.names.insert(hash, name.to_owned());
            }
        }
        let workers: Vec<u64> = workers(&known.ledgers, policy, now).into_iter().collect();
        let named = self.who(&workers).await?.into_iter();
        known.names.extend(named.map(|(principal, who)| (principal, who.uid)));
        for account in accounts {
            let days = self.history(Cloud::Aws, account).await?;
            known.histories.insert(account.clone(), days);
        }
        Ok(known)
    }
}

/// The key of a source, of its text in an alert.
pub fn key_of(source: &str) -> LedgerKey {
    let other = || LedgerKey::Unrecognized(source.into());
    if let Some((ip, scope)) = source.split_once('@') {
        let private = |ip| LedgerKey::Private { ip, scope: scope.into() };
        return ip.parse().map_or_else(|_| other(), private);
    }
    if let Ok(ip) = source.parse::<IpAddr>() {
        return LedgerKey::of_public(ip);
    }
    match source.parse::<IpNet>() {
        Ok(IpNet::V6(net)) if net.prefix_len() == 64 => LedgerKey::of_public(net.addr().into()),
        Ok(net) => LedgerKey::Network(net.addr()),
        Err(_) => other(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_texts_were_made_of() {
        for key in [
            LedgerKey::of_public("203.0.113.7".parse().unwrap()),
            LedgerKey::of_public("2001:db8:7::1".parse().unwrap()),
            LedgerKey::Network("203.0.113.0".parse().unwrap()),
            LedgerKey::Network("2001:db8:7::".parse().unwrap()),
            LedgerKey::Private { ip: "10.0.0.5".parse().unwrap(), scope: "vpce-1".into() },
        ] {
            assert_eq!(key_of(&key.to_string()), key);
        }
        // Whatever else it is, it is no address.
        for text in ["", "unrecognized:203.0.113.7", "principal:AWS:0123456789abcdef", "a@b"] {
            assert!(matches!(key_of(text), LedgerKey::Unrecognized(_)), "{text}");
        }
    }
}
