//! Stories: made-up calls that several test suites share.

use callerwatch_detection::activity::{Actor, ActorKind, ApiActivity, Cloud, Outcome};
use callerwatch_detection::source::Source;
use callerwatch_detection::timestamp::Timestamp;

/// 2026-03-02T08:00:00Z, in milliseconds.
pub const START: i64 = 1_772_438_400_000;

/// A call of a principal from an address, `secs` after [`START`].
pub fn call(
    uid: &str,
    secs: i64,
    address: &str,
    principal: &str,
    outcome: Outcome,
) -> ApiActivity<'static> {
    let login = matches!(
        outcome,
        Outcome::LoginFailed | Outcome::LoginSucceeded | Outcome::PasswordCorrect
    );
    ApiActivity {
        cloud: Cloud::Aws,
        uid: uid.to_owned().into(),
        time: Timestamp::from_millis(START + 1000 * secs),
        account: Some("111111111111".into()),
        region: Some("eu-west-1".into()),
        source: Source::from_address(address.to_owned(), "vpce-1"),
        actor: Actor {
            kind: ActorKind::User,
            uid: Some(principal.to_owned().into()),
            name: Some(principal.to_owned().into()),
        },
        service: if login { "signin.amazonaws.com" } else { "ec2.amazonaws.com" }.into(),
        operation: if login { "ConsoleLogin" } else { "DescribeInstances" }.into(),
        resource: None,
        user_agent: Some("test".into()),
        mfa: None,
        outcome,
        status_code: None,
        read_only: !login,
        console_session: false,
    }
}
