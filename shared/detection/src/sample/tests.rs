//! That stored samples come back, and which of many are kept.

use proptest::prelude::*;

use super::*;

fn sample(time: i64, kind: Kind, principal: u8) -> Sample {
    sample_from("203.0.113.7", time, kind, principal)
}

fn sample_from(address: &str, time: i64, kind: Kind, principal: u8) -> Sample {
    let mut activity =
        crate::evidence::tests::call(&format!("e-{time}"), time, crate::activity::Outcome::Success);
    activity.actor.uid = Some(format!("p-{principal}").into());
    let session = if principal.is_multiple_of(2) { "AKIA" } else { "ASIA" };
    activity.actor.credential = Some(format!("{session}{:016}", time % 3).into());
    let mut sample =
        Sample::of(&activity, Timestamp::from_millis(time).unwrap(), address, time % 7 == 0);
    sample.kind = kind;
    sample
}

proptest! {
    #[test]
    fn parts_do_not_matter(
        drawn in proptest::collection::vec((0..200_000_000_i64, 0..8_usize, 0..5_u8), 0..120),
        cut in 0..120_usize,
    ) {
        let samples: Vec<Sample> =
            drawn.iter().map(|(time, kind, who)| sample(*time, Kind::ALL[*kind], *who)).collect();
        let mut whole = samples.clone();
        keep_best(&mut whole);
        let (a, b) = samples.split_at(cut.min(samples.len()));
        let (mut a, mut b) = (a.to_vec(), b.to_vec());
        keep_best(&mut a);
        keep_best(&mut b);
        b.extend(a);
        keep_best(&mut b);
        prop_assert_eq!(whole, b);
    }
}

proptest! {
    #[test]
    fn parts_of_many_sources_do_not_matter(
        drawn in proptest::collection::vec(
            (0..100_000_000_i64, 0..8_usize, 0..3_u8, 0..6_u8),
            0..120,
        ),
        cut in 0..120_usize,
        room in 1..40_usize,
    ) {
        let of = |(time, kind, who, source): &(i64, usize, u8, u8)| {
            sample_from(&format!("203.0.113.{source}"), *time, Kind::ALL[*kind], *who)
        };
        let samples: Vec<Sample> = drawn.iter().map(of).collect();
        let mut whole = samples.clone();
        keep_of_each(&mut whole, room);
        let (a, b) = samples.split_at(cut.min(samples.len()));
        let (mut a, mut b) = (a.to_vec(), b.to_vec());
        keep_of_each(&mut a, room);
        keep_of_each(&mut b, room);
        b.extend(a);
        keep_of_each(&mut b, room);
        prop_assert_eq!(whole, b);
    }
}

#[test]
fn bytes_come_back() {
    let original = sample(1_772_443_500_123, Kind::Denied, 7);
    let bytes = original.to_bytes();
    assert_eq!(Sample::from_bytes(&bytes), Some(original));
    assert_eq!(Sample::from_bytes(&bytes[..bytes.len() - 1]), None);
    for (at, byte) in
        [(0, 0), (0, 1), (0, 3), (1, 2), (10, 0), (11, 9), (12, 0xff), (33, 0xff), (35, 0xff)]
    {
        let mut changed = bytes.clone();
        changed[at] = byte;
        assert_eq!(Sample::from_bytes(&changed), None, "byte {at}");
    }
}

/// Stored bytes of the first version are read by every later one.
#[test]
fn the_first_version_is_read() {
    let mut bytes = vec![1, 1];
    bytes.extend(1_772_443_500_123_i64.to_be_bytes());
    bytes.extend([Kind::Denied as u8, 1]);
    let texts = ["e-1", "203.0.113.7", "p", "alice", "s", "o", "a", "r", "x", "agent", "code"];
    let mut end = 0_u16;
    for text in texts {
        end += u16::try_from(text.len()).unwrap();
        bytes.extend(end.to_be_bytes());
    }
    bytes.extend(texts.concat().as_bytes());
    let sample = Sample::from_bytes(&bytes).unwrap();
    assert_eq!((sample.uid(), sample.name()), ("e-1", Some("alice")));
    assert_eq!((sample.user_agent(), sample.status_code()), (Some("agent"), Some("code")));
    assert_eq!(sample.credential(), None);
    let renewed = sample.to_bytes();
    assert_eq!((renewed[0], renewed.len()), (2, bytes.len() + 2));
    assert_eq!(Sample::from_bytes(&renewed), Some(sample));
    assert_eq!(Sample::from_bytes(&bytes[..bytes.len() - 1]), None);
}

/// Calls with one access key after the other are told from each other, those of sessions not.
#[test]
fn sessions_are_alike() {
    for (keys, expected) in [("ASIA", ALIKE_MAX), ("AKIA", 2 * ALIKE_MAX)] {
        let with_key = |n: i64| {
            let mut call = crate::evidence::tests::call(
                &format!("e-{n}"),
                n,
                crate::activity::Outcome::Denied,
            );
            call.actor.credential = Some(format!("{keys}{:016}", n % 2).into());
            Sample::of(&call, call.time.unwrap(), "203.0.113.7", false)
        };
        let mut samples: Vec<Sample> = (0..40).map(with_key).collect();
        keep_best(&mut samples);
        assert_eq!(samples.len(), expected as usize, "{keys}");
    }
}

#[test]
fn every_kind_is_told() {
    let mut samples: Vec<Sample> =
        (0..900).map(|n| sample(n, Kind::LoginSucceeded, u8::try_from(n % 250).unwrap())).collect();
    samples.extend((900..930).map(|n| sample(n, Kind::LoginFailed, u8::try_from(n % 25).unwrap())));
    keep_best(&mut samples);
    assert_eq!(samples.len(), SAMPLES_PER_DAY);
    let failed: Vec<_> = samples.iter().filter(|it| it.kind == Kind::LoginFailed).collect();
    assert_eq!(failed.len(), SAMPLES_PER_DAY / 2);
    let names: std::collections::HashSet<_> = failed.iter().map(|it| it.principal()).collect();
    assert_eq!(names.len(), failed.len());
}
