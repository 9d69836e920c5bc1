//! Made-up CloudTrail records, and the forms they are delivered in.

use std::fmt::Display;

use libdeflater::{CompressionLvl, Compressor};
use serde_json::{Value, json};

/// A call of user `alice` from an address, so many seconds after 10:00 on 2026-03-10.
pub(crate) fn call(uid: &str, secs: usize, address: &str, operation: &str) -> Value {
    let time =
        format!("2026-03-10T{:02}:{:02}:{:02}Z", 10 + secs / 3600, secs / 60 % 60, secs % 60);
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLEALICE",
            "arn": "arn:aws:iam::111111111111:user/alice",
            "accountId": "111111111111",
            "userName": "alice",
        },
        "eventTime": time,
        "eventSource": "ec2.amazonaws.com",
        "eventName": operation,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": address,
        "userAgent": "aws-cli/2.27",
        "requestParameters": null,
        "responseElements": null,
        "requestID": format!("r-{uid}"),
        "eventID": uid,
        "readOnly": true,
        "eventType": "AwsApiCall",
        "recipientAccountId": "111111111111",
    })
}

/// 20 denied calls within four minutes: an `error-burst`.
pub(crate) fn denied_burst(address: &str) -> Vec<Value> {
    let denied = |n: usize| {
        let uid = format!("denied-{address}-{n}");
        let mut record = call(&uid, 10 * n, address, &format!("Describe{n}"));
        record["eventSource"] = format!("service{}.amazonaws.com", n % 4).into();
        record["errorCode"] = "AccessDenied".into();
        record
    };
    (0..20).map(denied).collect()
}

/// 12 wrong passwords, then the right one: a `login-after-failures`.
pub(crate) fn brute_force(address: &str) -> Vec<Value> {
    let login = |n: usize| {
        let uid = format!("login-{address}-{n}");
        let mut record = call(&uid, 20 * n, address, "ConsoleLogin");
        record["eventSource"] = "signin.amazonaws.com".into();
        record["eventType"] = "AwsConsoleSignIn".into();
        let outcome = if n < 12 { "Failure" } else { "Success" };
        record["responseElements"] = json!({ "ConsoleLogin": outcome });
        if n < 12 {
            record["errorMessage"] = "Failed authentication".into();
        }
        record
    };
    (0..13).map(login).collect()
}

/// A wrong password of a user.
pub(crate) fn failed_sign_in(user: &str, secs: usize, address: &str) -> Value {
    let mut record = call(&format!("{user}-{address}-{secs}"), secs, address, "ConsoleLogin");
    record["userIdentity"]["arn"] = format!("arn:aws:iam::111111111111:user/{user}").into();
    record["userIdentity"]["userName"] = user.into();
    record["eventSource"] = "signin.amazonaws.com".into();
    record["eventType"] = "AwsConsoleSignIn".into();
    record["responseElements"] = json!({ "ConsoleLogin": "Failure" });
    record["errorMessage"] = "Failed authentication".into();
    record
}

/// One record a line.
pub(crate) fn ndjson(records: &[impl Display]) -> String {
    let records: Vec<String> = records.iter().map(ToString::to_string).collect();
    records.join("\n") + "\n"
}

/// A JSON array.
pub(crate) fn array(records: &[impl Display]) -> String {
    let records: Vec<String> = records.iter().map(ToString::to_string).collect();
    format!("[{}]", records.join(","))
}

/// As CloudTrail delivers them.
pub(crate) fn document(records: &[impl Display]) -> String {
    format!("{{\"Records\":{}}}", array(records))
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::default());
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.as_ref().len())];
    let len = compressor.gzip_compress(bytes.as_ref(), &mut out).expect("it fits");
    out.truncate(len);
    out
}
