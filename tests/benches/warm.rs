//! How long a warm function takes with an object of 5,000 events, beside a scan of the same file:
//! both should be inflating and parsing, and little else.
//!
//! `MINISTACK=… CALLERWATCH=… cargo bench --bench warm -- BOOTSTRAP LOGS`. The object is served on
//! loopback, and what serving takes is taken off; ledgers and alerts are in the emulator, which a
//! warm function that met the same before has no need to ask.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and the environment")]

mod runtime;

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use callerwatch_tests::emulator::{Emulator, create_table};
use callerwatch_tests::files_under;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::runtime::{Function, median, programs, request};

const RUNS: usize = 41;
const EVENTS: usize = 5000;

/// Objects of any bucket, on loopback.
struct Objects {
    address: String,
    /// How long it took to serve what was asked so far, in nanoseconds.
    served_nanos: Arc<AtomicU64>,
}

fn main() {
    let programs = programs();
    let [bootstrap, logs] = programs.as_slice() else {
        println!("warm: name the packaged bootstrap and a folder of CloudTrail's .json.gz files");
        return;
    };
    let command = env::var("CALLERWATCH").expect("CALLERWATCH names the command");
    let object = object(Path::new(logs));
    let file = env::temp_dir().join(format!("callerwatch-{}.json.gz", std::process::id()));
    fs::write(&file, &object).expect("the file is written");
    let Some(emulator) = Emulator::start() else { return };
    let topic = create_world(&emulator);
    let objects = Objects::serve(object);
    let function = Function::start(
        bootstrap,
        &[
            ("AWS_ENDPOINT_URL", &emulator.endpoint()),
            ("AWS_ENDPOINT_URL_S3", &objects.address),
            ("CALLERWATCH_TOPIC_ARN", &topic),
        ],
    );
    // Its first invocations write what they find, and announce it.
    let mut took = Vec::new();
    for run in 0..RUNS + 3 {
        let (invocation, served) = objects.timed(|| invoke(&function));
        let scan = scan(&command, &file);
        if run >= 3 {
            took.push((invocation.saturating_sub(served), scan));
        }
    }
    fs::remove_file(&file).expect("the file is removed");
    let (invocations, scans): (Vec<_>, Vec<_>) = took.into_iter().unzip();
    let (invocation, scan) = (median(invocations), median(scans));
    println!("an object of {EVENTS} events, medians of {RUNS} runs in turns:");
    println!("  a warm invocation       {invocation:.1} ms, serving the object taken off");
    println!("  a scan of it            {scan:.1} ms, from exec to exit");
    println!("  ratio                   {:.2} (bound 1.5)", invocation / scan);
}

/// Makes the table and the topic, and says which topic.
fn create_world(emulator: &Emulator) -> String {
    let config = emulator.config();
    emulator.block_on(async {
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        create_table(&dynamodb, "callerwatch-table").await;
        let sns = aws_sdk_sns::Client::new(&config);
        let made = sns.create_topic().name("alerts").send().await.expect("a topic");
        made.topic_arn.expect("its name")
    })
}

/// One object of so many records, as a trail delivers it.
fn object(logs: &Path) -> Vec<u8> {
    let mut records: Vec<Value> = Vec::new();
    for path in files_under(logs, &[".json.gz"]) {
        let mut text = String::new();
        let file = File::open(&path).expect("a file of the set");
        MultiGzDecoder::new(file).read_to_string(&mut text).expect("gzip");
        let Ok(Value::Object(mut delivery)) = serde_json::from_str(&text) else { continue };
        if let Some(Value::Array(more)) = delivery.remove("Records") {
            records.extend(more);
        }
        if records.len() >= EVENTS {
            break;
        }
    }
    assert!(records.len() >= EVENTS, "only {} events under {}", records.len(), logs.display());
    records.truncate(EVENTS);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut gzip, &json!({ "Records": records })).expect("it is written");
    gzip.finish().expect("it is written")
}

fn invoke(function: &Function) -> Duration {
    let notice = json!({ "Records": [{
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "trail" }, "object": { "key": "events.json.gz" } },
    }] });
    let batch = json!({ "Records": [{
        "eventSource": "aws:sqs",
        "messageId": "1",
        "body": notice.to_string(),
    }] });
    let (took, answer) = function.invoke(&batch.to_string(), Instant::now());
    assert_eq!(answer, r#"{"batchItemFailures":[]}"#);
    took
}

fn scan(command: &str, file: &Path) -> Duration {
    let began = Instant::now();
    let status = Command::new(command)
        .args(["scan", "--threads", "1"])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap_or_else(|error| panic!("running {command}: {error}"));
    assert!(status.code().is_some_and(|code| code < 2), "{command} ended with {status}");
    began.elapsed()
}

impl Objects {
    /// Serves one object under any key that ends in `.json.gz`, and no other.
    fn serve(object: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = format!("http://{}", listener.local_addr().expect("the port"));
        let served_nanos = Arc::new(AtomicU64::new(0));
        let (served, object) = (Arc::clone(&served_nanos), Arc::new(Mutex::new(object)));
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (served, object) = (Arc::clone(&served), Arc::clone(&object));
                thread::spawn(move || {
                    let mut requests = BufReader::new(stream.try_clone().expect("a second handle"));
                    while let Some((first, _)) = request(&mut requests) {
                        let began = Instant::now();
                        let object = object.lock().expect("nobody panicked with it");
                        let (status, body) = if first.contains(".json.gz") {
                            ("200 OK", object.as_slice())
                        } else {
                            ("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>".as_slice())
                        };
                        let head =
                            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                        let answer = [head.as_bytes(), body].concat();
                        let sent = stream.write_all(&answer);
                        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                        served.fetch_add(nanos, Ordering::SeqCst);
                        if sent.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, served_nanos }
    }

    /// How long something took, and how much of that serving did.
    fn timed(&self, act: impl FnOnce() -> Duration) -> (Duration, Duration) {
        let before = self.served_nanos.load(Ordering::SeqCst);
        let took = act();
        let served = self.served_nanos.load(Ordering::SeqCst) - before;
        (took, Duration::from_nanos(served))
    }
}
