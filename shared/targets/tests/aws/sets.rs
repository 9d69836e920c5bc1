//! Sets of WAF: read, written, guarded by their lock token, and the entries of others kept.

use aws_sdk_wafv2::Client;
use aws_sdk_wafv2::types::{IpAddressVersion, Scope};
use callerwatch_response::{Room, Target, TargetKind, Written};
use callerwatch_targets::AnyTarget;

use crate::{World, networks, told};

const DESCRIPTION: &str = "Addresses that are denied";

async fn set(world: &World, version: IpAddressVersion, addresses: &[&str]) -> (AnyTarget, String) {
    let waf = Client::new(&world.others);
    let kind = match version {
        IpAddressVersion::Ipv4 => TargetKind::Ipv4Set,
        _ => TargetKind::Ipv6Set,
    };
    let made = waf.create_ip_set().name(kind.as_str()).scope(Scope::Regional);
    let made = made.description(DESCRIPTION).ip_address_version(version);
    let addresses = addresses.iter().map(|it| (*it).to_owned()).collect();
    let made = made.set_addresses(Some(addresses)).send().await.expect("a set");
    let arn = made.summary().and_then(|it| it.arn()).expect("its ARN").to_owned();
    (world.open(kind, &arn, &[]), arn)
}

async fn addresses(world: &World, arn: &str) -> Vec<String> {
    let (head, id) = arn.rsplit_once('/').expect("an id");
    let name = head.rsplit('/').next().expect("a name");
    let asked = Client::new(&world.others).get_ip_set().scope(Scope::Regional).name(name).id(id);
    let told = asked.send().await.expect("a set");
    told.ip_set().expect("a set").addresses().to_vec()
}

#[tokio::test]
async fn sets_are_read_and_written() {
    let Some(world) = World::start().await else { return };
    // As WAF tells it, with bits beyond its prefix, and what nobody can read.
    let theirs = ["2001:0db8:0000:0001:0000:0000:0000:0000/64", "2001:db8:2::7/48", "of-tomorrow"];
    let (target, arn) = set(&world, IpAddressVersion::Ipv6, &theirs).await;
    let held = target.read().await.expect("read");
    assert_eq!(world.wire.changes(), [""; 0]);
    assert_eq!(held.networks, networks(&["2001:db8:0:1::/64", "2001:db8:2::/48"]));
    assert_eq!((held.room, held.flaws.len()), (Room::Prefixes(9_999), 0));

    let wanted = networks(&["2001:db8:0:1::/64", "2001:db8:7::/64"]);
    assert_eq!(target.write(&held, &wanted).await.expect("written"), Written::Done);
    let calls = world.wire.calls();
    let [update] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(update.operation, "UpdateIPSet");
    for part in [held.version.as_str(), DESCRIPTION, "\"REGIONAL\""] {
        assert!(update.body.contains(part), "{part} in {}", update.body);
    }
    let expected = ["2001:db8:0:1::/64", "2001:db8:7::/64", "of-tomorrow"];
    assert_eq!(addresses(&world, &arn).await, expected);
    let held = target.read().await.expect("read");
    assert_eq!(held.networks, wanted);

    let (target, arn) = set(&world, IpAddressVersion::Ipv4, &["198.51.100.0/24"]).await;
    assert!(target.takes(&"203.0.113.7/32".parse().expect("a network")));
    assert!(!target.takes(&"2001:db8::/64".parse().expect("a network")));
    let held = target.read().await.expect("read");
    let wanted = networks(&["198.51.100.0/24", "203.0.113.7/32"]);
    assert_eq!(target.write(&held, &wanted).await.expect("written"), Written::Done);
    assert_eq!(addresses(&world, &arn).await, ["198.51.100.0/24", "203.0.113.7/32"]);
    let held = target.read().await.expect("read");
    assert_eq!(target.write(&held, &networks(&[])).await.expect("written"), Written::Done);
    assert_eq!(addresses(&world, &arn).await, [""; 0]);
}

#[tokio::test]
async fn who_comes_second_reads_again() {
    let Some(world) = World::start().await else { return };
    let (target, arn) = set(&world, IpAddressVersion::Ipv4, &["198.51.100.0/24"]).await;
    let held = target.read().await.expect("read");
    let wanted = networks(&["203.0.113.7/32"]);
    world.wire.refuse("UpdateIPSet", "WAFOptimisticLockException");
    assert_eq!(target.write(&held, &wanted).await.expect("asked"), Written::Conflict);
    assert_eq!(addresses(&world, &arn).await, ["198.51.100.0/24"]);
    // A throttled write is asked once more, and done once.
    world.wire.calls();
    world.wire.refuse("UpdateIPSet", "ThrottlingException");
    assert_eq!(target.write(&held, &wanted).await.expect("written"), Written::Done);
    assert_eq!(world.wire.changes(), ["UpdateIPSet"; 2]);
    assert_eq!(addresses(&world, &arn).await, ["203.0.113.7/32"]);
    world.wire.refuse("UpdateIPSet", "WAFLimitsExceededException");
    let error = target.write(&held, &wanted).await.expect_err("refused");
    told(&error, &format!("writing ipv4-set {arn}: WAFLimitsExceededException: said so. x"));
}

#[tokio::test]
async fn what_was_deleted_is_told_from_what_fails() {
    let Some(world) = World::start().await else { return };
    let (set, _) = set(&world, IpAddressVersion::Ipv4, &[]).await;
    let policy = "arn:aws:iam::111111111111:policy/deny";
    let policy = world.open(TargetKind::Policy, policy, &[]);
    let organization = world.open(TargetKind::OrganizationPolicy, "p-1", &[]);
    for (target, operation, code, expected) in [
        (&set, "GetIPSet", "WAFNonexistentItemException", true),
        (&set, "GetIPSet", "WAFInvalidParameterException", false),
        (&policy, "GetPolicy", "NoSuchEntity", true),
        (&policy, "GetPolicy", "AccessDenied", false),
        (&organization, "DescribePolicy", "PolicyNotFoundException", true),
        (&organization, "DescribePolicy", "AccessDeniedException", false),
    ] {
        world.wire.refuse(operation, code);
        let error = target.read().await.expect_err("refused");
        assert_eq!(AnyTarget::is_missing(&error), expected, "{code}: {error}");
    }
}
