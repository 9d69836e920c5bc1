//! Normalize: what stands in `sourceIPAddress` → [`Source`].
//!
//! Calls that AWS makes itself, for a user or of its own, are `Service`, whoever they are made
//! for: they come ten thousand at a time and say nothing of an address.

use std::borrow::Cow;

use callerwatch_detection::source::Source;

/// The source of a record. `by_service` tells that AWS itself made it, whatever it says;
/// `service` is what to call it then, where nothing better is known. `scope` is the VPC endpoint that
/// the call came through, or else the account. What came through an endpoint came from an address of
/// that VPC, whatever range it was given: some have public ones, bought or merely taken.
pub(super) fn source<'a>(
    address: Cow<'a, str>,
    invoked_by: Cow<'a, str>,
    by_service: bool,
    service: &Cow<'a, str>,
    scope: Cow<'a, str>,
) -> Source<'a> {
    if is_service_name(&address) {
        return Source::Service(address);
    }
    if by_service || is_service_name(&invoked_by) && address.trim().is_empty() {
        let name = if invoked_by.is_empty() { service.clone() } else { invoked_by };
        return Source::Service(name);
    }
    match Source::from_address(address, scope.clone()) {
        Source::Public(ip) if is_endpoint(&scope) => Source::Private { ip, scope },
        source => source,
    }
}

/// `vpce-0123456789abcdef0`. For a call that AWS makes, the name of a service may stand there.
fn is_endpoint(text: &str) -> bool {
    text.starts_with("vpce-")
}

/// `ec2.amazonaws.com`, `AWS Internal`, `AWS Internal/3`, `aws.internal`.
fn is_service_name(text: &str) -> bool {
    // The first character tells nearly all addresses apart at once.
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return false;
    }
    let text = text.trim();
    let starts = |prefix: &str| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let ends = |suffix: &str| {
        let start = text.len().saturating_sub(suffix.len());
        text.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && (ends(".amazonaws.com")
            || ends(".amazonaws.com.cn")
            || starts("aws internal")
            || starts("aws.internal")
            || starts("aws-internal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        for (address, invoked_by, by_service, expected) in [
            ("203.0.113.7", "", false, "203.0.113.7@vpce-1"),
            ("2001:db8::7", "", false, "2001:db8::7@vpce-1"),
            ("ec2.amazonaws.com", "ec2.amazonaws.com", false, "service ec2.amazonaws.com"),
            ("EC2.AmazonAWS.com", "", false, "service EC2.AmazonAWS.com"),
            ("emr.amazonaws.com.cn", "", false, "service emr.amazonaws.com.cn"),
            ("AWS Internal", "", false, "service AWS Internal"),
            ("AWS Internal/12", "", false, "service AWS Internal/12"),
            ("aws.internal", "", false, "service aws.internal"),
            ("203.0.113.7", "", true, "service s3.amazonaws.com"),
            ("203.0.113.7", "eks.amazonaws.com", true, "service eks.amazonaws.com"),
            ("", "eks.amazonaws.com", false, "service eks.amazonaws.com"),
            ("", "", false, "absent"),
            ("10.0.0.5", "", false, "10.0.0.5@vpce-1"),
            ("30.*.0.210", "", false, "unrecognized:30.*.0.210"),
            ("amazonaws.com.example.org", "", false, "unrecognized:amazonaws.com.example.org"),
        ] {
            let service = Cow::Borrowed("s3.amazonaws.com");
            let source =
                source(address.into(), invoked_by.into(), by_service, &service, "vpce-1".into());
            let shown = match &source {
                Source::Service(name) => format!("service {name}"),
                other => other.ledger_key().map_or("absent".to_owned(), |key| key.to_string()),
            };
            assert_eq!(shown, expected, "{address}");
        }
    }

    #[test]
    fn what_comes_through_no_endpoint_is_public() {
        for (scope, expected) in [
            ("111111111111", "30.1.2.3"),
            ("", "30.1.2.3"),
            ("AWS Internal", "30.1.2.3"),
            ("s3.amazonaws.com", "30.1.2.3"),
            ("vpce-0123456789abcdef0", "30.1.2.3@vpce-0123456789abcdef0"),
        ] {
            let service = Cow::Borrowed("s3.amazonaws.com");
            let source = source("30.1.2.3".into(), "".into(), false, &service, scope.into());
            assert_eq!(source.ledger_key().unwrap().to_string(), expected, "{scope}");
        }
    }
}
