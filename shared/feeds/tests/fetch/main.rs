//! Fetching from a server that misbehaves, over real TLS on loopback.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod bounds;
mod learning;
mod refreshing;
mod server;

use std::error::Error;
use std::time::Instant;

use callerwatch_feeds::{Answer, FetchFault, Fetcher, Reach, Version};

use self::server::{HELD_MAX, LIST, SENT_MAX, Server, WHOLE};

/// What came of it: the bytes as text, or why not, with all that caused it.
async fn told(fetcher: &Fetcher, url: &str) -> String {
    match fetcher.fetch(url, None).await {
        Ok(Answer::Unchanged) => "unchanged".to_owned(),
        Ok(Answer::New { bytes, .. }) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(fault) => {
            let mut told = fault.to_string();
            let mut cause = fault.source();
            while let Some(error) = cause {
                told = format!("{told}: {error}");
                cause = error.source();
            }
            told
        }
    }
}

#[tokio::test]
async fn whatever_a_server_does_is_told() {
    let server = Server::start().await;
    let fetcher = server.fetcher(Reach::InternetAndLoopback);
    let list = str::from_utf8(LIST).unwrap();
    let too_large = format!("it is larger than {SENT_MAX} bytes");
    let inflates = format!("it is larger than {HELD_MAX} bytes");
    let late = format!("it took longer than {} seconds", WHOLE.as_secs());
    for (path, expected) in [
        ("/list", list),
        ("/gzip", list),
        ("/gzip-unsaid", list),
        ("/gzip-twice", list),
        ("/gzip-damaged", "inflating it: incomplete deflate stream"),
        ("/bomb", inflates.as_str()),
        ("/brotli", "it is encoded in a way that was not asked for"),
        ("/charset", "# caf\u{fffd}\n203.0.113.7\n"),
        ("/html", "<html>203.0.113.7</html>"),
        ("/empty", ""),
        ("/404", "the server answered with status 404 Not Found"),
        ("/500", "the server answered with status 500 Internal Server Error"),
        ("/206", "the server answered with status 206 Partial Content"),
        ("/always-304", "the server answered with status 304 Not Modified"),
        ("/declared-large", too_large.as_str()),
        ("/endless", too_large.as_str()),
        ("/drip", late.as_str()),
        ("/silent", late.as_str()),
        ("/loop", "more than 5 redirects"),
        ("/nowhere", "a redirect that leads nowhere"),
        ("/redirect?/list", list),
        ("/redirect?/redirect?/gzip", list),
        ("/redirect?http://localhost/list", "only https is asked for"),
        ("/redirect?file:///etc/passwd", "only https is asked for"),
        ("/redirect?https://u:p@localhost/", "it holds a user name or a password"),
        (
            "/redirect?https://10.0.0.1/",
            "10.0.0.1 is 10.0.0.1, which is no address of the Internet",
        ),
        (
            "/redirect?https://0xa9fea9fe/latest/meta-data/",
            "169.254.169.254 is 169.254.169.254, which is no address of the Internet",
        ),
        (
            "/redirect?https://[::ffff:192.168.0.1]/",
            "[::ffff:c0a8:1] is ::ffff:192.168.0.1, which is no address of the Internet",
        ),
    ] {
        assert_eq!(told(&fetcher, &server.url(path)).await, expected, "{path}");
    }
    for path in ["/truncated", "/truncated-chunk", "/no-http", "/endless-headers"] {
        let told = told(&fetcher, &server.url(path)).await;
        assert!(told.starts_with("reading the answer: "), "{path}: {told}");
    }
}

#[tokio::test]
async fn a_version_that_is_known_is_not_fetched_again() {
    let server = Server::start().await;
    let fetcher = server.fetcher(Reach::InternetAndLoopback);
    let url = server.url("/list?key=1");
    let first = fetcher.fetch(&url, None).await.unwrap();
    let Answer::New { version, .. } = first else { panic!("{first:?}") };
    let expected = Version {
        etag: Some("\"v1\"".to_owned()),
        last_modified: Some("Mon, 02 Mar 2026 09:25:00 GMT".to_owned()),
    };
    assert_eq!(version, expected);
    assert_eq!(fetcher.fetch(&url, Some(&version)).await.unwrap(), Answer::Unchanged);
    // What cannot be said in a header is not said.
    let odd = Version { etag: Some("\"v1\"\r\nX: 1".to_owned()), last_modified: None };
    assert!(matches!(fetcher.fetch(&url, Some(&odd)).await, Ok(Answer::New { .. })));
    let [first, second, third] = &server.requests()[..] else { panic!("not three requests") };
    let port = server.port;
    assert_eq!(
        *first,
        format!(
            "GET /list?key=1 HTTP/1.1\r\nhost: localhost:{port}\r\nuser-agent: callerwatch/{}\r\n\
             accept: */*\r\naccept-encoding: gzip\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        )
    );
    assert!(second.contains("if-modified-since: Mon, 02 Mar 2026 09:25:00 GMT\r\n"), "{second}");
    assert!(!third.contains("if-none-match") && !third.contains("X: 1"), "{third}");
}

#[tokio::test]
async fn only_the_internet_is_asked() {
    let server = Server::start().await;
    let fetcher = server.fetcher(Reach::Internet);
    for url in [server.url("/list"), format!("https://127.0.0.1:{}/list", server.port)] {
        let fault = fetcher.fetch(&url, None).await.unwrap_err();
        assert!(matches!(&fault, FetchFault::NotOfTheInternet { .. }), "{fault}");
    }
    assert!(server.requests().is_empty());
    for (url, expected) in [
        ("http://localhost/", "only https is asked for"),
        ("localhost", "it is no URL"),
        ("https://", "it is no URL"),
        ("https://u@localhost/", "it holds a user name or a password"),
    ] {
        assert_eq!(told(&fetcher, url).await, expected);
    }
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_believed() {
    let (server, other) = (Server::start().await, Server::start().await);
    let fetcher = other.fetcher(Reach::InternetAndLoopback);
    let fault = fetcher.fetch(&server.url("/list"), None).await.unwrap_err();
    assert!(matches!(&fault, FetchFault::Tls { .. }), "{fault}");
    assert!(server.requests().is_empty());
    let nobody = format!("https://localhost:{}/", free_port());
    let fault = fetcher.fetch(&nobody, None).await.unwrap_err();
    assert!(matches!(&fault, FetchFault::Connect { .. }), "{fault}");
}

#[tokio::test]
async fn a_slow_server_ends_at_the_deadline() {
    let server = Server::start().await;
    let fetcher = server.fetcher(Reach::InternetAndLoopback);
    #[expect(clippy::disallowed_methods, reason = "what is measured here is waiting")]
    let start = Instant::now();
    let (url, slow) = (server.url("/list"), server.url("/drip"));
    let (drip, list) = tokio::join!(told(&fetcher, &slow), async {
        let told = told(&fetcher, &url).await;
        (told, start.elapsed())
    });
    assert!(drip.starts_with("it took longer than"), "{drip}");
    assert!(start.elapsed() < WHOLE * 3);
    assert_eq!(list.0.as_bytes(), LIST);
    assert!(list.1 < WHOLE, "one bad feed held up another: {:?}", list.1);
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
