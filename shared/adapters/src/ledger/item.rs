//! What a ledger's item holds, and how it is read back.
//!
//! `pk` is `source#` and the source, `sk` is `ledger`. `entries` and `samples` are sets of bytes,
//! each in the form it has in memory; `marks` and `deferred` sets of texts. Whatever another version wrote is
//! passed over, and never taken away.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use callerwatch_detection::evidence::Entry;
use callerwatch_detection::ledger::{Mark, SourceLedger};
use callerwatch_detection::sample::Sample;
use callerwatch_detection::score::Severity;
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;

/// The longest key that is stored whole; DynamoDB takes 2,048 bytes.
const KEY_MAX_BYTES: usize = 1024;
const DAY_SECS: i64 = 24 * 3600;

/// What the key of a ledger's item begins with.
pub(super) const PREFIX: &str = "source#";

/// How marks end that tell of a success.
const SUCCESS: &str = "#success";

/// The key of a ledger's item.
pub(super) fn key(key: &LedgerKey) -> (AttributeValue, AttributeValue) {
    (AttributeValue::S(format!("{PREFIX}{}", text_of(key))), AttributeValue::S("ledger".to_owned()))
}

/// A source as text that fits into a key.
pub(super) fn text_of(key: &LedgerKey) -> String {
    let mut text = key.to_string();
    text.truncate(text.floor_char_boundary(KEY_MAX_BYTES));
    text
}

pub(super) fn entries<E: Borrow<Entry>>(entries: impl IntoIterator<Item = E>) -> AttributeValue {
    let bytes = |entry: E| Blob::new(entry.borrow().as_bytes().as_slice());
    AttributeValue::Bs(entries.into_iter().map(bytes).collect())
}

pub(super) fn samples<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> AttributeValue {
    AttributeValue::Bs(samples.into_iter().map(|sample| Blob::new(sample.to_bytes())).collect())
}

/// The number of the day and that of the severity, and whether something succeeded: `20514#4`,
/// `20514#4#success`.
pub(super) fn marks<'a>(marks: impl IntoIterator<Item = &'a Mark>) -> AttributeValue {
    let text = |mark: &Mark| {
        let success = if mark.has_success { SUCCESS } else { "" };
        format!("{}#{}{success}", mark.day.number(), mark.severity.id())
    };
    AttributeValue::Ss(marks.into_iter().map(text).collect())
}

/// How much room entries take.
pub(super) fn bytes(entries: &BTreeSet<Entry>) -> usize {
    entries.len() * (Entry::BYTES + 1)
}

/// The ledger of an item.
pub(super) fn decode(item: &HashMap<String, AttributeValue>) -> SourceLedger {
    let mut foreign = 0_usize;
    let mut ledger = SourceLedger::default();
    for (name, value) in item {
        match (name.as_str(), value) {
            ("entries", AttributeValue::Bs(set)) => {
                ledger.entries.extend(set.iter().filter_map(|it| Entry::from_bytes(it.as_ref())));
                foreign += set.len() - ledger.entries.len();
            }
            ("samples", AttributeValue::Bs(set)) => {
                ledger.samples.extend(set.iter().filter_map(|it| Sample::from_bytes(it.as_ref())));
                foreign += set.len() - ledger.samples.len();
            }
            ("marks", AttributeValue::Ss(set)) => {
                ledger.marks.extend(set.iter().filter_map(|text| mark(text)));
                foreign += set.len() - ledger.marks.len();
            }
            ("deferred", AttributeValue::Ss(set)) => {
                ledger.deferred.extend(set.iter().filter_map(|text| mark(text)));
                foreign += set.len() - ledger.deferred.len();
            }
            _ => {}
        }
    }
    ledger.entries.sort_unstable();
    if foreign > 0 {
        tracing::warn!(foreign, "a ledger holds what another version wrote");
    }
    ledger
}

fn mark(text: &str) -> Option<Mark> {
    let (text, has_success) =
        text.strip_suffix(SUCCESS).map_or((text, false), |failure| (failure, true));
    let (day, severity) = text.split_once('#')?;
    let millis = day.parse::<i64>().ok()?.checked_mul(DAY_SECS * 1000)?;
    let severity: u8 = severity.parse().ok()?;
    Some(Mark {
        day: Timestamp::from_millis(millis)?.day(),
        severity: Severity::ALL.into_iter().find(|it| it.id() == severity)?,
        has_success,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_passed_over() {
        let blobs = |bytes: &[&[u8]]| {
            AttributeValue::Bs(bytes.iter().map(|bytes| Blob::new(*bytes)).collect())
        };
        let now = Timestamp::from_millis(1_772_443_500_000).unwrap();
        let told = Mark { day: now.day(), severity: Severity::High, has_success: false };
        let got_in = Mark { has_success: true, ..told };
        let AttributeValue::Ss(mut texts) = marks([&told, &got_in]) else {
            panic!("a set of texts")
        };
        assert_eq!(texts, ["20514#4", "20514#4#success"]);
        let others = ["20514#9", "soon#1", "", "#success", "20514#4#success#success"];
        texts.extend(others.map(str::to_owned));
        let item = HashMap::from([
            ("entries".to_owned(), blobs(&[&[9; 32], &[1; 5]])),
            ("samples".to_owned(), blobs(&[b"?"])),
            ("marks".to_owned(), AttributeValue::Ss(texts)),
            ("expires_at".to_owned(), AttributeValue::N("1".to_owned())),
        ]);
        let expected = SourceLedger { marks: [told, got_in].into(), ..SourceLedger::default() };
        assert_eq!(decode(&item), expected);
    }

    #[test]
    fn keys_fit() {
        let long = LedgerKey::Unrecognized("\u{e9}".repeat(4000).into());
        let (AttributeValue::S(pk), _) = key(&long) else { panic!("a text") };
        assert!(pk.len() < 1100 && pk.starts_with("source#unrecognized:\u{e9}"));
    }
}
