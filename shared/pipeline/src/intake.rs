//! Decode to observe: what messages deliver becomes evidence, gathered by source.
//!
//! Promises that bad input costs no neighbor anything, whatever it does to a reader, and that
//! memory is bounded by what ledgers keep and not by what is delivered.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use callerwatch_detection::baseline::Sightings;
use callerwatch_detection::history::{self, AccountDay};
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::ledger::{Batch, Bounds};
use callerwatch_detection::observe::{Observation, Observer, is_ahead};
use callerwatch_detection::policy::Policy;
use callerwatch_detection::sample;
use callerwatch_detection::source::{LedgerKey, Subject};
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_detection::wide;
use callerwatch_sources::{Buffers, Event, Extent, ReadError, Reading, Rejected};

/// Entries of one source gathered before they are first reduced.
const ENTRIES_MAX: usize = 4096;
/// The same of samples.
const SAMPLES_MAX: usize = 256;

/// What calls are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    /// What is known of addresses.
    pub intelligence: &'a Intelligence,
    /// What the user wants.
    pub policy: &'a Policy,
    /// How much a ledger keeps.
    pub bounds: Bounds,
    /// The time now.
    pub now: Timestamp,
}

/// What was met in an invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls read.
    pub events: u64,
    /// Those that are evidence.
    pub evidence: u64,
    /// Records that could not be read, or are dated ahead of now.
    pub rejected: u64,
    /// When the newest call happened.
    pub newest: Option<Timestamp>,
}

/// Input that no retry can make readable. What else was in it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadInput {
    /// What is wrong, in a few words; the same words for the same fault.
    pub why: String,
    /// How many records it is wrong with; none where the input as a whole ends or breaks.
    pub records: u64,
}

/// Evidence by source, and which messages brought it.
#[derive(Debug, Default)]
pub struct Observed {
    pub(crate) sources: HashMap<LedgerKey, Pending>,
    /// From where principals called.
    pub(crate) sightings: Sightings,
    /// The messages that say so, by principal.
    pub(crate) sighted_by: HashMap<u64, BTreeSet<usize>>,
    /// On which days ordinary calls of accounts succeeded.
    pub(crate) account_days: BTreeSet<AccountDay>,
    /// What was met.
    pub counts: Counts,
}

#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) batch: Batch,
    /// How many entries there were when they were last reduced.
    reduced: usize,
    /// The places of the messages in their invocation.
    pub(crate) messages: BTreeSet<usize>,
}

/// Takes in what the messages of one invocation deliver.
#[derive(Debug)]
pub struct Intake<'a> {
    judgement: Judgement<'a>,
    observer: &'a mut Observer,
    buffers: &'a mut Buffers,
    observed: Observed,
}

impl<'a> Intake<'a> {
    /// Begins an invocation. `observer` and `buffers` live as long as the function.
    pub fn new(
        judgement: Judgement<'a>,
        observer: &'a mut Observer,
        buffers: &'a mut Buffers,
    ) -> Self {
        Self { judgement, observer, buffers, observed: Observed::default() }
    }

    /// Reads what a message delivers: records in any form that [`callerwatch_sources::read`] knows,
    /// plain or gzip. Says what of it can never be read.
    pub fn read(&mut self, message: usize, input: &mut dyn Read) -> Vec<BadInput> {
        self.read_with(message, &mut |buffers, sink| {
            callerwatch_sources::read(input, buffers, sink)
        })
    }

    #[expect(clippy::type_complexity, reason = "the shape of a reader, said once")]
    fn read_with(
        &mut self,
        message: usize,
        reader: &mut dyn FnMut(
            &mut Buffers,
            &mut dyn FnMut(Event<'_>),
        ) -> Result<Extent, ReadError>,
    ) -> Vec<BadInput> {
        let mut rejected: BTreeMap<String, u64> = BTreeMap::new();
        let Self { judgement, observer, buffers, observed } = self;
        // What a reader had handed over when it panicked is as sound as if it had gone on.
        let result = catch_unwind(AssertUnwindSafe(|| {
            reader(buffers, &mut |event| match event {
                Event::Reading(Reading::Activity(activity)) => {
                    observed.counts.events += 1;
                    if activity.time.is_some_and(|time| is_ahead(time, judgement.now)) {
                        let why = "dated more than 15 minutes ahead".to_owned();
                        *rejected.entry(why).or_default() += 1;
                        return;
                    }
                    observed.counts.newest = observed.counts.newest.max(activity.time);
                    let observations = observer.observe(
                        activity,
                        judgement.intelligence,
                        judgement.policy,
                        Some(judgement.now),
                    );
                    for observation in observations {
                        observed.add(observation, message, &judgement.bounds);
                    }
                }
                Event::Reading(Reading::NotACall { .. }) => {}
                Event::Rejected(Rejected { why, .. }) => {
                    *rejected.entry(why.to_string()).or_default() += 1;
                }
            })
        }));
        self.observed.counts.rejected += rejected.values().sum::<u64>();
        let mut bad: Vec<BadInput> =
            rejected.into_iter().map(|(why, records)| BadInput { why, records }).collect();
        let whole = match result {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => {
                *self.buffers = Buffers::new();
                Some("a reader failed unexpectedly".to_owned())
            }
        };
        bad.extend(whole.map(|why| BadInput { why, records: 0 }));
        bad
    }

    /// Ends the intake.
    pub fn finish(self) -> Observed {
        let Self { judgement, mut observed, .. } = self;
        observed.leave_out_sprays(&judgement);
        observed.leave_out_old_days(judgement.now);
        observed
    }
}

impl Observed {
    /// What a spray tells by itself is not written to the ledger of every account it tried: they
    /// may be as many as its calls.
    fn leave_out_sprays(&mut self, judgement: &Judgement<'_>) {
        let Judgement { intelligence, policy, .. } = *judgement;
        let mut sprays = BTreeSet::new();
        for (key, Pending { batch, .. }) in &self.sources {
            let days = wide::spray_days(key, &batch.entries, intelligence, policy);
            let member = key.fingerprint().filter(|_| !days.is_empty());
            sprays.extend(member.into_iter().flat_map(|it| days.iter().map(move |day| (it, *day))));
        }
        if sprays.is_empty() {
            return;
        }
        self.sources.retain(|key, pending| {
            if key.subject() == Subject::Principal {
                wide::leave_out(&mut pending.batch, &sprays);
            }
            !pending.batch.entries.is_empty()
        });
    }

    /// Days that a history would not keep are not written to it: old logs may have very many.
    fn leave_out_old_days(&mut self, now: Timestamp) {
        let first = history::first_day(now);
        self.account_days.retain(|it| it.day >= first);
    }

    fn add(&mut self, observation: Observation, message: usize, bounds: &Bounds) {
        let Observation { key, call, seen, sighting, account_day } = observation;
        self.account_days.extend(account_day);
        if let Some(sighting) = sighting {
            self.sighted_by.entry(sighting.principal).or_default().insert(message);
            self.sightings.add(&key, sighting);
        }
        if call.is_none() && seen.is_none() {
            return;
        }
        let is_counted = call.is_some() && key.subject() == Subject::Source;
        self.counts.evidence += u64::from(is_counted);
        let pending = self.sources.entry(key).or_default();
        pending.messages.insert(message);
        let Batch { entries, samples } = &mut pending.batch;
        entries.extend(seen);
        if let Some((entry, sample)) = call {
            entries.push(entry);
            samples.push(sample);
        }
        // At twice of what was kept, so that reducing is rare however much is kept.
        if entries.len() >= ENTRIES_MAX.max(2 * pending.reduced) {
            *entries = bounds.reduce(entries.iter().copied()).into_iter().collect();
            pending.reduced = entries.len();
        }
        if samples.len() >= SAMPLES_MAX {
            sample::keep_best(samples);
        }
    }
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::activity::{Actor, ActorKind, ApiActivity, Cloud, Outcome};
    use callerwatch_detection::source::Source;

    use super::*;

    fn failed_sign_in(n: u32, now: Timestamp) -> ApiActivity<'static> {
        ApiActivity {
            cloud: Cloud::Aws,
            uid: format!("event-{n}").into(),
            time: Some(now),
            account: Some("111111111111".into()),
            region: None,
            source: Source::from_address("203.0.113.7".to_owned(), "vpce-1"),
            actor: Actor {
                kind: ActorKind::User,
                uid: Some(format!("user-{n}").into()),
                name: None,
                credential: None,
            },
            service: "signin".into(),
            operation: "ConsoleLogin".into(),
            resource: None,
            user_agent: None,
            mfa: None,
            outcome: Outcome::LoginFailed,
            status_code: None,
            read_only: false,
            console_session: false,
            workload: false,
        }
    }

    /// Takes in what `act` does with an intake at `now`.
    fn taken_in(now: Timestamp, act: impl FnOnce(&mut Intake<'_>)) -> Observed {
        let (intelligence, policy) = (Intelligence::default(), Policy::default());
        let (intelligence, policy) = (&intelligence, &policy);
        let judgement = Judgement { intelligence, policy, bounds: Bounds::default(), now };
        let (mut observer, mut buffers) = (Observer::default(), Buffers::new());
        let mut intake = Intake::new(judgement, &mut observer, &mut buffers);
        act(&mut intake);
        intake.finish()
    }

    #[test]
    fn a_reader_that_panics_is_bad_input_and_harms_nobody() {
        let now = Timestamp::from_millis(1_772_438_400_000).unwrap();
        let read = |n: u32, panics: bool| {
            move |_: &mut Buffers, sink: &mut dyn FnMut(Event<'_>)| {
                sink(Event::Reading(&Reading::Activity(failed_sign_in(n, now))));
                assert!(!panics, "this record broke the reader");
                Ok(Extent::default())
            }
        };
        let observed = taken_in(now, |intake| {
            assert_eq!(intake.read_with(0, &mut read(0, false)), []);
            let why = "a reader failed unexpectedly".to_owned();
            assert_eq!(intake.read_with(1, &mut read(1, true)), [BadInput { why, records: 0 }]);
            assert_eq!(intake.read_with(2, &mut read(2, false)), []);
        });
        // What it had read before counts.
        assert_eq!((observed.counts.events, observed.counts.evidence), (3, 3));
        let pending = &observed.sources[&key("203.0.113.7")];
        assert_eq!(pending.messages, BTreeSet::from([0, 1, 2]));
        assert_eq!(pending.batch.entries.len(), 3);
    }

    fn key(address: &str) -> LedgerKey {
        LedgerKey::of_public(address.parse().unwrap())
    }

    /// The ledgers written, by subject.
    fn ledgers(observed: &Observed) -> [usize; 3] {
        [Subject::Source, Subject::Network, Subject::Principal]
            .map(|subject| observed.sources.keys().filter(|key| key.subject() == subject).count())
    }

    #[test]
    fn a_spray_is_not_written_to_each_account() {
        let now = Timestamp::from_millis(1_772_438_400_000).unwrap();
        let taken = |failures: Vec<(u32, &'static str)>| {
            taken_in(now, |intake| {
                let mut read = |_: &mut Buffers, sink: &mut dyn FnMut(Event<'_>)| {
                    for (n, address) in &failures {
                        let mut call = failed_sign_in(*n, now);
                        call.source = Source::from_address(*address, "");
                        sink(Event::Reading(&Reading::Activity(call)));
                    }
                    Ok(Extent::default())
                };
                assert_eq!(intake.read_with(0, &mut read), []);
            })
        };
        let few = |count, address| (0..count).map(move |n| (n, address));
        assert_eq!(ledgers(&taken(few(4, "203.0.113.7").collect())), [1, 1, 4]);
        assert_eq!(ledgers(&taken(few(900, "203.0.113.7").collect())), [1, 1, 0]);
        // What others do to the same accounts stays.
        let both = few(900, "203.0.113.7").chain(few(2, "198.51.100.9")).collect();
        let both = taken(both);
        assert_eq!(ledgers(&both), [2, 2, 2]);
        let principals = both.sources.iter().filter(|(key, _)| key.subject() == Subject::Principal);
        for (_, Pending { batch: Batch { entries, samples }, .. }) in principals {
            assert_eq!((entries.len(), samples.len()), (1, 1));
            assert_eq!(samples[0].address(), "198.51.100.9");
        }
    }

    #[test]
    fn a_flood_is_held_in_bounded_memory() {
        let now = Timestamp::from_millis(1_772_438_400_000).unwrap();
        let observed = taken_in(now, |intake| {
            let mut flood = |_: &mut Buffers, sink: &mut dyn FnMut(Event<'_>)| {
                for n in 0..50_000 {
                    sink(Event::Reading(&Reading::Activity(failed_sign_in(n, now))));
                }
                Ok(Extent::default())
            };
            assert_eq!(intake.read_with(0, &mut flood), []);
        });
        assert_eq!(observed.counts.evidence, 50_000);
        for Pending { batch: Batch { entries, samples }, .. } in observed.sources.values() {
            assert!(entries.len() < 4 * ENTRIES_MAX, "{} entries", entries.len());
            assert!(samples.len() < SAMPLES_MAX, "{} samples", samples.len());
        }
    }
}
