//! `callerwatch intel show`: the lists of a compiled file, their sizes and ages.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use callerwatch_detection::intelligence::{Intelligence, ListInfo};
use callerwatch_detection::timestamp::Timestamp;

use crate::fetched::Fetched;
use crate::report::{brief, shown};

const DAY_SECS: u64 = 24 * 60 * 60;

/// Runs the command.
pub(crate) fn run(file: Option<&Path>) -> anyhow::Result<u8> {
    let fetched = || Fetched::find().and_then(|fetched| fetched.lists());
    let Some(file) = file.map(Path::to_owned).or_else(fetched) else {
        bail!("nothing was fetched yet: name a compiled file, or run `callerwatch intel fetch`");
    };
    let about = || format!("cannot use the compiled intelligence {}", shown(&file));
    let bytes = fs::read(&file).with_context(about)?;
    let intelligence = Intelligence::load(bytes).with_context(about)?;
    let lists = intelligence.lists();
    let mut stdout = io::stdout().lock();
    for of_file in lists {
        writeln!(stdout, "{}, {}", list(of_file), age(of_file.dated_secs, now_secs()))?;
    }
    let prefixes: usize = lists.iter().map(|list| list.prefixes).sum();
    let bytes = intelligence.as_bytes().len();
    writeln!(stdout, "{} lists, {prefixes} prefixes, {bytes} bytes", lists.len())?;
    Ok(0)
}

/// `tor-exits: tor, 2 entries, 2 prefixes`; `aws-ranges: cloud (AWS), 2 entries, 2 prefixes`.
pub(super) fn list(list: &ListInfo) -> String {
    let ListInfo { name, category, entries, prefixes, .. } = list;
    let cloud = list.cloud.map(|cloud| format!(" ({cloud})")).unwrap_or_default();
    let told =
        format!("{}: {category}{cloud}, {entries} entries, {prefixes} prefixes", brief(name));
    let left_out = [
        (list.unaccused, "too little accused"),
        (list.refused, "lines refused"),
        (list.spared, "cut where they are your own"),
    ];
    let left_out = left_out.into_iter().filter(|(count, _)| *count > 0);
    left_out.fold(told, |told, (count, what)| format!("{told}, {count} {what}"))
}

/// `2026-03-02`.
pub(super) fn date(secs: u64) -> String {
    let millis = i64::try_from(secs).ok().and_then(|secs| secs.checked_mul(1000));
    let time = millis.and_then(Timestamp::from_millis);
    time.map_or("an impossible date".to_owned(), |time| time.day().to_string())
}

fn age(dated_secs: Option<u64>, now_secs: u64) -> String {
    let Some(dated) = dated_secs else { return "of unknown age".to_owned() };
    let days = match now_secs.saturating_sub(dated) / DAY_SECS {
        0 => "less than a day old".to_owned(),
        1 => "1 day old".to_owned(),
        days => format!("{days} days old"),
    };
    format!("of {}, {days}", date(dated))
}

#[expect(clippy::disallowed_methods, reason = "ages are for whoever asks, at the time they ask")]
fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        const DATED: u64 = 1_772_438_400;
        for (later, expected) in [
            (0, "of 2026-03-02, less than a day old"),
            (DAY_SECS, "of 2026-03-02, 1 day old"),
            (9 * DAY_SECS, "of 2026-03-02, 9 days old"),
        ] {
            assert_eq!(age(Some(DATED), DATED + later), expected);
        }
        assert_eq!(age(Some(DATED), 0), "of 2026-03-02, less than a day old");
        assert_eq!(age(None, DATED), "of unknown age");
        assert!(age(Some(u64::MAX), DATED).ends_with("less than a day old"));
    }
}
