//! Decode: a whole delivery of `CloudTrail`, `{"Records":[…]}`, in one pass.
//!
//! Nearly all that is ever read comes in this form, and sonic-rs parses it in three quarters of the
//! time of `serde_json`. What it cannot do is to go on after a record that is broken or of another
//! log. So this stops at the first thing that is not as it should be, says how many records it
//! handed over, and leaves the delivery to the framer, which can.
//!
//! It looks less closely at what is passed over: a record with a bad escape in a field that is of no
//! use here is read, where the framer rejects it. And it recurses into what it passes over, without
//! a bound of its own; so a delivery with more brackets than a stack can hold is left to the framer
//! as well, which does not.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::reading;
use super::record::Record;
use crate::lenient::{Empty, Place};
use crate::reading::Reading;

/// How far a delivery was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Records handed over, from the first one on, one reading each.
    pub(crate) handed_over: usize,
    /// Whether that was all there is.
    pub(crate) is_whole: bool,
}

/// The most brackets opened in a delivery, and so the deepest it can be nested. A thread's usual
/// stack of 2 MiB holds three times as many levels. A delivery of 400 KB has about as many.
const BRACKETS_MAX: usize = 3000;

/// Reads a text that is one delivery and nothing else; none of any other.
pub(crate) fn read(text: &str, sink: &mut dyn FnMut(&Reading<'_>)) -> Progress {
    let mut handed_over = 0;
    let is_whole = text.starts_with(r#"{"Records":["#) && brackets(text) <= BRACKETS_MAX && {
        let mut deserializer = sonic_rs::Deserializer::from_str(text);
        let records = Records { sink, handed_over: &mut handed_over };
        (&mut deserializer).deserialize_map(Delivery(records)).is_ok() && deserializer.end().is_ok()
    };
    Progress { handed_over, is_whole }
}

/// How many records are parsed, then normalized, then handed over: the code of all three together is
/// larger than a processor's cache of code.
const BATCH: usize = 16;

fn brackets(text: &str) -> usize {
    // Summed in pieces whose sum fits a byte, so that the compiler counts many at once.
    // The two differ in one bit.
    let opens = |byte: &u8| u8::from(byte | 0x20 == b'{');
    let in_piece = |piece: &[u8]| usize::from(piece.iter().map(opens).sum::<u8>());
    let (pieces, rest) = text.as_bytes().as_chunks::<128>();
    pieces.iter().map(|piece| in_piece(piece)).sum::<usize>() + in_piece(rest)
}

struct Delivery<'s>(Records<'s>);

impl<'de> Visitor<'de> for Delivery<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a delivery")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        map.next_key::<IgnoredAny>()?;
        map.next_value_seed(self.0)?;
        match map.next_key::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom("more than records")),
        }
    }
}

struct Records<'s> {
    sink: &'s mut dyn FnMut(&Reading<'_>),
    handed_over: &'s mut usize,
}

impl<'de> DeserializeSeed<'de> for Records<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        #[expect(
            clippy::large_stack_arrays,
            reason = "some 30 KB with the readings, of a stack of 2 MiB or more"
        )]
        let mut batch = [const { None }; BATCH];
        loop {
            let (read, more) = read_batch(&mut records, &mut batch);
            let mut readings = [const { None }; BATCH];
            // Behind those just read lie some of the batch before.
            for (record, said) in batch.iter_mut().flatten().zip(&mut readings).take(read) {
                *said = reading(record);
            }
            for said in readings.iter().take(read) {
                let of_another_log = || A::Error::custom("a record of another log");
                (self.sink)(said.as_ref().ok_or_else(of_another_log)?);
                *self.handed_over += 1;
            }
            if !more? {
                return Ok(());
            }
        }
    }
}

/// Reads the next records, up to one that is broken: how many, and whether there may be more.
fn read_batch<'de, A: SeqAccess<'de>>(
    records: &mut A,
    batch: &mut [Option<Record<'de>>],
) -> (usize, Result<bool, A::Error>) {
    for (read, place) in batch.iter_mut().enumerate() {
        let record = place.insert(Record::EMPTY);
        match records.next_element_seed(Place::of(record)) {
            Ok(Some(())) => {}
            end => return (read, end.map(|_| false)),
        }
    }
    (batch.len(), Ok(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(text: &str) -> (usize, bool) {
        let mut count = 0;
        let progress = read(text, &mut |_| count += 1);
        assert_eq!(progress.handed_over, count);
        (progress.handed_over, progress.is_whole)
    }

    fn deep(levels: usize) -> String {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(
            r#"{{"eventSource":"ec2.amazonaws.com","eventName":"A","awsRegion":"x","z":{open}{close}}}"#
        )
    }

    #[test]
    fn batches_end_where_they_may() {
        let good = r#"{"eventSource":"ec2.amazonaws.com","eventName":"A","awsRegion":"x"}"#;
        let of = |records: Vec<&str>| format!(r#"{{"Records":[{}]}}"#, records.join(","));
        for count in [BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 2 * BATCH + 1] {
            assert_eq!(progress(&of(vec![good; count])), (count, true));
            for at in
                [0, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH].into_iter().filter(|at| *at < count)
            {
                for bad in [r#"{"a":1}"#, r#"{"a":}"#, "7"] {
                    let mut records = vec![good; count];
                    records[at] = bad;
                    assert_eq!(progress(&of(records)), (at, false), "{bad} at {at} of {count}");
                }
            }
        }
    }

    #[test]
    fn stops_where_the_framer_must_go_on() {
        let good = r#"{"eventSource":"ec2.amazonaws.com","eventName":"A","awsRegion":"x"}"#;
        for (text, expected) in [
            (r#"{"Records":[]}"#.to_owned(), (0, true)),
            (format!(r#"{{"Records":[{good},{good}]}}"#), (2, true)),
            (format!("{{\"Records\":[{good}]}}\n"), (1, true)),
            (format!(r#"{{"Records":[{good},{{"a":1}},{good}]}}"#), (1, false)),
            (format!(r#"{{"Records":[{good},7]}}"#), (1, false)),
            (format!(r#"{{"Records":[{good},{{"a":}}]}}"#), (1, false)),
            (format!(r#"{{"Records":[{good}"#), (1, false)),
            (format!(r#"{{"Records":[{good}],"more":1}}"#), (1, false)),
            (format!(r#"{{"Records":[{good}]}}{{"Records":[{good}]}}"#), (1, false)),
            (format!("[{good}]"), (0, false)),
            (String::new(), (0, false)),
            // as deep as is let through, in a record's ignored part
            (format!(r#"{{"Records":[{}]}}"#, deep(BRACKETS_MAX - 3)), (1, true)),
            (format!(r#"{{"Records":[{}]}}"#, deep(BRACKETS_MAX - 2)), (0, false)),
        ] {
            assert_eq!(progress(&text), expected, "{text}");
        }
    }
}
