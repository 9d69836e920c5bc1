//! What the user wants: thresholds and windows, countries, feeds, lists, trusted networks, critical
//! assets, privileged operations, suppressions, budgets of announcements, what is answered with a
//! denial.
//!
//! One TOML file, every key of which is optional: without any file the defaults are complete. A
//! file with faults yields all of them at once, each with its line, and what was understood all the
//! same, so that the caller can add what only it can find. Does no I/O; steps receive `&Policy`.

mod announcements;
mod countries;
mod describe;
mod errors;
mod feeds;
mod fields;
mod glob;
mod nearest;
mod networks;
mod operations;
mod read;
mod response;
mod suppression;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub(crate) use self::announcements::Announcements;
use self::countries::CountryRules;
pub use self::countries::CountryVerdict;
pub use self::errors::{Fault, PolicyErrors};
use self::glob::Pattern;
pub use self::glob::is_like;
pub use self::networks::TrustedNetwork;
use self::networks::TrustedNetworks;
use self::operations::PrivilegedOperations;
pub use self::response::Response;
pub use self::suppression::Suppression;
use crate::detections::{Detection, Parameter};
use crate::feeds::Feed;
use crate::intelligence::{Category, CountryCode};
use crate::timestamp::Day;

/// A policy file that shows every key.
pub const EXAMPLE: &str = include_str!("example.toml");

/// What the user wants.
#[derive(Clone, Debug)]
pub struct Policy {
    disabled: BTreeSet<&'static str>,
    /// By detection and parameter; what is not here has its default.
    values: BTreeMap<(&'static str, &'static str), u32>,
    countries: CountryRules,
    feeds: Vec<Feed>,
    lists: Vec<PolicyList>,
    trusted: TrustedNetworks,
    critical: Vec<Pattern>,
    privileged: PrivilegedOperations,
    suppressions: Vec<Suppression>,
    pub(crate) announcements: Announcements,
    response: Response,
}

/// A list of addresses that a policy names; the caller reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyList {
    /// As it was written: relative to the policy file.
    pub path: String,
    /// What it says of its addresses.
    pub category: Category,
    /// What alerts call it: its `name`, or else the stem of its file. No two have one name.
    pub name: String,
    /// The column of a CSV file that holds the addresses, where it was named.
    pub column: Option<String>,
    /// The line of its path, for faults found when reading it.
    pub line: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            disabled: BTreeSet::default(),
            values: BTreeMap::default(),
            countries: CountryRules::default(),
            feeds: feeds::shipped(),
            lists: Vec::default(),
            trusted: TrustedNetworks::default(),
            critical: Vec::default(),
            privileged: PrivilegedOperations::default(),
            suppressions: Vec::default(),
            announcements: Announcements::default(),
            response: Response::default(),
        }
    }
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    ///
    /// All faults of the file together, each with its line.
    pub fn parse(text: &str) -> Result<Self, PolicyErrors> {
        let (policy, errors) = Self::read(text);
        errors.or(policy)
    }

    /// Reads a policy file as far as it can be understood, beside all its faults: for callers who
    /// go on to read the lists, and report those that cannot be read together with the rest. See
    /// [`PolicyErrors::or`].
    pub fn read(text: &str) -> (Self, PolicyErrors) {
        read::read(text)
    }

    /// Whether a detection speaks.
    pub fn is_enabled(&self, detection: &Detection) -> bool {
        !self.disabled.contains(detection.id)
    }

    /// The value of a detection's parameter; at least 1.
    pub fn value(&self, detection: &Detection, parameter: &Parameter) -> u32 {
        let set = self.values.get(&(detection.id, parameter.name));
        set.copied().unwrap_or(parameter.default)
    }

    /// What speaks against calls from a country; none where they are fine.
    pub fn country_verdict(&self, country: CountryCode) -> Option<CountryVerdict> {
        self.countries.verdict(country)
    }

    /// Whether any country could be denied.
    pub fn has_country_rules(&self) -> bool {
        self.countries != CountryRules::None
    }

    /// The feeds to be fetched: those that ship, but for what the file switches off, and its own.
    pub fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    /// The lists to be read, in the order of the file.
    pub fn lists(&self) -> &[PolicyList] {
        &self.lists
    }

    /// The name of the most specific network trusted on a day that an address lies in. Private
    /// addresses may be trusted too.
    pub fn trusted_network(&self, ip: IpAddr, day: Day) -> Option<&str> {
        self.trusted.name_of(ip, day)
    }

    /// All trusted networks, those that no longer are among them.
    pub fn trusted_networks(&self) -> impl Iterator<Item = TrustedNetwork<'_>> {
        self.trusted.iter().flat_map(|(name, until, own)| {
            own.into_iter().map(move |network| TrustedNetwork { name, network, until })
        })
    }

    /// The first pattern of critical assets that matches a resource's name.
    pub fn critical_asset(&self, resource: &str) -> Option<&str> {
        self.critical.iter().find(|pattern| pattern.matches(resource)).map(Pattern::as_str)
    }

    /// Whether any assets are critical.
    pub(crate) fn has_critical_assets(&self) -> bool {
        !self.critical.is_empty()
    }

    /// Whether an operation, by its hash in evidence
    /// ([`operation_hash`](crate::evidence::operation_hash)), is privileged.
    pub fn is_privileged(&self, operation_hash: u32) -> bool {
        self.privileged.contains(operation_hash)
    }
}

#[cfg(test)]
mod tests;
