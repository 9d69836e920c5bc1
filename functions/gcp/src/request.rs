//! Deliver: what a function URL hands over (payload format 2.0), and what it is answered.
//!
//! Promises that the body is not decoded before it is asked for, and that it is bounded. Must not
//! know what it holds, nor who may send it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// An entry of an audit log has 512 KiB at most, which are 700 KB in Base64.
const BODY_MAX_BYTES: usize = 1 << 20;

/// A request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    headers: Headers<'a>,
    #[serde(borrow, rename = "requestContext")]
    context: Context<'a>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// Their names are in lower case, and what came twice is joined by a comma.
#[derive(Debug, Deserialize)]
struct Headers<'a> {
    #[serde(borrow)]
    authorization: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Context<'a> {
    #[serde(borrow)]
    http: Http<'a>,
}

#[derive(Debug, Deserialize)]
struct Http<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
}

/// Why something is no push.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("reading an invocation: it is no request of a function URL")]
    NoRequest,
    #[error("reading the body of a request: it has none")]
    NoBody,
    #[error("reading the body of a request: it is not Base64")]
    NotBase64(#[source] base64::DecodeError),
    #[error("reading the body of a request: it is longer than {BODY_MAX_BYTES} bytes")]
    TooLong,
}

/// The answer to a request: a status, and nothing else. Pub/Sub repeats a push for all but the
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    Malformed,
    Unauthenticated,
    Forbidden,
    NotAPost,
    Unavailable,
}

impl<'a> Request<'a> {
    /// Reads the JSON text of an invocation.
    pub(crate) fn of(text: &'a str) -> Result<Self, Fault> {
        let request: Self = serde_json::from_str(text).map_err(|_| Fault::NoRequest)?;
        if request.version == "2.0" { Ok(request) } else { Err(Fault::NoRequest) }
    }

    pub(crate) fn is_post(&self) -> bool {
        self.context.http.method == "POST"
    }

    /// The header of that name.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.headers.authorization.as_deref()
    }

    /// The body, as it was sent.
    pub(crate) fn body(&self) -> Result<Vec<u8>, Fault> {
        let text: Option<Cow<'_, str>> =
            self.body.and_then(|body| serde_json::from_str(body.get()).ok());
        let text = text.filter(|text| !text.is_empty()).ok_or(Fault::NoBody)?;
        let body = if self.is_base64_encoded {
            STANDARD.decode(text.as_bytes()).map_err(Fault::NotBase64)?
        } else {
            text.into_owned().into_bytes()
        };
        if body.len() <= BODY_MAX_BYTES { Ok(body) } else { Err(Fault::TooLong) }
    }
}

impl Answer {
    fn status(self) -> u16 {
        match self {
            Self::Accepted => 204,
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotAPost => 405,
            Self::Unavailable => 503,
        }
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            status_code: u16,
        }
        Answer { status_code: self.status() }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A request as a function URL hands it over, with these members in the place of its own.
    fn event(members: Value) -> String {
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/",
            "rawQueryString": "",
            "headers": {
                "authorization": "Bearer a.b.c",
                "content-type": "application/json",
                "from": "noreply@google.com",
                "x-forwarded-for": "203.0.113.7",
            },
            "requestContext": {
                "accountId": "anonymous",
                "domainName": "example.lambda-url.eu-west-1.on.aws",
                "http": {
                    "method": "POST",
                    "path": "/",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.7",
                    "userAgent": "CloudPubSub-Google",
                },
                "timeEpoch": 1_772_443_500_000_i64,
            },
            "body": "{\"message\":{}}",
            "isBase64Encoded": false,
        });
        if let Value::Object(members) = members {
            for (name, member) in members {
                event[&name] = member;
            }
        }
        event.to_string()
    }

    fn body(members: Value) -> Result<String, String> {
        let text = event(members);
        let body = Request::of(&text).unwrap().body();
        body.map(|body| String::from_utf8_lossy(&body).into_owned()).map_err(|it| it.to_string())
    }

    #[test]
    fn a_request() {
        let text = event(json!({}));
        let request = Request::of(&text).unwrap();
        assert!(request.is_post());
        assert_eq!(request.authorization(), Some("Bearer a.b.c"));
        let text = event(json!({ "headers": {} }));
        assert_eq!(Request::of(&text).unwrap().authorization(), None);
        for method in ["GET", "PUT", "post", ""] {
            let text = event(json!({ "requestContext": { "http": { "method": method } } }));
            assert!(!Request::of(&text).unwrap().is_post(), "{method}");
        }
    }

    #[test]
    fn what_is_no_request() {
        let twice = r#"{"authorization":"Bearer a","authorization":"Bearer b"}"#;
        let twice = event(json!({ "headers": "?" })).replace("\"?\"", twice);
        for text in [
            "null",
            "7",
            "[]",
            "{}",
            r#"{"Records":[]}"#,
            &event(json!({ "version": "1.0" })),
            &event(json!({ "headers": null })),
            &event(json!({ "headers": { "authorization": 7 } })),
            &event(json!({ "headers": { "authorization": ["a", "b"] } })),
            &event(json!({ "requestContext": {} })),
            &event(json!({ "isBase64Encoded": "true" })),
            &twice,
        ] {
            assert!(Request::of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bodies() {
        let long = "a".repeat(BODY_MAX_BYTES);
        let longer = format!("{long}a");
        let base64 = |text: &str| json!({ "body": STANDARD.encode(text), "isBase64Encoded": true });
        let no_body = "reading the body of a request: it has none";
        let not_base64 = "reading the body of a request: it is not Base64";
        let too_long = "reading the body of a request: it is longer than 1048576 bytes";
        for (name, members, expected) in [
            ("plain", json!({}), Ok("{\"message\":{}}")),
            ("escaped", json!({ "body": "\u{e9}\n\"" }), Ok("\u{e9}\n\"")),
            ("in Base64", base64("{}\n"), Ok("{}\n")),
            ("Base64 of nothing", base64(""), Err(no_body)),
            ("Base64 that is plain", json!({ "body": "e30K" }), Ok("e30K")),
            ("as long as it may be", json!({ "body": long }), Ok(&*long)),
            ("longer", json!({ "body": longer }), Err(too_long)),
            ("longer in Base64", base64(&longer), Err(too_long)),
            ("none", json!({ "body": null }), Err(no_body)),
            ("empty", json!({ "body": "" }), Err(no_body)),
            ("no text", json!({ "body": {} }), Err(no_body)),
            ("no Base64", json!({ "body": "{}", "isBase64Encoded": true }), Err(not_base64)),
            ("cut Base64", json!({ "body": "e30", "isBase64Encoded": true }), Err(not_base64)),
        ] {
            assert_eq!(body(members).as_deref().map_err(String::as_str), expected, "{name}");
        }
        let mut without: Value = serde_json::from_str(&event(json!({}))).unwrap();
        without.as_object_mut().unwrap().retain(|name, _| name != "body");
        let text = without.to_string();
        assert!(matches!(Request::of(&text).unwrap().body(), Err(Fault::NoBody)));
    }

    #[test]
    fn an_answer_is_its_status() {
        for (answer, status) in [
            (Answer::Accepted, 204),
            (Answer::Malformed, 400),
            (Answer::Unauthenticated, 401),
            (Answer::Forbidden, 403),
            (Answer::NotAPost, 405),
            (Answer::Unavailable, 503),
        ] {
            assert_eq!(serde_json::to_value(answer).unwrap(), json!({ "statusCode": status }));
        }
    }
}
