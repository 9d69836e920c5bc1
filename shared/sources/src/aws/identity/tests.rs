//! Who is behind identities of every form.

use super::*;

/// `kind uid name`, of an identity in a record of account 111111111111.
fn show(json: &str) -> String {
    let actor = actor(&mut serde_json::from_str(json).unwrap(), "111111111111", "eu-west-1");
    let text = |text: Option<Cow<'_, str>>| text.unwrap_or("-".into()).into_owned();
    format!("{:?} {} {}", actor.kind, text(actor.uid), text(actor.name))
}

#[test]
fn principals() {
    for (json, expected) in [
        (
            r#"{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/alice","accountId":"111111111111","userName":"alice"}"#,
            "User arn:aws:iam::111111111111:user/alice alice",
        ),
        (
            r#"{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/ops/eu/alice","accountId":"111111111111","userName":"alice"}"#,
            "User arn:aws:iam::111111111111:user/alice alice",
        ),
        (
            r#"{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/ops/alice","accountId":"111111111111"}"#,
            "User arn:aws:iam::111111111111:user/alice alice",
        ),
        (
            r#"{"type":"IAMUser","accountId":"111111111111","accessKeyId":"","userName":"alice"}"#,
            "User arn:aws:iam::111111111111:user/alice alice",
        ),
        (
            r#"{"type":"iamuser","arn":"arn:aws-cn:iam::111111111111:user/a/b","accountId":"111111111111","userName":"b"}"#,
            "User arn:aws-cn:iam::111111111111:user/b b",
        ),
        (
            r#"{"type":"IAMUser","accessKeyId":"","userName":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#,
            "User - -",
        ),
        (
            r#"{"type":"User","arn":"arn:aws:iam::111111111111:user/test","userName":"test"}"#,
            "User arn:aws:iam::111111111111:user/test test",
        ),
        (
            r#"{"type":"Root","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111"}"#,
            "Root arn:aws:iam::111111111111:root root",
        ),
        (r#"{"type":"Root"}"#, "Root arn:aws:iam::111111111111:root root"),
        (
            r#"{"type":"AWSAccount","principalId":"","accountId":"ANONYMOUS_PRINCIPAL"}"#,
            "Anonymous - -",
        ),
        (
            r#"{"type":"AWSAccount","principalId":"AROAEXAMPLE:s","accountId":"222222222222"}"#,
            "Foreign 222222222222:AROAEXAMPLE:s 222222222222",
        ),
        (r#"{"invokedBy":"eks.amazonaws.com"}"#, "Application eks.amazonaws.com eks.amazonaws.com"),
        (
            r#"{"type":"FederatedUser","arn":"arn:aws:sts::111111111111:federated-user/bob"}"#,
            "User arn:aws:sts::111111111111:federated-user/bob bob",
        ),
        (
            r#"{"type":"Unknown","principalId":"p-1","accountId":"111111111111","userName":"carol"}"#,
            "User carol carol",
        ),
        (
            r#"{"type":"IdentityCenterUser","onBehalfOf":{"userId":"u-1"}}"#,
            "User arn:aws:identitystore:::user/u-1 u-1",
        ),
        (
            r#"{"type":"Unknown","userName":"carol","onBehalfOf":{"userId":"u-1"}}"#,
            "User arn:aws:identitystore:::user/u-1 carol",
        ),
        (
            r#"{"type":"SAMLUser","principalId":"idp:dave","userName":"dave","identityProvider":"idp"}"#,
            "User idp:dave dave",
        ),
        (
            r#"{"type":"WebIdentityUser","userName":"dave","identityProvider":"idp"}"#,
            "User idp:dave dave",
        ),
        (r#"{"type":"Unknown","principalId":"Anonymous"}"#, "Unknown - -"),
        ("{}", "Unknown - -"),
        ("null", "Unknown - -"),
    ] {
        assert_eq!(show(json), expected, "{json}");
    }
}

/// `(issuer, role and session, rest of the session context, expected uid)`.
#[test]
fn sessions() {
    let plain = "arn:aws:iam::111111111111:role/app";
    let sts = "arn:aws:sts::111111111111:assumed-role/";
    let sso =
        "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1";
    let web = r#","webIdFederationData":{"federatedProvider":"idp","attributes":{}}"#;
    for (issuer, assumed, context, uid) in [
        (plain, "app/i-0123", "", plain.to_owned()),
        (plain, "app/i-0123", r#","webIdFederationData":{}"#, plain.to_owned()),
        (plain, "app/dave@example.com", "", format!("{sts}app/dave@example.com")),
        (plain, "app/dave", web, format!("{sts}app/dave")),
        (plain, "app/botocore-session-1", web, plain.to_owned()),
        (plain, "app/1700000000", web, plain.to_owned()),
        (plain, "app/dave", r#","sourceIdentity":"dave""#, format!("{sts}app/dave")),
        ("", "app/i-0123", "", plain.to_owned()),
        (sso, "AWSReservedSSO_Admin_1/erin", "", format!("{sts}AWSReservedSSO_Admin_1/erin")),
        ("", "AWSReservedSSO_Admin_1/1234", "", format!("{sts}AWSReservedSSO_Admin_1/1234")),
    ] {
        let json = format!(
            r#"{{"type":"AssumedRole","principalId":"AROA1:x","arn":"arn:aws:sts::111111111111:assumed-role/{assumed}","accountId":"111111111111","sessionContext":{{"sessionIssuer":{{"arn":"{issuer}"}}{context}}}}}"#
        );
        assert_eq!(show(&json), format!("Role {uid} {assumed}"), "{json}");
    }
    assert_eq!(show(r#"{"type":"AssumedRole","principalId":"AROA1:x"}"#), "Role AROA1 -");
}
