//! Normalize: `userIdentity.accessKeyId` → the access key that called.
//!
//! Promises an identifier of letters and digits alone, in the form that AWS gives those of access
//! keys, or none: records of services, of sign-ins and of redacted logs have other texts there, or
//! an empty one.
//!
//! Prefixes:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes>.
//! The least length: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>, which
//! allows up to 128 characters; keys have 20.

use std::borrow::Cow;

use crate::lenient::Text;

/// Of keys that last, and of those of a session.
const PREFIXES: [&[u8]; 2] = [b"AKIA", b"ASIA"];
const LEAST_BYTES: usize = 16;
const MOST_BYTES: usize = 32;

/// The access key that called, where the record has one.
pub(super) fn credential(access_key_id: Text<'_>) -> Option<Cow<'_, str>> {
    access_key_id.into_option().filter(|id| is_access_key(id.as_bytes()))
}

fn is_access_key(id: &[u8]) -> bool {
    (LEAST_BYTES..=MOST_BYTES).contains(&id.len())
        && PREFIXES.iter().any(|prefix| id.starts_with(prefix))
        // Without an end before the last, so that the compiler checks many at once.
        && id.iter().fold(true, |all, byte| all & byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_key() {
        for (json, expected) in [
            (r#""AKIAIOSFODNN7EXAMPLE""#, true),
            (r#""ASIAIOSFODNN7EXAMPLE""#, true),
            (r#""\u0041KIAIOSFODNN7EXAMPLE""#, true),
            (r#""AKIA567890123456""#, true),
            (r#""AKIA56789012345""#, false),
            (r#""AKIA5678901234567890123456789012""#, true),
            (r#""AKIA56789012345678901234567890123""#, false),
            (r#""akiaiosfodnn7example""#, false),
            (r#""ABIAIOSFODNN7EXAMPLE""#, false),
            (r#""AKIA-MOCKACCESSKEYID-1""#, false),
            (r#""AKIAIOSFODNN7 EXAMPLE""#, false),
            (r#""AKIAIOSFODNN7EXAMPL\u00c9""#, false),
            (r#""ASIA****************""#, false),
            (r#""...""#, false),
            (r#""""#, false),
            ("1111111111111111", false),
            ("null", false),
            (r#"["AKIAIOSFODNN7EXAMPLE"]"#, false),
        ] {
            let found = credential(serde_json::from_str(json).unwrap());
            assert_eq!(found.is_some(), expected, "{json}");
        }
    }
}
