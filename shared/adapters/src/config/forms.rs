//! The forms of the values that an environment has: what AWS takes for a name of each kind.
//!
//! A value without its form is told at cold start, and not by the first request that fails.

use std::fmt;

use tracing::Level;

/// A name that has the form that AWS gives to its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// A number of days; at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u32);

pub(super) fn table(text: &str) -> Option<Name> {
    let is_name = (3..=255).contains(&text.len()) && text.chars().all(|c| is_word(c) || c == '.');
    is_name.then(|| Name(text.to_owned()))
}

/// A FIFO topic, whose name ends in `.fifo`, would want an order that alerts do not have.
pub(super) fn topic(text: &str) -> Option<Name> {
    let (region, name) = resource(text, "sns")?;
    let is_name = !region.is_empty() && (1..=256).contains(&name.len());
    (is_name && name.chars().all(is_word)).then(|| Name(text.to_owned()))
}

/// The ARN of a role.
pub fn role(text: &str) -> Option<Name> {
    let (region, name) = resource(text, "iam")?;
    let (path, name) = name.strip_prefix("role")?.rsplit_once('/')?;
    let is_name = region.is_empty()
        && (1..=64).contains(&name.len())
        && name.chars().all(|c| is_word(c) || "+=.@".contains(c))
        && path.len() <= 512
        && (path.is_empty() || path.starts_with('/'))
        && path.chars().all(|c| c.is_ascii_graphic() && c != '*' && c != ':');
    is_name.then(|| Name(text.to_owned()))
}

/// Whether it is the ARN of a resource of a service whose name begins like that, and no pattern.
pub(super) fn is_arn(text: &str, of_service: &str, begins: &str) -> bool {
    text.len() <= 1024
        && text.chars().all(|c| c.is_ascii_graphic() && !"*?,".contains(c))
        && resource(text, of_service)
            .and_then(|(_, name)| name.strip_prefix(begins))
            .is_some_and(|name| !name.is_empty())
}

/// Whether it is an ARN of users or roles, in which `*` stands for any characters; not of all there
/// are. That of a session is none: conditions of policies know a session by its role.
pub(super) fn is_pattern_of_principal(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service, region) = (next(), next(), next(), next());
    let (account, name) = (next(), next());
    let is_account =
        account == "*" || account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    let is_kind = name == "root" || ["user/", "role/"].iter().any(|kind| name.starts_with(kind));
    text.len() <= 1024
        && text.chars().all(|c| c.is_ascii_graphic() && c != ',')
        && (arn == "arn" && partition.starts_with("aws") && region.is_empty())
        && service == "iam"
        && is_account
        && is_kind
}

/// The region and the name of a resource, of the ARN of one of a service.
fn resource<'a>(text: &'a str, of_service: &str) -> Option<(&'a str, &'a str)> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service, region) = (next(), next(), next(), next());
    let (account, name) = (next(), next());
    let is_one = arn == "arn"
        && partition.starts_with("aws")
        && partition.chars().all(is_word)
        && service == of_service
        && region.chars().all(is_word)
        && account.len() == 12
        && account.chars().all(|c| c.is_ascii_digit());
    is_one.then_some((region, name))
}

pub(super) fn bucket(text: &str) -> Option<Name> {
    let is_lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = (3..=63).contains(&text.len())
        && text.starts_with(is_lower)
        && text.ends_with(is_lower)
        && text.chars().all(|c| is_lower(c) || c == '-' || c == '.');
    is_name.then(|| Name(text.to_owned()))
}

pub(super) fn key(text: &str) -> Option<Name> {
    let is_key = text.len() <= 1024
        && !text.starts_with('/')
        && !text.ends_with('/')
        && !text.contains(char::is_control);
    is_key.then(|| Name(text.to_owned()))
}

pub(super) fn days<const MAX: u32>(text: &str) -> Option<Days> {
    text.parse().ok().filter(|days| (1..=MAX).contains(days)).map(Days)
}

pub(super) fn level(text: &str) -> Option<Level> {
    // A number would be taken too, and nobody knows what it means.
    text.parse().ok().filter(|_| text.chars().all(|c| c.is_ascii_alphabetic()))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

impl Name {
    /// It, as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl Days {
    /// How many.
    pub fn get(self) -> u32 {
        self.0
    }
}
