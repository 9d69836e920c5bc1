//! What comes of inputs of every shape.

use super::{Buffers, Event, ReadError, Rejected, read, read_document};
use crate::reading::Reading;

const RECORD: &str = r#"{"eventVersion":"1.11","eventSource":"s3.amazonaws.com","eventName":"A","eventTime":"2026-03-02T09:00:00Z"}"#;

/// What comes of a text, in which `@` stands for a record of one operation, `A`, and `$` for
/// one as a JSON string: operations, and rejections with their offsets and reasons.
fn show(text: &str) -> String {
    let quoted = serde_json::to_string(RECORD).unwrap();
    let full = text.replace('@', RECORD).replace('$', &quoted);
    let short_offset = |at: u64| {
        let before = &full[..usize::try_from(at).unwrap()];
        before.replace(&quoted, "$").replace(RECORD, "@").len()
    };
    let mut shown = Vec::new();
    let mut sink = |event: Event<'_>| {
        shown.push(match event {
            Event::Reading(Reading::Activity(activity)) => activity.operation.to_string(),
            Event::Reading(Reading::NotACall { what, .. }) => (*what).to_owned(),
            Event::Rejected(Rejected { at, why }) => format!("{}: {why}", short_offset(at)),
        });
    };
    match read(&mut full.as_bytes(), &mut Buffers::new(), &mut sink) {
        Ok(_) => {}
        Err(ReadError::Truncated { at }) => shown.push(format!("{}: cut", short_offset(at))),
        Err(error) => shown.push(error.to_string()),
    }
    shown.join(", ")
}

fn check(rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        assert_eq!(show(text), *expected, "{text}");
    }
}

#[test]
fn containers() {
    check(&[
        ("", ""),
        (" \n", ""),
        ("@", "A"),
        ("@\n@\n", "A, A"),
        ("\u{feff}@\r\n@\r\n", "A, A"),
        ("@@ @,\n@", "A, A, A, A"),
        ("[@,@]", "A, A"),
        ("[]", ""),
        ("[ @ , @ ] [@]", "A, A, A"),
        (r#"{"Records":[@,@]}"#, "A, A"),
        (r#"{"kind":"k","etag":"x","items":[@],"next":{"a":"]}"}}@"#, "A, A"),
        (r#"{"records":[]}{"value":[@]}"#, "A"),
        (r#"{"Records":[{"records":[@]},@]}"#, "A, A"),
        ("[[[[@]]]]", "A"),
        ("[[[[[@]]]],@]", "4: nested too deeply, A"),
        (r#"{"Records":[@{"a":1}@]}"#, "A, 13: not a record of a known log, A"),
    ]);
}

#[test]
fn what_comes_first_costs_nothing_behind_it() {
    check(&[
        (r#"{"Records":[null,@,@]}"#, "12: not JSON, A, A"),
        (r#"{"Records":[7,@]}"#, "12: not JSON, A"),
        (r#"{"records":["",@]}"#, "12: not JSON, A"),
        (r#"{"logEvents":[ true , {"message":$}]}"#, "15: not JSON, A"),
        (r#"{"value":[null,"x",@]}"#, "10: not JSON, 15: not JSON, A"),
        (r#"{"items":[-1.5,@]}"#, "10: not JSON, A"),
        ("[null,@]", "1: not JSON, A"),
        ("@\n[null,@]\n@", "A, 3: not JSON, A, A"),
        ("[0,1,@,@]", "1: not JSON, 3: not JSON, A, A"),
        (r#"{"entries":[1,2],"value":["a"]}"#, "0: not a record of a known log"),
        ("@\n[1,2]\n@", "A, 2: not JSON, A"),
    ]);
}

#[test]
fn envelopes() {
    check(&[
        (r#"{"version":"0","detail-type":"AWS API Call via CloudTrail","detail":@}"#, "A"),
        (r#"{"time":1,"event":@}"#, "A"),
        (r#"{"src":"x","kind":"y","event":@}"#, "A"),
        (r#"{"_source":{"event":{"original":$}}}"#, "A"),
        (r#"{"message":$,"event":{"action":"x"}}"#, "A"),
        (r#"{"Type":"Notification","Message":$}"#, "A"),
        (r#"{"Events":[{"EventId":"1","CloudTrailEvent":$}]}"#, "A"),
        (
            r#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","message":$},{"id":"2","message":"no"}]}"#,
            "A, 66: not a record of a known log",
        ),
        (
            r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"1","message":"x"}]}"#,
            "control message",
        ),
        (r#"[$,"x"]"#, "A, 3: not JSON"),
        (
            r#"{"message":{"data":"eyJhIjoxfQ"},"subscription":"s"}"#,
            "0: not a record of a known log",
        ),
        (r#"{"message":{"data":"!"}}"#, "0: not a record of a known log"),
        (r#"{"message":{"data":""}}"#, "0: not a record of a known log"),
        (r#"{"event":{"event":{"event":{"event":@}}}}"#, "A"),
        (r#"{"event":{"event":{"event":{"event":{"event":@}}}}}"#, "0: nested too deeply"),
    ]);
}

#[test]
fn payloads_in_base64() {
    use base64::Engine as _;
    use std::io::Write as _;
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(format!(r#"{{"logEvents":[{{"message":{RECORD:?}}}]}}"#).as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let pushed = base64(RECORD.as_bytes());
    for (text, expected) in [
        (format!(r#"{{"awslogs":{{"data":"{}"}}}}"#, base64(&gzip)), "A"),
        (format!(r#"{{"message":{{"data":"{pushed}"}},"subscription":"s"}}"#), "A"),
        (
            format!(r#"{{"receivedMessages":[{{"ackId":"a","message":{{"data":"{pushed}"}}}}]}}"#),
            "A",
        ),
    ] {
        assert_eq!(show(&text), expected, "{text}");
    }
    let mut count = 0;
    read_document(&gzip, &mut |_| count += 1).unwrap();
    assert_eq!(count, 1);
}

#[test]
fn broken_neighbors() {
    check(&[
        ("@\njunk\n@\n", "A, 2: not JSON, A"),
        ("junk\n@", "0: not JSON, A"),
        ("junk\nmore\n", "text that is not JSON"),
        ("{broken", "text that is not JSON"),
        ("[2026-03-02] INFO x\n[section]\n", "text that is not JSON"),
        ("@\n{\"a\":\"x}\n@\n", "A, 2: not JSON, A"),
        ("@\n{\"a\":[1\n@\n", "A, 2: not JSON, A"),
        ("@\n{\"a\":{},,}\n@\n", "A, 2: not JSON, A"),
        ("@\n{\"a\":\n{\"b\":\n@", "A, 2: not JSON, 8: not JSON, A"),
        ("{\n  \"a\": x,\n  \"b\": {}\n}\n@", "0: not JSON, A"),
        ("[@,{\"a\":x,\"b\":[{}]},@]", "A, 3: not JSON, A"),
        ("[@,1,null,@]", "A, 3: not JSON, 5: not JSON, A"),
        ("[@ junk,@]", "A, 3: not JSON, A"),
        ("[@,@", "A, A, 4: cut"),
        ("[@,{\"a", "A, 3: cut"),
        ("{\"Records\":[@]", "A, 14: cut"),
        ("@\n{\"a\":", "A, 2: cut"),
        ("{\"a\":1}\n@", "0: not a record of a known log, A"),
    ]);
}

#[test]
fn halves_of_surrogate_pairs_cost_nothing() {
    let record = RECORD.replace(r#""A""#, r#""A\ud800""#);
    assert_eq!(show(&format!("[@,{record}]")), "A, A\u{fffd}");
}

#[test]
fn long_records_are_passed_over() {
    let long = |bytes: usize| format!(r#"{{"a":"{}{{"}}"#, "x".repeat(bytes));
    for (bytes, why) in [
        (3 << 20, "not a record of a known log"),
        (9 << 20, "longer than 8 MiB"),
        (20 << 20, "longer than 8 MiB"),
    ] {
        let long = long(bytes);
        assert_eq!(show(&format!("[@,{long},@]")), format!("A, 3: {why}, A"));
        assert_eq!(show(&format!("@\n{long}\n@")), format!("A, 2: {why}, A"));
    }
}

/// Each line opens what no line closes, so that every line might be the start of a value that
/// goes on to the end.
#[test]
fn work_stays_in_proportion() {
    for line in [
        "{\"a\":[\n",
        "[{\"a\":\n",
        "[\n",
        "{\n",
        "{\"a\":1,\n",
        "[[[[[",
        "{\"a\":\"",
        "\"",
        "{\"Records\":[",
        "{\"value\":[1,",
        "[1,\n",
        "[1,\"a\",",
        "x\n{\"\n",
    ] {
        let text = line.repeat((2 << 20) / line.len());
        show(&text);
        show(&format!("{RECORD}\n{text}\nx"));
    }
}
