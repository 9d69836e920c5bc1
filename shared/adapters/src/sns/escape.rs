//! Texts that callers wrote, made harmless for where they go: e-mail, where clients make links of
//! plain text, and chat, where marks format and names call people.

/// Text without what a terminal or a reader would obey: control characters, and those that hide or
/// turn text around.
pub(super) fn plain(text: &str, most: usize) -> String {
    let is_shown = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut shown: String = text.chars().filter(is_shown).take(most).collect();
    if text.chars().filter(is_shown).nth(most).is_some() {
        shown.push('\u{2026}');
    }
    shown
}

/// Plain text in which nothing is a link: not an address of the web, of mail or of a host.
pub(super) fn defanged(text: &str, most: usize) -> String {
    let text = plain(text, most).replace("://", "[:]//").replace('@', "[at]");
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        // A dot before a letter is what makes a host of words; numbers and sentences keep theirs.
        if c == '.' && chars.peek().is_some_and(|next| next.is_alphabetic()) {
            shown.push_str("[.]");
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Defanged text in which nothing formats, links or calls anybody in chat.
pub(super) fn for_chat(text: &str, most: usize) -> String {
    defanged(text, most)
        .chars()
        .map(|c| match c {
            '<' => '\u{2039}',
            '>' => '\u{203a}',
            '`' => '\'',
            '*' => '\u{2217}',
            '_' => '\u{ff3f}',
            '~' => '\u{223c}',
            '|' => '\u{a6}',
            '[' => '(',
            ']' => ')',
            '&' => '+',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_obeyed() {
        for (text, in_mail, in_chat) in [
            ("alice", "alice", "alice"),
            ("a\u{1b}[31m\r\nb\u{202e}c", "a[31mbc", "a(31mbc"),
            (
                "https://evil.example/x.1",
                "https[:]//evil[.]example/x.1",
                "https(:)//evil(.)example/x.1",
            ),
            ("bob@corp.example", "bob[at]corp[.]example", "bob(at)corp(.)example"),
            (
                "<!here> *x* _y_ `z`",
                "<!here> *x* _y_ `z`",
                "\u{2039}!here\u{203a} \u{2217}x\u{2217} \u{ff3f}y\u{ff3f} 'z'",
            ),
            ("curl/8.5.0", "curl/8.5.0", "curl/8.5.0"),
        ] {
            assert_eq!(defanged(text, 100), in_mail);
            assert_eq!(for_chat(text, 100), in_chat);
        }
        assert_eq!(plain("abcdef", 3), "abc\u{2026}");
    }
}
