//! Documents as others may have left them.

use super::*;

fn set(networks: &[&str]) -> BTreeSet<IpNet> {
    networks.iter().map(|text| text.parse().unwrap()).collect()
}

fn break_glass() -> Vec<String> {
    vec!["arn:aws:iam::111111111111:role/BreakGlass".to_owned()]
}

const WRITTEN: &str = r#"{"Statement":[{"Action":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::111111111111:role/BreakGlass"]},"Bool":{"aws:ViaAWSService":"false"},"IpAddress":{"aws:SourceIp":["203.0.113.7","2001:db8:1:2::/64"]}},"Effect":"Deny","Resource":"*","Sid":"CallerwatchDeny"}],"Version":"2012-10-17"}"#;

#[test]
fn a_document_is_pinned_and_reads_as_it_was_written() {
    let networks = set(&["203.0.113.7/32", "2001:db8:1:2::/64"]);
    let written = write("", &networks, &break_glass()).unwrap();
    assert_eq!(written, WRITTEN);
    let read = read(&written, POLICY_CHARACTERS, &break_glass()).unwrap();
    assert_eq!((read.networks, read.flaws), (networks, Vec::new()));
    let without = WRITTEN.len() - r#""203.0.113.7","2001:db8:1:2::/64""#.len();
    assert_eq!(read.room, Room::Characters(POLICY_CHARACTERS - without));
}

#[test]
fn nothing_denied_denies_nobody() {
    let written = write(WRITTEN, &BTreeSet::new(), &[]).unwrap();
    assert!(written.contains(r#""aws:SourceIp":["192.0.2.0/32"]"#), "{written}");
    assert!(!written.contains("ArnNotLike"), "{written}");
    let empty = read(&written, POLICY_CHARACTERS, &[]).unwrap();
    assert_eq!((empty.networks, empty.flaws), (BTreeSet::new(), Vec::new()));
    let one = write(&written, &set(&["203.0.113.7/32"]), &[]).unwrap();
    assert!(one.contains(r#""aws:SourceIp":["203.0.113.7"]"#), "{one}");
}

#[test]
fn what_others_wrote_stays() {
    let text = r#"{
        "Version": "2012-10-17", "Id": "theirs",
        "Statement": [
            {"Sid": "A", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"},
            {"Sid": "CallerwatchDeny", "Effect": "Deny", "Action": ["*"], "Resource": "*",
             "Condition": {"IpAddress": {"AWS:SourceIP": ["203.0.113.9", "198.51.100.7/24", "${x}"]},
                           "Bool": {"aws:ViaAWSService": false}}},
            {"Sid": "B", "Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}
        ]}"#;
    let document = read(text, POLICY_CHARACTERS, &[]).unwrap();
    assert_eq!(document.networks, set(&["203.0.113.9/32", "198.51.100.0/24"]));
    assert_eq!(document.flaws, [""; 0]);
    let written = write(text, &set(&["203.0.113.7/32"]), &[]).unwrap();
    let value: Value = serde_json::from_str(&written).unwrap();
    let before: Value = serde_json::from_str(text).unwrap();
    assert_eq!(value["Id"], "theirs");
    assert_eq!(value["Statement"][0], before["Statement"][0]);
    assert_eq!(value["Statement"][2], before["Statement"][2]);
    let sources = &value["Statement"][1]["Condition"]["IpAddress"]["aws:SourceIp"];
    assert_eq!(*sources, json!(["203.0.113.7", "${x}"]));
}

#[test]
fn flaws() {
    let with = |change: &str, to: &str| WRITTEN.replace(change, to);
    for (text, expected) in [
        (WRITTEN.to_owned(), ""),
        (String::new(), "its statement is missing"),
        (r#"{"Version":"2012-10-17"}"#.to_owned(), "its statement is missing"),
        (
            r#"{"Statement":{"Sid":"Other","Effect":"Deny","Action":"*","Resource":"*"}}"#
                .to_owned(),
            "its statement is missing",
        ),
        (with(r#""Deny""#, r#""Allow""#), "its statement was changed: Effect"),
        (
            with(r#""Action":"*""#, r#""Action":["s3:*","ec2:*"]"#),
            "its statement was changed: Action",
        ),
        (
            with(r#""Resource":"*""#, r#""NotResource":"*""#),
            "its statement was changed: NotResource, Resource",
        ),
        (
            with("role/BreakGlass", "user/mallory"),
            "its statement was changed: ArnNotLike aws:principalarn",
        ),
        (
            with(
                r#""Bool":{"aws:ViaAWSService":"false"}"#,
                r#""Bool":{"aws:ViaAWSService":"true"}"#,
            ),
            "its statement was changed: Bool aws:viaawsservice",
        ),
        (
            with(r#""Bool":"#, r#""StringNotEquals":{"aws:username":"mallory"},"Bool":"#),
            "its statement was changed: StringNotEquals aws:username",
        ),
        (
            with(r#""IpAddress""#, r#""NotIpAddress""#),
            "its statement was changed: IpAddress aws:sourceip, NotIpAddress aws:sourceip",
        ),
        (
            with(r#"{"ArnNotLike""#, r#"[],"X":{"ArnNotLike""#),
            "its statement was changed: \
            ArnNotLike aws:principalarn, Bool aws:viaawsservice, Condition, IpAddress aws:sourceip, X",
        ),
    ] {
        let read = read(&text, POLICY_CHARACTERS, &break_glass()).unwrap();
        assert_eq!(read.flaws.join("; "), expected, "{text}");
        let mended = write(&text, &read.networks, &break_glass()).unwrap();
        let mended = super::read(&mended, POLICY_CHARACTERS, &break_glass()).unwrap();
        assert_eq!((mended.flaws, mended.networks), (Vec::new(), read.networks), "{text}");
    }
}

#[test]
fn what_is_no_policy_is_not_written_over() {
    let deep = format!(r#"{{"Statement":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    for text in ["[]", "{", r#"{"Statement":"x"}"#, r#"{"Statement":["x"]}"#, "null", &deep] {
        assert!(read(text, POLICY_CHARACTERS, &[]).is_err(), "{text}");
        assert!(write(text, &BTreeSet::new(), &[]).is_err(), "{text}");
    }
    let long = format!("{}{}", WRITTEN, " ".repeat(200_000));
    assert!(matches!(read(&long, POLICY_CHARACTERS, &[]), Err(DocumentError::TooLong(_))));
}
