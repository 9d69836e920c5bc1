//! Sessions: a role's are revoked, a user's access key is made inactive, and nobody else is touched.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::StatusType;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::Mode::{DryRun, Enforce};
use callerwatch_targets::Principal;
use callerwatch_targets::sessions::{Allowed, Ending, POLICY_NAME, Sessions};

use crate::{ACCOUNT, World};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}]}"#;
const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/web/alice@example.com";

fn sessions(world: &World) -> Sessions {
    let arns = |arns: &[&str]| arns.iter().map(|it| format!("arn:aws:iam::{it}")).collect();
    let allowed = Allowed {
        account: ACCOUNT.to_owned(),
        roles: arns(&["111111111111:role/app/web", "111111111111:role/rescue/door"]),
        users: arns(&["111111111111:user/ops/alice", "222222222222:user/carol"]),
        break_glass: arns(&["*:role/rescue/*"]),
    };
    Sessions::new(&world.config, allowed)
}

fn who(uid: &str, credential: Option<&str>) -> Principal {
    let uid =
        if uid.contains(':') { uid.to_owned() } else { format!("arn:aws:iam::{ACCOUNT}:{uid}") };
    Principal { uid, credential: credential.map(str::to_owned) }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(1_772_443_500_250).expect("a time").plus_secs(secs)
}

async fn revoked(iam: &Client) -> String {
    let asked = iam.get_role_policy().role_name("web").policy_name(POLICY_NAME).send().await;
    asked.expect("a policy").policy_document().to_owned()
}

#[tokio::test]
async fn sessions_of_a_role_are_revoked() {
    let Some(world) = World::start().await else { return };
    let iam = Client::new(&world.others);
    let made = iam.create_role().role_name("web").path("/app/").assume_role_policy_document(TRUST);
    made.send().await.expect("a role");
    let sessions = sessions(&world);
    let web = who(SESSION, None);

    let planned = sessions.end(&web, at(0), DryRun).await;
    assert_eq!(world.wire.changes(), [""; 0]);
    let change = planned.change(&web, None, at(0), DryRun).expect("a change");
    let why = format!("sessions of role web: {SESSION} succeeded");
    assert_eq!((change.what, change.why), ("would revoke", why));

    let done = sessions.end(&web, at(0), Enforce).await;
    assert!(matches!(&done, Ending::Revoked(role) if role == "web"), "{done:?}");
    assert_eq!(done.change(&web, None, at(0), Enforce).expect("a change").what, "revoked");
    let first = revoked(&iam).await;
    assert!(first.contains("2026-03-02T09%3A25%3A01Z"), "{first}");
    assert!(first.contains("DateLessThan") && first.contains("aws%3ATokenIssueTime"), "{first}");

    // A repeat changes nothing, and of two times the later one stands.
    world.wire.calls();
    for secs in [0, -3600] {
        let again = sessions.end(&who("role/web", None), at(secs), Enforce).await;
        assert!(matches!(again, Ending::Already), "{again:?}");
        assert!(again.change(&web, None, at(0), Enforce).is_none());
    }
    assert_eq!(world.wire.changes(), [""; 0]);
    assert_eq!(revoked(&iam).await, first);
    sessions.end(&web, at(60), Enforce).await;
    assert!(revoked(&iam).await.contains("2026-03-02T09%3A26%3A01Z"));

    // What somebody made harmless is made anew.
    let harmless =
        TRUST.replace(r#","Principal":{"Service":"ec2.amazonaws.com"}"#, r#","Resource":"*""#);
    let put = iam.put_role_policy().role_name("web").policy_name(POLICY_NAME);
    put.policy_document(harmless).send().await.expect("a policy");
    sessions.end(&web, at(0), Enforce).await;
    assert_eq!(revoked(&iam).await, first);

    assert!(sessions.restore("web").await.expect("restored"));
    assert!(!sessions.restore("web").await.expect("nothing to restore"));
    world.wire.refuse("PutRolePolicy", "AccessDenied");
    let failed = sessions.end(&web, at(0), Enforce).await;
    let change = failed.change(&web, None, at(0), Enforce).expect("a change");
    assert_eq!(change.what, "failed");
    assert!(change.why.starts_with("revoking sessions of role web: AccessDenied: "), "{change:?}");
}

#[tokio::test]
async fn an_access_key_is_made_inactive() {
    let Some(world) = World::start().await else { return };
    let iam = Client::new(&world.others);
    iam.create_user().user_name("alice").path("/ops/").send().await.expect("a user");
    let mut keys = Vec::new();
    for _ in 0..2 {
        let made = iam.create_access_key().user_name("alice").send().await.expect("a key");
        keys.push(made.access_key().expect("a key").access_key_id().to_owned());
    }
    let sessions = sessions(&world);
    let alice = who("user/alice", Some(&keys[0]));

    let planned = sessions.end(&alice, at(0), DryRun).await;
    assert!(matches!(&planned, Ending::Deactivated(_)), "{planned:?}");
    assert_eq!(world.wire.changes(), [""; 0]);
    let done = sessions.end(&alice, at(0), Enforce).await;
    assert!(matches!(&done, Ending::Deactivated(key) if *key == keys[0]), "{done:?}");
    assert_eq!(world.wire.changes(), ["UpdateAccessKey"]);
    let again = sessions.end(&alice, at(0), Enforce).await;
    assert!(matches!(again, Ending::Already), "{again:?}");
    assert_eq!(world.wire.changes(), [""; 0]);
    let told = iam.list_access_keys().user_name("alice").send().await.expect("keys");
    for key in told.access_key_metadata() {
        let is_ended = key.access_key_id() == Some(keys[0].as_str());
        let expected = if is_ended { StatusType::Inactive } else { StatusType::Active };
        assert_eq!(key.status(), Some(&expected));
    }
    let gone = sessions.end(&who("user/alice", Some("AKIAGONE")), at(0), Enforce).await;
    assert!(
        matches!(&gone, Ending::Refused(why) if why.contains("no such access key")),
        "{gone:?}"
    );
}

#[tokio::test]
async fn nobody_else_is_touched() {
    let Some(world) = World::start().await else { return };
    let sessions = sessions(&world);
    for (who, expected) in [
        (who("arn:aws:sts::222222222222:assumed-role/web/a", None), "it is of another account"),
        (who("arn:aws:iam::222222222222:user/carol", Some("AKIA1")), "it is of another account"),
        (who("role/other", None), "no parameter names it"),
        (who("role/app", None), "no parameter names it"),
        (who("user/web", Some("AKIA1")), "no parameter names it"),
        (who("role/alice", None), "no parameter names it"),
        (who("role/door", None), "it is break-glass"),
        (who("arn:aws:sts::111111111111:assumed-role/door/a", None), "it is break-glass"),
        (who("user/alice", None), "the log names no access key"),
        (who("user/alice", Some("ASIA1")), "its access key is of a session, and ends by itself"),
        (who("arn:aws:iam::111111111111:root", Some("AKIA1")), "it is neither a role nor a user"),
        (who("arn:aws:identitystore:::user/1", None), "it is neither a role nor a user"),
        (who("", None), "it is neither a role nor a user"),
        (who("role/", None), "it is neither a role nor a user"),
    ] {
        let ended = sessions.end(&who, at(0), Enforce).await;
        assert!(matches!(&ended, Ending::Refused(why) if why == expected), "{who:?}: {ended:?}");
        let change = ended.change(&who, None, at(0), Enforce).expect("a change");
        assert_eq!(change.what, "refused");
    }
    assert!(world.wire.calls().is_empty(), "asked of somebody");
}
