//! Normalize, Azure: whose record it is, when it happened, where the call came from, and the key
//! under which a repeated delivery is known again. The same for all of Azure's logs.

use std::borrow::Cow;

use callerwatch_detection::hash;
use callerwatch_detection::source::Source;
use callerwatch_detection::timestamp::Timestamp;

use crate::instant;
use crate::lenient::{Lenient, Text};

use super::record::Record;

/// The subscription the record is about, or else the tenant, in lower case. A row of Log Analytics
/// has the workspace for its `TenantId`, so the other places are asked first.
pub(super) fn account<'a>(record: &Record<'a>) -> Option<Cow<'a, str>> {
    path_segment(&record.resource_id, "subscriptions")
        .or_else(|| lower(&record.subscription_id))
        .or_else(|| lower(&record.aad_tenant_id))
        .or_else(|| path_segment(&record.resource_id, "tenants"))
        .or_else(|| lower(&record.claims.tenant_id))
        .or_else(|| lower(&record.tenant_id))
}

/// The first of the candidates that is an address, or else that says anything.
///
/// A GUID sometimes stands where the address should. It names no service of Azure, and nothing
/// says that only Azure's back ends can cause it; so it is unrecognized, and counted, and a caller
/// who finds out how to cause it gains nothing.
pub(super) fn source<'a>(candidates: &[&Text<'a>], account: Option<&Cow<'a, str>>) -> Source<'a> {
    let mut found = Source::Absent;
    for candidate in candidates {
        let scope = account.cloned().unwrap_or_default();
        let source = Source::from_address((*candidate).clone().into_cow(), scope);
        match source {
            Source::Public(_) | Source::Private { .. } => return source,
            _ if found == Source::Absent => found = source,
            _ => {}
        }
    }
    found
}

/// The first of the texts that is a time.
pub(super) fn time(candidates: &[&Text<'_>]) -> Option<Timestamp> {
    candidates.iter().find_map(|text| instant::parse(text.as_str()))
}

/// The key of a record that has no identifier of its own: what it shares with its operation, and
/// what sets it apart there. A record that has neither is known by its text.
pub(super) fn uid<'a>(correlation_id: &Text<'a>, parts: &[&str], record: &str) -> Cow<'a, str> {
    if correlation_id.is_empty() {
        return Cow::Owned(hash::identifier(&[record]));
    }
    let parts: Vec<String> = parts.iter().map(|part| part.to_ascii_lowercase()).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Cow::Owned(format!("{}/{}", correlation_id.as_str(), hash::identifier(&parts)))
}

/// The first of the texts that says something, as the same instant is always written: copies of a
/// record differ in how many digits of a second they keep.
pub(super) fn moment(candidates: &[&Text<'_>]) -> String {
    let text = first(candidates);
    let millis = instant::parse(text.as_str()).map(|time| time.millis().to_string());
    millis.unwrap_or_else(|| text.into_cow().into_owned())
}

/// The text in lower case; none where it says nothing.
pub(super) fn lower<'a>(text: &Text<'a>) -> Option<Cow<'a, str>> {
    text.clone().into_option().map(lower_cow)
}

fn lower_cow(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        text
    }
}

/// The text that says something first.
pub(super) fn first<'a>(texts: &[&Text<'a>]) -> Text<'a> {
    texts.iter().find(|text| !text.is_empty()).map(|text| (*text).clone()).unwrap_or_default()
}

/// Of `/subscriptions/<id>/resourceGroups/…` the segment after `name`, if that comes first.
fn path_segment<'a>(path: &Text<'a>, name: &str) -> Option<Cow<'a, str>> {
    let mut segments = path.as_str().split('/');
    let starts = segments.next()?.is_empty() && segments.next()?.eq_ignore_ascii_case(name);
    let id = segments.next().filter(|id| starts && !id.is_empty())?;
    Some(Cow::Owned(id.to_ascii_lowercase()))
}

/// The provider a resource belongs to: of `/…/providers/Microsoft.Storage/…` the last one named.
pub(super) fn provider<'a>(path: &Text<'a>) -> Option<Cow<'a, str>> {
    let mut found = None;
    let mut segments = path.as_str().split('/');
    while let Some(segment) = segments.next() {
        if segment.eq_ignore_ascii_case("providers") {
            found = segments.next().filter(|name| !name.is_empty()).or(found);
        }
    }
    found.map(|name| Cow::Owned(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: &str) -> Text<'_> {
        let mut text = Text::default();
        text.text(content.into());
        text
    }

    #[test]
    fn accounts() {
        for (json, expected) in [
            (r#"{"resourceId":"/SUBSCRIPTIONS/AB-1/RESOURCEGROUPS/x","tenantId":"t"}"#, "ab-1"),
            (r#"{"resource_id":"/subscriptions/ab-1","tenant_id":"t"}"#, "ab-1"),
            (r#"{"ResourceId":"/tenants/T-1/providers/Microsoft.aadiam","TenantId":"w"}"#, "t-1"),
            (r#"{"AADTenantId":"T-1","TenantId":"w"}"#, "t-1"),
            (r#"{"resourceId":"/providers/Microsoft.Authorization","tenantId":"t"}"#, "t"),
            (r#"{"resourceId":"/subscriptions//x","tenantId":"t"}"#, "t"),
            (r#"{"properties":{"tenantId":"t"}}"#, "t"),
        ] {
            let record = Record::parse(json).unwrap();
            assert_eq!(account(&record).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn sources() {
        let guid = "0b6f2d5e-1c5f-4a0e-9d0f-5b1f3c2a7e11";
        for (first, second, expected) in [
            ("203.0.113.7:57484", "198.51.100.1", "203.0.113.7"),
            ("<null>", "198.51.100.1", "198.51.100.1"),
            ("0.0.0.0", "[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
            (guid, "198.51.100.1", "198.51.100.1"),
            (guid, "", "unrecognized:0b6f2d5e-1c5f-4a0e-9d0f-5b1f3c2a7e11"),
            ("", "10.0.0.5", "10.0.0.5@s-1"),
            ("", "<null>", "none"),
        ] {
            let account = Some(Cow::Borrowed("s-1"));
            let source = source(&[&text(first), &text(second)], account.as_ref());
            let key = source.ledger_key().map_or("none".to_owned(), |key| key.to_string());
            assert_eq!(key, expected, "{first} {second}");
        }
    }

    #[test]
    fn uids_tell_records_apart_and_copies_not() {
        let of = |parts: [&str; 2]| uid(&text("c-1"), &parts, "");
        assert_eq!(of(["A/Delete", "Success"]), of(["a/delete", "success"]));
        assert_ne!(of(["a/delete", "success"]), of(["a/delete", "failure"]));
        assert_ne!(uid(&text(""), &[], "{1}"), uid(&text(""), &[], "{2}"));
    }
}
