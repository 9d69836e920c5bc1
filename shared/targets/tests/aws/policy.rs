//! A policy of IAM: read, written, attached, kept to five versions, and never written over.

use std::collections::BTreeSet;

use aws_sdk_iam::Client;
use callerwatch_response::document;
use callerwatch_response::{Room, Target, TargetKind, Written};
use callerwatch_targets::AnyTarget;

use crate::{World, networks, told};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}]}"#;
const GROUP: &str = "arn:aws:iam::111111111111:group/people";
const ROLE: &str = "arn:aws:iam::111111111111:role/app/web";

/// A policy as the stack makes it, and who it is for.
async fn policy(world: &World) -> (Client, String) {
    let iam = Client::new(&world.others);
    iam.create_group().group_name("people").send().await.expect("a group");
    let role = iam.create_role().role_name("web").path("/app/");
    role.assume_role_policy_document(TRUST).send().await.expect("a role");
    let text = document::write("", &BTreeSet::new(), &[]).expect("a document");
    let made = iam.create_policy().policy_name("deny").policy_document(text);
    let made = made.send().await.expect("a policy");
    let arn = made.policy().and_then(|it| it.arn()).expect("its ARN").to_owned();
    (iam, arn)
}

/// Each version by its name, the default one marked.
async fn versions(iam: &Client, arn: &str) -> Vec<String> {
    let told = iam.list_policy_versions().policy_arn(arn).send().await.expect("versions");
    let versions = told.versions().iter();
    let name = |it: &aws_sdk_iam::types::PolicyVersion| {
        let mark = if it.is_default_version() { "*" } else { "" };
        format!("{}{mark}", it.version_id().expect("a name"))
    };
    let mut names: Vec<String> = versions.map(name).collect();
    names.sort();
    names
}

async fn others_write(iam: &Client, arn: &str, text: &str) {
    let made = iam.create_policy_version().policy_arn(arn).policy_document(text);
    made.set_as_default(true).send().await.expect("a version");
}

async fn put(target: &AnyTarget, texts: &[&str]) -> Written {
    let held = target.read().await.expect("read");
    target.write(&held, &networks(texts)).await.expect("written")
}

#[tokio::test]
async fn a_policy_is_read_and_written() {
    let Some(world) = World::start().await else { return };
    let (iam, arn) = policy(&world).await;
    let target = world.open(TargetKind::Policy, &arn, &[GROUP, ROLE]);

    let held = target.read().await.expect("read");
    assert_eq!(world.wire.changes(), [""; 0]);
    assert_eq!((held.networks.len(), held.version.as_str()), (0, "v1"));
    let Room::Characters(room) = held.room else { panic!("{:?}", held.room) };
    assert!((5_000..6_144).contains(&room), "{room}");
    // That it is attached to nobody is no flaw yet.
    let [statement] = &held.flaws[..] else { panic!("{:?}", held.flaws) };
    assert!(statement.starts_with("its statement was changed: ArnNotLike"), "{statement}");

    let ours = networks(&["203.0.113.7/32", "2001:db8:7::/64"]);
    assert_eq!(target.write(&held, &ours).await.expect("written"), Written::Done);
    let changes = ["CreatePolicyVersion", "AttachGroupPolicy", "AttachRolePolicy"];
    assert_eq!(world.wire.changes(), changes);
    let held = target.read().await.expect("read");
    assert_eq!((held.networks.clone(), &held.flaws[..]), (ours.clone(), &[][..]));

    // What is there already is not written once more.
    assert_eq!(target.write(&held, &ours).await.expect("written"), Written::Done);
    assert_eq!(world.wire.changes(), [""; 0]);
    // What was detached is attached, and no version spent on it.
    iam.detach_role_policy().role_name("web").policy_arn(&arn).send().await.expect("detached");
    let held = target.read().await.expect("read");
    assert_eq!(held.flaws, ["it is not attached to role web"]);
    assert_eq!(target.write(&held, &ours).await.expect("written"), Written::Done);
    assert_eq!(world.wire.changes(), ["AttachRolePolicy"]);
    assert_eq!(versions(&iam, &arn).await, ["v1", "v2*"]);

    // What denies nobody is attached to nobody anew.
    iam.detach_role_policy().role_name("web").policy_arn(&arn).send().await.expect("detached");
    let held = target.read().await.expect("read");
    assert_eq!(target.write(&held, &networks(&[])).await.expect("written"), Written::Done);
    let changes = world.wire.changes();
    assert!(!changes.iter().any(|it| it.starts_with("Attach")), "{changes:?}");
    assert_eq!(target.read().await.expect("read").flaws, [""; 0]);
}

#[tokio::test]
async fn whom_it_cannot_be_attached_to_keeps_nobody_else_from_being_denied() {
    let Some(world) = World::start().await else { return };
    let (iam, arn) = policy(&world).await;
    let gone = "arn:aws:iam::111111111111:role/gone";
    let target = world.open(TargetKind::Policy, &arn, &[GROUP, gone, ROLE]);
    world.wire.refuse("AttachGroupPolicy", "LimitExceeded");
    assert_eq!(put(&target, &["203.0.113.7/32"]).await, Written::Done);
    let unmended = target.unmended();
    let flaws: Vec<&str> = unmended.keys().map(String::as_str).collect();
    assert_eq!(flaws, ["it is not attached to group people", "it is not attached to role gone"]);
    let why = &unmended["it is not attached to role gone"];
    assert!(
        why.starts_with(&format!("attaching policy {arn} to role gone: NoSuchEntity: ")),
        "{why}"
    );

    // The others are denied, and nothing more is to be written.
    let attached = iam.list_attached_role_policies().role_name("web").send().await.expect("listed");
    assert_eq!(attached.attached_policies().len(), 1);
    let held = target.read().await.expect("read");
    assert_eq!((held.networks, held.flaws), (networks(&["203.0.113.7/32"]), vec![]));
    assert_eq!(target.unmended().len(), 2, "it is told until it is mended");

    // What was mended by hand is no flaw any more, and the next write tries again.
    iam.attach_group_policy().group_name("people").policy_arn(&arn).send().await.expect("attached");
    target.read().await.expect("read");
    assert_eq!(target.unmended().len(), 1);
    let role = iam.create_role().role_name("gone");
    role.assume_role_policy_document(TRUST).send().await.expect("a role");
    assert_eq!(put(&target, &["203.0.113.8/32"]).await, Written::Done);
    assert_eq!(target.unmended().len(), 0);
    // What is over is over, whoever is gone.
    assert_eq!(put(&target, &[]).await, Written::Done);
    // What passes is no flaw, and is tried again as a whole.
    iam.detach_group_policy().group_name("people").policy_arn(&arn).send().await.expect("detached");
    for _ in 0..3 {
        world.wire.refuse("AttachGroupPolicy", "Throttling");
    }
    let held = target.read().await.expect("read");
    let error = target.write(&held, &networks(&["203.0.113.9/32"])).await.expect_err("throttled");
    told(&error, &format!("attaching policy {arn} to group people: Throttling: "));
}

#[tokio::test]
async fn versions_of_others_stay() {
    let Some(world) = World::start().await else { return };
    let (iam, arn) = policy(&world).await;
    let target = world.open(TargetKind::Policy, &arn, &[]);
    let theirs = r#"{"Sid":"Theirs","Effect":"Deny","Action":"s3:*","Resource":"*"}"#;
    let theirs = format!(r#"{{"Version":"2012-10-17","Statement":[{theirs}]}}"#);
    let made = iam.create_policy_version().policy_arn(&arn).policy_document(&theirs);
    made.send().await.expect("a version");
    for last in 1..=4 {
        assert_eq!(put(&target, &[&format!("203.0.113.{last}/32")]).await, Written::Done);
    }
    // Ours went for ours.
    assert_eq!(versions(&iam, &arn).await, ["v2", "v3", "v4", "v5", "v6*"]);
    assert_eq!(put(&target, &[]).await, Written::Done);
    assert_eq!(versions(&iam, &arn).await, ["v2", "v7*"]);
    target.retire().await.expect("retired");
    assert_eq!(versions(&iam, &arn).await, ["v2", "v7*"]);
    // Where there are none of ours, one of theirs goes: the address is denied.
    for _ in 0..3 {
        let made = iam.create_policy_version().policy_arn(&arn).policy_document(&theirs);
        made.send().await.expect("a version");
    }
    assert_eq!(put(&target, &["203.0.113.7/32"]).await, Written::Done);
    assert_eq!(versions(&iam, &arn).await, ["v10", "v11*", "v7", "v8", "v9"]);
}

#[tokio::test]
async fn what_others_wrote_is_kept() {
    let Some(world) = World::start().await else { return };
    let (iam, arn) = policy(&world).await;
    let target = world.open(TargetKind::Policy, &arn, &[]);
    assert_eq!(put(&target, &["203.0.113.7/32"]).await, Written::Done);
    let stale = target.read().await.expect("read");

    // A statement and an address of others, written by hand: on several lines, and in a list of one.
    let theirs = stale.rest.replace("\"203.0.113.7\"", "\"203.0.113.7\", \"198.51.100.0/24\"");
    let statement = r#"{"Sid":"Theirs","Effect":"Deny","Action":"s3:*","Resource":"*"},"#;
    let theirs = theirs.replace("\"Statement\":[", &format!("\"Statement\": [\n  {statement}\n"));
    others_write(&iam, &arn, &theirs).await;
    world.wire.calls();
    let wanted = networks(&["203.0.113.7/32", "203.0.113.8/32"]);
    assert_eq!(target.write(&stale, &wanted).await.expect("asked"), Written::Conflict);
    assert_eq!(world.wire.changes(), [""; 0]);

    let held = target.read().await.expect("read");
    assert_eq!(held.networks, networks(&["203.0.113.7/32", "198.51.100.0/24"]));
    assert_eq!(put(&target, &["203.0.113.8/32", "198.51.100.0/24"]).await, Written::Done);
    let held = target.read().await.expect("read");
    assert!(held.rest.contains("\"Theirs\""), "{}", held.rest);
    assert_eq!(held.networks, networks(&["203.0.113.8/32", "198.51.100.0/24"]));

    // Our statement is taken away, and comes back beside theirs.
    let rest = r#"{"Sid":"Theirs","Effect":"Deny","Action":"s3:*","Resource":"*"}"#;
    let rest = format!(r#"{{"Version":"2012-10-17","Statement":{rest}}}"#);
    others_write(&iam, &arn, &rest).await;
    assert_eq!(target.write(&held, &wanted).await.expect("asked"), Written::Conflict);
    let held = target.read().await.expect("read");
    assert_eq!(
        (held.networks.len(), &held.flaws[..]),
        (0, &["its statement is missing".into()][..])
    );
    assert_eq!(target.write(&held, &wanted).await.expect("written"), Written::Done);
    let held = target.read().await.expect("read");
    assert!(held.rest.contains("\"Theirs\""), "{}", held.rest);
    assert_eq!((held.networks, held.flaws.len()), (wanted, 0));
}

#[tokio::test]
async fn five_versions_are_kept_and_one_in_the_end() {
    let Some(world) = World::start().await else { return };
    let (iam, arn) = policy(&world).await;
    let target = world.open(TargetKind::Policy, &arn, &[]);
    for last in 1..=9 {
        assert_eq!(put(&target, &[&format!("203.0.113.{last}/32")]).await, Written::Done);
    }
    assert_eq!(versions(&iam, &arn).await, ["v10*", "v6", "v7", "v8", "v9"]);
    assert_eq!(put(&target, &[]).await, Written::Done);
    assert_eq!(versions(&iam, &arn).await, ["v11*"]);
    // What others put there stays, and keeps nobody from deleting the policy.
    assert_eq!(put(&target, &["198.51.100.0/24"]).await, Written::Done);
    target.retire().await.expect("retired");
    assert_eq!(versions(&iam, &arn).await, ["v12*"]);
    iam.delete_policy().policy_arn(&arn).send().await.expect("deleted");
    let error = target.read().await.expect_err("it is gone");
    told(&error, &format!("reading policy {arn}: NoSuchEntity: "));
}

#[tokio::test]
async fn throttling_is_borne_or_told() {
    let Some(world) = World::start().await else { return };
    let (iam, arn) = policy(&world).await;
    let target = world.open(TargetKind::Policy, &arn, &[]);
    world.wire.refuse("CreatePolicyVersion", "Throttling");
    world.wire.refuse("GetPolicy", "Throttling");
    assert_eq!(put(&target, &["203.0.113.7/32"]).await, Written::Done);
    assert_eq!(world.wire.changes(), ["CreatePolicyVersion"; 2]);
    assert_eq!(versions(&iam, &arn).await, ["v1", "v2*"]);
    for _ in 0..3 {
        world.wire.refuse("CreatePolicyVersion", "Throttling");
    }
    let held = target.read().await.expect("read");
    let error = target.write(&held, &networks(&["203.0.113.8/32"])).await.expect_err("throttled");
    told(&error, &format!("writing a version of policy {arn}: Throttling: said so. x"));
    assert_eq!(target.read().await.expect("read").networks, networks(&["203.0.113.7/32"]));
}
