//! What goes to the emulator, seen on the way: each call by its name and body, and some refused.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A proxy on loopback. Ends with the process.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    /// An operation, and the code it is refused with.
    faults: VecDeque<(&'static str, &'static str)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) body: String,
}

impl Call {
    fn changes_something(&self) -> bool {
        !["Get", "List", "Describe"].iter().any(|it| self.operation.starts_with(it))
    }
}

impl Wire {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let wire = Self { address, seen: Arc::default() };
        let served = wire.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let wire = served.clone();
                thread::spawn(move || wire.serve(&stream, port));
            }
        });
        wire
    }

    /// Refuses an operation once.
    pub(crate) fn refuse(&self, operation: &'static str, code: &'static str) {
        self.seen.lock().expect("the calls").faults.push_back((operation, code));
    }

    /// The calls since the last time this was asked that change something.
    pub(crate) fn changes(&self) -> Vec<String> {
        let calls = self.calls();
        calls.into_iter().filter(Call::changes_something).map(|it| it.operation).collect()
    }

    /// The calls since the last time this was asked.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.seen.lock().expect("the calls").calls)
    }

    fn serve(&self, mut stream: &TcpStream, port: u16) {
        let (head, body) = request(stream);
        let operation = operation(&head, &body);
        let call = Call { operation, body: String::from_utf8_lossy(&body).into_owned() };
        let answer = match self.fault(call) {
            Some(code) => refused(code, head.contains("x-amz-target")).into_bytes(),
            None => forward(&head, &body, port),
        };
        stream.write_all(&answer).expect("an answer");
    }

    fn fault(&self, call: Call) -> Option<&'static str> {
        let mut seen = self.seen.lock().expect("the calls");
        let place = seen.faults.iter().position(|(operation, _)| *operation == call.operation);
        seen.calls.push(call);
        place.and_then(|it| seen.faults.remove(it)).map(|(_, code)| code)
    }
}

fn request(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().expect("a length");
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    (head, body)
}

fn operation(head: &str, body: &[u8]) -> String {
    let target = head.lines().find_map(|it| it.strip_prefix("x-amz-target: "));
    let target = target.and_then(|it| it.rsplit('.').next()).map(str::to_owned);
    let action = || url::form_urlencoded::parse(body).find(|(name, _)| name == "Action");
    target.unwrap_or_else(|| action().expect("an action").1.into_owned())
}

fn forward(head: &str, body: &[u8], port: u16) -> Vec<u8> {
    let mut upstream = TcpStream::connect(("127.0.0.1", port)).expect("the emulator");
    write!(upstream, "{head}connection: close\r\n\r\n").expect("a head");
    upstream.write_all(body).expect("a body");
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).expect("an answer");
    answer
}

/// As AWS says it, with a message that is longer than anybody reads.
fn refused(code: &str, is_json: bool) -> String {
    let message = format!("said so. {}", "x".repeat(1000));
    let body = if is_json {
        format!("{{\"__type\":\"{code}\",\"message\":\"{message}\"}}")
    } else {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error>\
             </ErrorResponse>"
        )
    };
    let length = body.len();
    format!("HTTP/1.1 400 Refused\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
