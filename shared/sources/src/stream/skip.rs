//! Decode: passes over text that cannot be read, to where the next record may start.
//!
//! Looks at strings, brackets and line ends alone, byte by byte, across windows, in one pass and
//! without recursion. So it takes any text, and memory for none of it.

/// Where passing over ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// After the line.
    Line,
    /// After the bracket that closes the first one, or before the next line that starts with a
    /// bracket: a broken line must not cost its neighbors.
    ValueOrLine,
    /// After the bracket that closes the first one.
    Value,
    /// Before the comma or the closing bracket that ends an element of an array.
    Element,
    /// After the closing bracket of an object whose opening one is behind.
    Object,
}

/// How far passing over has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skip {
    until: Until,
    depth: u64,
    in_string: bool,
    is_escaped: bool,
    after_line_end: bool,
}

impl Skip {
    pub(super) fn new(until: Until) -> Self {
        Self { until, depth: 0, in_string: false, is_escaped: false, after_line_end: false }
    }

    /// Whether an input may end here: what is passed over is a line or so that was rejected, and
    /// nothing that is still open lies around it.
    pub(super) fn may_end(&self) -> bool {
        matches!(self.until, Until::Line | Until::ValueOrLine)
    }

    /// Goes on through `text`; tells the offset in it where passing over ends, if it does.
    pub(super) fn run(&mut self, text: &str) -> Option<usize> {
        if self.until == Until::Line {
            return text.find('\n').map(|at| at + 1);
        }
        for (at, byte) in text.bytes().enumerate() {
            if self.until == Until::ValueOrLine {
                if self.after_line_end && matches!(byte, b'{' | b'[') {
                    return Some(at);
                }
                self.after_line_end = byte == b'\n';
            }
            if self.in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    match self.until {
                        Until::Element if self.depth == 0 => return Some(at),
                        Until::Object if self.depth == 0 => return Some(at + 1),
                        Until::Value | Until::ValueOrLine if self.depth <= 1 => {
                            return Some(at + 1);
                        }
                        _ => {}
                    }
                    self.depth = self.depth.saturating_sub(1);
                }
                b',' if self.until == Until::Element && self.depth == 0 => return Some(at),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends() {
        for (until, text, rest) in [
            (Until::Line, "junk }\n{}", "{}"),
            (Until::ValueOrLine, r#"{"a":"}\"}",[{}]} {}"#, " {}"),
            (Until::ValueOrLine, "{\"a\":\"\n{}", "{}"),
            (Until::ValueOrLine, "{\"a\":\n  {}\n}{}", "{}"),
            (Until::Value, "{\"a\":[\n{\"b\":1}\n]}{}", "{}"),
            (Until::Element, r#"{"a":[1,2]} junk,{}"#, ",{}"),
            (Until::Element, "1]", "]"),
            (Until::Object, r#","b":{"c":"}"}}{}"#, "{}"),
        ] {
            let end = Skip::new(until).run(text).unwrap();
            assert_eq!(&text[end..], rest, "{text}");
            let mut skip = Skip::new(until);
            let byte_by_byte = text
                .char_indices()
                .find_map(|(at, c)| skip.run(c.encode_utf8(&mut [0; 4])).map(|end| at + end));
            assert_eq!(byte_by_byte, Some(end), "{text}");
        }
    }
}
