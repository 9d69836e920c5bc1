//! Alerts: all findings of one source, network or principal and UTC day, as one thing to tell a
//! person.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use crate::activity::Cloud;
use crate::detections::{describe, is_of_relocation};
use crate::evidence::{Entry, Kind};
use crate::explanation::{explanation, is_own};
use crate::finding::Finding;
use crate::hash;
use crate::intelligence::{AutonomousSystem, CountryCode, Hit, Intelligence};
use crate::policy::Policy;
use crate::sample::Sample;
use crate::score::{self, Reason, Severity};
use crate::source::{LedgerKey, Subject};
use crate::suppress::Suppressed;
use crate::timestamp::{Day, Timestamp};
use crate::view::{Selection, View};

/// The most members of a network that are kept: all of a /24.
const SOURCES_MAX: usize = 256;

/// The longest name in a title.
const NAME_MAX_CHARS: usize = 64;

/// All findings of one source, network or principal and day.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The same for the same source and day, whatever evidence there is.
    pub uid: String,
    /// The source, network or principal.
    pub key: LedgerKey,
    /// From how many addresses (of IPv6 /64s) a network's or a principal's calls came; 1 for a
    /// source.
    pub members: usize,
    /// Those of a network, in order, as many as it is of use to name.
    sources: Vec<LedgerKey>,
    /// What a person calls the principal that the alert is about, where that is known.
    pub principal: Option<String>,
    /// The UTC day.
    pub day: Day,
    /// The findings, the leading one first. At least one.
    pub findings: Vec<Finding>,
    /// The sum of the reasons.
    pub score: u8,
    /// How bad that is.
    pub severity: Severity,
    /// Why, the weightiest first.
    pub reasons: Vec<Reason>,
    /// How many distinct calls the findings rest on.
    pub calls: usize,
    /// How many of them succeeded.
    pub succeeded: usize,
    /// How many gave the correct password of a sign-in that was stopped.
    pub passwords_correct: usize,
    /// How many distinct principals made them, as far as clouds tell.
    pub principals: usize,
    /// Whether there may have been more calls, past what a ledger keeps.
    pub is_at_least: bool,
    /// The uid of the alert of the same source and the day before.
    pub earlier: Option<String>,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// The first of them on the alert's own day; windows reach back into the day before.
    pub resumed: Timestamp,
    /// The clouds they were made in.
    pub clouds: Vec<Cloud>,
    /// Where the address is, where known.
    pub country: Option<CountryCode>,
    /// Whose network it is in, where known.
    pub autonomous_system: Option<AutonomousSystem>,
    /// What lists say of the address, and as of when they say it.
    pub lists: Vec<String>,
    /// The trusted network the address is in.
    pub trusted_network: Option<String>,
    /// Whether any of its addresses is the user's own or a partner's, who would be cut off with it.
    pub is_own: bool,
    /// A few of the calls, in words, by time.
    pub samples: Vec<Sample>,
    /// Whether somebody who is known here achieved something: a call, or a correct password. Failures
    /// cost an attacker nothing.
    pub has_success: bool,
    /// Who did so, by fingerprints, as far as clouds tell.
    pub achievers: BTreeSet<u64>,
    /// Findings of the day that the policy calls nothing: all of the alert's, or others, which are
    /// then left out of it.
    pub suppressed: Vec<Suppressed>,
}

impl Alert {
    /// Gathers the findings of one day, the leading one first. None where there is none.
    pub(crate) fn of(view: &View<'_>, findings: Vec<Finding>, samples: &[Sample]) -> Option<Self> {
        let day = findings.first()?.day;
        let selection = united(&findings);
        let mut clouds: Vec<Cloud> = selection.of(&view.calls).map(Entry::cloud).collect();
        let calls = clouds.len();
        clouds.sort_unstable();
        clouds.dedup();
        let first = selection.of(&view.calls).next()?.time();
        let last = selection.of(&view.calls).last()?.time();
        let count = |is_it: fn(&&Entry) -> bool| selection.of(&view.calls).filter(is_it).count();
        let principals: HashSet<u64> =
            selection.of(&view.calls).filter_map(Entry::principal).collect();
        let principal = principal_of(view.key, &view.ledger.samples);
        let achievements = selection.of(&view.calls).filter(|call| is_achievement(call));
        let samples = samples_of(view, &selection, samples);
        let members = Members::of(view, &selection, &samples);
        let trusted = members.trusted_network(view.policy, day).map(str::to_owned);
        let reasons = reasons(view, &findings, &samples, members.all(), trusted.as_deref());
        let score = score::total(&reasons);
        Some(Self {
            uid: uid(view.key, day),
            key: view.key.clone(),
            members: members.count,
            sources: members.of_network(view.key),
            principal,
            day,
            score,
            severity: Severity::of_score(score),
            reasons,
            calls,
            succeeded: count(|call| call.kind().is_success()),
            passwords_correct: count(|call| call.kind() == Kind::PasswordCorrect),
            // In a principal's ledger its key says who it is.
            principals: principals.len().max(usize::from(view.key.subject() == Subject::Principal)),
            is_at_least: false,
            earlier: None,
            first,
            last,
            resumed: selection
                .of(&view.calls)
                .map(Entry::time)
                .find(|time| time.day() == day)
                .unwrap_or(first),
            clouds,
            country: view.intelligence.country(view.key),
            autonomous_system: view.intelligence.autonomous_system(view.key),
            lists: members.lists(view.intelligence, last),
            trusted_network: trusted,
            is_own: is_own(view, &members.known, day),
            samples,
            has_success: selection.of(&view.calls).any(is_achievement),
            achievers: achievements.filter_map(|it| it.principal_within(view.key)).collect(),
            suppressed: Vec::new(),
            findings,
        })
    }

    /// Whether the policy calls all of it nothing: it is not announced then.
    pub fn is_suppressed(&self) -> bool {
        let is_silent =
            |it: &Finding| self.suppressed.iter().any(|other| other.detection == it.detection.id);
        self.findings.iter().all(is_silent)
    }

    /// `42 failed sign-ins from 203.0.113.7 (NL)`, `9 failed sign-ins of 6 accounts from
    /// 203.0.113.0/24 (5 addresses, NL)`, `12 failed sign-ins of principal alice from 12 addresses`.
    pub fn title(&self) -> String {
        let headline = self.findings.first().map_or("", |leading| &leading.headline);
        let names_source = self.findings.first().is_some_and(|leading| leading.is_of_address);
        let address = self.address();
        match &self.key {
            LedgerKey::Network(_) => {
                let country = self.country.map(|it| format!(", {it}")).unwrap_or_default();
                return format!("{headline} from {} ({}{country})", self.key, self.counted());
            }
            LedgerKey::Principal { .. } => {
                let who = self.principal.as_deref().map(brief);
                let who = who.map_or("one principal".to_owned(), |who| format!("principal {who}"));
                return format!("{headline} of {who} from {address}");
            }
            _ => {}
        }
        match (names_source, self.country) {
            (true, Some(country)) => format!("{headline} ({address}, {country})"),
            (true, None) => format!("{headline} ({address})"),
            (false, Some(country)) => format!("{headline} from {address} ({country})"),
            (false, None) => format!("{headline} from {address}"),
        }
    }

    /// The source as a person would write it: the one address known of it, else its key.
    pub fn address(&self) -> String {
        match &self.key {
            LedgerKey::Private { ip, scope } if scope.is_empty() => ip.to_string(),
            LedgerKey::Private { ip, scope } => format!("{ip} in {scope}"),
            LedgerKey::Unrecognized(text) => format!("unrecognized source \u{201c}{text}\u{201d}"),
            LedgerKey::Network(_) => format!("{} ({})", self.key, self.counted()),
            LedgerKey::Principal { .. } => self.counted(),
            LedgerKey::V4(_) | LedgerKey::V6Net(_) => match self.addresses().as_slice() {
                [one] => one.to_string(),
                _ => self.key.to_string(),
            },
        }
    }

    /// The addresses known of the source, in order; none of an unrecognized one. All of an IPv4
    /// network's, which its ledger names; of other wide ones, and of an IPv6 source, those that samples
    /// name.
    pub fn addresses(&self) -> Vec<IpAddr> {
        match &self.key {
            LedgerKey::V4(ip) => vec![IpAddr::V4(*ip)],
            LedgerKey::Private { ip, .. } => vec![*ip],
            LedgerKey::Unrecognized(_) => Vec::new(),
            LedgerKey::Network(IpAddr::V4(_)) => {
                self.sources.iter().filter_map(LedgerKey::public_address).collect()
            }
            LedgerKey::V6Net(_) | LedgerKey::Network(_) | LedgerKey::Principal { .. } => {
                let parsed = self.samples.iter().filter_map(|sample| sample.address().parse().ok());
                let mut addresses: Vec<IpAddr> = parsed.collect();
                addresses.sort_unstable();
                addresses.dedup();
                addresses
            }
        }
    }

    /// Where the calls came from, one by one, as far as that is known without samples of them: the
    /// members of a network (of IPv6 its /64s), or else the source itself.
    pub fn whereabouts(&self) -> Vec<String> {
        if self.sources.is_empty() {
            let address = self.addresses().first().map(ToString::to_string);
            return vec![address.unwrap_or_else(|| self.address())];
        }
        self.sources.iter().map(ToString::to_string).collect()
    }

    /// `5 addresses`.
    fn counted(&self) -> String {
        match (&self.key, self.members) {
            (LedgerKey::Network(IpAddr::V6(_)), count) => format!("{count} of its /64s"),
            (_, 1) => "1 address".to_owned(),
            (_, count) => format!("{count} addresses"),
        }
    }
}

/// A name that leaves room for the rest of a title.
fn brief(name: &str) -> String {
    if name.chars().nth(NAME_MAX_CHARS).is_none() {
        return name.to_owned();
    }
    name.chars().take(NAME_MAX_CHARS).chain(['\u{2026}']).collect()
}

/// What the principal of a ledger is called: the same whichever of its calls are shown.
fn principal_of(key: &LedgerKey, samples: &[Sample]) -> Option<String> {
    if key.subject() != Subject::Principal {
        return None;
    }
    let names = samples.iter().filter_map(Sample::name).min();
    names.or_else(|| samples.iter().filter_map(Sample::principal).min()).map(str::to_owned)
}

/// The sources that the calls of an alert came from.
struct Members {
    count: usize,
    /// Those that are known: all of a network, and those that a principal's samples name.
    known: Vec<LedgerKey>,
}

impl Members {
    fn of(view: &View<'_>, selection: &Selection, samples: &[Sample]) -> Self {
        let members: BTreeSet<u64> = selection.of(&view.calls).filter_map(Entry::member).collect();
        let known: BTreeSet<LedgerKey> = match view.key {
            LedgerKey::Network(_) => members
                .iter()
                .filter_map(|member| view.key.member(u16::try_from(*member).ok()?))
                .collect(),
            LedgerKey::Principal { .. } => samples
                .iter()
                .filter_map(|sample| Some(LedgerKey::of_public(sample.address().parse().ok()?)))
                .collect(),
            _ => [view.key.clone()].into(),
        };
        Self { count: members.len().max(1), known: known.into_iter().collect() }
    }

    /// The network trusted on a day that all of them are in.
    fn trusted_network<'a>(&self, policy: &'a Policy, day: Day) -> Option<&'a str> {
        let of = |it: &LedgerKey| it.address().and_then(|ip| policy.trusted_network(ip, day));
        let mut networks = self.all().iter().map(of);
        let first = networks.next()??;
        networks.all(|it| it == Some(first)).then_some(first)
    }

    /// Those to name of a network.
    fn of_network(&self, key: &LedgerKey) -> Vec<LedgerKey> {
        let of = self.known.iter().filter(|_| key.subject() == Subject::Network);
        of.take(SOURCES_MAX).cloned().collect()
    }

    /// All of them; none unless all are known.
    fn all(&self) -> &[LedgerKey] {
        if self.known.len() == self.count { &self.known } else { &[] }
    }

    /// What lists say of any of them.
    fn lists(&self, intelligence: &Intelligence, last: Timestamp) -> Vec<String> {
        let mut lists: Vec<String> = Vec::new();
        for hit in self.known.iter().flat_map(|key| intelligence.hits(key)) {
            let told = dated(&hit, last);
            if !lists.contains(&told) {
                lists.push(told);
            }
        }
        lists
    }
}

/// The uid of the alert of a source and day.
pub fn uid(key: &LedgerKey, day: Day) -> String {
    hash::identifier(&["alert", &key.to_string(), &day.to_string()])
}

/// `malicious (ipsum, 6 lists), as of 2026-03-01`; and how far from the calls that is, where it is days.
fn dated(hit: &Hit<'_>, last: Timestamp) -> String {
    let told = describe(hit);
    let millis = hit.list.dated_secs.and_then(|secs| i64::try_from(secs).ok()?.checked_mul(1000));
    let Some(day) = millis.and_then(Timestamp::from_millis).map(Timestamp::day) else {
        return told;
    };
    let days = i64::from(last.day().number()) - i64::from(day.number());
    match days {
        2.. => format!("{told}, as of {day}, {days} days before these calls"),
        ..=-2 => format!("{told}, as of {day}, {} days after these calls", -days),
        _ => format!("{told}, as of {day}"),
    }
}

fn is_achievement(call: &Entry) -> bool {
    (call.kind().is_success() || call.kind() == Kind::PasswordCorrect)
        && !call.traits().is_stranger()
}

fn united(findings: &[Finding]) -> Selection {
    let mut selection = Selection::default();
    for finding in findings {
        selection.unite(&finding.selection);
    }
    selection
}

/// The samples of the calls selected, each call once.
fn samples_of(view: &View<'_>, selection: &Selection, samples: &[Sample]) -> Vec<Sample> {
    let in_words: HashSet<u64> = samples.iter().map(Sample::uid_hash).collect();
    let selected: HashMap<u64, &Entry> = selection
        .of(&view.calls)
        .filter(|call| in_words.contains(&call.uid()))
        .map(|call| (call.uid(), call))
        .collect();
    let mut shown = HashSet::new();
    let mut chosen = samples.to_vec();
    chosen.sort_unstable_by(|a, b| (a.time, a).cmp(&(b.time, b)));
    chosen.retain(|sample| {
        let call = selected.get(&sample.uid_hash());
        call.is_some_and(|call| sample.tells(call, view.key) && shown.insert(call.uid()))
    });
    chosen
}

/// What a reason says, without how much of it there was: `enumeration` of `enumeration: 12 operations
/// in 3 services`. Of windows on both sides of midnight each says it.
fn kind(reason: &Reason) -> &str {
    reason.text.split(": ").next().unwrap_or(&reason.text)
}

/// One base, since the others read the same calls again; whatever else is said of the address or
/// of the calls adds to it, the highest of each kind.
fn reasons(
    view: &View<'_>,
    findings: &[Finding],
    samples: &[Sample],
    sources: &[LedgerKey],
    trusted: Option<&str>,
) -> Vec<Reason> {
    let bases =
        findings.iter().filter(|finding| !finding.is_of_address).map(|finding| &finding.base);
    // Of equal ones the leading finding's, which comes first.
    let base = bases.rev().max_by_key(|base| base.points);
    let added =
        findings.iter().filter(|finding| finding.is_of_address).map(|finding| &finding.base);
    let further = findings.iter().flat_map(|finding| &finding.reasons);
    let mut reasons: Vec<Reason> = Vec::new();
    for reason in base.into_iter().chain(added).chain(further) {
        match reasons.iter_mut().find(|known| kind(known) == kind(reason)) {
            None => reasons.push(reason.clone()),
            Some(known) if reason.points > known.points => *known = reason.clone(),
            Some(_) => {}
        }
    }
    let weighed = findings.iter().filter(|finding| finding.weighs_targets);
    let mut calls = weighed.flat_map(|finding| finding.selection.of(&view.calls));
    if calls.any(|call| call.traits().is_root()) {
        reasons.push(Reason::new(15, "root"));
    }
    if findings.iter().any(|finding| finding.weighs_targets) {
        let resources = samples.iter().filter_map(|sample| sample.resource());
        let patterns = resources.filter_map(|resource| view.policy.critical_asset(resource));
        let of_long_name = || samples.iter().any(Sample::touched_critical_of_long_name);
        if let Some(pattern) = patterns.min() {
            reasons.push(Reason::new(20, format!("critical asset {pattern}")));
        } else if view.policy.has_critical_assets() && of_long_name() {
            reasons.push(Reason::new(20, "critical asset of a long name"));
        }
    }
    // That credentials left their cloud for another is no explanation of it.
    let is_relocation = findings.iter().any(|it| is_of_relocation(it.detection));
    reasons.extend(explanation(view, sources, trusted, !is_relocation));
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.points));
    reasons
}
