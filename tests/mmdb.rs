//! Writes databases in the MMDB format, so that tests need none of somebody else's.

use std::net::IpAddr;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Field<'a> {
    /// A text of less than 285 bytes.
    Text(&'a str),
    /// A number.
    Number(u32),
}

/// What a half of the space under a node leads to.
#[derive(Clone, Copy)]
enum Branch {
    Nothing,
    Node(u32),
    Record(u32),
}

/// A database of networks and their records.
pub struct Mmdb {
    nodes: Vec<[Branch; 2]>,
    records: Vec<u8>,
}

impl Default for Mmdb {
    fn default() -> Self {
        Self { nodes: vec![[Branch::Nothing; 2]], records: Vec::new() }
    }
}

impl Mmdb {
    /// Adds a record; what it answers says which it is.
    pub fn record(&mut self, fields: &[(&str, Field<'_>)]) -> u32 {
        let record = number(self.records.len());
        self.records.push(0xe0 | u8::try_from(fields.len()).expect("few fields"));
        for (name, field) in fields {
            text(name, &mut self.records);
            match field {
                Field::Text(value) => text(value, &mut self.records),
                Field::Number(value) => {
                    self.records.push(0xc4);
                    self.records.extend(value.to_be_bytes());
                }
            }
        }
        record
    }

    /// Says that a network has a record. Wider networks are to be added first.
    pub fn insert(&mut self, network: IpAddr, length: u8, record: u32) {
        let (bits, length) = match network {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), length + 96),
            IpAddr::V6(v6) => (v6.to_bits(), length),
        };
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            let at = usize::try_from(node).expect("a place");
            if depth + 1 == length {
                self.nodes[at][side] = Branch::Record(record);
                return;
            }
            node = match self.nodes[at][side] {
                Branch::Node(next) => next,
                // What the wider network has is split.
                both => {
                    let next = number(self.nodes.len());
                    self.nodes.push([both; 2]);
                    self.nodes[at][side] = Branch::Node(next);
                    next
                }
            };
        }
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        const RECORDS_AFTER: u32 = 16;
        let count = number(self.nodes.len());
        let mut bytes = Vec::with_capacity(self.nodes.len() * 8 + self.records.len() + 400);
        for branch in self.nodes.iter().flatten() {
            let pointer = match branch {
                Branch::Nothing => count,
                Branch::Node(node) => *node,
                Branch::Record(record) => count + RECORDS_AFTER + record,
            };
            bytes.extend(pointer.to_be_bytes());
        }
        bytes.extend([0; 16]);
        bytes.extend(&self.records);
        bytes.extend(b"\xab\xcd\xefMaxMind.com\xe9");
        let mut field = |name: &str, value: &[u8]| {
            text(name, &mut bytes);
            bytes.extend(value);
        };
        field("binary_format_major_version", &[0xa1, 2]);
        field("binary_format_minor_version", &[0xa1, 0]);
        field("build_epoch", &[0x04, 2, 0x69, 0xa5, 0x41, 0]);
        field("database_type", b"\x44Test");
        field("description", &[0xe0]);
        field("ip_version", &[0xa1, 6]);
        field("languages", &[0x00, 4]);
        field("node_count", &[&[0xc4], &count.to_be_bytes()[..]].concat());
        field("record_size", &[0xa1, 32]);
        bytes
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    match u8::try_from(text.len()).expect("a short text") {
        length @ ..29 => out.push(0x40 | length),
        length => out.extend([0x5d, length - 29]),
    }
    out.extend(text.as_bytes());
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("it fits")
}
