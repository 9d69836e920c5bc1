//! Text that strangers wrote, made safe to be shown: in a terminal, in mail, in a log.
//!
//! Promises that what was there can be told from what is shown. What else a place would obey, such
//! as links and markup, is that place's to escape.

use std::fmt::Write;

/// The text with everything that could steer a reader, or reorder what is read, written out as
/// `\u{…}`. Of what is longer than `most` characters the rest is left out.
pub fn plain(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(4 * most));
    for (count, char) in text.chars().enumerate() {
        if count == most {
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

/// JSON with what [`plain()`] writes out written out as JSON does: the same to whoever parses it,
/// and within what every protocol carries. Such characters stand only within strings there.
pub fn plain_json(json: &str) -> String {
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

/// Controls, line and paragraph separators, marks that change direction or take no room, and what
/// is no character at all.
fn is_hostile(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
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
            assert_eq!(plain(text, 100), shown);
        }
        assert_eq!(plain_json("\"a\u{9b}\u{e0001}\u{202e}ä\""), r#""a\u009b\udb40\udc01\u202eä""#);
        assert_eq!(plain(&"x".repeat(1_000_000), 480).chars().count(), 481);
    }

    #[test]
    fn json_stays_what_it_was() {
        let hostile = "a\u{7f}\u{202e}\u{ffff}\u{e0041}\"\\\n";
        let json = plain_json(&serde_json::json!([hostile]).to_string());
        assert_eq!(json, r#"["a\u007f\u202e\uffff\udb40\udc41\"\\\n"]"#);
        let read: Vec<String> = serde_json::from_str(&json).unwrap();
        assert_eq!(read, [hostile]);
    }
}
