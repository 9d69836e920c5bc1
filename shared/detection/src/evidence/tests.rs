//! That entries come back, and tell what they were made of; and a call to make others of.

use super::*;
use crate::activity::Actor;
use crate::source::Source;

/// A call of `alice`, to be changed at will.
pub(crate) fn call(uid: &str, time: i64, outcome: Outcome) -> ApiActivity<'static> {
    ApiActivity {
        cloud: Cloud::Aws,
        uid: uid.to_owned().into(),
        time: Timestamp::from_millis(time),
        account: Some("111111111111".into()),
        region: None,
        source: Source::from_address("203.0.113.7", ""),
        actor: Actor {
            kind: ActorKind::User,
            uid: Some("arn:aws:iam::111111111111:user/alice".into()),
            name: Some("alice".into()),
            credential: None,
        },
        service: "iam.amazonaws.com".into(),
        operation: "ListUsers".into(),
        resource: None,
        user_agent: None,
        mfa: None,
        outcome,
        status_code: None,
        read_only: false,
        console_session: false,
        workload: false,
    }
}

/// Stored bytes are read by later versions: this test changes only with the forms.
#[test]
fn layout_is_pinned() {
    let mut activity = call("e-1", 1_772_443_500_123, Outcome::Denied);
    activity.read_only = true;
    activity.console_session = true;
    let principal = principal_hash(Cloud::Aws, activity.actor.uid.as_deref());
    let entry = Entry::of_call(&activity, activity.time.unwrap());
    assert_eq!(entry.as_bytes()[..10], [1, 1, 0x9c, 0xad, 0xdd, 0x7e, 0x5b, 5, 1, 3]);
    assert_eq!(Entry::from_bytes(entry.as_bytes()), Some(entry));
    assert_eq!(entry.time(), activity.time.unwrap());
    assert_eq!(entry.kind(), Kind::Denied);
    assert_eq!(entry.cloud(), Cloud::Aws);
    assert!(entry.traits().is_console_read() && !entry.traits().is_root());
    activity.workload = true;
    let of_workload = Entry::of_call(&activity, activity.time.unwrap());
    assert_eq!(of_workload.as_bytes()[9], 35);
    assert!(of_workload.traits().is_workload() && !entry.traits().is_workload());
    assert_eq!(entry.uid(), hash::of_parts(&["AWS", "e-1"]));
    assert_eq!(entry.principal(), principal);
    assert_eq!(entry.operation(), operation_hash("listusers"));
    assert_eq!(size_of::<Entry>(), 32);
}

#[test]
fn foreign_bytes_are_refused() {
    let entry = Entry::of_seen(Cloud::Gcp, 7, Timestamp::from_millis(0).unwrap().day());
    for (at, byte) in [(0, 0), (0, 4), (7, 0), (7, 99), (8, 0), (8, 9), (1, 0xff)] {
        let mut bytes = *entry.as_bytes();
        bytes[at] = byte;
        assert_eq!(Entry::from_bytes(&bytes), None, "byte {at}");
    }
    assert_eq!(Entry::from_bytes(&entry.as_bytes()[1..]), None);
}

#[test]
fn order_is_that_of_time() {
    let early =
        Entry::of_call(&call("z", 1000, Outcome::Denied), Timestamp::from_millis(1000).unwrap());
    let late =
        Entry::of_call(&call("a", 2000, Outcome::Success), Timestamp::from_millis(2000).unwrap());
    assert!(early < late);
}
