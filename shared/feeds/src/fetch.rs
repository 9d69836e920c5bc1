//! One HTTPS request, and what came of it.
//!
//! Promises an end within the deadline and the limits, whatever the server does; that each hop of a
//! redirect is HTTPS and goes to an address that was judged, and to no other that the name may mean
//! a moment later. Nothing is sent but what the feed's URL says. Must not know what a feed holds.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::address::Reach;
use crate::body;

const REDIRECTS_MAX: usize = 5;
const URL_MAX_BYTES: usize = 2048;
const USER_AGENT: &str = concat!("callerwatch/", env!("CARGO_PKG_VERSION"));

/// What a fetch may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To connect to one address.
    pub connect: Duration,
    /// For all of it, redirects included.
    pub whole: Duration,
    /// Bytes of a body as it is sent.
    pub sent_bytes: usize,
    /// Bytes of it once it is inflated.
    pub held_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(45),
            sent_bytes: 64 << 20,
            held_bytes: 64 << 20,
        }
    }
}

/// What a server calls a version of a feed, for asking whether there is another.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Version {
    /// Its `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is no other version than the one asked about.
    Unchanged,
    /// This one.
    New {
        /// Inflated.
        bytes: Bytes,
        /// What to ask about the next time.
        version: Version,
    },
}

/// Why a feed was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchFault {
    /// It is no URL that may be asked for.
    #[error("{0}")]
    Url(&'static str),
    /// Its name has no address.
    #[error("looking up {host}")]
    Lookup {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It means something that is not of the Internet.
    #[error("{host} is {ip}, which is no address of the Internet")]
    NotOfTheInternet {
        /// The name.
        host: String,
        /// What it means.
        ip: IpAddr,
    },
    /// Nobody took the connection.
    #[error("connecting to {host}")]
    Connect {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The server is not who it should be, or speaks no TLS.
    #[error("agreeing on TLS with {host}")]
    Tls {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The answer ended early, or is no HTTP.
    #[error("reading the answer")]
    Broken(#[source] hyper::Error),
    /// The answer is another than success.
    #[error("the server answered with status {0}")]
    Status(StatusCode),
    /// There was no end to redirects.
    #[error("more than {REDIRECTS_MAX} redirects")]
    Redirects,
    /// It is too large, as sent or inflated.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    /// It is damaged.
    #[error("inflating it")]
    Gzip(#[source] io::Error),
    /// It is encoded in a way that was not asked for.
    #[error("it is encoded in a way that was not asked for")]
    Encoding,
    /// The deadline passed.
    #[error("it took longer than {} seconds", .0.as_secs_f64())]
    Late(Duration),
}

/// Fetches over HTTPS.
#[derive(Clone)]
pub struct Fetcher {
    tls: TlsConnector,
    limits: Limits,
    reach: Reach,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limits, reach, .. } = self;
        f.debug_struct("Fetcher")
            .field("limits", limits)
            .field("reach", reach)
            .finish_non_exhaustive()
    }
}

/// That this machine trusts nobody who could vouch for a server, or cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No certificate was found.
    #[error("no certificate authority is trusted on this machine")]
    Nobody,
    /// The library says no.
    #[error("setting up TLS")]
    Tls(#[from] rustls::Error),
}

impl Fetcher {
    /// Trusts whom this machine trusts, and asks the Internet alone.
    ///
    /// # Errors
    ///
    /// When it trusts nobody.
    pub fn new() -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(TrustError::Nobody);
        }
        Self::with(roots, Limits::default(), Reach::Internet)
    }

    /// Trusts these authorities, within these bounds.
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up.
    pub fn with(roots: RootCertStore, limits: Limits, reach: Reach) -> Result<Self, TrustError> {
        let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(tls)), limits, reach })
    }

    /// Fetches a URL, or learns that it has not changed since `known`.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being fetched whole and in time.
    pub async fn fetch(&self, url: &str, known: Option<&Version>) -> Result<Answer, FetchFault> {
        let Limits { whole, .. } = self.limits;
        let fetched = timeout(whole, self.fetch_whole(url, known)).await;
        fetched.unwrap_or(Err(FetchFault::Late(whole)))
    }

    /// The same, which takes no more than so many bytes of a body, as sent or inflated.
    #[must_use]
    pub fn bounded(&self, max: usize) -> Self {
        let Limits { sent_bytes, held_bytes, .. } = self.limits;
        let (sent_bytes, held_bytes) = (sent_bytes.min(max), held_bytes.min(max));
        Self { limits: Limits { sent_bytes, held_bytes, ..self.limits }, ..self.clone() }
    }

    /// What a feed from elsewhere holds, within the same limits.
    pub(crate) fn inflate(&self, bytes: Bytes) -> Result<Bytes, FetchFault> {
        body::inflate(bytes.into(), &self.limits)
    }

    async fn fetch_whole(&self, url: &str, known: Option<&Version>) -> Result<Answer, FetchFault> {
        let mut url = checked(Url::parse(url))?;
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.ask(&url, known).await?;
            match answer.response.status() {
                StatusCode::OK => return self.read(answer.response).await,
                StatusCode::NOT_MODIFIED if known.is_some() => return Ok(Answer::Unchanged),
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => {
                    let target = text(answer.response.headers(), header::LOCATION);
                    let target = target.ok_or(FetchFault::Url("a redirect that leads nowhere"))?;
                    url = checked(url.join(&target))?;
                }
                other => return Err(FetchFault::Status(other)),
            }
        }
        Err(FetchFault::Redirects)
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, FetchFault> {
        let encoding = text(response.headers(), header::CONTENT_ENCODING).unwrap_or_default();
        if !["", "identity", "gzip", "x-gzip"].contains(&encoding.to_ascii_lowercase().as_str()) {
            return Err(FetchFault::Encoding);
        }
        let version = Version {
            etag: text(response.headers(), header::ETAG),
            last_modified: text(response.headers(), header::LAST_MODIFIED),
        };
        let bytes = body::gather(response.into_body(), &self.limits).await?;
        Ok(Answer::New { bytes: body::inflate(bytes, &self.limits)?, version })
    }

    /// One request over a connection of its own.
    async fn ask(&self, url: &Url, known: Option<&Version>) -> Result<Asked, FetchFault> {
        let request = request(url, known)?;
        let stream = self.connect(url).await?;
        let name = host(url);
        let server = ServerName::try_from(name.trim_matches(['[', ']']).to_owned())
            .map_err(|_| FetchFault::Url("its host is no name of a server"))?;
        let stream = self.tls.connect(server, stream).await;
        let stream = stream.map_err(|source| FetchFault::Tls { host: name, source })?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(FetchFault::Broken)?;
        let connection = Connection(tokio::spawn(async move {
            // Whatever ends it early is told to whoever reads the answer.
            let _ = connection.await;
        }));
        let response = sender.send_request(request).await.map_err(FetchFault::Broken)?;
        Ok(Asked { response, _connection: connection })
    }

    /// Connects to an address that the name means now, if it means none that is forbidden.
    async fn connect(&self, url: &Url) -> Result<TcpStream, FetchFault> {
        let name = host(url);
        let addresses = addresses(url).await?;
        let forbidden = addresses.iter().find(|address| !self.reach.allows(address.ip()));
        if let Some(address) = forbidden {
            return Err(FetchFault::NotOfTheInternet { host: name, ip: address.ip() });
        }
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match timeout(self.limits.connect, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(FetchFault::Connect { host: name, source: last })
    }
}

/// A response, and the connection that it is read from.
struct Asked {
    response: Response<Incoming>,
    _connection: Connection,
}

/// Ends with its value.
struct Connection(tokio::task::JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn addresses(url: &Url) -> Result<Vec<SocketAddr>, FetchFault> {
    let port = url.port_or_known_default().unwrap_or(443);
    Ok(match url.host() {
        Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
        Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
        Some(Host::Domain(name)) => {
            let found = lookup_host((name, port)).await;
            found.map_err(|source| FetchFault::Lookup { host: host(url), source })?.collect()
        }
        None => Vec::new(),
    })
}

fn checked(url: Result<Url, url::ParseError>) -> Result<Url, FetchFault> {
    let url = url.map_err(|_| FetchFault::Url("it is no URL"))?;
    if url.scheme() != "https" {
        Err(FetchFault::Url("only https is asked for"))
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(FetchFault::Url("it holds a user name or a password"))
    } else if url.as_str().len() > URL_MAX_BYTES {
        Err(FetchFault::Url("it is too long"))
    } else {
        Ok(url)
    }
}

fn request(url: &Url, known: Option<&Version>) -> Result<Request<Empty<Bytes>>, FetchFault> {
    let path = url.query().map_or(url.path().to_owned(), |it| format!("{}?{it}", url.path()));
    let host = match url.port() {
        Some(port) => format!("{}:{port}", host(url)),
        None => host(url),
    };
    let mut request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "gzip");
    if let Some(Version { etag, last_modified }) = known {
        let conditions =
            [(header::IF_NONE_MATCH, etag), (header::IF_MODIFIED_SINCE, last_modified)];
        for (name, value) in conditions {
            if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
                request = request.header(name, value);
            }
        }
    }
    request.body(Empty::new()).map_err(|_| FetchFault::Url("it cannot be asked for"))
}

/// As it stands in the URL; of IPv6 in brackets.
fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// A header's value, where it is bounded text.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= URL_MAX_BYTES).then(|| value.to_owned())
}
