//! How text gets into the page: the template's escaper, which every value goes through.
//!
//! Promises that nothing it is given is markup, steers a reader or reorders what is read.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};
use callerwatch_detection::plain::plain;

/// Writes out what could steer a reader, and then what HTML would obey.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plain;

impl Escaper for Plain {
    fn write_escaped_str<W: Write>(&self, dest: W, string: &str) -> fmt::Result {
        Html.write_escaped_str(dest, &plain(string, string.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        for (text, shown) in [
            ("alice", "alice"),
            ("<script>alert(1)</script>", "&#60;script&#62;alert(1)&#60;/script&#62;"),
            ("\" onload='x' &amp;", "&#34; onload=&#39;x&#39; &#38;amp;"),
            ("\u{202e}a\x1b[2J\n", "\\u{202e}a\\u{1b}[2J\\u{a}"),
            ("", ""),
        ] {
            let mut page = String::new();
            Plain.write_escaped_str(&mut page, text).unwrap();
            assert_eq!(page, shown);
        }
    }
}
