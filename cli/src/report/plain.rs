//! Making text that strangers wrote safe for a terminal.

use std::fmt::Write;
use std::path::Path;

/// The longest text shown in one place.
const SHOWN_MAX_CHARS: usize = 120;

/// The text with everything that could steer a terminal or reorder what is read written out as
/// `\u{…}`, and cut to a length that cannot bury its neighbors.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(4 * SHOWN_MAX_CHARS));
    for (count, char) in text.chars().enumerate() {
        if count == SHOWN_MAX_CHARS * 4 {
            shown.push('…');
            break;
        }
        if is_hostile(char) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", char.escape_unicode());
        } else {
            shown.push(char);
        }
    }
    shown
}

/// A path, made safe.
pub(crate) fn shown(path: &Path) -> String {
    plain(&path.to_string_lossy())
}

/// A text as JSON holds it, with what [`plain`] writes out written out as JSON does: the same text
/// to whoever parses it. Such characters stand only within strings there.
pub(crate) fn plain_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for char in json.chars() {
        if is_hostile(char) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(char);
        }
    }
    shown
}

/// The text as [`plain`] shows it, short enough to stand among others on a line.
pub(crate) fn brief(text: &str) -> String {
    let shown = plain(text);
    match shown.char_indices().nth(SHOWN_MAX_CHARS) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

/// Controls, line and paragraph separators, marks that change direction or take no room.
fn is_hostile(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_written_out() {
        for (text, shown) in [
            ("alice", "alice"),
            ("Zoë 東京", "Zoë 東京"),
            ("\x1b[2Jred", "\\u{1b}[2Jred"),
            ("a\nb\r\tc\0", "a\\u{a}b\\u{d}\\u{9}c\\u{0}"),
            ("\u{202e}live\u{200b}", "\\u{202e}live\\u{200b}"),
            ("\u{9b}31m", "\\u{9b}31m"),
        ] {
            assert_eq!(plain(text), shown);
        }
        assert_eq!(plain_json("\"a\u{9b}\u{e0001}\u{202e}ä\""), r#""a\u009b\udb40\udc01\u202eä""#);
        assert_eq!(brief(&"x".repeat(1000)).chars().count(), SHOWN_MAX_CHARS + 1);
        assert_eq!(plain(&"x".repeat(1_000_000)).chars().count(), SHOWN_MAX_CHARS * 4 + 1);
    }
}
