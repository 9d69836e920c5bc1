//! How fast a packaged function starts: from exec to its first answer, beside a handler that does
//! nothing, in turns; and the most memory it had by then.
//!
//! `cargo bench --bench cold_start -- BOOTSTRAP NOTHING`. The runtime API of Lambda is played on
//! loopback; the event is an empty batch of a queue, for which no policy is loaded.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

/// How often each is started.
const RUNS: usize = 41;
const EVENT: &str = r#"{"Records":[]}"#;

struct Start {
    took: Duration,
    /// The peak of the resident set, in KiB.
    peak_kib: u64,
}

fn main() {
    let programs: Vec<String> = env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let [bootstrap, nothing] = programs.as_slice() else {
        println!("cold_start: name the packaged bootstrap and a handler that does nothing");
        return;
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(start(bootstrap));
        theirs.push(start(nothing));
    }
    let (our_median, their_median) = (median(&mut ours), median(&mut theirs));
    let peak = ours.iter().map(|start| start.peak_kib).max().unwrap_or(0);
    println!("exec to first answer, medians of {RUNS} runs in turns:");
    println!("  the function            {our_median:.1} ms (bound 15)");
    println!("  a handler of nothing    {their_median:.1} ms");
    println!("  difference              {:.1} ms (bound 10)", our_median - their_median);
    println!("  peak RSS                {:.1} MiB (bound 20)", kib_to_mib(peak));
}

/// In milliseconds.
fn median(starts: &mut [Start]) -> f64 {
    starts.sort_by_key(|start| start.took);
    starts[starts.len() / 2].took.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn kib_to_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Starts a bootstrap, hands it one event and waits for its answer.
fn start(program: &str) -> Start {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let address = listener.local_addr().expect("the port").to_string();
    let began = Instant::now();
    let mut child = Command::new(program)
        .env_clear()
        .envs(environment(&address))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("starting {program}: {error}"));
    let mut was_handed = false;
    let (took, peak_kib) = loop {
        let (mut stream, _) = listener.accept().expect("a request");
        if serve(&mut stream, &mut was_handed) {
            // While its answer is not taken yet, so that it is still there.
            break (began.elapsed(), peak_kib(child.id()));
        }
    };
    child.kill().expect("it can be stopped");
    child.wait().expect("it stops");
    Start { took, peak_kib }
}

fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn environment(address: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("AWS_LAMBDA_RUNTIME_API", address),
        ("AWS_LAMBDA_FUNCTION_NAME", "callerwatch-aws"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "log"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "example"),
        ("CALLERWATCH_TABLE", "callerwatch-table"),
        ("CALLERWATCH_TOPIC_ARN", "arn:aws:sns:eu-west-1:111111111111:alerts"),
        ("CALLERWATCH_STATE_BUCKET", "callerwatch-state"),
        ("CALLERWATCH_POLICY_KEY", "policy.toml"),
        ("CALLERWATCH_LEDGER_DAYS", "3"),
        ("CALLERWATCH_ALERT_DAYS", "90"),
    ]
}

/// Serves the requests of one connection; whether the answer to the event was among them.
fn serve(stream: &mut TcpStream, was_handed: &mut bool) -> bool {
    let mut requests = BufReader::new(stream.try_clone().expect("a second handle"));
    loop {
        let mut first = String::new();
        if requests.read_line(&mut first).unwrap_or(0) == 0 {
            return false;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            requests.read_line(&mut line).expect("a header");
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body).expect("the body");
        if first.starts_with("GET") {
            if *was_handed {
                return false;
            }
            *was_handed = true;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\n\
                 Lambda-Runtime-Deadline-Ms: 9999999999999\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:111111111111:function:f\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{EVENT}",
                EVENT.len()
            );
            stream.write_all(answer.as_bytes()).expect("the event is taken");
            continue;
        }
        assert!(
            first.contains("/response"),
            "the function answered {first}: {}",
            String::from_utf8_lossy(&body)
        );
        return true;
    }
}
