//! Who succeeded, as the finding of an alert tells it: whose sessions may have to end.

use std::collections::BTreeSet;

use callerwatch_detection::activity::Cloud;
use callerwatch_detection::evidence::Kind;
use callerwatch_detection::ocsf::outcome;
use serde_json::Value;

/// A finding holds a dozen evidences.
const PRINCIPALS_MAX: usize = 32;

/// A principal of AWS, and what it called with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Principal {
    /// Its ARN, without a path: of a person's session that of the session.
    pub uid: String,
    /// The identifier of the access key, where the log names it.
    pub credential: Option<String>,
}

/// The principals of AWS who succeeded in a finding, each with each of its credentials once.
pub fn succeeded(finding: &Value) -> BTreeSet<Principal> {
    let evidences = finding.get("evidences").and_then(Value::as_array);
    let evidences = evidences.map(Vec::as_slice).unwrap_or_default();
    evidences.iter().filter_map(principal).take(PRINCIPALS_MAX).collect()
}

fn principal(evidence: &Value) -> Option<Principal> {
    let text = |pointer| evidence.pointer(pointer).and_then(Value::as_str);
    let how = text("/api/response/message")?;
    let is_success = [Kind::Success, Kind::LoginSucceeded].map(outcome).contains(&how);
    if !is_success || text("/data/cloud") != Some(Cloud::Aws.name()) {
        return None;
    }
    let credential = text("/actor/user/programmatic_credentials/0/uid");
    let uid = text("/actor/user/uid")?.to_owned();
    Some(Principal { uid, credential: credential.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ALICE: &str = "arn:aws:iam::111111111111:user/alice";

    fn evidence(cloud: &str, how: &str, user: &Value) -> Value {
        json!({
            "api": { "response": { "message": how } },
            "actor": { "user": user },
            "data": { "cloud": cloud },
        })
    }

    fn alice_with(key: &str) -> Value {
        json!({ "uid": ALICE, "programmatic_credentials": [{ "uid": key }] })
    }

    #[test]
    fn who_failed_is_left_alone() {
        for (evidences, expected) in [
            (json!([evidence("AWS", "success", &json!({ "uid": ALICE }))]), vec![(ALICE, None)]),
            (json!([evidence("AWS", "signed in", &json!({ "uid": ALICE }))]), vec![(ALICE, None)]),
            (json!([evidence("AWS", "denied", &json!({ "uid": ALICE }))]), vec![]),
            (json!([evidence("AWS", "sign-in failed", &json!({ "uid": ALICE }))]), vec![]),
            (
                json!([evidence(
                    "AWS",
                    "password correct, sign-in stopped",
                    &json!({ "uid": ALICE })
                )]),
                vec![],
            ),
            (json!([evidence("GCP", "success", &json!({ "uid": ALICE }))]), vec![]),
            (json!([evidence("AWS", "success", &json!({ "name": "alice" }))]), vec![]),
            (json!([{ "src_endpoint": { "ip": "203.0.113.7" } }]), vec![]),
            (json!("x"), vec![]),
            (
                json!([
                    evidence("AWS", "success", &alice_with("AKIA1")),
                    evidence("AWS", "success", &alice_with("AKIA1")),
                    evidence("AWS", "success", &alice_with("AKIA2")),
                ]),
                vec![(ALICE, Some("AKIA1")), (ALICE, Some("AKIA2"))],
            ),
        ] {
            let finding = json!({ "evidences": evidences });
            let told = succeeded(&finding);
            let told: Vec<_> =
                told.iter().map(|it| (it.uid.as_str(), it.credential.as_deref())).collect();
            assert_eq!(told, expected, "{finding}");
        }
        assert!(succeeded(&json!({})).is_empty());
    }
}
