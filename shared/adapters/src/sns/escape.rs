//! Texts that strangers wrote, made harmless for where they go: mail, where clients make links of
//! plain text; chat, where marks format and names call people.
//!
//! Promises that each text stays short and on its line, and that what was there can be told from
//! what is shown.

use callerwatch_detection::plain::plain;

/// Schemes that make a link by themselves, with no slashes after them.
const LINKED_SCHEMES: [&str; 7] = ["mailto", "tel", "sms", "callto", "file", "javascript", "data"];

/// Plain text in which nothing is a link: no address of the web, of mail or of a share, no name of
/// a host. Numbers, versions and IPv4 addresses keep their dots, since no client links those.
pub(super) fn defanged(text: &str, most: usize) -> String {
    let text = plain(text, most);
    let mut shown = String::with_capacity(text.len() + text.len() / 4);
    let mut before = None;
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        let after = rest.clone().next();
        match char {
            '@' | '＠' if after.is_some_and(|it| it != '@' && !it.is_whitespace()) => {
                shown.push_str("[@]");
            }
            ':' if rest.as_str().starts_with("//") => {
                disarm_http(&mut shown);
                shown.push_str("[:]");
            }
            ':' if ends_in_scheme(&shown) => shown.push_str("[:]"),
            // Two of them open the name of a share.
            '\\' if before == Some('\\') => shown.push_str("[\\]"),
            '.' if is_digit(before) && is_digit(after) => shown.push('.'),
            '.' | '。' | '．' | '｡' if after.is_some_and(char::is_alphanumeric) => {
                shown.push_str("[.]");
            }
            char => shown.push(char),
        }
        before = Some(char);
    }
    shown
}

/// Defanged text in which nothing formats, links or calls anybody in chat. Marks are replaced by
/// characters that look like them.
pub(super) fn for_chat(text: &str, most: usize) -> String {
    let text = defanged(text, most).replace("[@]", "(at)");
    let mut shown = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let is_within_word = [before, chars.peek().copied()]
            .iter()
            .all(|beside| beside.is_some_and(char::is_alphanumeric));
        shown.push(match char {
            '<' => '‹',
            '>' => '›',
            '`' => 'ˋ',
            '*' => '∗',
            // Within a word, as in the names of roles, it is no mark.
            '_' if !is_within_word => '＿',
            '~' => '∼',
            '|' => '¦',
            '[' => '(',
            ']' => ')',
            '&' => '＆',
            '\\' => '＼',
            '#' => '＃',
            '@' => '＠',
            char => char,
        });
        before = Some(char);
    }
    shown
}

/// A line of ASCII, at most `most` bytes long, for what takes no more.
pub(super) fn ascii(text: &str, most: usize) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.trim().chars() {
        match char {
            '…' => line.push_str("..."),
            '\u{201c}' | '\u{201d}' => line.push('"'),
            '·' => line.push('-'),
            ' '..='~' => line.push(char),
            _ => line.push('?'),
        }
    }
    if line.len() > most {
        line.truncate(most.saturating_sub(3));
        line.push_str("...");
    }
    line
}

fn is_digit(char: Option<char>) -> bool {
    char.is_some_and(|it| it.is_ascii_digit())
}

/// `http` and `https` at the end become `hxxp` and `hxxps`, as people write what must not be opened.
fn disarm_http(shown: &mut String) {
    for (scheme, disarmed) in [("http", "hxxp"), ("https", "hxxps")] {
        if ends_with(shown, scheme) {
            shown.truncate(shown.len() - scheme.len());
            shown.push_str(disarmed);
        }
    }
}

fn ends_in_scheme(shown: &str) -> bool {
    LINKED_SCHEMES.into_iter().any(|scheme| ends_with(shown, scheme))
}

fn ends_with(shown: &str, ascii: &str) -> bool {
    let start = shown.len().checked_sub(ascii.len());
    start.and_then(|start| shown.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ascii))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_obeyed() {
        for (text, in_mail, in_chat) in [
            ("alice", "alice", "alice"),
            ("Zoë 東京", "Zoë 東京", "Zoë 東京"),
            ("a\u{1b}[31m\r\nb", "a\\u{1b}[31m\\u{d}\\u{a}b", "a＼u{1b}(31m＼u{d}＼u{a}b"),
            ("\u{202e}x\u{200b}", "\\u{202e}x\\u{200b}", "＼u{202e}x＼u{200b}"),
            (
                "HTTPS://evil.example/x.1",
                "hxxps[:]//evil[.]example/x[.]1",
                "hxxps(:)//evil(.)example/x(.)1",
            ),
            ("http://203.0.113.7/", "hxxp[:]//203.0.113.7/", "hxxp(:)//203.0.113.7/"),
            ("ftp://a", "ftp[:]//a", "ftp(:)//a"),
            ("mailto:bob", "mailto[:]bob", "mailto(:)bob"),
            ("\\\\evil\\share", "\\[\\]evil\\share", "＼(＼)evil＼share"),
            ("www.1and1.example", "www[.]1and1[.]example", "www(.)1and1(.)example"),
            ("evil。example", "evil[.]example", "evil(.)example"),
            ("bob@corp.example", "bob[@]corp[.]example", "bob(at)corp(.)example"),
            ("@here @channel", "[@]here [@]channel", "(at)here (at)channel"),
            ("@@ -1 +1 @@", "@@ -1 +1 @@", "＠＠ -1 +1 ＠＠"),
            ("curl/8.5.0 in 10.0.0.5.", "curl/8.5.0 in 10.0.0.5.", "curl/8.5.0 in 10.0.0.5."),
            ("<!here> *x* _y_ `z`", "<!here> *x* _y_ `z`", "‹!here› ∗x∗ ＿y＿ ˋzˋ"),
            ("~a~ ||b||", "~a~ ||b||", "∼a∼ ¦¦b¦¦"),
            ("&lt;!here&gt;", "&lt;!here&gt;", "＆lt;!here＆gt;"),
            ("[a](b.example)", "[a](b[.]example)", "(a)(b(.)example)"),
            ("#general", "#general", "＃general"),
            ("AWSReservedSSO_Admin_1a", "AWSReservedSSO_Admin_1a", "AWSReservedSSO_Admin_1a"),
        ] {
            assert_eq!(defanged(text, 100), in_mail);
            assert_eq!(for_chat(text, 100), in_chat);
        }
    }

    #[test]
    fn lengths_are_kept() {
        assert_eq!(plain("abcdef", 3), "abc…");
        assert_eq!(plain("abc", 3), "abc");
        assert_eq!(defanged("a.b.c", 4), "a[.]b.…");
        assert_eq!(ascii("abcdefg", 7), "abcdefg");
        assert_eq!(ascii("abcdefgh", 7), "abcd...");
        assert_eq!(ascii(" “a” · é\n… ", 99), "\"a\" - ??...");
        assert_eq!(plain(&"\u{202e}".repeat(100_000), 100).len(), 100 * "\\u{202e}".len() + 3);
    }
}
