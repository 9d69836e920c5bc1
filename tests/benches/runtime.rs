//! A packaged function, run as Lambda runs it: its runtime API is played on loopback.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A function that waits for events. Ends with its value.
pub(crate) struct Function {
    pub(crate) process: Child,
    events: Sender<String>,
    answers: Receiver<(Instant, String)>,
}

impl Function {
    /// Starts a bootstrap, with what else its environment is to say.
    pub(crate) fn start(program: &str, environment: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("the port").to_string();
        let (events, waiting) = mpsc::channel();
        let (answered, answers) = mpsc::channel();
        let process = Command::new(program)
            .env_clear()
            .envs(told(&address))
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("starting {program}: {error}"));
        let waiting = Arc::new(Mutex::new(waiting));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (waiting, answered) = (Arc::clone(&waiting), answered.clone());
                thread::spawn(move || serve(stream, &waiting, &answered));
            }
        });
        Self { process, events, answers }
    }

    /// Hands an event over and waits for its answer; from `since` to then, and the answer.
    pub(crate) fn invoke(&self, event: &str, since: Instant) -> (Duration, String) {
        self.events.send(event.to_owned()).expect("the function lives");
        let patience = Duration::from_secs(30);
        let (at, answer) = self.answers.recv_timeout(patience).expect("the function answers");
        (at.duration_since(since), answer)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The programs that a bench is told to run.
pub(crate) fn programs() -> Vec<String> {
    env::args().skip(1).filter(|it| !it.starts_with("--")).collect()
}

/// In milliseconds.
pub(crate) fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn told(address: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("AWS_LAMBDA_RUNTIME_API", address),
        ("AWS_LAMBDA_FUNCTION_NAME", "callerwatch-aws"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "log"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "example"),
        ("CALLERWATCH_TABLE", "callerwatch-table"),
        ("CALLERWATCH_TOPIC_ARN", "arn:aws:sns:us-east-1:111111111111:alerts"),
        ("CALLERWATCH_STATE_BUCKET", "callerwatch-state"),
        ("CALLERWATCH_POLICY_KEY", "policy.toml"),
        ("CALLERWATCH_LEDGER_DAYS", "3"),
        ("CALLERWATCH_ALERT_DAYS", "90"),
        ("CALLERWATCH_PUSH_AUDIENCE", "callerwatch"),
        ("CALLERWATCH_PUSH_SERVICE_ACCOUNT", "push@example.iam.gserviceaccount.com"),
    ]
}

/// Serves one connection of the runtime API: waits for events, takes answers.
fn serve(
    mut stream: TcpStream,
    waiting: &Mutex<Receiver<String>>,
    answered: &Sender<(Instant, String)>,
) {
    let mut requests = BufReader::new(stream.try_clone().expect("a second handle"));
    while let Some((first, body)) = request(&mut requests) {
        let answer = if first.starts_with("GET") {
            let waiting = waiting.lock().expect("nobody panicked with it");
            let Ok(event) = waiting.recv() else { return };
            format!(
                "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\n\
                 Lambda-Runtime-Deadline-Ms: 9999999999999\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:111111111111:function:f\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{event}",
                event.len()
            )
        } else {
            let body = String::from_utf8_lossy(&body).into_owned();
            assert!(first.contains("/response"), "the function answered {first}: {body}");
            if answered.send((Instant::now(), body)).is_err() {
                return;
            }
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned()
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The first line and the body of the next request on a connection.
pub(crate) fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    stream.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((first, body))
}
