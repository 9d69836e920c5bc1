//! A server on loopback that speaks TLS and does as each path tells it.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callerwatch_feeds::{Fetcher, Limits, Reach};
use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What the limits of every test are.
pub(crate) const SENT_MAX: usize = 64 << 10;
pub(crate) const HELD_MAX: usize = 256 << 10;
pub(crate) const WHOLE: Duration = Duration::from_secs(2);

/// Listens for as long as its runtime lives.
pub(crate) struct Server {
    pub(crate) port: u16,
    certificate: CertificateDer<'static>,
    heard: Heard,
    files: Files,
    aliases: Aliases,
}

type Heard = Arc<Mutex<Vec<String>>>;
type Aliases = Arc<Mutex<HashMap<String, String>>>;
type Files = Arc<Mutex<HashMap<String, Vec<u8>>>>;

impl Server {
    pub(crate) async fn start() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, files, aliases) = (Heard::default(), Files::default(), Aliases::default());
        let (told, served, other) = (heard.clone(), files.clone(), aliases.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(
                    acceptor.clone(),
                    stream,
                    told.clone(),
                    served.clone(),
                    other.clone(),
                ));
            }
        });
        Self { port, certificate: cert.der().clone(), heard, files, aliases }
    }

    /// Trusts this server.
    pub(crate) fn fetcher(&self, reach: Reach) -> Fetcher {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let limits = Limits {
            connect: Duration::from_secs(1),
            whole: WHOLE,
            sent_bytes: SENT_MAX,
            held_bytes: HELD_MAX,
        };
        Fetcher::with(roots, limits, reach).unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Serves a file from now on, in the place of whatever was there.
    pub(crate) fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        self.files.lock().unwrap().insert(path.to_owned(), content.into());
    }

    /// Answers one path as another from now on.
    pub(crate) fn turn(&self, path: &str, into: &str) {
        self.aliases.lock().unwrap().insert(path.to_owned(), into.to_owned());
    }

    /// The requests heard so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

pub(crate) const LIST: &[u8] = b"203.0.113.7\n198.51.100.0/24\n";

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    heard: Heard,
    files: Files,
    aliases: Aliases,
) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        request.push(byte);
    }
    let request = String::from_utf8(request).unwrap();
    heard.lock().unwrap().push(request.clone());
    let target = request.split(' ').nth(1).unwrap().to_owned();
    let target = aliases.lock().unwrap().get(&target).cloned().unwrap_or(target);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let file = files.lock().unwrap().get(path).cloned();
    if let Some(file) = file {
        let _ = stream.write_all(&answer("200 OK", "", &file)).await;
        let _ = stream.shutdown().await;
        return;
    }
    let versions = "ETag: \"v1\"\r\nLast-Modified: Mon, 02 Mar 2026 09:25:00 GMT\r\n";
    let (start, then): (Vec<u8>, &[u8]) = match path {
        "/list" if request.contains("if-none-match: \"v1\"\r\n") => {
            (b"HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n".to_vec(), b"")
        }
        "/list" => (answer("200 OK", versions, LIST), b""),
        "/always-304" => (b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec(), b""),
        "/gzip" => (answer("200 OK", "Content-Encoding: gzip\r\n", &gzip(LIST)), b""),
        "/gzip-unsaid" => (answer("200 OK", "", &gzip(LIST)), b""),
        "/gzip-twice" => (answer("200 OK", "Content-Encoding: gzip\r\n", &gzip(&gzip(LIST))), b""),
        "/gzip-damaged" => {
            let whole = gzip(LIST);
            let half = whole.get(..whole.len() / 2).unwrap();
            (answer("200 OK", "Content-Encoding: gzip\r\n", half), b"")
        }
        "/bomb" => (
            answer("200 OK", "Content-Encoding: gzip\r\n", &gzip(&vec![b'1'; 64 << 10]).repeat(20)),
            b"",
        ),
        "/brotli" => (answer("200 OK", "Content-Encoding: br\r\n", LIST), b""),
        "/charset" => {
            let latin = b"# caf\xe9\n203.0.113.7\n";
            (answer("200 OK", "Content-Type: text/plain; charset=utf-16\r\n", latin), b"")
        }
        "/html" => {
            (answer("200 OK", "Content-Type: text/html\r\n", b"<html>203.0.113.7</html>"), b"")
        }
        "/empty" => (answer("200 OK", "", b""), b""),
        "/500" => (answer("500 Internal Server Error", "", LIST), b""),
        "/206" => (answer("206 Partial Content", "", LIST), b""),
        // Says more than it sends, and ends.
        "/truncated" => {
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n203.0.113.7\n".to_vec(), b"")
        }
        "/truncated-chunk" => (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n203.0.113.7\n".to_vec(),
            b"",
        ),
        "/declared-large" => {
            (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n".to_vec(), b"")
        }
        // Without a length, until whoever reads has enough.
        "/endless" => (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), b"203.0.113.7\n"),
        "/endless-headers" => (b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-More: 1\r\n"),
        "/drip" => (b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n".to_vec(), b"2"),
        "/silent" => (Vec::new(), b""),
        "/no-http" => (b"220 mail.example.com ESMTP\r\n".to_vec(), b""),
        "/redirect" => (answer("302 Found", &format!("Location: {query}\r\n"), b""), b""),
        "/loop" => (answer("301 Moved Permanently", "Location: /loop\r\n", b""), b""),
        "/nowhere" => (answer("302 Found", "", b""), b""),
        _ => (answer("404 Not Found", "", LIST), b""),
    };
    let _ = stream.write_all(&start).await;
    if path == "/silent" || path == "/drip" {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        while stream.write_all(then).await.is_ok() && stream.flush().await.is_ok() {
            pause.tick().await;
        }
    }
    let many = then.repeat(1000);
    while !many.is_empty() && stream.write_all(&many).await.is_ok() {}
    let _ = stream.shutdown().await;
}
