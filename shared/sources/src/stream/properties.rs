//! What holds of any input at all.

use std::io::{self, Read};

use proptest::prelude::*;

use super::{Buffers, Event, read, read_document};

/// Yields its bytes in pieces of the given sizes, over and over.
struct Pieces<'b> {
    bytes: &'b [u8],
    sizes: &'b [usize],
    next: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.next % self.sizes.len()];
        self.next += 1;
        let count = size.min(self.bytes.len()).min(out.len());
        out[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

fn events(bytes: &[u8], sizes: &[usize], buffers: &mut Buffers) -> Vec<String> {
    let mut events = Vec::new();
    let mut sink = |event: Event<'_>| events.push(format!("{event:?}"));
    let result = read(&mut Pieces { bytes, sizes, next: 0 }, buffers, &mut sink);
    events.push(format!("{result:?}"));
    events
}

/// The same events come whatever the sizes of reads and whatever was read before.
fn check(bytes: &[u8], sizes: &[usize]) {
    let mut buffers = Buffers::new();
    let whole = events(bytes, &[usize::MAX], &mut buffers);
    assert_eq!(events(bytes, &[1], &mut buffers), whole);
    assert_eq!(events(bytes, sizes, &mut buffers), whole);
    let _ = read_document(bytes, &mut |_| ());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut out).unwrap();
    out
}

/// A delivery read in one pass gives what the framer makes of it, which a blank before it is left
/// to. Where the framer rejects something, one pass may read more, and never less.
fn check_delivery(text: &str) {
    let told = |text: &str| {
        let (mut readings, mut rejected) = (Vec::new(), 0);
        let _ = read(&mut text.as_bytes(), &mut Buffers::new(), &mut |event| match event {
            Event::Reading(reading) => readings.push(format!("{reading:?}")),
            Event::Rejected(_) => rejected += 1,
        });
        (readings, rejected)
    };
    let ((in_one_pass, _), (of_framer, rejected)) = (told(text), told(&format!(" {text}")));
    if rejected == 0 {
        assert_eq!(in_one_pass, of_framer, "{text}");
    } else {
        for reading in of_framer {
            assert!(in_one_pass.contains(&reading), "{text}: {reading}");
        }
    }
}

const DOCUMENTS: [&str; 5] = [
    r#"{"Records":[{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111111111111:assumed-role/a/b@example.com","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111111111111:role/p/a"}}},"eventTime":"2026-03-02T09:00:00Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","sourceIPAddress":"203.0.113.7","requestParameters":{"userName":"\u00e4\ud83d\ude00"},"resources":[{"ARN":"x"}]},{"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"Failure"},"awsRegion":"eu-west-1"}],"next":[{"a":"]"}]}"#,
    "{\"eventVersion\":\"1\",\"eventSource\":\"a.amazonaws.com\",\"eventName\":\"ä\"}\n{\"message\":\"{\\\"eventVersion\\\":\\\"1\\\",\\\"eventSource\\\":\\\"b\\\",\\\"eventName\\\":\\\"B\\\"}\"}\r\n[{}]\n",
    r#"{"awsRegion":"x","eventSource":"c","eventName":"C"}{"detail-type":"t","detail":{"eventVersion":"1","eventType":"AwsCloudTrailInsight"}} {"message":{"data":"eyJhIjoxfQ=="}}"#,
    r#"[{"event":{"original":"[{\"eventVersion\":\"1\",\"eventSource\":\"d\",\"eventName\":\"D\"}]"}},"{\"logEvents\":[]}",{"callerIpAddress":"203.0.113.7","operationName":"X","time":"2026-03-02T09:00:00Z"}]"#,
    r#"{"Records":[{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","userName":"a\\n\u00e4\"","accountId":111111111111},"eventTime":"2026-03-02T09:00:00Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","sourceIPAddress":"203.0.113.7","readOnly":true,"requestParameters":{"x":[1.5e3,-0,{"y":null}],"userName":"b"},"errorCode":7,"resources":{"ARN":"x"}},{"eventVersion":"1","eventSource":"b.amazonaws.com","eventName":"B","errorMessage":null}]}"#,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..9) {
        check(&bytes, &[size, 1]);
        check(&[&[0x1f, 0x8b, 8], bytes.as_slice()].concat(), &[size]);
    }

    #[test]
    fn of_any_brackets(text in r#"([\[\]{}",:\\ \nax1]|"a":|\{"Records":\[|\{"event":){0,60}"#, size in 1_usize..9) {
        check(text.as_bytes(), &[size]);
    }

    #[test]
    fn of_changed_documents(
        which in 0..DOCUMENTS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4), 0..6),
        is_gzip in any::<bool>(),
        sizes in prop::collection::vec(1_usize..40, 1..4),
    ) {
        let mut bytes = DOCUMENTS[which].as_bytes().to_vec();
        if is_gzip {
            bytes = gzip(&bytes);
        }
        for (index, byte, kind) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, b"\"{}[],:\\\n"[usize::from(byte) % 9]),
                2 => bytes.truncate(at),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        check(&bytes, &sizes);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            check_delivery(text);
        }
    }
}

/// Windows end within records, characters and white space.
#[test]
fn of_inputs_longer_than_a_window() {
    let record = |n: usize| {
        let pad = "ä".repeat(n % 97);
        format!(r#"{{"eventVersion":"1","eventSource":"a","eventName":"{n}","x":"{pad}"}}"#)
    };
    let records: Vec<String> = (0..20_000).map(record).collect();
    let text = format!(r#"{{"Records":[{}]}}"#, records.join(",\n"));
    let mut buffers = Buffers::new();
    let whole = events(text.as_bytes(), &[usize::MAX], &mut buffers);
    assert_eq!(whole.len(), 20_001);
    assert_eq!(events(text.as_bytes(), &[7919], &mut buffers), whole);
    assert_eq!(events(&gzip(text.as_bytes()), &[611], &mut buffers).len(), whole.len());
    let lines = records.join("\n");
    assert_eq!(events(lines.as_bytes(), &[611], &mut buffers).len(), whole.len());
}

#[test]
fn what_is_no_utf8_costs_itself_alone() {
    let mut buffers = Buffers::new();
    let record = |name: &[u8]| {
        [b"{\"eventVersion\":\"1\",\"eventSource\":\"a\",\"eventName\":\"", name, b"\"}\n"].concat()
    };
    let bytes =
        [record(b"good"), record(b"b\xe4d"), record(b"\xf0\x9f\x98"), record(b"good")].concat();
    let events = events(&bytes, &[5], &mut buffers).join("\n");
    assert_eq!(events.matches("operation: \"good\"").count(), 2, "{events}");
    assert!(
        events.contains("operation: \"b?d\"") && events.contains("operation: \"???\""),
        "{events}"
    );
    for (bytes, expected) in [
        (b"\x7fELF\x00\x00\x00".as_slice(), "Binary"),
        (b"{\x00\"\x00a\x00", "Binary"),
        (b"\xff\xd8\xff\xe0\xff", "Binary"),
        (b"", "Ok"),
    ] {
        let events = super::properties::events(bytes, &[3], &mut buffers);
        assert!(events.concat().contains(expected), "{events:?}");
    }
}
