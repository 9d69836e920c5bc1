//! Patterns of names, of resources, principals and accounts: `*` is any text, `?` any one character, letters of ASCII match in
//! either case, and the whole name must match.
//!
//! Promises time of both lengths' product at most, since after a mismatch only the last `*` takes one
//! character more; a [`Pattern`] is at most 128 characters.

use std::iter::Take;
use std::str::Chars;

/// A pattern of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(String);

const PATTERN_MAX_CHARS: usize = 128;
/// As much of a name as is looked at; no cloud has longer ones.
const NAME_MAX_CHARS: usize = 2048;

impl Pattern {
    /// Takes a pattern; says why where it is none.
    pub(super) fn new(text: &str) -> Result<Self, &'static str> {
        if text.trim().is_empty() {
            Err("is empty")
        } else if text.chars().all(|c| c == '*') {
            Err("matches every name")
        } else if text.chars().any(char::is_control) {
            Err("has a control character")
        } else if text.chars().count() > PATTERN_MAX_CHARS {
            Err("is longer than 128 characters")
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it matches a name.
    pub(super) fn matches(&self, name: &str) -> bool {
        is_like(&self.0, name)
    }
}

/// Whether a name matches a pattern: `*` is any text, `?` any one character, in either case.
pub fn is_like(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut name = name.chars().take(NAME_MAX_CHARS);
    // Where to go on after a mismatch: behind the last `*`, which then takes one more.
    let mut retry: Option<(Chars<'_>, Take<Chars<'_>>)> = None;
    loop {
        match pattern.next() {
            Some('*') => {
                retry = Some((pattern.clone(), name.clone()));
                continue;
            }
            None if name.clone().next().is_none() => return true,
            None => {}
            Some(wanted) => match name.next() {
                Some(c) if wanted == '?' || wanted.eq_ignore_ascii_case(&c) => continue,
                Some(_) => {}
                None => return false,
            },
        }
        let Some((behind_star, rest)) = &mut retry else { return false };
        if rest.next().is_none() {
            return false;
        }
        (pattern, name) = (behind_star.clone(), rest.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches() {
        for (pattern, name, expected) in [
            ("prod-*", "prod-db", true),
            ("prod-*", "PROD-", true),
            ("Prod-*", "my-prod-db", false),
            ("*prod*", "my-prod-db", true),
            ("*-prod", "a-prod-b-prod", true),
            ("*-prod", "a-prod-b", false),
            ("prod", "prod", true),
            ("prod", "prod1", false),
            ("pro?", "prod", true),
            ("pro?", "pro", false),
            ("?*?", "ab", true),
            ("?*?", "a", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "acb", false),
            ("a**b", "ab", true),
            ("größe-?", "größe-ü", true),
            ("[a]", "a", false),
            ("*\\*", "a\\b", true),
            ("*/prod-*", "arn:aws:s3:::data/prod-1", true),
            ("x*", "", false),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn hostile_names_end() {
        let pattern = Pattern::new(&format!("*{}b", "a".repeat(100))).unwrap();
        assert!(!pattern.matches(&"a".repeat(1_000_000)));
        assert!(!Pattern::new(&"*a".repeat(60)).unwrap().matches(&"b".repeat(1_000_000)));
    }

    #[test]
    fn refused() {
        for text in ["", "  ", "*", "**", "a\u{1b}[2Jb*", "a\nb", &"a".repeat(129)] {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arns_match() {
        let role = "arn:aws:iam::111111111111:role/app/eu/web";
        for (pattern, expected) in [
            (role, true),
            ("arn:aws:iam::111111111111:ROLE/*", true),
            ("arn:aws:iam::*:role/app/*/web", true),
            ("arn:aws:iam::111111111111:role/app/??/w?b", true),
            ("*", true),
            ("*web", true),
            ("arn:aws:iam::111111111111:role/app/*b*b", false),
            ("arn:aws:iam::111111111111:role/app", false),
            ("arn:aws:iam::111111111111:role/app/e?/", false),
            ("arn:aws:iam::222222222222:role/*", false),
            ("", false),
        ] {
            assert_eq!(is_like(pattern, role), expected, "{pattern}");
        }
        assert!(is_like("*ab", "aab"));
        assert!(!is_like(&format!("{}b", "*a".repeat(1_000)), &"a".repeat(10_000)));
    }
}
