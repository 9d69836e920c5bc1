//! Members of a wide ledger that alert by themselves: deciding leaves them out ([`crate::wide`]), so of
//! what they do no more is kept than shows that. So a flood from one address costs its network and
//! its account nearly nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Bounds;
use crate::evidence::{Entry, Kind};
use crate::timestamp::Day;
use crate::wide::{self, Deeds};

impl Bounds {
    /// Takes out of a wide ledger the calls that change nothing: those of members that alert by
    /// themselves, past what shows it, and sign-ins past the first of a day.
    pub fn thin(&self, entries: &mut Vec<Entry>) {
        let all: BTreeSet<Entry> = entries.drain(..).collect();
        let mut alerting = Alerting::of(self, &all);
        entries.extend(all.into_iter().rev().filter(|it| alerting.shows(it) != Some(false)));
        entries.sort_unstable();
        wide::keep_first_sign_ins(entries);
    }
}

/// Members of a wide ledger of which enough is known to leave them out when deciding.
pub(super) struct Alerting<'a> {
    bounds: &'a Bounds,
    /// How many calls there are in each half of the shortest window. One that has enough stays so
    /// whatever else comes or goes.
    calls: HashMap<(Deeds, i64), usize>,
    /// Each with the newest of its calls.
    members: HashMap<Deeds, Entry>,
    shown: HashMap<(Deeds, i64), usize>,
}

impl<'a> Alerting<'a> {
    pub(super) fn new(bounds: &'a Bounds) -> Self {
        let (calls, shown) = (HashMap::new(), HashMap::new());
        Self { bounds, calls, members: HashMap::new(), shown }
    }

    pub(super) fn of(bounds: &'a Bounds, entries: &BTreeSet<Entry>) -> Self {
        let mut alerting = Self::new(bounds);
        for entry in entries {
            alerting.add(entry);
        }
        alerting
    }

    /// Those of which it is kept that they are: of each kind and day the last.
    pub(super) fn last(&self) -> HashSet<Deeds> {
        let mut members: Vec<(&Deeds, &Entry)> = self.members.iter().collect();
        members.sort_unstable_by(|(_, a), (_, b)| b.cmp(a));
        let mut counts: HashMap<(Kind, bool, Day), usize> = HashMap::new();
        let mut is_kept = |of| {
            let count = counts.entry(of).or_default();
            *count += 1;
            *count <= self.bounds.alerting
        };
        let kept = members
            .into_iter()
            .filter(|((_, kind, is_apart, day), _)| is_kept((*kind, *is_apart, *day)));
        kept.map(|(deeds, _)| *deeds).collect()
    }

    pub(super) fn add(&mut self, entry: &Entry) {
        let Some(deeds) = wide::deeds(entry) else { return };
        let calls = self.calls.entry((deeds, self.bounds.half(entry))).or_default();
        *calls += 1;
        if *calls >= self.bounds.of_member {
            let newest = self.members.entry(deeds).or_insert(*entry);
            *newest = *entry.max(newest);
        }
    }

    pub(super) fn has(&self, entry: &Entry) -> bool {
        wide::deeds(entry).is_some_and(|deeds| self.members.contains_key(&deeds))
    }

    /// Whether an entry of such a member, asked for newest first, is among those that show that it
    /// is one; none of any other.
    pub(super) fn shows(&mut self, entry: &Entry) -> Option<bool> {
        let deeds = wide::deeds(entry).filter(|deeds| self.members.contains_key(deeds))?;
        let (place, most) = ((deeds, self.bounds.half(entry)), self.bounds.of_member);
        let shown = self.shown.entry(place).or_default();
        *shown += 1;
        Some(*shown <= most && self.calls.get(&place).is_some_and(|calls| *calls >= most))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::activity::{Cloud, Outcome};
    use crate::intelligence::Intelligence;
    use crate::ledger::bounds::tests::entry;
    use crate::policy::Policy;
    use crate::source::LedgerKey;
    use crate::view::View;

    proptest! {
        /// Of a wide ledger, which entries of an alerting member are kept depends on the parts, and
        /// what is decided on does not.
        #[test]
        fn what_members_tell_by_themselves_is_not_kept(
            drawn in proptest::collection::vec((0..4_000_i64, 1..4_u64, 0..6_u64, 0..2_usize), 0..200),
            cut in 0..200_usize,
            halves in any::<bool>(),
        ) {
            let outcomes = [Outcome::Denied, Outcome::LoginFailed];
            let entries: Vec<Entry> = drawn
                .iter()
                .enumerate()
                .map(|(n, (secs, who, member, kind))| {
                    // Some members are much louder than others.
                    let member = if n % 3 == 0 { 0 } else { *member };
                    let secs = if halves { *secs } else { secs / 10 };
                    let op = format!("Op{n}");
                    entry(secs * 1000, *who, &op, outcomes[*kind]).in_principal(member)
                })
                .collect();
            let roomy = Bounds { newest: 1000, turns: 1000, members: 1000, ..Bounds::default() };
            let decided_on = |entries: &[Entry]| {
                let (intelligence, policy) = (Intelligence::default(), Policy::default());
                let key = LedgerKey::Principal { cloud: Cloud::Aws, hash: 1 };
                let ledger = crate::ledger::SourceLedger::default();
                View::new(&key, entries.to_vec(), &ledger, &intelligence, &policy).calls
            };
            let expected = decided_on(&entries);
            let (a, b) = entries.split_at(cut.min(entries.len()));
            let reduced = |entries: &[Entry]| roomy.reduce(entries.iter().copied());
            let parts: Vec<Entry> = reduced(a).into_iter().chain(reduced(b)).collect();
            prop_assert_eq!(&expected, &decided_on(&parts));
            let whole: Vec<Entry> = reduced(&parts).into_iter().collect();
            prop_assert_eq!(&expected, &decided_on(&whole));
            // Neither does what was left out as no news.
            let mut known = roomy.news(&[], a);
            known.extend(roomy.news(&known, b));
            prop_assert_eq!(&expected, &decided_on(&known));
        }
    }

    #[test]
    fn many_alerting_members_are_bounded() {
        let bounds = Bounds::default();
        let calls = (0..300_i64).flat_map(|member| (0..30).map(move |n| (member, n)));
        let calls = calls.map(|(member, n)| {
            let call = entry(member * 30 + n, 1, "ConsoleLogin", Outcome::LoginFailed);
            call.in_principal(u64::try_from(member).unwrap())
        });
        let quiet = entry(1, 1, "ConsoleLogin", Outcome::LoginFailed).in_principal(1000);
        let kept = bounds.reduce(calls.chain([quiet]));
        assert_eq!(kept.len(), bounds.alerting * bounds.of_member + 1);
        assert!(kept.contains(&quiet));
    }

    #[test]
    fn a_flood_of_one_member_is_no_news_at_all() {
        let bounds = Bounds::default();
        let mut known: Vec<Entry> = Vec::new();
        for batch in 0..1000 {
            let calls = (0..100)
                .map(|n| entry((batch * 100 + n) * 36, 1, "ConsoleLogin", Outcome::LoginFailed))
                .map(|call| call.in_network(7));
            let news = bounds.news(&known, &calls.collect::<Vec<_>>());
            assert_eq!(news.len(), if batch == 0 { bounds.of_member } else { 0 });
            known.extend(news);
        }
        let other = entry(1_000, 1, "ConsoleLogin", Outcome::LoginFailed).in_network(8);
        assert_eq!(bounds.news(&known, &[other]), [other]);
    }
}
