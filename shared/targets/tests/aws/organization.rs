//! A service control policy: read, written, and never written over.

use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::PolicyType;
use callerwatch_response::{Room, Target, TargetKind, Written};

use crate::{World, networks, told};

const CONTENT: &str = r#"{"Version": "2012-10-17", "Statement": {"Sid": "Theirs", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}}"#;

#[tokio::test]
async fn a_policy_of_the_organization_is_read_and_written() {
    let Some(world) = World::start().await else { return };
    let organizations = Client::new(&world.others);
    let made = organizations.create_policy().name("deny").description("deny").content(CONTENT);
    let made = made.r#type(PolicyType::ServiceControlPolicy).send().await.expect("a policy");
    let summary = made.policy().and_then(|it| it.policy_summary()).expect("its summary");
    let (id, arn) = (summary.id().expect("its id"), summary.arn().expect("its ARN"));
    let target = world.open(TargetKind::OrganizationPolicy, arn, &[]);

    let held = target.read().await.expect("read");
    assert_eq!(world.wire.changes(), [""; 0]);
    assert!(held.networks.is_empty(), "{:?}", held.networks);
    assert_eq!(held.flaws, ["its statement is missing"]);
    let Room::Characters(room) = held.room else { panic!("{:?}", held.room) };
    assert!((4_000..5_120).contains(&room), "{room}");
    let wanted = networks(&["203.0.113.7/32", "2001:db8:7::/64"]);
    assert_eq!(target.write(&held, &wanted).await.expect("written"), Written::Done);
    assert_eq!(world.wire.changes(), ["UpdatePolicy"]);
    let held = target.read().await.expect("read");
    assert_eq!((held.networks.clone(), &held.flaws[..]), (wanted.clone(), &[][..]));
    assert!(held.rest.contains("\"Theirs\""), "{}", held.rest);
    assert_eq!(target.write(&held, &wanted).await.expect("written"), Written::Done);
    assert_eq!(world.wire.changes(), [""; 0]);

    // Others write meanwhile, or are about to.
    let less = networks(&["203.0.113.7/32"]);
    world.wire.refuse("UpdatePolicy", "ConcurrentModificationException");
    assert_eq!(target.write(&held, &less).await.expect("asked"), Written::Conflict);
    let theirs = held.rest.replace("s3:*", "sqs:*");
    let update = organizations.update_policy().policy_id(id).content(theirs);
    update.send().await.expect("written");
    world.wire.calls();
    assert_eq!(target.write(&held, &less).await.expect("asked"), Written::Conflict);
    assert_eq!(world.wire.changes(), [""; 0]);
    let held = target.read().await.expect("read");
    assert_eq!(target.write(&held, &less).await.expect("written"), Written::Done);
    let held = target.read().await.expect("read");
    assert_eq!(held.networks, less);
    assert!(held.rest.contains("sqs:*"), "{}", held.rest);

    world.wire.refuse("UpdatePolicy", "PolicyChangesInProgressException");
    let error = target.write(&held, &wanted).await.expect_err("refused");
    let what = format!("writing organization-policy {arn}: PolicyChangesInProgressException: said");
    told(&error, &what);
}
