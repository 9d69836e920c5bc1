//! Whether a fresh copy of a feed may take the place of the last good one.
//!
//! A feed that is broken, or written to by somebody else, must neither accuse the Internet nor
//! excuse it, and must not fall silent unnoticed. Promises a reason for each refusal. Must not know
//! how copies are fetched and kept.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;
use thiserror::Error;

use super::ranges::Ranges;
use super::{Content, Feed};
use crate::detections::accuses;
use crate::intelligence::{Category, DatabaseError, Intelligence, ListFault};
use crate::policy::Policy;
use crate::timestamp::Day;

/// Why a copy is refused.
#[derive(Debug, Error)]
pub enum Refusal {
    /// It is no list: an error page, nothing, or nothing that was understood.
    #[error(transparent)]
    List(#[from] ListFault),
    /// It is no database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It has lost more than half.
    #[error("it shrank from {before} to {now} {unit}")]
    Shrank {
        /// What the last good one had.
        before: usize,
        /// What it has.
        now: usize,
        /// Of what.
        unit: &'static str,
    },
    /// It names a part of the Internet that nobody holds alone.
    #[error("it names a prefix wider than anybody holds")]
    TooWide,
    /// It names what is not of the Internet.
    #[error("it names {0}, which is not of the Internet")]
    NotOfTheInternet(IpNet),
    /// It accuses the user.
    #[error("it accuses {prefix}, which is your own: {owner}")]
    Own {
        /// What it names.
        prefix: IpNet,
        /// What the policy calls it.
        owner: String,
    },
    /// It names too much.
    #[error("it covers {permille} thousandths of IPv4, more than {max}")]
    TooMuch {
        /// What it covers.
        permille: u64,
        /// What it may.
        max: u64,
    },
    /// It newly accuses a good part of a cloud.
    #[error("it newly accuses {0}, which is a cloud's")]
    Cloud(IpNet),
}

/// A list of attackers that covers more is a list of bystanders.
const PERMILLE_MAX: u64 = 20;
/// Data centers hold nearly a tenth of IPv4, and the largest clouds several hundredths.
const CONTEXT_PERMILLE_MAX: u64 = 200;
/// What one customer of a cloud may have to himself.
const CLOUD_V4_SHORTEST: u8 = 24;
const CLOUD_V6_SHORTEST: u8 = 48;

/// What nobody on the Internet has. Ranges for documentation are let through: examples use them.
const NOT_OF_THE_INTERNET: [&str; 12] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
    "::/16",
    "fc00::/7",
    "fe80::/9",
    "ff00::/8",
];
static SPECIAL: LazyLock<Ranges> =
    LazyLock::new(|| Ranges::of(NOT_OF_THE_INTERNET.iter().filter_map(|it| it.parse().ok())));

/// Whether somebody on the Internet may have an address.
pub fn is_of_the_internet(ip: IpAddr) -> bool {
    !SPECIAL.overlap(ip.into())
}

/// Judges copies, by what is the user's own and what is the clouds'.
#[derive(Debug)]
pub struct Judge {
    own: Vec<(String, IpNet)>,
    own_ranges: Ranges,
    clouds: Ranges,
}

impl Judge {
    /// Knows the networks a policy trusts today.
    pub fn new(policy: &Policy, today: Day) -> Self {
        let trusted = policy.trusted_networks().filter(|it| it.holds(today));
        let own = trusted.map(|it| (it.name.to_owned(), it.network));
        let mut judge =
            Self { own: own.collect(), own_ranges: Ranges::default(), clouds: Ranges::default() };
        judge.own_ranges = Ranges::of(judge.own.iter().map(|(_, network)| *network));
        judge
    }

    /// Takes what good lists say of the clouds' addresses and of the user's own, besides what is
    /// known.
    #[must_use]
    pub fn knowing(mut self, lists: &Intelligence) -> Self {
        let of = |category| lists.prefixes().filter(move |(list, _)| list.category == category);
        self.clouds = self.clouds.with(of(Category::Cloud).map(|(_, prefix)| prefix));
        self.own.extend(of(Category::Own).map(|(list, prefix)| (list.name.clone(), prefix)));
        self.own_ranges = Ranges::of(self.own.iter().map(|(_, network)| *network));
        self
    }

    /// Whether a copy may take the place of `last`, the last good one of the same location.
    ///
    /// # Errors
    ///
    /// Why it may not.
    pub fn judge(&self, feed: &Feed, fresh: &[u8], last: Option<&[u8]>) -> Result<(), Refusal> {
        match feed.content {
            Content::List(category) => self.judge_list(feed, category, fresh, last),
            Content::Countries => {
                Intelligence::builder().countries(fresh)?;
                judge_length(fresh, last)
            }
            Content::Networks => {
                Intelligence::builder().networks(fresh)?;
                judge_length(fresh, last)
            }
        }
    }

    fn judge_list(
        &self,
        feed: &Feed,
        category: Category,
        fresh: &[u8],
        last: Option<&[u8]>,
    ) -> Result<(), Refusal> {
        let fresh = list(feed, category, fresh)?;
        if fresh.lists().iter().any(|list| list.too_wide > 0) {
            return Err(Refusal::TooWide);
        }
        let ranges = Ranges::of(prefixes(&fresh));
        let permille = (ranges.count_v4() * 1000) >> 32;
        let max = if is_of_hosts(category) { CONTEXT_PERMILLE_MAX } else { PERMILLE_MAX };
        if permille > max {
            return Err(Refusal::TooMuch { permille, max });
        }
        if category != Category::Own
            && let Some(prefix) = prefixes(&fresh).find(|prefix| SPECIAL.overlap(*prefix))
        {
            return Err(Refusal::NotOfTheInternet(prefix));
        }
        // What cannot be read is no reason to keep it.
        let last = last.and_then(|last| list(feed, category, last).ok());
        if accuses(category) {
            self.judge_accusations(&fresh, last.as_ref())?;
        }
        let count = |lists: &Intelligence| prefixes(lists).count();
        let (before, now) = (last.as_ref().map_or(0, count), count(&fresh));
        if now * 2 < before {
            return Err(Refusal::Shrank { before, now, unit: "prefixes" });
        }
        Ok(())
    }

    fn judge_accusations(
        &self,
        fresh: &Intelligence,
        last: Option<&Intelligence>,
    ) -> Result<(), Refusal> {
        if let Some(prefix) = prefixes(fresh).find(|prefix| self.own_ranges.overlap(*prefix)) {
            let own = Ranges::of([prefix]);
            let owner = self.own.iter().find(|(_, network)| own.overlap(*network));
            let owner = owner.map(|(name, _)| name.clone()).unwrap_or_default();
            return Err(Refusal::Own { prefix, owner });
        }
        let mut accused = prefixes(fresh)
            .filter(|prefix| is_wide_for_a_cloud(*prefix) && self.clouds.overlap(*prefix));
        let is_new =
            |prefix: &IpNet| !last.is_some_and(|last| prefixes(last).any(|it| it == *prefix));
        match accused.find(is_new) {
            Some(prefix) => Err(Refusal::Cloud(prefix)),
            None => Ok(()),
        }
    }
}

fn list(feed: &Feed, category: Category, bytes: &[u8]) -> Result<Intelligence, ListFault> {
    let column = feed.column.as_deref();
    let builder = Intelligence::builder().list_with_column(&feed.name, category, bytes, column);
    Ok(builder.map_err(|error| error.fault)?.build())
}

fn prefixes(lists: &Intelligence) -> impl Iterator<Item = IpNet> {
    lists.prefixes().map(|(_, prefix)| prefix)
}

/// Whether a category is about who hosts computers, and so about much of the Internet.
fn is_of_hosts(category: Category) -> bool {
    matches!(category, Category::Cloud | Category::Hosting)
}

fn is_wide_for_a_cloud(prefix: IpNet) -> bool {
    match prefix {
        IpNet::V4(v4) => v4.prefix_len() < CLOUD_V4_SHORTEST,
        IpNet::V6(v6) => v6.prefix_len() < CLOUD_V6_SHORTEST,
    }
}

fn judge_length(fresh: &[u8], last: Option<&[u8]>) -> Result<(), Refusal> {
    let (before, now) = (last.unwrap_or_default().len(), fresh.len());
    if now < before / 2 {
        return Err(Refusal::Shrank { before, now, unit: "bytes" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::Location;
    use crate::intelligence::country::tests::all_in;

    fn feed(content: Content) -> Feed {
        Feed {
            name: "feed".to_owned(),
            location: Location::File("feed.txt".to_owned()),
            content,
            column: None,
            refresh_minutes: 60,
        }
    }

    /// Office and egress are the user's own, and 198.51.0.0/16 a cloud's.
    fn judge() -> Judge {
        let policy = "[[trusted_networks]]\nname = \"HQ\"\nnetworks = [\"203.0.113.0/28\"]\n";
        let policy = Policy::parse(policy).unwrap();
        let lists = Intelligence::builder()
            .list("cloud", Category::Cloud, b"198.51.0.0/16\n2001:db8::/32\n")
            .and_then(|it| it.list("egress", Category::Own, b"192.0.2.7\n2001:db8:7::1\n"))
            .unwrap();
        Judge::new(&policy, Day::parse("2026-03-02").unwrap()).knowing(&lists.build())
    }

    fn told(content: Content, fresh: &[u8], last: Option<&[u8]>) -> String {
        match judge().judge(&feed(content), fresh, last) {
            Ok(()) => "good".to_owned(),
            Err(refusal) => refusal.to_string(),
        }
    }

    const MALICIOUS: Content = Content::List(Category::Malicious);
    const HOSTING: Content = Content::List(Category::Hosting);

    #[test]
    fn a_copy_that_cannot_be_believed_is_refused() {
        let own = "it accuses 203.0.113.7/32, which is your own: HQ";
        for (text, expected) in [
            ("203.0.113.77\n2001:db8:1::/48\n", "good"),
            ("", "no address in it: the file is empty"),
            ("# nothing today\n", "no address in it: it holds comments only"),
            ("<!doctype html><p>203.0.113.77", "no address in it: it is an HTML page"),
            ("203.0.113.77\n0.0.0.0/0\n", "it names a prefix wider than anybody holds"),
            ("203.0.113.77\n::/0\n", "it names a prefix wider than anybody holds"),
            (
                "203.0.113.77\n0.0.0.0-255.255.255.255\n",
                "it names a prefix wider than anybody holds",
            ),
            ("203.0.113.77\n10.1.2.3\n", "it names 10.1.2.3/32, which is not of the Internet"),
            ("203.0.113.77\n127.0.0.1\n", "it names 127.0.0.1/32, which is not of the Internet"),
            ("203.0.113.77\n172.0.0.0/8\n", "it names 172.0.0.0/8, which is not of the Internet"),
            ("203.0.113.77\nfd00::/16\n", "it names fd00::/16, which is not of the Internet"),
            ("203.0.113.7\n", own),
            ("203.0.113.0/24\n", "it accuses 203.0.113.0/24, which is your own: HQ"),
            ("192.0.2.0/24\n", "it accuses 192.0.2.0/24, which is your own: egress"),
            ("2001:db8:7::/48\n", "it accuses 2001:db8:7::/48, which is your own: egress"),
            (
                "20.0.0.0/8\n21.0.0.0/8\n22.0.0.0/8\n23.0.0.0/8\n24.0.0.0/8\n25.0.0.0/8\n",
                "it covers 23 thousandths of IPv4, more than 20",
            ),
            ("198.51.100.0/24\n", "good"),
            ("198.51.100.0/23\n", "it newly accuses 198.51.100.0/23, which is a cloud's"),
            ("198.0.0.0/8\n", "it newly accuses 198.0.0.0/8, which is a cloud's"),
            ("2001:db8::/47\n", "it newly accuses 2001:db8::/47, which is a cloud's"),
        ] {
            assert_eq!(told(MALICIOUS, text.as_bytes(), None), expected, "{text}");
        }
    }

    #[test]
    fn context_may_name_hosts_and_the_users_own() {
        for (text, expected) in [
            ("198.51.0.0/16\n203.0.113.7\n", "good"),
            ("20.0.0.0/8\n21.0.0.0/8\n22.0.0.0/8\n23.0.0.0/8\n24.0.0.0/8\n25.0.0.0/8\n", "good"),
            ("10.0.0.0/8\n", "it names 10.0.0.0/8, which is not of the Internet"),
            ("0.0.0.0/0\n1.1.1.1\n", "it names a prefix wider than anybody holds"),
        ] {
            assert_eq!(told(HOSTING, text.as_bytes(), None), expected, "{text}");
        }
        let half: Vec<String> = (64..128).map(|first| format!("{first}.0.0.0/8\n")).collect();
        assert_eq!(
            told(HOSTING, half.concat().as_bytes(), None),
            "it covers 250 thousandths of IPv4, more than 200"
        );
        assert_eq!(told(Content::List(Category::Own), b"10.0.0.0/8\n", None), "good");
    }

    #[test]
    fn a_copy_is_compared_with_the_last_good_one() {
        let list = |count: u8| {
            (0..count).map(|n| format!("203.0.113.{}\n", n + 100)).collect::<Vec<_>>().concat()
        };
        for (before, now, expected) in [
            (100, 50, "good"),
            (100, 49, "it shrank from 100 to 49 prefixes"),
            (1, 100, "good"),
            (2, 1, "good"),
        ] {
            let told = told(MALICIOUS, list(now).as_bytes(), Some(list(before).as_bytes()));
            assert_eq!(told, expected, "{before} {now}");
        }
        // What was accused before the cloud published it, or with good reason, stays.
        assert_eq!(told(MALICIOUS, b"198.51.100.0/23\n", Some(b"198.51.100.0/23\n")), "good");
        let wider = told(MALICIOUS, b"198.51.100.0/22\n", Some(b"198.51.100.0/23\n"));
        assert_eq!(wider, "it newly accuses 198.51.100.0/22, which is a cloud's");
        assert_eq!(told(MALICIOUS, b"203.0.113.77\n", Some(b"<html>")), "good");
    }

    #[test]
    fn databases_are_opened() {
        let database = all_in("DE");
        assert_eq!(told(Content::Countries, &database, None), "good");
        assert!(told(Content::Countries, b"<html>", None).contains("no MMDB file"));
        let large = vec![0; database.len() * 3];
        let shrank = format!("it shrank from {} to {} bytes", large.len(), database.len());
        assert_eq!(told(Content::Countries, &database, Some(&large)), shrank);
    }
}
