//! Whether a call to Google only reads.
//!
//! Records do not say so; the method's name mostly does, and else the types of the permissions
//! that were asked for.

use super::record::AuthorizationInfo;

/// Whether a call only reads, by its method, or else by the types of the permissions it needed.
/// To make a token or a signature is, for Google, to read; not here, since it gives power away.
pub(super) fn is_read(method: &str, asked: &[AuthorizationInfo<'_>]) -> bool {
    const READS: [&str; 10] = [
        "get",
        "list",
        "aggregatedlist",
        "batchget",
        "search",
        "query",
        "lookup",
        "fetch",
        "testiampermissions",
        "watch",
    ];
    let name = match asked.first() {
        Some(first) if method.is_empty() => first.permission.as_str(),
        _ => method,
    };
    let verb = name.rsplit(['.', '/']).next().unwrap_or_default();
    let starts_with =
        |start: &&str| verb.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    if ["generate", "sign", "getaccesstoken", "getopenidtoken"].iter().any(starts_with) {
        return false;
    }
    let types = || asked.iter().map(|asked| asked.permission_type.as_str());
    READS.iter().any(starts_with)
        || (!asked.is_empty() && types().all(|it| matches!(it, "ADMIN_READ" | "DATA_READ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::Lenient;

    #[test]
    fn what_only_reads() {
        let asked = |types: &[&'static str]| -> Vec<AuthorizationInfo<'static>> {
            let of_type = |it: &&'static str| {
                let mut asked = AuthorizationInfo::default();
                asked.permission_type.text((*it).into());
                asked
            };
            types.iter().map(of_type).collect()
        };
        for (method, types, reads) in [
            ("v1.compute.instances.list", &[][..], true),
            ("io.k8s.core.v1.secrets.get", &[], true),
            ("google.logging.v2.ConfigServiceV2.GetSink", &[], true),
            ("jobservice.getqueryresults", &[], true),
            ("v1.compute.instances.insert", &[], false),
            ("v1.compute.instances.insert", &["ADMIN_READ", "ADMIN_WRITE"], false),
            ("SomeMethod", &["DATA_READ", "ADMIN_READ"], true),
            ("SomeMethod", &[""], false),
            ("GenerateAccessToken", &["DATA_READ"], false),
            ("google.iam.credentials.v1.IAMCredentials.SignBlob", &["DATA_READ"], false),
            ("", &[], false),
        ] {
            assert_eq!(is_read(method, &asked(types)), reads, "{method} {types:?}");
        }
    }
}
