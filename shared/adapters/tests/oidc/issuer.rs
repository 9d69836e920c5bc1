//! An issuer of tokens on this machine: a server of its keys, and what signs with them.
//!
//! The private keys were made for these tests and protect nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callerwatch_adapters::https::Url;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

/// A key pair of 2,048 bits.
pub(crate) struct Pair(RsaKeyPair);

/// What a server does when it is asked.
#[derive(Clone)]
pub(crate) enum Answer {
    /// It answers with this.
    Document(String),
    /// It answers with another status.
    Status(&'static str),
    /// It says that the document is elsewhere.
    Elsewhere(String),
    /// It never answers.
    Silence,
    /// It begins to answer, and stops.
    Stall,
    /// It never stops answering.
    Endless,
    /// It hangs up.
    Away,
}

/// A server of one document, which counts how often it was asked.
pub(crate) struct Server {
    url: String,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
}

impl Pair {
    /// Of the issuer.
    pub(crate) fn issuer() -> Self {
        Self(RsaKeyPair::from_pkcs8(include_bytes!("keys/issuer.p8")).expect("a key"))
    }

    /// Of somebody else.
    pub(crate) fn stranger() -> Self {
        Self(RsaKeyPair::from_pkcs8(include_bytes!("keys/stranger.p8")).expect("a key"))
    }

    /// A token signed with RS256.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        self.token_with(&RSA_PKCS1_SHA256, header, claims)
    }

    pub(crate) fn token_with(
        &self,
        algorithm: &'static dyn RsaEncoding,
        header: &Value,
        claims: &Value,
    ) -> String {
        let message = message(header, claims);
        let mut signature = vec![0; self.0.public().modulus_len()];
        let random = SystemRandom::new();
        self.0.sign(algorithm, &random, message.as_bytes(), &mut signature).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key, as a JWK of this name.
    pub(crate) fn jwk(&self, name: &str) -> Value {
        let RsaPublicKeyComponents { n, e } = self.components();
        let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
        json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, "n": n, "e": e })
    }

    pub(crate) fn components(&self) -> RsaPublicKeyComponents<Vec<u8>> {
        RsaPublicKeyComponents::from(self.0.public())
    }

    /// The public key as DER: an `RSAPublicKey` (RFC 8017).
    pub(crate) fn der(&self) -> &[u8] {
        self.0.public().as_ref()
    }
}

/// What is signed of a token.
pub(crate) fn message(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

impl Server {
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("http://{}/oauth2/v3/certs", listener.local_addr().expect("an address"));
        let server = Self {
            url,
            answer: Arc::new(Mutex::new(answer)),
            asked: Arc::new(AtomicUsize::new(0)),
        };
        let (answer, asked) = (Arc::clone(&server.answer), Arc::clone(&server.asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                asked.fetch_add(1, Ordering::SeqCst);
                let answer = answer.lock().expect("an answer").clone();
                // Whoever asked may be gone before the end.
                thread::spawn(move || serve(stream, &answer).is_ok());
            }
        });
        server
    }

    /// A server of these keys.
    pub(crate) fn of_keys(keys: &[Value]) -> Self {
        Self::start(Answer::of_keys(keys))
    }

    pub(crate) fn set(&self, answer: Answer) {
        *self.answer.lock().expect("an answer") = answer;
    }

    pub(crate) fn url(&self) -> Url {
        Url::parse(&self.url).expect("a URL on this machine")
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Answer {
    pub(crate) fn of_keys(keys: &[Value]) -> Self {
        Self::Document(json!({ "keys": keys }).to_string())
    }
}

fn serve(mut stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    if matches!(answer, Answer::Away) {
        return Ok(());
    }
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let head = |status: &str, more: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n{more}\r\n\r\n"
        )
    };
    match answer {
        Answer::Document(text) => {
            let head = head("200 OK", &format!("Content-Length: {}", text.len()));
            stream.write_all(format!("{head}{text}").as_bytes())
        }
        Answer::Status(status) => stream.write_all(head(status, "Content-Length: 0").as_bytes()),
        Answer::Elsewhere(url) => {
            let more = format!("Location: {url}\r\nContent-Length: 0");
            stream.write_all(head("302 Found", &more).as_bytes())
        }
        Answer::Silence => lines.next().transpose().map(|_| ()),
        Answer::Stall => {
            stream.write_all(
                format!("{}{{\"keys\":", head("200 OK", "Content-Length: 900")).as_bytes(),
            )?;
            // Until the other side hangs up.
            lines.next().transpose().map(|_| ())
        }
        Answer::Endless => {
            stream.write_all(head("200 OK", "X-Endless: yes").as_bytes())?;
            loop {
                stream.write_all(&[b' '; 4096])?;
            }
        }
        Answer::Away => Ok(()),
    }
}
