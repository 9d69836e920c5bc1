//! All feeds at once, from a server that misbehaves: what is in use is never less than the last
//! good set.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::sync::Mutex;

use bytes::Bytes;
use callerwatch_detection::feeds::{LISTS, Location};
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_feeds::{Fetcher, Reach, Refreshed, Store, Unread, rebuild, refresh};

use crate::server::Server;

/// A store in memory, which fails when it is told to.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) files: Mutex<BTreeMap<String, Bytes>>,
    writes: Mutex<Vec<String>>,
    is_broken: Mutex<bool>,
}

impl Memory {
    fn check(&self) -> Result<(), io::Error> {
        if *self.is_broken.lock().unwrap() { Err(io::Error::other("broken")) } else { Ok(()) }
    }

    fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut *self.writes.lock().unwrap())
    }

    /// The lists in use, as whoever judges calls reads them.
    pub(crate) fn in_use(&self) -> String {
        let bytes = self.files.lock().unwrap().get(LISTS).cloned().unwrap();
        let lists = Intelligence::load(bytes).unwrap();
        let told = lists.lists().iter().map(|list| format!("{} {}", list.name, list.prefixes));
        told.collect::<Vec<_>>().join(", ")
    }
}

impl Store for Memory {
    type Error = io::Error;

    async fn read(&self, name: &str) -> Result<Option<Bytes>, io::Error> {
        self.check()?;
        Ok(self.files.lock().unwrap().get(name).cloned())
    }

    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), io::Error> {
        self.check()?;
        self.writes.lock().unwrap().push(name.to_owned());
        self.files.lock().unwrap().insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn fetch(&self, location: &Location) -> Result<Bytes, Unread> {
        let found = self.files.lock().unwrap().get(&location.to_string()).cloned();
        found.ok_or_else(|| Unread(Box::new(io::Error::from(io::ErrorKind::NotFound))))
    }
}

/// Feeds by name, category and path, asked for every hour; 203.0.113.240/28 is an office's.
pub(crate) fn policy(server: &Server, feeds: &[(&str, &str, String)]) -> Policy {
    let mut text = "[feeds]\nshipped = false\n".to_owned();
    for (name, category, path) in feeds {
        let url = server.url(path);
        write!(
            text,
            "[feeds.{name}]\nurl = \"{url}\"\ncategory = \"{category}\"\nrefresh_minutes = 60\n"
        )
        .unwrap();
    }
    text.push_str("[[trusted_networks]]\nname = \"office\"\nnetworks = [\"203.0.113.240/28\"]\n");
    Policy::parse(&text).unwrap()
}

pub(crate) fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(1_772_443_500_000).unwrap().plus_secs(minutes * 60)
}

pub(crate) struct Test {
    pub(crate) server: Server,
    pub(crate) fetcher: Fetcher,
    pub(crate) store: Memory,
}

impl Test {
    pub(crate) async fn new() -> Self {
        let server = Server::start().await;
        let fetcher = server.fetcher(Reach::InternetAndLoopback);
        Self { server, fetcher, store: Memory::default() }
    }

    pub(crate) async fn refresh(&self, policy: &Policy, minutes: i64) -> Refreshed {
        let known = Intelligence::default();
        let done = refresh(policy, &known, &self.store, &self.fetcher, at(minutes), false).await;
        done.unwrap()
    }
}

/// What came of each feed, in a line each.
pub(crate) fn told(refreshed: &Refreshed) -> Vec<String> {
    let line = |report: &callerwatch_feeds::Report| {
        let (name, minutes) = (&report.feed.name, report.age_secs / 60);
        let use_of = if report.is_in_use { "" } else { ", not in use" };
        let fault = report.fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
        format!("{name} {}, {minutes} min{use_of}{fault}", report.outcome)
    };
    refreshed.reports.iter().map(line).collect()
}

#[tokio::test]
async fn whatever_feeds_do_the_last_good_set_is_in_use() {
    let test = Test::new().await;
    let late = "it took longer than 2 seconds";
    let turns = [
        ("a", "/404", "not fetched: the server answered with status 404 Not Found"),
        ("b", "/500", "not fetched: the server answered with status 500 Internal Server Error"),
        ("c", "/drip", &format!("not fetched: {late}")),
        ("d", "/silent", &format!("not fetched: {late}")),
        ("e", "/endless", "not fetched: it is larger than 65536 bytes"),
        ("f", "/bomb", "not fetched: it is larger than 262144 bytes"),
        (
            "g",
            "/truncated",
            "not fetched: reading the answer: error reading a body from connection: end of file before message length reached",
        ),
        ("h", "/loop", "not fetched: more than 5 redirects"),
        (
            "i",
            "/redirect?https://10.0.0.1/",
            "not fetched: 10.0.0.1 is 10.0.0.1, which is no address of the Internet",
        ),
        ("j", "/html", "refused: no address in it: it is an HTML page"),
        ("k", "/empty", "refused: no address in it: the file is empty"),
        ("l", "/all", "refused: it names a prefix wider than anybody holds"),
        ("m", "/own", "refused: it accuses 203.0.113.247/32, which is your own: office"),
        ("n", "/shrunk", "refused: it shrank from 3 to 1 prefixes"),
        ("o", "/private", "refused: it names 10.0.0.1/32, which is not of the Internet"),
        ("p", "/of-cloud", "refused: it newly accuses 198.51.100.0/22, which is a cloud's"),
        ("q", "/charset", "new"),
    ];
    let mut feeds = vec![("z", "cloud", "/cloud".to_owned())];
    for (name, _, _) in turns {
        feeds.push((name, "malicious", format!("/feed/{name}")));
        test.server.put(&format!("/feed/{name}"), "192.0.2.1\n192.0.2.2\n192.0.2.3\n");
    }
    test.server.put("/cloud", "198.51.0.0/16\n");
    let policy = policy(&test.server, &feeds);
    let first = told(&test.refresh(&policy, 0).await);
    assert!(first.iter().all(|line| line.ends_with(" new, 0 min")), "{first:#?}");
    let before = test.store.in_use();
    assert_eq!(before.matches(" 3").count(), turns.len(), "{before}");

    // All of them turn bad, but for one that only says a wrong charset.
    let start = "192.0.2.1\n192.0.2.2\n";
    test.server.put("/all", format!("{start}0.0.0.0/0\n"));
    test.server.put("/own", format!("{start}203.0.113.247\n"));
    test.server.put("/shrunk", "192.0.2.1\n");
    test.server.put("/private", format!("{start}10.0.0.1\n"));
    test.server.put("/of-cloud", format!("{start}198.51.100.0/22\n"));
    test.server.put("/charset", [b"# caf\xe9\n".to_vec(), start.into()].concat());
    for (name, into, _) in turns {
        test.server.turn(&format!("/feed/{name}"), into);
    }
    test.store.take_writes();
    let second = told(&test.refresh(&policy, 60).await);
    for ((name, _, expected), line) in turns.iter().zip(&second) {
        let minutes = if *expected == "new" { 0 } else { 60 };
        assert_eq!(*line, format!("{name} {expected}, {minutes} min"));
    }
    assert_eq!(test.store.in_use(), before.replace("q 3", "q 2"));
    assert_eq!(test.store.take_writes(), ["feeds/q", "feeds.json", LISTS]);
}

#[tokio::test]
async fn feeds_are_asked_for_when_they_are_due() {
    let test = Test::new().await;
    let policy = policy(&test.server, &[("a", "tor", "/list".to_owned())]);
    assert_eq!(told(&test.refresh(&policy, 0).await), ["a new, 0 min"]);
    let writes = test.store.take_writes();
    assert_eq!(writes, ["feeds/a", "feeds.json", LISTS]);
    assert_eq!(told(&test.refresh(&policy, 30).await), ["a not due, 30 min"]);
    assert_eq!(told(&test.refresh(&policy, 59).await), ["a unchanged, 0 min"]);
    assert!(test.server.requests().last().unwrap().contains("if-none-match: \"v1\""));
    // What is as it was is not written again.
    assert_eq!(test.store.take_writes(), ["feeds.json"]);
    assert_eq!(test.server.requests().len(), 2);
    // A copy that is gone is fetched again, whatever is known of it.
    test.store.files.lock().unwrap().remove("feeds/a");
    assert_eq!(told(&test.refresh(&policy, 60).await), ["a new, 0 min"]);
    assert!(!test.server.requests().last().unwrap().contains("if-none-match"));
    // Nothing is known where it cannot be read.
    test.store.files.lock().unwrap().insert("feeds.json".to_owned(), Bytes::from_static(b"{"));
    assert_eq!(told(&test.refresh(&policy, 61).await), ["a unchanged, 0 min"]);
}

#[tokio::test]
async fn a_feed_that_is_elsewhere_or_off_is_another() {
    let test = Test::new().await;
    test.server.put("/many", "192.0.2.1\n192.0.2.2\n192.0.2.3\n");
    test.server.put("/few", "192.0.2.1\n");
    let at = |path: &str| policy(&test.server, &[("a", "tor", path.to_owned())]);
    assert_eq!(told(&test.refresh(&at("/many"), 0).await), ["a new, 0 min"]);
    // Until the other one is there, the copy stays.
    assert_eq!(
        told(&test.refresh(&at("/404"), 1).await),
        ["a not fetched: the server answered with status 404 Not Found, 0 min"]
    );
    assert_eq!(test.store.in_use(), "a 3");
    assert_eq!(told(&test.refresh(&at("/few"), 2).await), ["a new, 0 min"]);
    assert_eq!(test.store.in_use(), "a 1");
    assert!(told(&test.refresh(&policy(&test.server, &[]), 3).await).is_empty());
    assert_eq!(test.store.in_use(), "");
}

#[tokio::test]
async fn a_feed_that_never_came_is_told_with_how_long() {
    let test = Test::new().await;
    let policy = policy(&test.server, &[("a", "tor", "/404".to_owned())]);
    test.refresh(&policy, 0).await;
    let line = "a not fetched: the server answered with status 404 Not Found, 90 min, not in use";
    assert_eq!(told(&test.refresh(&policy, 90).await), [line]);
    assert_eq!(test.store.in_use(), "");
}

#[tokio::test]
async fn feeds_from_elsewhere_are_read_by_the_store() {
    let test = Test::new().await;
    let feed = "[feeds]\nshipped = false\n[feeds.a]\npath = \"lists/a.gz\"\ncategory = \"custom\"\n\
                [feeds.b]\nurl = \"s3://lists/b\"\ncategory = \"custom\"\n";
    let policy = Policy::parse(feed).unwrap();
    let put = |name: &str, bytes: &[u8]| {
        test.store.files.lock().unwrap().insert(name.to_owned(), Bytes::copy_from_slice(bytes));
    };
    put("lists/a.gz", &crate::server::gzip(b"192.0.2.1\n"));
    let expected =
        ["a new, 0 min", "b not fetched: reading it: entity not found, 0 min, not in use"];
    assert_eq!(told(&test.refresh(&policy, 0).await), expected);
    put("s3://lists/b", b"192.0.2.2\n");
    let expected = ["a not due, 1 min", "b new, 0 min"];
    assert_eq!(told(&test.refresh(&policy, 1).await), expected);
    assert_eq!(test.store.in_use(), "a 1, b 1");
}

#[tokio::test]
async fn a_store_that_fails_is_left_as_it_is() {
    let test = Test::new().await;
    let policy = policy(&test.server, &[("a", "tor", "/list".to_owned())]);
    test.refresh(&policy, 0).await;
    let before = test.store.in_use();
    *test.store.is_broken.lock().unwrap() = true;
    let known = Intelligence::default();
    let done = refresh(&policy, &known, &test.store, &test.fetcher, at(60), true).await;
    assert!(done.is_err());
    *test.store.is_broken.lock().unwrap() = false;
    assert_eq!(test.store.in_use(), before);
}

#[tokio::test]
async fn a_feed_asked_for_in_vain_is_left_alone_for_a_while() {
    let test = Test::new().await;
    let url = test.server.url("/html");
    let feeds = format!(
        "[feeds]\nshipped = false\n[feeds.a]\nurl = \"{url}\"\ncategory = \"tor\"\nrefresh_minutes = 300\n"
    );
    let policy = Policy::parse(&feeds).unwrap();
    let mut asked_at = Vec::new();
    let mut before = 0;
    for minutes in (0..1500).step_by(10) {
        test.refresh(&policy, minutes).await;
        let asked = test.server.requests().len();
        if asked > before {
            asked_at.push(minutes);
        }
        before = asked;
    }
    assert_eq!(asked_at, [0, 60, 180, 420, 720, 1020, 1320]);
    // Once it answers, it is asked for as ever.
    test.server.turn("/html", "/list");
    assert_eq!(told(&test.refresh(&policy, 1620).await), ["a new, 0 min"]);
    assert_eq!(told(&test.refresh(&policy, 1910).await), ["a not due, 290 min"]);
    assert_eq!(told(&test.refresh(&policy, 1920).await), ["a unchanged, 0 min"]);
}

#[tokio::test]
async fn a_copy_is_judged_anew_once_clouds_are_known() {
    let test = Test::new().await;
    let feeds = [
        ("clouds", "cloud", "/clouds".to_owned()),
        ("a", "malicious", "/a".to_owned()),
        ("b", "malicious", "/b".to_owned()),
    ];
    let policy = policy(&test.server, &feeds);
    test.server.put("/a", "198.51.100.0/22\n192.0.2.1\n");
    test.server.put("/b", "198.51.100.0/24\n");
    let first = told(&test.refresh(&policy, 0).await);
    assert_eq!(first[..2], ["a new, 0 min", "b new, 0 min"]);
    test.server.put("/clouds", "198.51.0.0/16\n");
    let second = told(&test.refresh(&policy, 60).await);
    let refused =
        "a refused: it newly accuses 198.51.100.0/22, which is a cloud's, 60 min, not in use";
    assert_eq!(second, [refused, "b unchanged, 0 min", "clouds new, 0 min"]);
    assert_eq!(test.store.in_use(), "b 1, clouds 1");
    test.server.put("/a", "192.0.2.1\n");
    assert_eq!(told(&test.refresh(&policy, 120).await)[0], "a new, 0 min");
}

#[tokio::test]
async fn what_was_accused_stays_where_it_is_forgotten_when() {
    let test = Test::new().await;
    let feeds = [("clouds", "cloud", "/clouds".to_owned()), ("a", "tor", "/a".to_owned())];
    let policy = policy(&test.server, &feeds);
    test.server.put("/a", "198.51.100.0/22\n");
    test.server.put("/clouds", "192.0.2.0/24\n");
    test.refresh(&policy, 0).await;
    test.server.put("/clouds", "192.0.2.0/24\n198.51.0.0/16\n");
    test.store.files.lock().unwrap().remove("feeds.json");
    let told = told(&test.refresh(&policy, 60).await);
    assert_eq!(told, ["a unchanged, 0 min", "clouds new, 0 min"]);
}

#[tokio::test]
async fn a_copy_that_cannot_be_used_is_told_of() {
    let test = Test::new().await;
    let policy = policy(&test.server, &[("a", "tor", "/list".to_owned())]);
    test.refresh(&policy, 0).await;
    let damaged = Bytes::from_static(b"<html>");
    test.store.files.lock().unwrap().insert("feeds/a".to_owned(), damaged);
    let line = "a not due, 1 min, not in use: no address in it: it is an HTML page";
    assert_eq!(told(&test.refresh(&policy, 1).await), [line]);
}

#[tokio::test]
async fn what_was_published_is_made_anew_of_the_copies() {
    let test = Test::new().await;
    let feeds = policy(&test.server, &[("a", "tor", "/list".to_owned())]);
    assert_eq!(rebuild(LISTS, &feeds, &test.store, at(0)).await.unwrap(), None);
    test.refresh(&feeds, 0).await;
    let published = test.store.files.lock().unwrap().remove(LISTS);
    assert!(published.is_some());
    assert_eq!(rebuild(LISTS, &feeds, &test.store, at(1)).await.unwrap(), published);
    test.store.files.lock().unwrap().remove("feeds/a");
    assert_eq!(rebuild(LISTS, &feeds, &test.store, at(1)).await.unwrap(), None);
}
