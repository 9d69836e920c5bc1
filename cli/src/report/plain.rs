//! Making text that strangers wrote safe for a terminal.

use std::path::Path;

use callerwatch_detection::plain;
pub(crate) use callerwatch_detection::plain::plain_json;

/// The longest text shown in one place.
const SHOWN_MAX_CHARS: usize = 120;

/// The text as [`plain::plain`] shows it, cut to a length that cannot bury its neighbors.
pub(crate) fn plain(text: &str) -> String {
    plain::plain(text, SHOWN_MAX_CHARS * 4)
}

/// A path, made safe.
pub(crate) fn shown(path: &Path) -> String {
    plain(&path.to_string_lossy())
}

/// The text as [`plain()`] shows it, short enough to stand among others on a line.
pub(crate) fn brief(text: &str) -> String {
    let shown = plain(text);
    match shown.char_indices().nth(SHOWN_MAX_CHARS) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_for_its_place() {
        assert_eq!(plain("\x1b[2Jred"), "\\u{1b}[2Jred");
        assert_eq!(brief(&"x".repeat(1000)).chars().count(), SHOWN_MAX_CHARS + 1);
        assert_eq!(plain(&"x".repeat(1_000_000)).chars().count(), SHOWN_MAX_CHARS * 4 + 1);
    }
}
