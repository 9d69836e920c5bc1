//! Decode: makes text of records that are JSON and no text, so that what a caller writes into a
//! log cannot keep its record from being read.

/// The record without its halves of surrogate pairs, which are JSON and no text; none where there
/// are none. Callers write them into what is logged of them.
pub(super) fn mend(record: &str) -> Option<String> {
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let mut mended = String::new();
    let mut rest = record;
    let mut is_mended = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let first = escape.strip_prefix("\\u").and_then(unit);
        let second = escape.get(6..).and_then(|next| next.strip_prefix("\\u")).and_then(unit);
        let len = match (first, second) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                is_mended = true;
                mended.push_str("\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (kept, behind) = escape.split_at_checked(len).unwrap_or((escape, ""));
        mended.push_str(kept);
        rest = behind;
    }
    mended.push_str(rest);
    is_mended.then_some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_surrogate_pairs() {
        for (text, mended) in [
            (r"\ud83d\ude00 \u00e4 \n", None),
            (r"a\ud800", Some(r"a\ufffd")),
            (r"\udc00\ud800\\ud800\n", Some(r"\ufffd\ufffd\\ud800\n")),
            (r"\ud800\ud83d\ude00", Some(r"\ufffd\ud83d\ude00")),
            (r"\ud800\", Some(r"\ufffd\")),
            (r"\ud8", None),
        ] {
            assert_eq!(mend(text).as_deref(), mended, "{text}");
        }
    }
}
