//! What speaks for an address in an alert: a trusted network of the policy, and what lists say that
//! accuses nobody.
//!
//! Promises one reason at most, however much speaks for an address, and that it lowers a score and
//! silences nothing.

use ipnet::IpNet;

use crate::intelligence::{Category, Intelligence, parse_prefix};
use crate::score::Reason;
use crate::source::LedgerKey;
use crate::timestamp::Day;
use crate::view::View;

/// The user's own, or a partner's.
const KNOWN: i32 = -30;
/// Anybody can rent an address in a cloud.
const CLOUD: i32 = -10;

/// Why calls from those sources are likelier harmless: the strongest of what is known of all of them,
/// with all that is as strong. `network` is the policy's; that an address is a cloud's counts where
/// it `is_cloud_plausible`.
pub(crate) fn explanation(
    view: &View<'_>,
    sources: &[LedgerKey],
    network: Option<&str>,
    is_cloud_plausible: bool,
) -> Option<Reason> {
    let of_policy = network.map(|name| Reason::new(KNOWN, format!("trusted network {name}")));
    let mut of_each =
        sources.iter().map(|key| of_lists(view.intelligence, key, is_cloud_plausible));
    let mut of_lists = of_each.next().unwrap_or_default();
    for of_another in of_each {
        of_lists.retain(|reason| of_another.contains(reason));
    }
    let known: Vec<Reason> = of_policy.into_iter().chain(of_lists).collect();
    let points = known.iter().map(|reason| reason.points).min()?;
    let strongest = known.iter().filter(|reason| reason.points == points);
    let texts: Vec<&str> = strongest.map(|reason| reason.text.as_str()).collect();
    Some(Reason::new(points, texts.join(", ")))
}

/// Whether any of those sources, or any part of the network that the alert is about, is the user's own
/// or a partner's, on the day of the alert: whoever denies it cuts them off.
pub(crate) fn is_own(view: &View<'_>, sources: &[LedgerKey], day: Day) -> bool {
    let is_known = |category| matches!(category, Category::Own | Category::Trusted);
    let is_listed = |key: &LedgerKey| view.intelligence.categories(key).any(is_known);
    let network = parse_prefix(&view.key.to_string()).ok();
    let overlaps =
        |trusted: &IpNet| network.is_some_and(|it| it.contains(trusted) || trusted.contains(&it));
    let mut trusted = view.policy.trusted_networks().filter(|it| it.holds(day));
    sources.iter().any(is_listed) || trusted.any(|it| overlaps(&it.network))
}

fn of_lists(
    intelligence: &Intelligence,
    source: &LedgerKey,
    is_cloud_plausible: bool,
) -> Vec<Reason> {
    let reasons = intelligence.hits(source).filter_map(|hit| {
        let list = &hit.list.name;
        match hit.category {
            Category::Own => Some(Reason::new(KNOWN, format!("own address ({list})"))),
            Category::Trusted => Some(Reason::new(KNOWN, format!("trusted address ({list})"))),
            Category::Cloud if is_cloud_plausible => {
                Some(Reason::new(CLOUD, format!("address of a cloud ({list})")))
            }
            _ => None,
        }
    });
    reasons.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SourceLedger;
    use crate::policy::Policy;

    /// What is said for 203.0.113.7 where these categories list it.
    fn told(categories: &[Category], network: Option<&str>, is_cloud_plausible: bool) -> String {
        let mut builder = Intelligence::builder();
        for category in categories {
            let name = format!("{category}-list");
            builder = builder.list(name, *category, b"203.0.113.0/24\n").unwrap();
        }
        let (intelligence, policy) = (builder.build(), Policy::default());
        let key = LedgerKey::of_public("203.0.113.7".parse().unwrap());
        let ledger = SourceLedger::default();
        let view = View::new(&key, Vec::new(), &ledger, &intelligence, &policy);
        let reason = explanation(&view, std::slice::from_ref(&key), network, is_cloud_plausible);
        reason.map_or("-".to_owned(), |reason| reason.to_string())
    }

    #[test]
    fn the_strongest_counts_once() {
        use Category::{Cloud, Hosting, Malicious, Own, Trusted};
        for (categories, network, expected) in [
            (&[][..], None, "-"),
            (&[Malicious, Hosting], None, "-"),
            (&[], Some("HQ"), "-30 trusted network HQ"),
            (&[Own], None, "-30 own address (own-list)"),
            (&[Trusted], None, "-30 trusted address (trusted-list)"),
            (&[Cloud], None, "-10 address of a cloud (cloud-list)"),
            (&[Cloud, Own], None, "-30 own address (own-list)"),
            (
                &[Cloud, Own, Trusted],
                Some("HQ"),
                "-30 trusted network HQ, own address (own-list), trusted address (trusted-list)",
            ),
        ] {
            assert_eq!(told(categories, network, true), expected, "{categories:?} {network:?}");
        }
        assert_eq!(told(&[Cloud], None, false), "-");
        assert_eq!(told(&[Cloud, Own], None, false), "-30 own address (own-list)");
    }
}
