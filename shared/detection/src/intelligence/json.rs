//! Lists in JSON: one document, as the clouds publish their ranges, or an object a line, as Spamhaus
//! publishes DROP.
//!
//! Finds the texts that should be addresses, by the names of their fields, and the date where one is
//! told. Promises that a document which ends early is an error and not half a list, and that nothing
//! of it is held: each text is handed on where it stands, however many there are. Must not know what
//! an address is.

use std::fmt;
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::published::{Place, Signs};
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
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    /// A text, with its line where an object is a line, else counted from 1.
    Text(usize, &'a str),
    /// A line that has none.
    Without(usize, &'a [u8]),
}

/// What a list says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// As of when it is, in seconds since 1970.
    pub(super) dated_secs: Option<u64>,
    /// The cloud all of whose published ranges these are.
    pub(super) cloud: Option<Cloud>,
}

/// Whether bytes can be nothing but JSON.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start(), [b'{' | b'[', ..])
}

/// Reads a list, handing on the addresses of one field or of all known ones until whoever takes them
/// has enough. Says why not.
pub(super) fn read(
    bytes: &[u8],
    field: Option<&str>,
    take: &mut dyn FnMut(Cell<'_>) -> ControlFlow<()>,
) -> Result<About, String> {
    // Nothing is handed on of what turns out to be broken.
    let Err(broken) = serde_json::from_slice::<IgnoredAny>(bytes) else {
        let mut at = 0;
        let mut text = |text: &str| {
            at += 1;
            take(Cell::Text(at, text))
        };
        let signs = walk(bytes, field, &mut text).map_err(|error| broken_by(&error))?;
        // Of a field that was named there may be others beside it.
        let cloud = if field.is_none() { signs.cloud() } else { None };
        return Ok(About { dated_secs: signs.date(), cloud });
    };
    let mut about = About::default();
    let mut is_first = true;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let at = index + 1;
        let is_whole = serde_json::from_slice::<IgnoredAny>(line).is_ok();
        if is_first && !is_whole {
            return Err(broken_by(&broken));
        }
        is_first = false;
        let mut texts = 0;
        let mut end = ControlFlow::Continue(());
        let mut text = |text: &str| {
            texts += 1;
            end = take(Cell::Text(at, text));
            end
        };
        let signs = if is_whole { walk(line, field, &mut text).ok() } else { None };
        match signs {
            Some(signs) if signs.is_about_others() => about.dated_secs = signs.date(),
            _ if texts > 0 => {}
            _ => end = take(Cell::Without(at, line)),
        }
        if end.is_break() {
            break;
        }
    }
    Ok(about)
}

fn broken_by(error: &serde_json::Error) -> String {
    format!("it is JSON, and broken: {error}")
}

/// Goes through a value, and hands on its texts.
fn walk(
    bytes: &[u8],
    field: Option<&str>,
    take: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Signs, serde_json::Error> {
    let mut walk = Walk { field, signs: Signs::default(), is_ended: false, take };
    let here = Here { walk: &mut walk, place: Place::Document, is_wanted: field.is_none() };
    match here.deserialize(&mut serde_json::Deserializer::from_slice(bytes)) {
        Err(error) if !walk.is_ended => Err(error),
        _ => Ok(walk.signs),
    }
}

struct Walk<'w> {
    field: Option<&'w str>,
    signs: Signs,
    is_ended: bool,
    take: &'w mut dyn FnMut(&str) -> ControlFlow<()>,
}

/// A value, however deep; nesting is bounded by the parser. `is_wanted` says that texts here are in
/// a field that holds addresses.
struct Here<'a, 'w> {
    walk: &'a mut Walk<'w>,
    place: Place,
    is_wanted: bool,
}

impl<'de> DeserializeSeed<'de> for Here<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Here<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let Self { walk, place, is_wanted } = self;
        walk.signs.text(place, text);
        if is_wanted && (walk.take)(text).is_break() {
            walk.is_ended = true;
            return Err(E::custom("enough"));
        }
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.walk.signs.number(self.place, number);
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { walk, place, is_wanted } = self;
        let place = place.of_item();
        while items.next_element_seed(Here { walk, place, is_wanted })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { walk, place, .. } = self;
        while let Some((place, is_wanted)) =
            members.next_key_seed(Name { place, field: walk.field })?
        {
            walk.signs.member(place);
            members.next_value_seed(Here { walk, place, is_wanted })?;
        }
        Ok(())
    }
}

/// The name of a member of the object at a place: where its value stands, and whether it holds
/// addresses.
#[derive(Clone, Copy)]
struct Name<'f> {
    place: Place,
    field: Option<&'f str>,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = (Place, bool);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = (Place, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let is_wanted = match self.field {
            Some(field) => name.eq_ignore_ascii_case(field),
            None => FIELDS.iter().any(|known| name.eq_ignore_ascii_case(known)),
        };
        Ok((self.place.of_member(name), is_wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `texts | lines without | date`, or why not.
    fn show(text: &str, field: Option<&str>) -> String {
        let (mut texts, mut without) = (Vec::new(), Vec::new());
        let mut take = |cell: Cell<'_>| {
            match cell {
                Cell::Text(at, text) => texts.push(format!("{at}:{text}")),
                Cell::Without(at, _) => without.push(at.to_string()),
            }
            ControlFlow::Continue(())
        };
        match read(text.as_bytes(), field, &mut take) {
            Ok(About { dated_secs, .. }) => {
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
                "1:203.0.113.0/24 2:2001:db8::/40 |  | 1772438400",
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

    #[test]
    fn whoever_has_enough_is_told_no_more() {
        for text in
            ["[\"a\",\"b\",\"c\",\"d\"]", "{\"ip\":\"a\"}\n{\"ip\":\"b\"}\n{\"ip\":\"c\"}\n"]
        {
            let mut told = 0;
            let mut take = |_: Cell<'_>| {
                told += 1;
                if told == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            assert_eq!(read(text.as_bytes(), None, &mut take), Ok(About::default()));
            assert_eq!(told, 2, "{text}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(show(&deep, None).contains("recursion limit"));
    }
}
