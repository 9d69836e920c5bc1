//! Lists in JSON: one document, as the clouds publish their ranges, or an object a line, as Spamhaus
//! publishes DROP.
//!
//! Finds the texts that should be addresses, by the names of their fields, and the date where one is
//! told. Promises that a document which ends early is an error and not half a list. Must not know
//! what an address is.

use serde_json::{Map, Value};

use super::published;
use crate::activity::Cloud;

/// The fields that hold addresses, or arrays of them, in the lists in use.
const FIELDS: [&str; 12] = [
    "ip_prefix",
    "ipv6_prefix",
    "ipv4Prefix",
    "ipv6Prefix",
    "addressPrefixes",
    "cidr",
    "prefix",
    "network",
    "ip",
    "ip_address",
    "ipAddress",
    "address",
];

/// What stands where addresses should.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cells {
    /// The texts, with their line where an object is a line, else counted from 1.
    pub(super) texts: Vec<(usize, String)>,
    /// Lines that have none.
    pub(super) without: Vec<(usize, String)>,
    /// As of when the list says it is, in seconds since 1970.
    pub(super) dated_secs: Option<u64>,
    /// The cloud all of whose published ranges these are.
    pub(super) cloud: Option<Cloud>,
}

/// Whether bytes can be nothing but JSON.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start(), [b'{' | b'[', ..])
}

/// Reads a list, taking the addresses of one field or of all known ones. Says why not.
pub(super) fn read(bytes: &[u8], field: Option<&str>) -> Result<Cells, String> {
    let mut cells = Cells::default();
    let broken = match serde_json::from_slice::<Value>(bytes) {
        Ok(document) => {
            cells.dated_secs = document.as_object().and_then(date);
            // Of a field that was named there may be others beside it.
            cells.cloud = document.as_object().filter(|_| field.is_none()).and_then(published::by);
            let mut texts = Vec::new();
            gather(document, field, field.is_none(), &mut texts);
            cells.texts = (1..).zip(texts).collect();
            return Ok(cells);
        }
        Err(error) => error,
    };
    let mut is_first = true;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Value>(line) {
            Ok(value) => cells.line(index + 1, value, field),
            Err(_) if is_first => return Err(format!("it is JSON, and broken: {broken}")),
            Err(_) => cells.without.push((index + 1, String::from_utf8_lossy(line).into_owned())),
        }
        is_first = false;
    }
    Ok(cells)
}

impl Cells {
    fn line(&mut self, line: usize, value: Value, field: Option<&str>) {
        if let Some(object) = value.as_object().filter(|it| it.contains_key("timestamp"))
            && object.get("type").is_some_and(|it| it == "metadata")
        {
            self.dated_secs = date(object);
            return;
        }
        let shown = value.to_string();
        let mut texts = Vec::new();
        gather(value, field, field.is_none(), &mut texts);
        if texts.is_empty() {
            self.without.push((line, shown));
        }
        self.texts.extend(texts.into_iter().map(|text| (line, text)));
    }
}

/// The texts of the fields, however deep; nesting is bounded by the parser. `is_wanted` says that
/// texts here are in such a field.
fn gather(value: Value, field: Option<&str>, is_wanted: bool, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if is_wanted => texts.push(text),
        Value::Array(items) => {
            for item in items {
                gather(item, field, is_wanted, texts);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_wanted = match field {
                    Some(field) => name.eq_ignore_ascii_case(field),
                    None => FIELDS.iter().any(|known| name.eq_ignore_ascii_case(known)),
                };
                gather(value, field, is_wanted, texts);
            }
        }
        _ => {}
    }
}

/// AWS and Google tell it as a token, in seconds or milliseconds; Spamhaus as a time.
fn date(object: &Map<String, Value>) -> Option<u64> {
    const MILLIS_FROM: u64 = 100_000_000_000;
    let told = object.get("syncToken").or_else(|| object.get("timestamp"))?;
    let told = told.as_u64().or_else(|| told.as_str()?.parse().ok())?;
    Some(if told < MILLIS_FROM { told } else { told / 1000 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `texts | lines without | date`, or why not.
    fn show(text: &str, field: Option<&str>) -> String {
        match read(text.as_bytes(), field) {
            Ok(Cells { texts, without, dated_secs, .. }) => {
                let texts: Vec<_> = texts.iter().map(|(at, it)| format!("{at}:{it}")).collect();
                let without: Vec<_> = without.iter().map(|(at, _)| at.to_string()).collect();
                let date = dated_secs.map_or("-".to_owned(), |secs| secs.to_string());
                format!("{} | {} | {date}", texts.join(" "), without.join(" "))
            }
            Err(why) => why,
        }
    }

    #[test]
    fn lists_of_each_publisher() {
        for (text, expected) in [
            (
                r#"{"syncToken":"1772438400","createDate":"2026-03-02-08-00-00","prefixes":[
                {"ip_prefix":"203.0.113.0/24","region":"eu-west-1","service":"EC2"}],
                "ipv6_prefixes":[{"ipv6_prefix":"2001:db8::/40","service":"S3"}]}"#,
                "1:2001:db8::/40 2:203.0.113.0/24 |  | 1772438400",
            ),
            (
                r#"{"syncToken":"1772438400123","prefixes":[{"ipv4Prefix":"203.0.113.0/24",
                "scope":"europe-west1"},{"ipv6Prefix":"2001:db8::/44"}]}"#,
                "1:203.0.113.0/24 2:2001:db8::/44 |  | 1772438400",
            ),
            (
                r#"{"changeNumber":9,"values":[{"name":"Sql","properties":{"region":"",
                "addressPrefixes":["203.0.113.0/28","2001:db8::/56"]}}]}"#,
                "1:203.0.113.0/28 2:2001:db8::/56 |  | -",
            ),
            (
                "{\"cidr\":\"203.0.113.0/24\",\"sblid\":\"SBL1\",\"rir\":\"ripencc\"}\n\
                 {\"cidr\":\"198.51.100.0/24\"}\n\
                 {\"type\":\"metadata\",\"timestamp\":1772438400,\"records\":2}\n",
                "1:203.0.113.0/24 2:198.51.100.0/24 |  | 1772438400",
            ),
            ("[\"203.0.113.7\",\"203.0.113.8\"]", "1:203.0.113.7 2:203.0.113.8 |  | -"),
            ("{\"ip\":\"203.0.113.7\"}\n{\"x\":1}\n{\"ip\":\n", "1:203.0.113.7 | 2 3 | -"),
            ("{\"cidr\":\"203.0.113.0/24\"}", "1:203.0.113.0/24 |  | -"),
            ("{\"a\":\"203.0.113.7\"}", " |  | -"),
        ] {
            assert_eq!(show(text, None), expected, "{text}");
        }
    }

    #[test]
    fn a_field_by_name() {
        let text = "{\"src\":\"203.0.113.7\",\"ip\":\"198.51.100.1\"}\n{\"SRC\":\"203.0.113.8\"}\n";
        assert_eq!(show(text, Some("src")), "1:203.0.113.7 2:203.0.113.8 |  | -");
        assert_eq!(show(text, Some("dst")), " | 1 2 | -");
    }

    #[test]
    fn what_ends_early_is_no_list() {
        let azure = "{\"values\":[{\"properties\":{\"addressPrefixes\":[\n\"203.0.113.0/28\",\n";
        assert!(show(azure, None).starts_with("it is JSON, and broken: EOF"));
    }
}
