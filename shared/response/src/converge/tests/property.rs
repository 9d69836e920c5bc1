//! Whatever happens in whatever order.

use std::collections::BTreeMap;

use pollster::block_on;
use proptest::prelude::*;

use super::*;

/// What may happen next.
#[derive(Clone, Debug)]
enum Step {
    Deny(u8, i64),
    Later(i64),
    Converge,
    Die(usize, bool, bool),
    Add(u8),
    AddMeanwhile(u8),
    TakeOut(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u8..12, 1i64..20).prop_map(|(low, hours)| Step::Deny(low, hours)),
        (1i64..12).prop_map(Step::Later),
        Just(Step::Converge),
        (0usize..8, any::<bool>(), any::<bool>())
            .prop_map(|(calls, done, of_target)| Step::Die(calls, done, of_target)),
        (0u8..12).prop_map(Step::Add),
        (0u8..12).prop_map(Step::AddMeanwhile),
        (0u8..12).prop_map(Step::TakeOut),
    ];
    prop::collection::vec(step, 0..40)
}

fn address(low: u8) -> IpNet {
    net(&format!("203.0.113.{low}/32"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens in whatever order: once the world works, all that is wanted is denied, as far
    /// as there is room; after a rollback there is what others put there, all of it and nothing else.
    #[test]
    fn in_the_end_all_is_as_wanted(steps in steps(), room in 3usize..14) {
        let store = MemoryStore::default();
        let set = [target(TargetKind::Ipv4Set, room)];
        let (mut now, mut uid) = (0, 0);
        // What others put there, and whether nothing said then that it was ours. Of what was said to
        // be ours it may be either.
        let mut theirs: BTreeMap<IpNet, bool> = BTreeMap::new();
        let ours = |network: &IpNet, now: i64| {
            let placed = block_on(store.placed(set[0].id())).unwrap();
            // What was taken out a moment ago may be read as there still.
            let lately = placed.taken_out.iter().filter(|(_, time)| **time == at(now));
            let mut all = placed.ours.iter().chain(lately.map(|(it, _)| it));
            all.any(|it| it.contains(network))
        };
        for step in steps {
            match step {
                Step::Deny(low, hours) => {
                    uid += 1;
                    deny(&store, &address(low).to_string(), &uid.to_string(), at(now), hours);
                }
                Step::Later(hours) => now += hours,
                Step::Converge => {
                    prop_assert!(run(&set, &store, at(now)).is_ok());
                }
                Step::Die(calls, done, of_target) => {
                    let fuse = Fuse::after(calls, done);
                    if of_target { set[0].set_fuse(fuse) } else { store.set_fuse(fuse) }
                    let _ = run(&set, &store, at(now));
                    set[0].set_fuse(Fuse::default());
                    store.set_fuse(Fuse::default());
                }
                Step::Add(low) => {
                    let network = address(low);
                    if !set[0].networks().contains(&network) {
                        theirs.insert(network, !ours(&network, now));
                    }
                    set[0].add(network);
                }
                Step::AddMeanwhile(low) => {
                    let network = address(low);
                    let mut before = set[0].networks();
                    let is_new = before.insert(network);
                    let is_ours = ours(&network, now);
                    set[0].add_meanwhile(network);
                    prop_assert!(run(&set, &store, at(now)).is_ok());
                    // Who puts there exactly what we were about to put is taken for us, whose answer
                    // was lost.
                    let is_attempt = set[0].networks() == before;
                    if is_new {
                        let all = block_on(store.denials()).unwrap();
                        let is_wanted = all.iter().any(|it| it.network == network);
                        let may_be_ours = is_ours || is_attempt && is_wanted;
                        theirs.insert(network, !may_be_ours);
                    }
                }
                Step::TakeOut(low) => {
                    theirs.remove(&address(low));
                    set[0].take_out(&address(low));
                }
            }
            // Nothing of others is ever missing.
            let held = set[0].networks();
            prop_assert!(theirs.iter().all(|(it, certain)| !certain || held.contains(it)));
        }
        let out = run(&set, &store, at(now)).unwrap();
        let held = set[0].networks();
        for denial in &out.denials {
            let is_denied = held.iter().any(|it| it.contains(&denial.network));
            let has_no_room = denial.states[set[0].id()] == State::NoRoom;
            prop_assert!(is_denied != has_no_room, "{denial:?}");
        }
        let wanted = |it: &IpNet| out.denials.iter().any(|denial| it.contains(&denial.network));
        prop_assert!(held.iter().all(|it| theirs.contains_key(it) || wanted(it)));
        let again = run(&set, &store, at(now)).unwrap();
        prop_assert_eq!(again.changes, []);
        roll_back(&set, &store, at(now));
        let held = set[0].networks();
        prop_assert!(held.iter().all(|it| theirs.contains_key(it)));
        prop_assert!(theirs.iter().all(|(it, certain)| !certain || held.contains(it)));
    }
}
