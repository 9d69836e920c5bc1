//! The token verifier against an issuer that really serves its keys: who is let in, who is not, and
//! how often the issuer is asked.

#![expect(clippy::expect_used, reason = "what a test cannot do without fails it")]

mod forged;
mod issuer;

use std::cell::RefCell;

use callerwatch_adapters::https::Url;
use callerwatch_adapters::oidc::{Denied, Expected, Fault, KeyStore, Verifier};
use callerwatch_detection::timestamp::Timestamp;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_oneof, proptest};
use serde_json::{Value, json};

use crate::issuer::{Answer, Pair, Server};

const AUDIENCE: &str = "https://example.lambda-url.eu-west-1.on.aws/";
const ACCOUNT: &str = "callerwatch-push@example-project.iam.gserviceaccount.com";
const NOW_SECS: i64 = 1_772_443_500;
const HOUR_SECS: i64 = 3600;

/// So many seconds after the tokens of these tests were sent.
fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis((NOW_SECS + secs) * 1000).expect("a time")
}

fn verifier(url: Url) -> Verifier {
    let expected = Expected { audience: AUDIENCE.to_owned(), service_account: ACCOUNT.to_owned() };
    Verifier::new(expected, KeyStore::new(url))
}

/// What Google signs.
fn header() -> Value {
    json!({ "alg": "RS256", "kid": "key-1", "typ": "JWT" })
}

fn claims() -> Value {
    json!({
        "aud": AUDIENCE,
        "azp": "111111111111111111111",
        "email": ACCOUNT,
        "email_verified": true,
        "exp": NOW_SECS + HOUR_SECS,
        "iat": NOW_SECS,
        "iss": "https://accounts.google.com",
        "sub": "111111111111111111111",
    })
}

/// It, with these members in the place of its own; a null takes one away.
fn with(value: Value, members: Value) -> Value {
    let (Value::Object(mut all), Value::Object(members)) = (value, members) else {
        return Value::Null;
    };
    for (name, member) in members {
        if member.is_null() {
            all.remove(&name);
        } else {
            all.insert(name, member);
        }
    }
    Value::Object(all)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A header that is let in for an hour, from `secs` after [`at`]`(0)`.
fn good(pair: &Pair, key: &str, secs: i64) -> String {
    let times = json!({ "iat": NOW_SECS + secs, "exp": NOW_SECS + secs + HOUR_SECS });
    bearer(&pair.token(&with(header(), json!({ "kid": key })), &with(claims(), times)))
}

#[tokio::test]
async fn good_tokens_are_let_in() {
    let pair = Pair::issuer();
    let server = Server::of_keys(&[Pair::stranger().jwk("key-0"), pair.jwk("key-1")]);
    let mut verifier = verifier(server.url());
    let token = pair.token(&header(), &claims());
    let changed = |members| bearer(&pair.token(&header(), &with(claims(), members)));
    for (name, authorization) in [
        ("as Google sends it", bearer(&token)),
        ("lower case", format!("bearer {token}")),
        ("upper case", format!("BEARER {token}")),
        ("the other form of the issuer", changed(json!({ "iss": "accounts.google.com" }))),
        ("expired within the leeway", changed(json!({ "exp": NOW_SECS - 59 }))),
        ("issued within the leeway", changed(json!({ "iat": NOW_SECS + 60 }))),
        ("valid within the leeway", changed(json!({ "nbf": NOW_SECS + 60 }))),
        ("with more claims", changed(json!({ "google": { "compute_engine": {} } }))),
    ] {
        assert_eq!(verifier.verify(Some(&authorization), at(0)).await, Ok(()), "{name}");
    }
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn forged_tokens_are_not_let_in() {
    let server = Server::of_keys(&[Pair::issuer().jwk("key-1")]);
    let mut warm = verifier(server.url());
    assert_eq!(warm.verify(Some(&good(&Pair::issuer(), "key-1", 0)), at(0)).await, Ok(()));
    let cases = forged::cases();
    assert!(cases.len() >= 25, "{} cases", cases.len());
    for (name, authorization, expected) in &cases {
        let authorization = authorization.as_deref();
        assert_eq!(warm.verify(authorization, at(0)).await, Err(*expected), "{name}");
        // By one that has no keys yet, too.
        let mut cold = verifier(server.url());
        assert_eq!(cold.verify(authorization, at(0)).await, Err(*expected), "cold: {name}");
    }
    // They spoil it for nobody.
    assert_eq!(warm.verify(Some(&good(&Pair::issuer(), "key-1", 0)), at(1)).await, Ok(()));
}

#[test]
fn nothing_that_is_sent_is_let_in_or_breaks_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let server = Server::of_keys(&[Pair::issuer().jwk("key-1")]);
    let verifier = RefCell::new(verifier(server.url()));
    let sent = prop_oneof![any::<String>(), "[Bb]earer [ -~]{0,60}", forged::any_bearer()];
    proptest!(ProptestConfig::with_cases(1000), |(sent in sent)| {
        let denied = runtime.block_on(verifier.borrow_mut().verify(Some(&sent), at(0)));
        prop_assert!(matches!(denied, Err(Denied::Unauthenticated(_))), "{denied:?}");
    });
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn no_forged_token_makes_it_ask_more_than_once_a_minute() {
    let mut cases = forged::cases();
    // These come to be valid as time passes.
    cases.retain(|(_, _, denied)| *denied != Denied::Unauthenticated(Fault::NotYetValid));
    for answer in [Answer::of_keys(&[Pair::issuer().jwk("key-1")]), Answer::Status("500 No")] {
        let server = Server::start(answer);
        let mut verifier = verifier(server.url());
        for secs in 0..600 {
            for (_, authorization, _) in &cases {
                assert!(verifier.verify(authorization.as_deref(), at(secs)).await.is_err());
            }
        }
        assert_eq!(server.asked(), 10);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_let_nobody_in() {
    let pair = Pair::issuer();
    let elsewhere = Server::of_keys(&[pair.jwk("key-1")]);
    let jwk = |members| with(pair.jwk("key-1"), members);
    let document = |text: &str| Answer::Document(text.to_owned());
    for (name, answer) in [
        ("slow", Answer::Silence),
        ("stalled", Answer::Stall),
        ("huge", Answer::Endless),
        ("hung up", Answer::Away),
        ("too large", Answer::of_keys(&[jwk(json!({ "x": "x".repeat(65_536) }))])),
        ("not JSON", document("<!doctype html>")),
        ("empty", document("")),
        ("no set", document("{}")),
        ("another set", document(r#"{"keys":7}"#)),
        ("no keys", Answer::of_keys(&[])),
        ("for encryption", Answer::of_keys(&[jwk(json!({ "use": "enc" }))])),
        ("for RS384", Answer::of_keys(&[jwk(json!({ "alg": "RS384" }))])),
        ("without a name", Answer::of_keys(&[jwk(json!({ "kid": null }))])),
        ("not RSA", Answer::of_keys(&[json!({ "kty": "oct", "kid": "key-1", "k": "AAAA" })])),
        ("not Base64", Answer::of_keys(&[jwk(json!({ "n": "!" }))])),
        ("unavailable", Answer::Status("503 Service Unavailable")),
        ("nothing there", Answer::Status("204 No Content")),
        ("elsewhere", Answer::Elsewhere(elsewhere.url().as_str().to_owned())),
    ] {
        let server = Server::start(answer);
        let mut verifier = verifier(server.url());
        let authorization = good(&pair, "key-1", 0);
        for secs in [0, 1, 59] {
            let answer = verifier.verify(Some(&authorization), at(secs)).await;
            assert_eq!(answer, Err(Denied::Unavailable), "{name}");
        }
        assert_eq!(server.asked(), 1, "{name}");
        // It recovers with the issuer.
        server.set(Answer::of_keys(&[pair.jwk("key-1")]));
        assert_eq!(verifier.verify(Some(&authorization), at(60)).await, Ok(()), "{name}");
        assert_eq!(server.asked(), 2, "{name}");
    }
    assert_eq!(elsewhere.asked(), 0, "a redirect is not followed");
}

#[tokio::test]
async fn one_bad_key_does_not_spoil_the_others() {
    let pair = Pair::issuer();
    let server = Server::of_keys(&[
        json!({ "kty": "EC", "crv": "P-256", "kid": "key-2", "x": "AAAA", "y": "AAAA" }),
        json!({ "kty": "of the future", "kid": "key-3", "use": "what", "alg": "ML-DSA-65" }),
        pair.jwk("key-1"),
    ]);
    let mut verifier = verifier(server.url());
    assert_eq!(verifier.verify(Some(&good(&pair, "key-1", 0)), at(0)).await, Ok(()));
}

#[tokio::test]
async fn keys_serve_while_the_issuer_is_away() {
    let pair = Pair::issuer();
    let server = Server::of_keys(&[pair.jwk("key-1")]);
    let mut verifier = verifier(server.url());
    assert_eq!(verifier.verify(Some(&good(&pair, "key-1", 0)), at(0)).await, Ok(()));
    for (times, answer) in [
        Answer::Away,
        Answer::Silence,
        Answer::Status("500 No"),
        Answer::Document("<html>".to_owned()),
        Answer::of_keys(&[]),
    ]
    .into_iter()
    .enumerate()
    {
        server.set(answer);
        let secs = 5 * HOUR_SECS + 120 * i64::try_from(times).expect("a small number");
        for secs in secs..secs + 60 {
            let authorization = good(&pair, "key-1", secs);
            assert_eq!(verifier.verify(Some(&authorization), at(secs)).await, Ok(()));
        }
        assert_eq!(server.asked(), 2 + times);
    }
}

#[tokio::test]
async fn keys_are_rotated() {
    let (old, new) = (Pair::issuer(), Pair::stranger());
    let server = Server::of_keys(&[old.jwk("key-1")]);
    let mut verifier = verifier(server.url());
    assert_eq!(verifier.verify(Some(&good(&old, "key-1", 0)), at(0)).await, Ok(()));
    server.set(Answer::of_keys(&[old.jwk("key-1"), new.jwk("key-2")]));
    let unknown = Err(Denied::Unauthenticated(Fault::UnknownKey));
    assert_eq!(verifier.verify(Some(&good(&new, "key-2", 0)), at(59)).await, unknown);
    assert_eq!(verifier.verify(Some(&good(&new, "key-2", 0)), at(60)).await, Ok(()));
    assert_eq!(server.asked(), 2);
    // One that is withdrawn is trusted for an hour at most.
    server.set(Answer::of_keys(&[new.jwk("key-2")]));
    let late = good(&old, "key-1", HOUR_SECS);
    assert_eq!(verifier.verify(Some(&late), at(HOUR_SECS + 59)).await, Ok(()));
    assert_eq!(verifier.verify(Some(&late), at(HOUR_SECS + 60)).await, unknown);
    assert_eq!(server.asked(), 3);
}
