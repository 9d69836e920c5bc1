//! What a change of the policy changed, for people to read.
//!
//! Promises a bounded text in which nothing hides: no control characters and no invisible ones, and
//! a line that says how much was left out.

use std::time::Duration;

use similar::TextDiff;

const DIFFERENCE_MAX_BYTES: usize = 32 * 1024;
/// A line that is longer says nothing to a reader, and would crowd out the others.
const LINE_MAX_CHARS: usize = 1000;
const LINES_AROUND: usize = 3;
/// After this the difference is no longer the smallest.
const PATIENCE: Duration = Duration::from_millis(500);

/// A unified difference.
pub(super) fn difference(before: &str, after: &str) -> String {
    let whole = TextDiff::configure().timeout(PATIENCE).diff_lines(before, after);
    let whole = whole.unified_diff().context_radius(LINES_AROUND).to_string();
    let mut told = String::new();
    let mut lines = whole.lines();
    while let Some(line) = lines.next() {
        let line = readable(line);
        if told.len() + line.len() >= DIFFERENCE_MAX_BYTES {
            let left = 1 + lines.count();
            told.extend(["(", &left.to_string(), " more lines are not shown)\n"]);
            break;
        }
        told.push_str(&line);
        told.push('\n');
    }
    told
}

/// A line with everything visible that is in it.
fn readable(line: &str) -> String {
    let mut readable = String::new();
    for (index, c) in line.chars().enumerate() {
        match c {
            _ if index == LINE_MAX_CHARS => {
                readable.push_str(" (the rest of the line is not shown)");
                break;
            }
            '"' | '\'' | '\\' => readable.push(c),
            // Escapes what has no glyph of its own, such as marks that turn the direction of text.
            _ => readable.extend(c.escape_debug()),
        }
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_the_lines_around_it() {
        let before = "a = 1\nb = 1\nc = 1\nd = 1\ne = 1\n";
        let after = "a = 1\nb = 1\nc = 1\nd = 1\ne = \"x\"\n";
        let expected = "@@ -2,4 +2,4 @@\n b = 1\n c = 1\n d = 1\n-e = 1\n+e = \"x\"\n";
        assert_eq!(difference(before, after), expected);
        assert_eq!(difference("", "a = 1\n"), "@@ -0,0 +1 @@\n+a = 1\n");
        assert_eq!(difference("a = 1\n", ""), "@@ -1 +0,0 @@\n-a = 1\n");
    }

    #[test]
    fn nothing_hides() {
        let shown = difference("", "# \u{1b}[8m\u{202e}\u{200b}\u{7}\r\na = 'b\\c'\t# \u{e9}\n");
        assert!(shown.is_ascii() || shown.contains('\u{e9}'), "{shown}");
        assert!(shown.contains("+# \\u{1b}[8m\\u{202e}\\u{200b}\\u{7}"), "{shown}");
        assert!(shown.contains("+a = 'b\\c'\\t# \u{e9}\n"), "{shown}");
    }

    #[test]
    fn it_is_bounded() {
        let after: Vec<String> = (0..100_000).map(|n| format!("# {n}\n")).collect();
        let shown = difference("", &after.concat());
        assert!(shown.len() < DIFFERENCE_MAX_BYTES + 100, "{}", shown.len());
        let shown_lines = shown.lines().count() - 1;
        let left = 100_000 + 1 - shown_lines;
        assert!(shown.ends_with(&format!("({left} more lines are not shown)\n")), "{shown}");
        let long = difference("", &"x".repeat(1_000_000));
        assert!(long.len() < 2_000, "{}", long.len());
    }
}
