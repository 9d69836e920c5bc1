//! A regional set of addresses of WAF, of IPv4 or IPv6: what denies by it is a rule of the user's.
//!
//! Promises that its description and what in it is no network are kept. Its lock token guards it
//! against changes of others. Networks are compared as such: WAF tells `2001:db8::/64` in its long form.

use std::collections::BTreeSet;
use std::net::IpAddr;

use aws_config::{Region, SdkConfig};
use aws_sdk_wafv2::Client;
use aws_sdk_wafv2::operation::update_ip_set::UpdateIPSetError;
use aws_sdk_wafv2::types::Scope;
use callerwatch_response::{Held, Room, Target, TargetId, Written};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::fault::TargetError;

/// A set has no room for more.
const PREFIXES_MAX: usize = 10_000;

/// A set of addresses.
#[derive(Clone, Debug)]
pub struct AddressSet {
    waf: Client,
    id: TargetId,
    name: String,
    set_id: String,
}

/// What else a set holds.
#[derive(Default, Serialize, Deserialize)]
struct Rest {
    description: Option<String>,
    /// What is no network.
    others: Vec<String>,
}

impl AddressSet {
    /// The set `id`, asked in its own region.
    ///
    /// # Errors
    ///
    /// When it is something else, or another account's.
    pub fn new(config: &SdkConfig, id: TargetId, account: &str) -> Result<Self, TargetError> {
        let arn = Arn::parse(&id.arn).filter(|arn| arn.service == "wafv2");
        let arn = arn.filter(|arn| arn.account == account && !arn.region.is_empty());
        let names = arn.and_then(|arn| arn.of_kind("regional/ipset")?.split_once('/'));
        let (Some(arn), Some((name, set_id))) = (arn, names) else {
            let expected = "the ARN of a regional set of addresses of this account";
            return Err(TargetError::unfit(&id.arn, expected));
        };
        let config = config.to_builder().region(Region::new(arn.region.to_owned())).build();
        let (name, set_id) = (name.to_owned(), set_id.to_owned());
        Ok(Self { waf: Client::new(&config), id, name, set_id })
    }
}

impl Target for AddressSet {
    type Error = TargetError;

    fn id(&self) -> &TargetId {
        &self.id
    }

    async fn read(&self) -> Result<Held, TargetError> {
        let what = || format!("reading {}", self.id);
        let asked = self.waf.get_ip_set().scope(Scope::Regional).name(&self.name).id(&self.set_id);
        let told = asked.send().await.map_err(|error| TargetError::unread(what(), &error))?;
        let (Some(set), Some(version)) = (told.ip_set, told.lock_token) else {
            return Err(TargetError::empty(what()));
        };
        let description = set.description.filter(|it| !it.is_empty());
        let (mut networks, mut others) = (BTreeSet::new(), Vec::new());
        for text in set.addresses {
            match network_of(&text) {
                Some(network) => {
                    networks.insert(network);
                }
                None => others.push(text),
            }
        }
        let room = Room::Prefixes(PREFIXES_MAX.saturating_sub(others.len()));
        let rest = serde_json::to_string(&Rest { description, others }).unwrap_or_default();
        Ok(Held { networks, room, flaws: Vec::new(), version, rest })
    }

    async fn write(&self, held: &Held, networks: &BTreeSet<IpNet>) -> Result<Written, TargetError> {
        let Rest { description, others } = serde_json::from_str(&held.rest).unwrap_or_default();
        let addresses = networks.iter().map(ToString::to_string).chain(others).collect();
        let asked = self.waf.update_ip_set().scope(Scope::Regional);
        let asked = asked.name(&self.name).id(&self.set_id).lock_token(&held.version);
        let asked = asked.set_description(description).set_addresses(Some(addresses));
        match asked.send().await {
            Ok(_) => Ok(Written::Done),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateIPSetError::is_waf_optimistic_lock_exception) =>
            {
                Ok(Written::Conflict)
            }
            Err(error) => Err(TargetError::refused(format!("writing {}", self.id), &error)),
        }
    }
}

/// What others wrote may have bits set beyond its prefix.
fn network_of(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok();
    network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)).map(|it| it.trunc())
}
