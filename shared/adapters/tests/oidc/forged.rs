//! Headers that nobody is to be let in with, one row each.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use callerwatch_adapters::oidc::{Denied, Fault};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{collection, sample};
use ring::hmac;
use ring::signature::{RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};

use crate::issuer::{Pair, message};
use crate::{HOUR_SECS, NOW_SECS, bearer, claims, header, with};

/// What comes before an `RSAPublicKey` of 2,048 bits in a `SubjectPublicKeyInfo` (RFC 5280).
const SPKI_PREFIX: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
    0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
];

/// What it is, the header, and why it is refused.
type Case = (&'static str, Option<String>, Denied);

/// All of them. Who sends them knows the public keys, but no private one.
pub(crate) fn cases() -> Vec<Case> {
    [of_headers(), of_algorithms(), of_keys(), of_parts(), of_claims()].concat()
}

fn no(name: &'static str, authorization: impl Into<String>, fault: Fault) -> Case {
    (name, Some(authorization.into()), Denied::Unauthenticated(fault))
}

/// A good token.
fn token() -> String {
    Pair::issuer().token(&header(), &claims())
}

/// Headers of bearers whose parts are anything, JSON more often than not.
pub(crate) fn any_bearer() -> impl Strategy<Value = String> {
    const NAMES: &[&str] =
        &["alg", "kid", "typ", "crit", "jwk", "kty", "n", "e", "x5c", "zip", "iss", "exp"];
    const VALUES: &[&str] =
        &["RS256", "HS256", "none", "key-1", "RSA", "EC", "AQAB", "", "JWT", "deflate"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        sample::select(VALUES).prop_map(Value::from),
    ];
    let json = leaf.prop_recursive(3, 24, 6, |inner| {
        let members = collection::vec((sample::select(NAMES), inner.clone()), 0..6);
        prop_oneof![
            collection::vec(inner, 0..3).prop_map(Value::from),
            members.prop_map(|all| all.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    });
    let part = prop_oneof![
        3 => json.prop_map(|json| URL_SAFE_NO_PAD.encode(json.to_string())),
        1 => collection::vec(any::<u8>(), 0..40).prop_map(|bytes| URL_SAFE_NO_PAD.encode(bytes)),
        1 => "[A-Za-z0-9_-]{0,20}",
    ];
    let known = Just(URL_SAFE_NO_PAD.encode(header().to_string()));
    (prop_oneof![known, part.clone()], collection::vec(part, 0..4))
        .prop_map(|(head, rest)| bearer(&[vec![head], rest].concat().join(".")))
}

fn of_headers() -> Vec<Case> {
    let token = token();
    let header = |name, text: String| no(name, text, Fault::NotBearer);
    vec![
        ("none", None, Denied::Unauthenticated(Fault::Missing)),
        header("empty", String::new()),
        header("the scheme alone", "Bearer".to_owned()),
        no("no token", "Bearer ", Fault::Malformed),
        header("a token alone", token.clone()),
        header("Basic", format!("Basic {}", STANDARD.encode("user:password"))),
        header("a token as Basic", format!("Basic {token}")),
        header("duplicated", format!("Bearer {token},Bearer {token}")),
        header("duplicated, with a space", format!("Bearer {token}, Bearer {token}")),
        header("two tokens", format!("Bearer {token} {token}")),
        header("two schemes", format!("Bearer Bearer {token}")),
        header("a space before", format!(" Bearer {token}")),
        header("a space behind", format!("Bearer {token} ")),
        header("two spaces", format!("Bearer  {token}")),
        header("a tab", format!("Bearer\t{token}")),
        header("a line break within", format!("Bearer {}\n{}", &token[..100], &token[100..])),
        header("a line break behind", format!("Bearer {token}\r\n")),
        header("a no-break space", format!("Bearer\u{a0}{token}")),
        header("padded", format!("Bearer {token}=")),
        header("quoted", format!("Bearer \"{token}\"")),
        no("huge", format!("Bearer {}", "A".repeat(5_000_000)), Fault::TooLong),
        no("long", format!("Bearer {token}.{}", "A".repeat(4096)), Fault::TooLong),
    ]
}

fn of_algorithms() -> Vec<Case> {
    let pair = Pair::issuer();
    let RsaPublicKeyComponents { n, .. } = pair.components();
    let spki = [&SPKI_PREFIX[..], pair.der()].concat();
    let algorithm = |name: &str| with(header(), json!({ "alg": name }));
    let signed = |secret: &[u8]| {
        let message = message(&algorithm("HS256"), &claims());
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, message.as_bytes());
        bearer(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag)))
    };
    let rsa = |encoding, name| bearer(&pair.token_with(encoding, &algorithm(name), &claims()));
    let none = message(&algorithm("none"), &claims());
    vec![
        no("none, unsigned", bearer(&format!("{none}.")), Fault::Malformed),
        no("none, signed", bearer(&pair.token(&algorithm("none"), &claims())), Fault::Malformed),
        no("nOnE", bearer(&pair.token(&algorithm("nOnE"), &claims())), Fault::Malformed),
        no("no algorithm", bearer(&pair.token(&algorithm(""), &claims())), Fault::Malformed),
        no("HS256 with the modulus", signed(&n), Fault::Algorithm),
        no("HS256 with the DER", signed(pair.der()), Fault::Algorithm),
        no("HS256 with the DER of SPKI", signed(&spki), Fault::Algorithm),
        no("HS256 with the PEM", signed(&pem("RSA PUBLIC KEY", pair.der())), Fault::Algorithm),
        no("HS256 with the PEM of SPKI", signed(&pem("PUBLIC KEY", &spki)), Fault::Algorithm),
        no("HS256 with nothing", signed(b""), Fault::Algorithm),
        no("RS384", rsa(&RSA_PKCS1_SHA384, "RS384"), Fault::Algorithm),
        no("RS512", rsa(&RSA_PKCS1_SHA512, "RS512"), Fault::Algorithm),
        no("PS256", rsa(&RSA_PSS_SHA256, "PS256"), Fault::Algorithm),
        no("RS384 that says RS256", rsa(&RSA_PKCS1_SHA384, "RS256"), Fault::Signature),
        no("PS256 that says RS256", rsa(&RSA_PSS_SHA256, "RS256"), Fault::Signature),
        no(
            "RS256 that says ES256",
            bearer(&pair.token(&algorithm("ES256"), &claims())),
            Fault::Algorithm,
        ),
    ]
}

fn of_keys() -> Vec<Case> {
    let (pair, stranger) = (Pair::issuer(), Pair::stranger());
    let signed = |pair: &Pair, members| bearer(&pair.token(&with(header(), members), &claims()));
    let jwk = stranger.jwk("key-1");
    vec![
        no("no key", signed(&pair, json!({ "kid": null })), Fault::NoKey),
        no("an empty key", signed(&pair, json!({ "kid": "" })), Fault::NoKey),
        no("a key of another type", signed(&pair, json!({ "kid": 1 })), Fault::Malformed),
        no("an unknown key", signed(&stranger, json!({ "kid": "key-9" })), Fault::UnknownKey),
        no("a path", signed(&stranger, json!({ "kid": "../../dev/null" })), Fault::UnknownKey),
        no("the key of another issuer", signed(&stranger, json!({})), Fault::Signature),
        no("a key within", signed(&stranger, json!({ "jwk": jwk })), Fault::Signature),
        no(
            "a key within, of another name",
            signed(&stranger, json!({ "jwk": stranger.jwk("key-8"), "kid": "key-8" })),
            Fault::UnknownKey,
        ),
        no(
            "keys elsewhere",
            signed(&stranger, json!({ "jku": "https://keys.example.com/" })),
            Fault::Signature,
        ),
        no(
            "a certificate elsewhere",
            signed(&stranger, json!({ "x5u": "https://keys.example.com/" })),
            Fault::Signature,
        ),
        no("a certificate within", signed(&stranger, json!({ "x5c": ["AAAA"] })), Fault::Signature),
        no("critical extensions", signed(&pair, json!({ "crit": ["exp"] })), Fault::Critical),
        no("no critical extensions", signed(&pair, json!({ "crit": [] })), Fault::Critical),
        no(
            "an unencoded payload",
            signed(&pair, json!({ "crit": ["b64"], "b64": false })),
            Fault::Critical,
        ),
    ]
}

fn of_parts() -> Vec<Case> {
    let token = token();
    let [head, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        return Vec::new();
    };
    let joined = |parts: &[&str]| bearer(&parts.join("."));
    let tampered = URL_SAFE_NO_PAD
        .encode(with(claims(), json!({ "sub": "222222222222222222222" })).to_string());
    let zeros = URL_SAFE_NO_PAD.encode([0; 256]);
    let twice = r#"{"alg":"RS256","alg":"RS256","kid":"key-1"}"#;
    vec![
        no("one part", joined(&[head]), Fault::Malformed),
        no("two parts", joined(&[head, payload]), Fault::Malformed),
        no("four parts", joined(&[head, payload, signature, signature]), Fault::Malformed),
        no("dots", bearer(".."), Fault::Malformed),
        no("no header", joined(&["", payload, signature]), Fault::Malformed),
        no("no signature", joined(&[head, payload, ""]), Fault::Signature),
        no("a truncated signature", joined(&[head, payload, &signature[..300]]), Fault::Signature),
        no("a truncated payload", joined(&[head, &payload[..40], signature]), Fault::Signature),
        no("a truncated header", joined(&[&head[..12], payload, signature]), Fault::Malformed),
        no("a tampered payload", joined(&[head, &tampered, signature]), Fault::Signature),
        no("a signature of zeros", joined(&[head, payload, &zeros]), Fault::Signature),
        no(
            "two algorithms",
            joined(&[&URL_SAFE_NO_PAD.encode(twice), payload, signature]),
            Fault::Malformed,
        ),
        no("a header that is no object", joined(&["W10", payload, signature]), Fault::Malformed),
        no(
            "an encrypted token",
            joined(&[head, "", payload, payload, signature]),
            Fault::Malformed,
        ),
    ]
}

fn of_claims() -> Vec<Case> {
    let pair = Pair::issuer();
    let of = |claims: &Value| bearer(&pair.token(&header(), claims));
    let claim = |name, members, fault| no(name, of(&with(claims(), members)), fault);
    let other =
        |name, members, fault| (name, Some(of(&with(claims(), members))), Denied::Forbidden(fault));
    let audience = claims().get("aud").cloned();
    vec![
        claim("no issuer", json!({ "iss": null }), Fault::Malformed),
        claim("another issuer", json!({ "iss": "https://accounts.example.com" }), Fault::Issuer),
        claim(
            "an issuer with a slash",
            json!({ "iss": "https://accounts.google.com/" }),
            Fault::Issuer,
        ),
        claim(
            "an issuer without TLS",
            json!({ "iss": "http://accounts.google.com" }),
            Fault::Issuer,
        ),
        claim("issuers", json!({ "iss": ["accounts.google.com"] }), Fault::Malformed),
        claim("no audience", json!({ "aud": null }), Fault::Malformed),
        claim("another audience", json!({ "aud": "https://example.com/" }), Fault::Audience),
        claim("an empty audience", json!({ "aud": "" }), Fault::Audience),
        claim("audiences", json!({ "aud": [audience, "https://example.com/"] }), Fault::Malformed),
        claim("no end", json!({ "exp": null }), Fault::Malformed),
        claim("an end in words", json!({ "exp": "never" }), Fault::Malformed),
        claim(
            "expired",
            json!({ "exp": NOW_SECS - 60, "iat": NOW_SECS - HOUR_SECS }),
            Fault::Expired,
        ),
        claim("expired long ago", json!({ "exp": i64::MIN }), Fault::Expired),
        claim("no start", json!({ "iat": null }), Fault::Malformed),
        claim("issued later", json!({ "iat": NOW_SECS + 61 }), Fault::NotYetValid),
        claim("valid later", json!({ "nbf": NOW_SECS + 61 }), Fault::NotYetValid),
        claim("valid at the end", json!({ "nbf": i64::MAX, "exp": i64::MAX }), Fault::NotYetValid),
        claim("claims that are too large", json!({ "exp": 1e300 }), Fault::Malformed),
        other("no account", json!({ "email": null }), Fault::Account),
        other(
            "another account",
            json!({ "email": "mallory@other.iam.gserviceaccount.com" }),
            Fault::Account,
        ),
        other("an empty account", json!({ "email": "" }), Fault::Account),
        other(
            "not said to be verified",
            json!({ "email_verified": null }),
            Fault::AccountNotVerified,
        ),
        other("not verified", json!({ "email_verified": false }), Fault::AccountNotVerified),
        claim("verified in words", json!({ "email_verified": "true" }), Fault::Malformed),
        no("claims that are no object", of(&json!([])), Fault::Malformed),
    ]
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).into_bytes()
}
