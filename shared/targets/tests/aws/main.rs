//! The targets against a running IAM, Organizations and WAF: the emulator that `MINISTACK` names.
//! Skipped, loudly, where it names none. What it does not refuse by itself is refused on the wire.

#![expect(clippy::expect_used, clippy::panic, reason = "what a test cannot do without fails it")]

#[path = "../../../../tests/ministack.rs"]
mod ministack;
mod organization;
mod policy;
mod sessions;
mod sets;
mod wire;

use std::collections::BTreeSet;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_iam::config::{Credentials, SharedCredentialsProvider};
use callerwatch_adapters::clients;
use callerwatch_response::{Mode, Settings, Target, TargetId, TargetKind};
use callerwatch_targets::AnyTarget;
use ipnet::IpNet;

use self::ministack::Ministack;
use self::wire::Wire;

pub(crate) const ACCOUNT: &str = "111111111111";
const BREAK_GLASS: &str = "arn:aws:iam::111111111111:role/rescue/*";

/// An emulator, asked directly by others, and through a wire by us. Ends with its value.
pub(crate) struct World {
    _process: Ministack,
    pub(crate) wire: Wire,
    /// Of whoever else changes things.
    pub(crate) others: SdkConfig,
    pub(crate) config: SdkConfig,
}

impl World {
    pub(crate) async fn start() -> Option<Self> {
        let process = Ministack::start()?;
        let wire = Wire::to(process.port);
        let others = config(&process.endpoint()).await;
        let config = config(&format!("http://{}", wire.address)).await;
        Some(Self { _process: process, wire, others, config })
    }

    pub(crate) fn open(&self, kind: TargetKind, arn: &str, attached_to: &[&str]) -> AnyTarget {
        let settings = settings(&[(kind, arn)], attached_to);
        let mut opened = AnyTarget::open(&settings, &self.config).expect("targets");
        assert_eq!(opened.len(), 1);
        opened.remove(0)
    }
}

async fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCOUNT, "emulator", None, None, "emulator");
    let loader = clients::loader(aws_config::defaults(BehaviorVersion::latest()));
    ministack::clients(loader, endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .load()
        .await
}

fn settings(targets: &[(TargetKind, &str)], attached_to: &[&str]) -> Settings {
    let targets = targets.iter().map(|(kind, arn)| TargetId { kind: *kind, arn: (*arn).into() });
    Settings {
        mode: Mode::Enforce,
        targets: targets.collect(),
        attached_to: attached_to.iter().map(|it| (*it).to_owned()).collect(),
        break_glass: vec![BREAK_GLASS.to_owned()],
        account: ACCOUNT.to_owned(),
        state_bucket: "callerwatch-state".to_owned(),
        topic_arn: format!("arn:aws:sns:us-east-1:{ACCOUNT}:alerts"),
        revoked_roles: Vec::new(),
    }
}

pub(crate) fn networks(texts: &[&str]) -> BTreeSet<IpNet> {
    texts.iter().map(|it| it.parse().expect("a network")).collect()
}

/// An error is told in a line that a person can read.
pub(crate) fn told(error: &impl std::error::Error, expected: &str) {
    let told = error.to_string();
    assert!(told.starts_with(expected), "{told}");
    assert!(told.chars().count() < 500, "{told}");
}

#[tokio::test]
async fn a_target_of_another_account_is_not_opened() {
    use TargetKind::{Ipv4Set, OrganizationPolicy, Policy};
    const POLICY: &str = "arn:aws:iam::111111111111:policy/a/deny";
    const SET: &str = "arn:aws:wafv2:eu-west-1:111111111111:regional/ipset/deny/1-2";
    let config = config("http://127.0.0.1:1").await;
    for (kind, arn, attached_to, expected) in [
        (Policy, POLICY, "arn:aws:iam::111111111111:group/people/all", true),
        (Policy, POLICY, "arn:aws:iam::111111111111:role/app", true),
        (Policy, POLICY, "arn:aws:iam::222222222222:role/app", false),
        (Policy, POLICY, "arn:aws:iam::111111111111:user/alice", false),
        (Policy, POLICY, "arn:aws:iam::111111111111:role/app/", false),
        (Policy, POLICY, "app", false),
        (Policy, "arn:aws:iam::222222222222:policy/deny", "", false),
        (Policy, "arn:aws:iam::aws:policy/AdministratorAccess", "", false),
        (Policy, "arn:aws:iam::111111111111:role/deny", "", false),
        (OrganizationPolicy, "arn:aws:organizations::222222222222:policy/o-1/x/p-1", "", true),
        (OrganizationPolicy, "p-1", "", true),
        (OrganizationPolicy, "arn:aws:organizations::222222222222:root/o-1/r-1", "", false),
        (Ipv4Set, SET, "", true),
        (Ipv4Set, "arn:aws:wafv2:eu-west-1:222222222222:regional/ipset/deny/1-2", "", false),
        (Ipv4Set, "arn:aws:wafv2:us-east-1:111111111111:global/ipset/deny/1-2", "", false),
        (Ipv4Set, "arn:aws:wafv2:us-east-1:111111111111:regional/webacl/deny/1-2", "", false),
    ] {
        let attached_to: &[&str] = if attached_to.is_empty() { &[] } else { &[attached_to] };
        let opened = AnyTarget::open(&settings(&[(kind, arn)], attached_to), &config);
        assert_eq!(opened.is_ok(), expected, "{arn} {attached_to:?}: {opened:?}");
    }
    let opened = AnyTarget::open(&settings(&[(Policy, POLICY), (Ipv4Set, SET)], &[]), &config);
    let opened = opened.expect("targets");
    let error = opened[1].read().await.expect_err("nobody there");
    told(&error, &format!("reading ipv4-set {SET}: "));
}
