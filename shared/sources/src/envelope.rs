//! Decode: what the services that carry records wrap around one, told by shape.
//!
//! Promises bounded memory for what it opens. Knows the keys of carriers, none of records.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::gunzip;
use crate::lenient::Text;
use crate::stream::Members;

/// An object around a record, or around a container of records.
#[derive(Debug)]
pub(crate) struct Envelope<'t> {
    content: Content<'t>,
    /// Whether it can be nothing else. Otherwise the object may be a record itself, with a field
    /// of the same name.
    pub(crate) is_sure: bool,
}

/// The text of a JSON value that is, or holds, the content.
#[derive(Clone, Copy, Debug)]
enum Content<'t> {
    /// An object.
    Inline(&'t str),
    /// A string that holds JSON.
    Quoted(&'t str),
    /// A string that holds JSON, or gzip of it, in Base64.
    Base64(&'t str),
}

/// A member that makes its object an envelope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'t> {
    /// Which of several members has the record: the lowest.
    pub(crate) rank: u8,
    content: Content<'t>,
    sure: Sure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sure {
    Always,
    WithDetailType,
    AsNotification,
    Never,
}

impl<'t> Candidate<'t> {
    /// Looks at a member of an object.
    pub(crate) fn of(key: &str, value: &'t str) -> Option<Self> {
        let is_object = value.starts_with('{');
        let has_json = is_json_text(value);
        let (rank, content, sure) = match key {
            // EventBridge
            "detail" if is_object => (0, Content::Inline(value), Sure::WithDetailType),
            // CloudTrail, lookup-events
            "CloudTrailEvent" if has_json => (1, Content::Quoted(value), Sure::Always),
            // CloudWatch Logs subscription; Pub/Sub push and pull
            "awslogs" | "message" if is_object => {
                let data = Members::new(value).find("data").filter(|data| data.starts_with('"'))?;
                (2, Content::Base64(data), Sure::Always)
            }
            // SNS
            "Message" if has_json => (3, Content::Quoted(value), Sure::AsNotification),
            // Elastic
            "event.original" if has_json => (4, Content::Quoted(value), Sure::Never),
            "event" if is_object => {
                match Members::new(value).find("original").filter(|text| is_json_text(text)) {
                    Some(original) => (4, Content::Quoted(original), Sure::Never),
                    // Splunk HEC
                    None => (6, Content::Inline(value), Sure::Never),
                }
            }
            "event" if has_json => (6, Content::Quoted(value), Sure::Never),
            // CloudWatch Logs events, Elastic, and most shippers
            "message" if has_json => (5, Content::Quoted(value), Sure::Never),
            "_source" if is_object => (7, Content::Inline(value), Sure::Never),
            _ => return None,
        };
        Some(Self { rank, content, sure })
    }

    /// The envelope, given what the other members of its object say.
    pub(crate) fn into_envelope(
        self,
        has_detail_type: bool,
        is_notification: bool,
    ) -> Envelope<'t> {
        let is_sure = match self.sure {
            Sure::Always => true,
            Sure::WithDetailType => has_detail_type,
            Sure::AsNotification => is_notification,
            Sure::Never => false,
        };
        Envelope { content: self.content, is_sure }
    }
}

impl<'t> Envelope<'t> {
    /// The text inside; none where there is no opening it.
    pub(crate) fn open(&self) -> Option<Cow<'t, str>> {
        let unquoted = |text| serde_json::from_str::<Text<'t>>(text).ok().map(Text::into_cow);
        match self.content {
            Content::Inline(text) => Some(Cow::Borrowed(text)),
            Content::Quoted(text) => unquoted(text),
            Content::Base64(text) => {
                let bytes = LENIENT_BASE64.decode(unquoted(text)?.as_bytes()).ok()?;
                let bytes =
                    if gunzip::is_gzip(&bytes) { gunzip::inflate_document(&bytes)? } else { bytes };
                Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
            }
        }
    }
}

/// Base64 with or without padding.
const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether the text of a JSON value is a string that may hold a JSON object or array.
pub(crate) fn is_json_text(value: &str) -> bool {
    let Some(mut inner) = value.strip_prefix('"') else {
        return false;
    };
    while let Some(rest) =
        [" ", r"\n", r"\r", r"\t"].iter().find_map(|space| inner.strip_prefix(space))
    {
        inner = rest;
    }
    inner.starts_with(['{', '['])
}
