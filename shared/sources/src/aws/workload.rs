//! Normalize: whether credentials were issued to a workload: an EC2 instance, a task of ECS, or a
//! function of Lambda.
//!
//! Promises to take no person's session for a workload's, so it believes only what AWS writes, and
//! not what a caller may choose, save for the name of an instance.
//!
//! `inScopeOf` and `ec2RoleDelivery`:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.
//! Names of sessions:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>.

use super::identity::behind;
use super::record::Identity;

/// What credentials are issued to that runs in AWS. Clusters of EKS may have nodes elsewhere.
const ISSUED_TO: [&str; 2] = ["AWS::EC2::Instance", "AWS::Lambda::Function"];
const ISSUED_TO_ECS: &str = "AWS::ECS::";

/// Whether the credentials were issued to a workload.
pub(super) fn is_workload(identity: &Identity<'_>) -> bool {
    let issued_to = identity.in_scope_of.issuer_type.as_str();
    ISSUED_TO.contains(&issued_to)
        || issued_to.starts_with(ISSUED_TO_ECS)
        || !identity.session_context.ec2_role_delivery.as_str().is_empty()
        || is_session_of_instance(identity)
}

/// Older records have no more than the name of the session, which EC2 takes from the instance.
/// Whoever assumes a role may choose any name; but Identity Center takes that of the user, and who
/// says whose the session is, or comes from another provider, is no instance.
fn is_session_of_instance(identity: &Identity<'_>) -> bool {
    let session = behind(identity.principal_id.as_str(), b':');
    let Some(id) = session.and_then(|session| session.strip_prefix("i-")) else { return false };
    let context = &identity.session_context;
    let web = &context.web_id_federation_data;
    let is_id = matches!(id.len(), 8 | 17)
        && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_id
        && context.source_identity.as_str().is_empty()
        && web.federated_provider.as_str().is_empty()
        && !identity.arn.as_str().contains("assumed-role/AWSReservedSSO_")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the session of a role, with a field beside its ARN, and one in its context.
    fn of_session(session: &str, field: &str, context: &str) -> bool {
        let json = format!(
            r#"{{"type":"AssumedRole","principalId":"AROA1:{session}","arn":"arn:aws:sts::111111111111:assumed-role/app/{session}"{field},"sessionContext":{{"sessionIssuer":{{"type":"Role"}}{context}}}}}"#
        );
        is_workload(&serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn what_shows_a_workload() {
        let instance = "i-0123456789abcdef0";
        let issued = |kind: &str| format!(r#","inScopeOf":{{"issuerType":"{kind}"}}"#);
        for (session, field, context, expected) in [
            ("app", issued("AWS::Lambda::Function"), "", true),
            ("app", issued("AWS::EC2::Instance"), "", true),
            ("app", issued("AWS::ECS::Task"), "", true),
            ("app", issued("AWS::EKS::Cluster"), "", false),
            ("app", r#","inScopeOf":{"sourceArn":"arn:aws:s3:::b"}"#.to_owned(), "", false),
            ("app", String::new(), r#","ec2RoleDelivery":"2.0""#, true),
            ("app", String::new(), r#","ec2RoleDelivery":"""#, false),
            (instance, String::new(), "", true),
            ("i-0123abcd", String::new(), "", true),
            // names like that of an instance, and people's
            ("mi-0123456789abcdef0", String::new(), "", false),
            ("i-0123456789abcdeg0", String::new(), "", false),
            ("i-0123", String::new(), "", false),
            ("alice@example.com", String::new(), "", false),
            (instance, String::new(), r#","sourceIdentity":"alice""#, false),
            (
                instance,
                String::new(),
                r#","webIdFederationData":{"federatedProvider":"accounts.google.com"}"#,
                false,
            ),
        ] {
            let found = of_session(session, &field, context);
            assert_eq!(found, expected, "{session} {field} {context}");
        }
        let person = r#"{"type":"AssumedRole","principalId":"AROA1:i-0123abcd","arn":"arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_1/i-0123abcd"}"#;
        for json in [person, r#"{"type":"IAMUser","principalId":"AIDA1"}"#, "null", "{}"] {
            assert!(!is_workload(&serde_json::from_str(json).unwrap()), "{json}");
        }
    }
}
