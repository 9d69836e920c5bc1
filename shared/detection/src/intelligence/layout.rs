//! How a list is laid out: one address a line, or columns of which one holds addresses.
//!
//! Promises a guess from the first lines that is the same on every run, and cells cut without
//! copying. Must not know what the addresses mean.

use super::block;

/// Where on a line the address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// What parts the cells; none where the line is the address.
    delimiter: Option<char>,
    column: usize,
    /// Whether the lines are `address<TAB>count`, the count of lists that name the address.
    pub(super) is_leveled: bool,
}

/// What stands before the address of an exit of Tor.
const EXIT_ADDRESS: &str = "ExitAddress ";
/// What other lines about an exit begin with.
const ABOUT_EXIT: [&str; 3] = ["ExitNode ", "Published ", "LastStatus "];

/// Whether a line tells of an exit of Tor something other than its address.
pub(super) fn is_about_exit(line: &str) -> bool {
    ABOUT_EXIT.iter().any(|start| line.starts_with(start))
}

/// How many lines are looked at.
pub(super) const SAMPLE_LINES: usize = 32;
/// How many columns are.
const COLUMNS_MAX: usize = 64;

impl Layout {
    /// Guesses from the first lines that are neither blank nor comments. The column is the first
    /// in which at least half of them have an address.
    pub(super) fn guess(sample: &[&str]) -> Self {
        if is_half(sample, |line| line.starts_with(EXIT_ADDRESS)) {
            return Self { delimiter: Some(' '), column: 1, is_leveled: false };
        }
        let delimiter = guess_delimiter(sample);
        let at = |column| Self { delimiter, column, is_leveled: false };
        let columns = if delimiter.is_some() { COLUMNS_MAX } else { 1 };
        let is_address_column =
            |layout: &Self| is_half(sample, |line| block::is_network(layout.address(line)));
        let layout = (0..columns).map(at).find(is_address_column).unwrap_or(at(0));
        let is_level = |line: &&str| level(line).is_some() && cells(line, '\t').count() == 2;
        let is_leveled = layout.delimiter == Some('\t') && layout.column == 0;
        Self { is_leveled: is_leveled && is_half(sample, |line| is_level(&line)), ..layout }
    }

    /// Finds a column by its name in the header.
    pub(super) fn named(header: &str, sample: &[&str], name: &str) -> Option<Self> {
        let delimiter = guess_delimiter(sample);
        let header = header.trim_start_matches(['#', ';', ' ']);
        let column = match delimiter {
            Some(delimiter) => cells(header, delimiter)
                .take(COLUMNS_MAX)
                .position(|cell| cell.eq_ignore_ascii_case(name))?,
            None if header.trim().eq_ignore_ascii_case(name) => 0,
            None => return None,
        };
        Some(Self { delimiter, column, is_leveled: false })
    }

    /// The cell of the address, without a trailing comment; empty where there is none.
    pub(super) fn address<'a>(&self, line: &'a str) -> &'a str {
        let cell = match self.delimiter {
            Some(delimiter) => cells(line, delimiter).nth(self.column).unwrap_or_default(),
            None => line,
        };
        without_comment(cell).trim_matches('"')
    }
}

/// The count behind the address, on a line of a leveled list.
pub(super) fn level(line: &str) -> Option<u32> {
    without_comment(cells(line, '\t').nth(1)?).parse().ok()
}

/// The text before `#` or `;`.
pub(super) fn without_comment(text: &str) -> &str {
    text.split(['#', ';']).next().unwrap_or_default().trim()
}

fn guess_delimiter(sample: &[&str]) -> Option<char> {
    ['\t', ',']
        .into_iter()
        .find(|delimiter| is_half(sample, |line| without_comment(line).contains(*delimiter)))
}

fn is_half(sample: &[&str], is_so: impl Fn(&str) -> bool) -> bool {
    !sample.is_empty() && sample.iter().filter(|line| is_so(line)).count() * 2 >= sample.len()
}

/// The cells of a line, trimmed and without the quotes around them. A delimiter within quotes does
/// not count.
fn cells(line: &str, delimiter: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    line.split(move |c| {
        is_quoted ^= c == '"';
        c == delimiter && !is_quoted
    })
    .map(|cell| {
        let cell = cell.trim();
        cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(cell)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found() {
        for (sample, line, expected) in [
            (&["203.0.113.7"][..], "203.0.113.8 # a, b", "203.0.113.8"),
            (&["203.0.113.0/24 ; SBL1"], "203.0.113.8 ; SBL2", "203.0.113.8"),
            (&["203.0.113.7\t5"], "203.0.113.8\t6", "203.0.113.8"),
            (&["id, ip, port", "AA, 203.0.113.7, 443"], "BB, 2001:db8::1, 80", "2001:db8::1"),
            (&["\"a,b\",\"203.0.113.7\""], "\"c\",\"203.0.113.8\"", "203.0.113.8"),
            (&["ip,first", "203.0.113.7,198.51.100.1"], "203.0.113.8,x", "203.0.113.8"),
            (&["a,b", "c,d"], "203.0.113.7,x", "203.0.113.7"),
            (&["a,203.0.113.7"], "alone", ""),
            (&[], "203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(Layout::guess(sample).address(line), expected, "{sample:?}");
        }
    }

    #[test]
    fn levels_are_told_from_other_columns() {
        for (sample, expected) in [
            (&["203.0.113.7\t5", "203.0.113.8\t1"][..], true),
            (&["203.0.113.7\t5\t1"], false),
            (&["203.0.113.7\thost"], false),
            (&["203.0.113.7,5"], false),
            (&["203.0.113.7"], false),
        ] {
            assert_eq!(Layout::guess(sample).is_leveled, expected, "{sample:?}");
        }
    }

    #[test]
    fn named_columns() {
        let sample = ["203.0.113.7,\"198.51.100.1\""];
        let at = |header, name| Layout::named(header, &sample, name).map(|l| l.address(sample[0]));
        assert_eq!(at("src,dst", "dst"), Some("198.51.100.1"));
        assert_eq!(at("# \"src\",\"dst\"", "DST"), Some("198.51.100.1"));
        assert_eq!(at("src,dst", "ip"), None);
    }
}
