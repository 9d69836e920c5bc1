//! Reading one list: bytes become blocks of addresses, and an account of what was not understood.
//!
//! Takes plain lists, `address<TAB>count`, the exits of Tor, CSV and JSON; `#` and `;` comments, blank
//! lines, either line ending, a byte order mark. Promises that one bad line never costs its neighbors, and that a
//! list without a single address (an error page, an empty file) is an error and not an empty list.
//! Must not know where the bytes came from.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::block::{self, Block};
use super::json::{self, Cell};
use super::layout::{self, Layout, SAMPLE_LINES, without_comment};
use super::table::ENTRIES_MAX;
use crate::activity::Cloud;

/// A line of a list that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedLine {
    /// Counted from 1; of a document in JSON the addresses are counted.
    pub line: usize,
    /// The start of what stands there.
    pub excerpt: String,
    /// Why.
    pub reason: Cow<'static, str>,
}

/// What a list holds.
#[derive(Debug, Default)]
pub(super) struct ParsedList {
    /// With the level, where the list has levels.
    pub(super) blocks: Vec<(Block, Option<u32>)>,
    /// Lines that named something.
    pub(super) entries: usize,
    /// Lines that did not.
    pub(super) refused: usize,
    /// Of these, those that named too much of the Internet.
    pub(super) too_wide: usize,
    /// The first of those.
    pub(super) refusals: Vec<RefusedLine>,
    /// As of when the list says it is, in seconds since 1970.
    pub(super) dated_secs: Option<u64>,
    /// The cloud all of whose published ranges it is.
    pub(super) cloud: Option<Cloud>,
}

/// Why a list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ListFault {
    /// There is no address in it.
    #[error("no address in it: {0}")]
    NoAddress(String),
    /// The header lacks the column asked for.
    #[error("no column `{column}` in its header: {header}")]
    NoColumn {
        /// What was asked for.
        column: String,
        /// The start of the first line.
        header: String,
    },
    /// It is larger than can be held.
    #[error("with it there are more than {ENTRIES_MAX} prefixes or 65535 lists")]
    TooLarge,
    /// It names more than a list may.
    #[error("it names more than {0} prefixes")]
    TooMany(usize),
}

const REFUSALS_KEPT: usize = 5;
const EXCERPT_CHARS: usize = 60;

/// Reads a list. `column` names the column of addresses of a CSV list whose first line is a
/// header; without it the first column that holds addresses is taken. No more than `most` prefixes
/// are taken, repeated ones among them, and nothing else is held.
pub(super) fn parse(
    bytes: &[u8],
    column: Option<&str>,
    most: usize,
) -> Result<ParsedList, ListFault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(what) = foreign_format(bytes) {
        return Err(ListFault::NoAddress(what.to_owned()));
    }
    if json::is_json(bytes) {
        return of_json(bytes, column, most);
    }
    let (layout, header_line) = lay_out(bytes, column)?;
    let mut list = ParsedList::default();
    let mut is_first = true;
    for (line, text) in content_lines(bytes) {
        let may_be_header = std::mem::take(&mut is_first);
        if Some(line) == header_line {
            continue;
        }
        match read_line(text, layout) {
            Ok((blocks, level)) => {
                list.entries += 1;
                list.blocks.extend(blocks.into_iter().map(|block| (block, level)));
            }
            Err(_) if may_be_header && looks_like_header(text, layout) => {}
            Err(reason) => list.refuse(line, text, reason),
        }
        if list.blocks.len() > most {
            return Err(ListFault::TooMany(most));
        }
    }
    if list.entries == 0 {
        return Err(ListFault::NoAddress(what_it_looks_like(bytes)));
    }
    Ok(list)
}

fn of_json(bytes: &[u8], column: Option<&str>, most: usize) -> Result<ParsedList, ListFault> {
    let mut list = ParsedList::default();
    let mut take = |cell: Cell<'_>| {
        match cell {
            Cell::Text(at, text) => match block::parse(text.trim()) {
                Ok(blocks) => {
                    list.entries += 1;
                    list.blocks.extend(blocks.into_iter().map(|block| (block, None)));
                }
                Err(reason) => list.refuse(at, Some(text), reason),
            },
            Cell::Without(at, line) => {
                list.refuse(at, str::from_utf8(line).ok(), "no field that holds an address");
            }
        }
        if list.blocks.len() > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let about = json::read(bytes, column, &mut take).map_err(ListFault::NoAddress)?;
    (list.dated_secs, list.cloud) = (about.dated_secs, about.cloud);
    if list.blocks.len() > most {
        return Err(ListFault::TooMany(most));
    }
    if list.entries == 0 {
        let what = "it is JSON without a field that holds addresses; name it as the column";
        return Err(ListFault::NoAddress(what.to_owned()));
    }
    Ok(list)
}

impl ParsedList {
    fn refuse(&mut self, line: usize, text: Option<&str>, reason: &'static str) {
        self.refused += 1;
        self.too_wide += usize::from(block::is_too_wide(reason));
        if self.refusals.len() < REFUSALS_KEPT {
            let excerpt = text.map(excerpt).unwrap_or_default();
            self.refusals.push(RefusedLine { line, excerpt, reason: reason.into() });
        }
    }
}

/// The lines that say something, numbered from 1; no text where it is not UTF-8.
fn content_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, Option<&str>)> {
    bytes.split(|byte| *byte == b'\n').enumerate().filter_map(|(index, line)| {
        let text = str::from_utf8(line).ok().map(str::trim);
        let is_silent = text.is_some_and(|text| {
            text.is_empty() || text.starts_with(['#', ';']) || layout::is_about_exit(text)
        });
        (!is_silent).then_some((index + 1, text))
    })
}

/// The layout, and the line that is a header for certain.
fn lay_out(bytes: &[u8], column: Option<&str>) -> Result<(Layout, Option<usize>), ListFault> {
    let sample: Vec<(usize, &str)> = content_lines(bytes)
        .filter_map(|(line, text)| text.map(|text| (line, text)))
        .take(SAMPLE_LINES)
        .collect();
    let texts: Vec<&str> = sample.iter().map(|(_, text)| *text).collect();
    let Some(column) = column else {
        return Ok((Layout::guess(&texts), None));
    };
    let (first_line, header) = sample.first().copied().unwrap_or((1, ""));
    if let Some(layout) = Layout::named(header, &texts, column) {
        return Ok((layout, Some(first_line)));
    }
    // Some feeds write the header as the last comment above the rows.
    let comment = bytes
        .split(|byte| *byte == b'\n')
        .take(first_line.saturating_sub(1))
        .filter_map(|line| str::from_utf8(line).ok().map(str::trim))
        .filter(|text| !text.is_empty())
        .last();
    comment
        .and_then(|comment| Layout::named(comment, &texts, column))
        .map(|layout| (layout, None))
        .ok_or_else(|| ListFault::NoColumn {
            column: excerpt(column),
            header: excerpt(comment.unwrap_or(header)),
        })
}

fn read_line(
    text: Option<&str>,
    layout: Layout,
) -> Result<(Vec<Block>, Option<u32>), &'static str> {
    let text = text.ok_or("not UTF-8")?;
    let blocks = block::parse(layout.address(text))?;
    let level = if layout.is_leveled {
        Some(layout::level(text).ok_or("no count of lists behind the address")?)
    } else {
        None
    };
    Ok((blocks, level))
}

/// A name of a column, and no botched address.
fn looks_like_header(text: Option<&str>, layout: Layout) -> bool {
    let cell = layout.address(text.unwrap_or_default());
    cell.starts_with(|c: char| c.is_ascii_alphabetic()) && !cell.contains(['.', ':', '/'])
}

/// What bytes are that can be no list, whatever addresses occur in them.
fn foreign_format(bytes: &[u8]) -> Option<&'static str> {
    let start = bytes.trim_ascii_start();
    let page = start.get(..9.min(start.len())).unwrap_or_default().to_ascii_lowercase();
    if start.is_empty() {
        Some("the file is empty")
    } else if bytes.starts_with(b"\x1f\x8b") {
        Some("it is compressed with gzip")
    } else if bytes.starts_with(b"PK\x03\x04") {
        Some("it is a ZIP archive")
    } else if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        Some("it is UTF-16; UTF-8 is expected")
    } else if page.starts_with(b"<!doctype") || page.starts_with(b"<html") {
        Some("it is an HTML page")
    } else {
        None
    }
}

fn what_it_looks_like(bytes: &[u8]) -> String {
    match content_lines(bytes).next() {
        None => "it holds comments only".to_owned(),
        Some((_, Some(text))) if text.starts_with('<') => "it is XML or HTML".to_owned(),
        Some((line, Some(text))) => {
            format!("line {line} is `{}`", excerpt(without_comment(text)))
        }
        Some((_, None)) => "it is not text".to_owned(),
    }
}

/// The start of a text that others wrote, fit to be shown.
fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `entries blocks refused`, or the fault.
    fn show(bytes: &[u8], column: Option<&str>) -> String {
        match parse(bytes, column, 1000) {
            Ok(list) => format!("{} {} {}", list.entries, list.blocks.len(), list.refused),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn lists_of_every_shape() {
        for (text, expected) in [
            ("203.0.113.7\n198.51.100.0/24\n", "2 2 0"),
            ("\u{feff}# c\r\n\r\n; c\r\n203.0.113.7 # c\r\n203.0.113.8;c\r\n", "2 2 0"),
            ("203.0.113.7-203.0.113.8", "1 2 0"),
            ("ip_address\n203.0.113.7\n", "1 1 0"),
            ("203.0.113.7\nexample\n203.0.113.07\n0.0.0.0/0\n", "1 1 3"),
            ("example.com\n203.0.113.7\n", "1 1 1"),
            ("203.0.113.7\t3\n203.0.113.8\t5\n203.0.113.9\tx\n203.0.113.10\n", "2 2 2"),
            ("fingerprint, ipaddr, port\nAA, 203.0.113.7, 443\nAA, 2001:db8::1, 80\n", "2 2 0"),
            ("", "no address in it: the file is empty"),
            (" \r\n\t\n", "no address in it: the file is empty"),
            ("# only\n", "no address in it: it holds comments only"),
            ("\n<!DOCTYPE html>\n203.0.113.7\n", "no address in it: it is an HTML page"),
            ("<?xml?>", "no address in it: it is XML or HTML"),
            ("{\"cidr\":\"203.0.113.0/24\"}\n{\"cidr\":\"x\"}\n{\"a\":1}\n", "1 1 2"),
            (
                "{\"a\":1}",
                "no address in it: it is JSON without a field that holds addresses; name it as the column",
            ),
            (
                "ExitNode AB\nPublished 2026-03-02 08:00:00\nLastStatus 2026-03-02 08:00:00\n\
                 ExitAddress 203.0.113.7 2026-03-02 08:00:00\nExitAddress 2001:db8::7 2026-03-02 08:00:00\n",
                "2 2 0",
            ),
            ("nothing here\n", "no address in it: line 1 is `nothing here`"),
        ] {
            assert_eq!(show(text.as_bytes(), None), expected, "{text}");
        }
        for (bytes, expected) in [
            (&b"\xff\n203.0.113.7\n"[..], "1 1 1"),
            (b"\x80\x81", "no address in it: it is not text"),
            (b"\x1f\x8b\x08", "no address in it: it is compressed with gzip"),
            (b"\xff\xfe1\0", "no address in it: it is UTF-16; UTF-8 is expected"),
        ] {
            assert_eq!(show(bytes, None), expected);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            pieces in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(
                        &["203.0.113.7", "/", "-", "::", "\t", ",", "\n", "\"", "#", ";", "9", "ip"][..]
                    )
                    .prop_map(|text| text.as_bytes().to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..4),
                ],
                0..60,
            ),
        ) {
            let bytes = pieces.concat();
            let lines = bytes.split(|byte| *byte == b'\n').count();
            for column in [None, Some("ip")] {
                if let Ok(list) = parse(&bytes, column, 1000) {
                    prop_assert!(list.entries + list.refused <= lines);
                }
            }
        }
    }

    #[test]
    fn columns_by_name() {
        for (text, expected) in [
            ("src,dst\n203.0.113.7,198.51.100.1\n203.0.113.7,-\n", "1 1 1"),
            ("# feed\n# \"src\",\"dst\"\n\"203.0.113.7\",\"198.51.100.1\"\n", "1 1 0"),
            ("src,ip\n203.0.113.7,198.51.100.1\n", "no column `dst` in its header: src,ip"),
            ("dst\n203.0.113.7\n", "1 1 0"),
        ] {
            assert_eq!(show(text.as_bytes(), Some("dst")), expected, "{text}");
        }
    }

    #[test]
    fn refused_lines_are_shown_but_not_all() {
        let list = parse("203.0.113.7\n\u{7}bad\n".repeat(100).as_bytes(), None, 1000).unwrap();
        assert_eq!((list.entries, list.refused, list.refusals.len()), (100, 100, REFUSALS_KEPT));
        let first = &list.refusals[0];
        assert_eq!((first.line, first.excerpt.as_str()), (2, " bad"));
        assert_eq!(first.reason, "not an address or a prefix");
    }

    #[test]
    fn no_more_is_taken_than_a_list_may_have() {
        let json = |count| format!("[{}]", vec!["\"203.0.113.7\""; count].join(","));
        for (of_three, of_four) in [
            ("203.0.113.7\n".repeat(3), "203.0.113.7\n".repeat(4)),
            (json(3), json(4)),
            ("{\"ip\":\"203.0.113.7\"}\n".repeat(3), "{\"ip\":\"203.0.113.7\"}\n".repeat(4)),
            (
                "203.0.113.1-203.0.113.6\n".to_owned(),
                "203.0.113.1-203.0.113.6\n203.0.113.7\n".to_owned(),
            ),
        ] {
            let most = parse(of_three.as_bytes(), None, 1000).unwrap().blocks.len();
            assert!(parse(of_three.as_bytes(), None, most).is_ok());
            let fault = parse(of_four.as_bytes(), None, most).unwrap_err();
            assert_eq!(fault, ListFault::TooMany(most));
        }
    }
}
