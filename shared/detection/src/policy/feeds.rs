//! The section `[feeds]`: which of the feeds that ship are fetched, from where, and what others.
//!
//! Promises feeds that can be fetched as they are: names that can be keys of a bucket and names of
//! files, and URLs of forms that are known. Whether anything is there is not known here.

use toml::de::DeTable;

use super::Policy;
use super::fields::{Fields, Key, Value, shown};
use super::read::{named, unknown};
use crate::feeds::{Content, EGRESS, Feed, Location, SHIPPED, ShippedFeed};
use crate::intelligence::Category;

const FEEDS_MAX: usize = 200;
const NAME_MAX_BYTES: usize = 64;
const URL_MAX_BYTES: usize = 2048;
/// Thirty days.
const REFRESH_MAX_MINUTES: u32 = 43_200;
/// Of a feed that does not say: two hours, which nobody is annoyed by.
const REFRESH_MINUTES: u32 = 120;

/// The key that switches off all feeds that ship and are not named themselves.
const ALL_SHIPPED: &str = "shipped";
const KEYS_OF_SHIPPED: [&str; 3] = ["enabled", "url", "refresh_minutes"];
const KEYS: [&str; 6] = ["enabled", "url", "path", "category", "column", "refresh_minutes"];

/// The feeds that ship, each under its name.
pub(super) fn shipped() -> Vec<Feed> {
    SHIPPED.iter().map(Feed::from).collect()
}

/// Reads the section.
pub(super) fn feeds(policy: &mut Policy, fields: &mut Fields, value: &Value<'_>) {
    let Some(table) = fields.section("feeds", value) else { return };
    if table.len() > FEEDS_MAX {
        fields.fault(&value.span(), format!("there are more than {FEEDS_MAX} feeds"));
    }
    for (_, value) in table.iter().filter(|(key, _)| key.get_ref() == ALL_SHIPPED) {
        if fields.switch(ALL_SHIPPED, value) == Some(false) {
            policy.feeds.clear();
        }
    }
    for (key, value) in table.iter().take(FEEDS_MAX) {
        let name = key.get_ref().as_ref();
        if name == ALL_SHIPPED {
            continue;
        }
        if !is_name(name) {
            let rule = "a feed is named with lower-case letters, digits and hyphens";
            fields.fault(&key.span(), format!("{}: {rule}, at most {NAME_MAX_BYTES}", shown(name)));
            continue;
        }
        if name == EGRESS {
            let message =
                format!("`{EGRESS}` is what accounts are learned to have: choose another name");
            fields.fault(&key.span(), message);
            continue;
        }
        let Some(table) = fields.section(&format!("feeds.{name}"), value) else { continue };
        let others = policy.feeds.iter().filter(|feed| feed.name != name);
        let mut feeds: Vec<Feed> = others.cloned().collect();
        feeds.extend(match SHIPPED.iter().find(|shipped| shipped.name == name) {
            Some(shipped) => of_shipped(fields, shipped, table),
            None => of_user(fields, key, table),
        });
        policy.feeds = feeds;
    }
    policy.feeds.sort_by(|a, b| a.name.cmp(&b.name));
}

/// A feed that ships, as it was changed; none where it is switched off.
fn of_shipped(fields: &mut Fields, shipped: &ShippedFeed, table: &DeTable<'_>) -> Option<Feed> {
    let (mut feed, mut is_enabled) = (Feed::from(shipped), true);
    for (key, value) in table {
        let word = key.get_ref().as_ref();
        match word {
            "enabled" => is_enabled = fields.switch(word, value).unwrap_or(true),
            "url" => feed.location = url(fields, word, value).unwrap_or(feed.location),
            "refresh_minutes" => {
                let minutes = fields.number(word, value, REFRESH_MAX_MINUTES);
                feed.refresh_minutes = minutes.unwrap_or(feed.refresh_minutes);
            }
            _ => unknown(fields, key, &format!("[feeds.{}]", shipped.name), &KEYS_OF_SHIPPED),
        }
    }
    is_enabled.then_some(feed)
}

/// A feed of the user's own.
fn of_user(fields: &mut Fields, name: &Key<'_>, table: &DeTable<'_>) -> Option<Feed> {
    let place = format!("[feeds.{}]", name.get_ref());
    let (mut is_enabled, mut refresh_minutes) = (true, REFRESH_MINUTES);
    let (mut location, mut content, mut column) = (None, None, None);
    let mut is_located = false;
    for (key, value) in table {
        let word = key.get_ref().as_ref();
        match word {
            "url" | "path" if is_located => {
                fields.fault(&key.span(), format!("{place} takes `url` or `path`, not both"));
            }
            "enabled" => is_enabled = fields.switch(word, value).unwrap_or(true),
            "url" => (is_located, location) = (true, url(fields, word, value)),
            "path" => {
                let path = named(fields, word, value);
                (is_located, location) = (true, path.map(|it| Location::File(it.to_owned())));
            }
            "category" => content = category(fields, word, value),
            "column" => column = named(fields, word, value).map(str::to_owned),
            "refresh_minutes" => {
                let minutes = fields.number(word, value, REFRESH_MAX_MINUTES);
                refresh_minutes = minutes.unwrap_or(refresh_minutes);
            }
            _ => unknown(fields, key, &place, &KEYS),
        }
    }
    if !is_located {
        // It may be meant for one that ships.
        let names: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
        match super::nearest::nearest(name.get_ref(), names.iter().copied()) {
            Some(meant) => {
                let message = format!("no feed that ships is called so; did you mean `{meant}`?");
                fields.fault(&name.span(), format!("{place}: {message}"));
            }
            None => fields.missing(&name.span(), &place, "url"),
        }
    } else if table.iter().all(|(key, _)| key.get_ref() != "category") {
        fields.missing(&name.span(), &place, "category");
    }
    let feed = Feed {
        name: name.get_ref().as_ref().to_owned(),
        location: location?,
        content: content?,
        column,
        refresh_minutes,
    };
    is_enabled.then_some(feed)
}

fn category(fields: &mut Fields, what: &str, value: &Value<'_>) -> Option<Content> {
    let text = fields.text(what, value)?;
    match text {
        "countries" => return Some(Content::Countries),
        "networks" => return Some(Content::Networks),
        _ => {}
    }
    match text.parse::<Category>() {
        Ok(category) => Some(Content::List(category)),
        Err(unknown) => {
            let message = format!("{}: {unknown}, countries, networks", shown(text));
            fields.fault(&value.span(), message);
            None
        }
    }
}

fn url(fields: &mut Fields, what: &str, value: &Value<'_>) -> Option<Location> {
    let text = fields.text(what, value)?;
    let location = location(text);
    if location.is_none() {
        let rule = "an https:// URL without a user name, or s3://bucket/key";
        fields.fault(&value.span(), format!("`{what}` must be {rule}, not {}", shown(text)));
    }
    location
}

fn location(text: &str) -> Option<Location> {
    let is_plain = text.len() <= URL_MAX_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain {
        return None;
    }
    if let Some(rest) = text.strip_prefix("s3://") {
        let (bucket, key) = rest.split_once('/')?;
        let is_whole = !bucket.is_empty() && !key.is_empty();
        let object = || Location::Object { bucket: bucket.to_owned(), key: key.to_owned() };
        return is_whole.then(object);
    }
    let host = text.strip_prefix("https://")?.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = !host.is_empty() && !host.contains('@');
    is_host.then(|| Location::Web(text.to_owned()))
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_MAX_BYTES).contains(&name.len()) && name.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let (policy, errors) = Policy::read(text);
        let faults: Vec<String> =
            errors.iter().map(|fault| format!("{}: {}", fault.line, fault.message)).collect();
        if !faults.is_empty() {
            return faults.join("\n");
        }
        let shipped = shipped();
        let changed = policy.feeds().iter().filter(|feed| !shipped.contains(feed));
        let show = |feed: &Feed| {
            let Feed { name, location, content, column, refresh_minutes } = feed;
            format!("{name} {} {location} {column:?} {refresh_minutes}", content.name())
        };
        changed.map(show).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn feeds_that_ship_are_on() {
        let names = |policy: &Policy| policy.feeds().len();
        assert_eq!(names(&Policy::default()), SHIPPED.len());
        assert_eq!(names(&Policy::parse("").unwrap()), SHIPPED.len());
        let without = Policy::parse("[feeds.ipsum]\nenabled = false\n").unwrap();
        assert_eq!(names(&without), SHIPPED.len() - 1);
        assert!(without.feeds().iter().all(|feed| feed.name != "ipsum"));
        let alone = "[feeds]\nshipped = false\n[feeds.ipsum]\nrefresh_minutes = 60\n";
        let alone = Policy::parse(alone).unwrap();
        assert_eq!(alone.feeds().len(), 1);
        for shipped in &SHIPPED {
            assert!(is_name(shipped.name), "{}", shipped.name);
            assert!(matches!(location(shipped.url), Some(Location::Web(_))), "{}", shipped.url);
            assert!(shipped.terms_url.starts_with("https://") && !shipped.terms.is_empty());
            assert!((1..=REFRESH_MAX_MINUTES).contains(&shipped.refresh_minutes));
        }
    }

    #[test]
    fn feeds_are_changed_and_added() {
        for (text, expected) in [
            (
                "[feeds.ipsum]\nrefresh_minutes = 60",
                "ipsum malicious https://raw.githubusercontent.com/stamparm/ipsum/master/ipsum.txt None 60",
            ),
            (
                "[feeds.tor-exits]\nurl = \"s3://lists/tor.txt\"",
                "tor-exits tor s3://lists/tor.txt None 60",
            ),
            (
                "[feeds.ours]\nurl = \"https://lists.example.com/bad?key=secret\"\ncategory = \"custom\"\ncolumn = \"ip\"",
                "ours custom https://lists.example.com/bad Some(\"ip\") 120",
            ),
            (
                "[feeds.geo]\npath = \"geo/c.mmdb\"\ncategory = \"countries\"",
                "geo countries geo/c.mmdb None 120",
            ),
            ("[feeds.ours]\nenabled = false\npath = \"a\"\ncategory = \"tor\"", ""),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn faults_of_feeds() {
        let url = "1: `url` must be an https:// URL without a user name, or s3://bucket/key, not";
        for (text, expected) in [
            ("feeds = 1", "1: `feeds` must be a section [feeds], not a number".to_owned()),
            (
                "feeds.shipped = \"no\"",
                "1: `shipped` must be true or false, not a string".to_owned(),
            ),
            ("feeds.a = 1", "1: `feeds.a` must be a section [feeds.a], not a number".to_owned()),
            (
                "[feeds.\"../x\"]",
                "1: `../x`: a feed is named with lower-case letters, digits and hyphens, at most 64".to_owned(),
            ),
            (
                "[feeds.egress]\npath = \"a\"\ncategory = \"tor\"",
                "1: `egress` is what accounts are learned to have: choose another name".to_owned(),
            ),
            ("[feeds.ipsun]\nenabled = false", "1: [feeds.ipsun]: no feed that ships is called so; did you mean `ipsum`?".to_owned()),
            ("[feeds.quite-another]\nenabled = false", "1: [feeds.quite-another] needs `url`".to_owned()),
            ("[feeds.ours]\npath = \"a\"", "1: [feeds.ours] needs `category`".to_owned()),
            (
                "[feeds.ours]\npath = \"a\"\nurl = \"https://example.com\"\ncategory = \"tor\"",
                "3: [feeds.ours] takes `url` or `path`, not both".to_owned(),
            ),
            ("[feeds.ipsum]\ncategory = \"tor\"", "2: unknown key `category` in [feeds.ipsum]; there are enabled, url, refresh_minutes".to_owned()),
            ("feeds.ipsum.url = \"http://example.com/\"", format!("{url} `http://example.com/`")),
            ("feeds.ipsum.url = \"https://u@example.com/\"", format!("{url} `https://u@example.com/`")),
            ("feeds.ipsum.url = \"https:///a\"", format!("{url} `https:///a`")),
            ("feeds.ipsum.url = \"s3://bucket\"", format!("{url} `s3://bucket`")),
            ("feeds.ipsum.url = \"https://example.com/a b\"", format!("{url} `https://example.com/a b`")),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let evil = read("[feeds.ours]\npath = \"a\"\ncategory = \"evil\"");
        assert!(evil.starts_with("3: `evil`: no such category; there are malicious"), "{evil}");
        assert!(evil.ends_with(", own, countries, networks"), "{evil}");
    }
}
