//! Decode: whether an array may hold records, told by its elements up to the first that can be one.
//!
//! One that is none, at the start, must not cost those behind it. Promises to look at each byte once,
//! and at none behind the first that could be a record.

/// What an array holds, as far as it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elements {
    /// Something that may be a record, or nothing at all.
    Records,
    /// Numbers, words and strings, or something that is no JSON.
    Scalars,
    /// The text ends before that is known.
    Cut,
}

/// Looks at the elements of an array, given what follows its opening bracket.
pub(super) fn elements(array: &str) -> Elements {
    let mut rest = array.trim_ascii_start();
    if rest.starts_with(']') {
        return Elements::Records;
    }
    loop {
        let len = match rest.as_bytes() {
            [] | [b'"'] => return Elements::Cut,
            [b'{' | b'[', ..] | [b'"', b'{', ..] => return Elements::Records,
            [b'"', ..] => Some(string_len(rest)),
            _ => word_len(rest),
        };
        let Some(len) = len else { return Elements::Scalars };
        rest = rest.get(len..).unwrap_or_default().trim_ascii_start();
        match rest.as_bytes() {
            [] => return Elements::Cut,
            [b',', ..] => rest = rest.get(1..).unwrap_or_default().trim_ascii_start(),
            _ => return Elements::Scalars,
        }
    }
}

/// The length of the string that the text starts with; all of a text that ends within it.
fn string_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found + 1;
        if bytes.get(at - 1) == Some(&b'"') {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

/// The length of the number or of the word (`null`) that the text starts with; none of any other.
fn word_len(text: &str) -> Option<usize> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let len = text.find(|c| !is_of_word(c)).unwrap_or(text.len());
    let word = text.get(..len)?;
    let is_scalar = word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        || ["null", "true", "false"].iter().any(|it| {
            // The rest of the word may be to come.
            *it == word || (len == text.len() && it.starts_with(word))
        });
    (is_scalar && len > 0).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays() {
        for (array, expected) in [
            ("]", Elements::Records),
            (" {", Elements::Records),
            ("[", Elements::Records),
            (r#""{"#, Elements::Records),
            (r#"null, {"a":1}]"#, Elements::Records),
            ("-1.5e+3,[", Elements::Records),
            (r#""a\"]","b\\", true ,{"#, Elements::Records),
            ("", Elements::Cut),
            ("\"", Elements::Cut),
            (r#""a\"#, Elements::Cut),
            (r#""a"#, Elements::Cut),
            ("nul", Elements::Cut),
            ("7", Elements::Cut),
            ("null,", Elements::Cut),
            ("1,2]", Elements::Scalars),
            (r#""a"]"#, Elements::Scalars),
            ("1 x", Elements::Scalars),
            ("1,]", Elements::Scalars),
            ("section]", Elements::Scalars),
            ("ERROR, {", Elements::Scalars),
            ("ä", Elements::Scalars),
        ] {
            assert_eq!(elements(array), expected, "{array}");
        }
    }
}
