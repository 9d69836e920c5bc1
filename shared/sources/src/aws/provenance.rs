//! Normalize: what stands in `sourceIPAddress` → [`Source`].
//!
//! Calls that AWS makes itself, for a user or of its own, are `Service`, whoever they are made
//! for: they come ten thousand at a time and say nothing of an address.

use std::borrow::Cow;

use callerwatch_detection::source::Source;

/// The source of a record. `by_service` tells that AWS itself made it, whatever it says;
/// `service` is what to call it then, where nothing better is known.
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
    Source::from_address(address, scope)
}

/// `ec2.amazonaws.com`, `AWS Internal`, `AWS Internal/3`, `aws.internal`.
fn is_service_name(text: &str) -> bool {
    let text = text.trim();
    let starts = |prefix: &str| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let ends = |suffix: &str| {
        let start = text.len().saturating_sub(suffix.len());
        text.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    // The first letter tells nearly all addresses apart at once.
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
            ("203.0.113.7", "", false, "203.0.113.7"),
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
}
