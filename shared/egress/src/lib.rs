//! Asks AWS accounts for their own public addresses: Elastic IPs, NAT gateways, network interfaces.
//!
//! Promises an answer, or why there is none, of each account and of each of its regions, within a
//! deadline and bounds; one that fails holds up no other. A crate of its own, so that nothing but who
//! learns addresses is built with an SDK that is larger than all others together. Must not know what
//! is made of the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{NatGateway, NatGatewayState};
use callerwatch_feeds::egress::{Answer, Fault, UNKNOWN};
use futures_util::stream::{self, StreamExt};
use tokio::time::{sleep, timeout};

/// For all accounts. Who has not answered by then is asked the next time.
const PATIENCE: Duration = Duration::from_mins(2);
/// For one region.
const REGION_PATIENCE: Duration = Duration::from_secs(40);
const ACCOUNTS_AT_ONCE: usize = 4;
const REGIONS_AT_ONCE: usize = 16;
/// Of a region. A page has a few hundred of them, so this bounds pages too.
const ADDRESSES_MAX: usize = 50_000;
const PAGES_MAX: usize = 500;
const PAGE: i32 = 500;
const SESSION: &str = "callerwatch-learn-egress";
const SHOWN_MAX_CHARS: usize = 300;
/// How AWS says that something may not be asked, or not there.
const DENIED: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "OptInRequired",
    "UnauthorizedOperation",
];

type Addresses = BTreeSet<IpAddr>;

/// Asks the account of a configuration, and those that its credentials may assume these roles in.
pub async fn ask(config: &SdkConfig, roles: &[&str]) -> Vec<Answer> {
    let asked = || std::iter::once(None).chain(roles.iter().copied().map(Some));
    let answers = stream::iter(asked().enumerate())
        .map(|(place, role)| async move { (place, account(config, role).await) })
        .buffer_unordered(ACCOUNTS_AT_ONCE)
        .take_until(sleep(PATIENCE));
    let mut answers: BTreeMap<usize, Answer> = answers.collect().await;
    let late = |role: Option<&str>| Answer {
        account: role.unwrap_or(UNKNOWN).to_owned(),
        regions: Err(late("asking the account", PATIENCE)),
    };
    let all = asked().enumerate();
    all.map(|(place, role)| answers.remove(&place).unwrap_or_else(|| late(role))).collect()
}

async fn account(config: &SdkConfig, role: Option<&str>) -> Answer {
    let (account, config) = match role {
        None => (whose(config).await, Ok(config.clone())),
        Some(role) => (Ok(role.to_owned()), assumed(config, role).await),
    };
    match (account, config) {
        (Ok(account), Ok(config)) => Answer { account, regions: regions(&config).await },
        (Ok(account), Err(fault)) => Answer { account, regions: Err(fault) },
        (Err(fault), _) => Answer { account: UNKNOWN.to_owned(), regions: Err(fault) },
    }
}

/// The number of the account that a configuration has credentials of.
async fn whose(config: &SdkConfig) -> Result<String, Fault> {
    const WHAT: &str = "asking whose credentials these are";
    let told = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let told = told.map_err(|error| refused(WHAT, &error))?;
    let nobodys = || Fault { message: format!("{WHAT}: nobody's"), is_denied: false };
    told.account.ok_or_else(nobodys)
}

/// The same configuration, with credentials of a role.
async fn assumed(config: &SdkConfig, role: &str) -> Result<SdkConfig, Fault> {
    let provider = AssumeRoleProvider::builder(role).session_name(SESSION).configure(config);
    let credentials = provider.build().await.provide_credentials().await;
    let credentials = credentials
        .map_err(|error| Fault { message: told("assuming the role", &error), is_denied: false })?;
    let provider = SharedCredentialsProvider::new(credentials);
    Ok(config.to_builder().credentials_provider(provider).build())
}

/// What each region tells that the account may use.
async fn regions(config: &SdkConfig) -> Result<BTreeMap<String, Result<Addresses, Fault>>, Fault> {
    let told = Client::new(config).describe_regions().send().await;
    let told = told.map_err(|error| refused("listing regions", &error))?;
    let names = told.regions().iter().filter_map(|region| region.region_name().map(str::to_owned));
    let regions = stream::iter(names.collect::<Vec<_>>()).map(|name| async move {
        let config = config.to_builder().region(Region::new(name.clone())).build();
        let asked = timeout(REGION_PATIENCE, addresses(&Client::new(&config))).await;
        let asked = asked.unwrap_or_else(|_| Err(late("listing addresses", REGION_PATIENCE)));
        let about = |fault: Fault| Fault { message: format!("{name}: {fault}"), ..fault };
        (name.clone(), asked.map_err(about))
    });
    Ok(regions.buffer_unordered(REGIONS_AT_ONCE).collect().await)
}

async fn addresses(client: &Client) -> Result<Addresses, Fault> {
    let mut found = Addresses::new();
    let elastic = client.describe_addresses().send().await;
    let elastic = elastic.map_err(|error| refused("listing Elastic IPs", &error))?;
    // Of Wavelength, and of Outposts that go out through the user's own network, these are others.
    let elastic = elastic.addresses().iter();
    let elastic = elastic.flat_map(|it| [it.public_ip(), it.carrier_ip(), it.customer_owned_ip()]);
    take(&mut found, elastic)?;

    let mut pages = client.describe_nat_gateways().into_paginator().page_size(PAGE).send();
    let mut left = PAGES_MAX;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| refused("listing NAT gateways", &error))?;
        // Those that are gone are told of for an hour.
        let is_gone = |state: Option<&NatGatewayState>| {
            matches!(state, Some(NatGatewayState::Deleted | NatGatewayState::Failed))
        };
        let gateways = page.nat_gateways().iter().filter(|it| !is_gone(it.state()));
        take(
            &mut found,
            gateways.flat_map(NatGateway::nat_gateway_addresses).map(|it| it.public_ip()),
        )?;
        left = one_less(left)?;
    }

    let mut pages = client.describe_network_interfaces().into_paginator().page_size(PAGE).send();
    let mut left = PAGES_MAX;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| refused("listing network interfaces", &error))?;
        for interface in page.network_interfaces() {
            let v4 = interface.private_ip_addresses().iter().map(|it| it.association());
            let v4 = v4.chain([interface.association()]).flatten();
            let v4 = v4.flat_map(|it| [it.public_ip(), it.carrier_ip(), it.customer_owned_ip()]);
            let v6 = interface.ipv6_addresses().iter().map(|it| it.ipv6_address());
            take(&mut found, v4.chain(v6))?;
        }
        left = one_less(left)?;
    }
    Ok(found)
}

/// Takes what is an address.
fn take<'a>(
    found: &mut Addresses,
    told: impl Iterator<Item = Option<&'a str>>,
) -> Result<(), Fault> {
    found.extend(told.flatten().filter_map(|text| text.parse::<IpAddr>().ok()));
    if found.len() > ADDRESSES_MAX { Err(too_many()) } else { Ok(()) }
}

fn one_less(pages: usize) -> Result<usize, Fault> {
    pages.checked_sub(1).ok_or_else(too_many)
}

fn too_many() -> Fault {
    let message = format!("listing addresses: there are more than {ADDRESSES_MAX}");
    Fault { message, is_denied: false }
}

fn late(what: &str, patience: Duration) -> Fault {
    let message = format!("{what}: no answer within {} seconds", patience.as_secs());
    Fault { message, is_denied: false }
}

/// Why a request was not answered, as AWS says it where it does.
fn refused<E, R>(what: &str, error: &SdkError<E, R>) -> Fault
where
    SdkError<E, R>: ProvideErrorMetadata + Error,
{
    let is_denied = error.code().is_some_and(|code| DENIED.contains(&code));
    let message = match (error.code(), error.message()) {
        (Some(code), message) => shown(&format!("{what}: {code}: {}", message.unwrap_or_default())),
        (None, _) => told(what, error),
    };
    Fault { message, is_denied }
}

/// What went wrong, with all that caused it.
fn told(what: &str, error: &(impl Error + ?Sized)) -> String {
    let mut told = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    shown(&told)
}

/// Some messages have a page of code at their end.
fn shown(text: &impl Display) -> String {
    let text = text.to_string();
    let mut start: String = text.chars().take(SHOWN_MAX_CHARS).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}
