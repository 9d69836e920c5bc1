//! Normalize: what a call was about, from the first place that names it.

use std::borrow::Cow;

use super::record::Resource;
use crate::lenient::{First, Text};

/// The longest resource kept; longer ones are written to fill memory, not to name something.
const MAX_BYTES: usize = 1024;

/// The resource of a call: an ARN that `CloudTrail` lists, else the likeliest request parameter, else
/// what a denial names in its message.
pub(super) fn resource<'a>(
    listed: First<Resource<'a>>,
    parameter: Text<'a>,
    error_message: &Cow<'a, str>,
) -> Option<Cow<'a, str>> {
    let arn = listed.0.arn.into_option();
    arn.or_else(|| parameter.into_option())
        .or_else(|| in_denial(error_message))
        .filter(|resource| resource.len() <= MAX_BYTES)
}

/// `User: … is not authorized to perform: … on resource: RESOURCE because …`.
fn in_denial<'a>(message: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    fn after_marker(message: &str) -> Option<&str> {
        let (_, rest) = message.split_once("on resource: ")?;
        let end = [" because ", " with an explicit deny"].iter().find_map(|end| rest.find(end));
        let named = rest.get(..end.unwrap_or(rest.len()))?.trim();
        (!named.is_empty()).then_some(named)
    }
    match message {
        _ if message.is_empty() => None,
        Cow::Borrowed(message) => after_marker(message).map(Cow::Borrowed),
        Cow::Owned(message) => after_marker(message).map(|found| Cow::Owned(found.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::record::Record;

    #[test]
    fn places() {
        for (json, expected) in [
            (
                r#"{"resources":[{"type":"x"},{"ARN":"arn:aws:s3:::b"}],"requestParameters":{"bucketName":"c"}}"#,
                "arn:aws:s3:::b",
            ),
            (r#"{"requestParameters":{"Host":"h","bucketName":"c"}}"#, "c"),
            (
                r#"{"requestParameters":null,"errorMessage":"User: u is not authorized to perform: s3:ListBucket on resource: arn:aws:s3:::d because no policy allows it"}"#,
                "arn:aws:s3:::d",
            ),
            (
                r#"{"errorMessage":"on resource: user bob with an explicit deny in a policy"}"#,
                "user bob",
            ),
            (r#"{"errorMessage":"on resource: "}"#, ""),
            ("{}", ""),
        ] {
            let record: Record<'_> = serde_json::from_str(json).unwrap();
            let message = record.error_message.into_cow();
            let found = resource(record.resources, record.request_parameters.name, &message);
            assert_eq!(found.unwrap_or_default(), expected, "{json}");
        }
    }
}
