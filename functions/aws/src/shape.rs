//! Deliver: what a message brings, told by its shape alone.
//!
//! Notices name objects; everything else is records, in a form that the readers know or refuse.
//! Promises that a message leads to a bounded number of objects in S3 and to nothing else: no
//! address that a message names is ever asked. Must not know the fields of records.

#[cfg(test)]
mod cases;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The most objects that a message may name.
const OBJECTS_MAX: usize = 1000;
/// How many envelopes may lie around a notice.
const DEPTH_MAX: usize = 4;
/// What CloudTrail says to a topic it is given, once.
const VALIDATION: &str = "CloudTrail validation message.";

/// Something that a message brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery<'a> {
    /// Records, themselves or in envelopes.
    Records(Cow<'a, str>),
    /// An object that has some.
    Object(Object),
}

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// In bytes, where the notice says it.
    pub(crate) size: Option<u64>,
}

/// Why a message leads nowhere, and never will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("a notice that names no object")]
    NoObject,
    #[error("a notice that names more than {OBJECTS_MAX} objects")]
    TooManyObjects,
    #[error("a notice in more than {DEPTH_MAX} envelopes")]
    TooDeep,
}

/// Tells what a message brings.
pub(crate) fn deliveries(message: &str) -> Result<Vec<Delivery<'_>>, Fault> {
    let mut found = Vec::new();
    open(Cow::Borrowed(message), 0, &mut found)?;
    Ok(found)
}

fn open<'a>(text: Cow<'a, str>, depth: usize, found: &mut Vec<Delivery<'a>>) -> Result<(), Fault> {
    match Shape::of(&text)? {
        Shape::Records => found.push(Delivery::Records(text)),
        Shape::Objects(objects) => {
            let objects = objects.into_iter().filter(|object| has_events(&object.key));
            found.extend(objects.map(Delivery::Object));
            if found.len() > OBJECTS_MAX {
                return Err(Fault::TooManyObjects);
            }
        }
        Shape::Envelopes(contents) => {
            if depth == DEPTH_MAX {
                return Err(Fault::TooDeep);
            }
            for content in contents {
                open(Cow::Owned(content), depth + 1, found)?;
            }
        }
    }
    Ok(())
}

/// What a text is.
enum Shape {
    Records,
    Objects(Vec<Object>),
    /// What lies in the envelopes of SNS.
    Envelopes(Vec<String>),
}

/// The members that tell. Whatever they hold is looked at later, so that none of them makes
/// another illegible.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<&'a RawValue>,
    #[serde(borrow, rename = "s3Bucket")]
    bucket: Option<&'a RawValue>,
    #[serde(borrow, rename = "s3ObjectKey")]
    keys: Option<&'a RawValue>,
    #[serde(borrow, rename = "Type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, rename = "Message")]
    message: Option<&'a RawValue>,
    #[serde(borrow, rename = "Event")]
    event: Option<&'a RawValue>,
}

impl Shape {
    fn of(text: &str) -> Result<Self, Fault> {
        let Ok(outline) = serde_json::from_str::<Outline<'_>>(text) else {
            let is_validation = text.trim_ascii() == VALIDATION;
            return Ok(if is_validation { Self::Objects(Vec::new()) } else { Self::Records });
        };
        // Nobody but EventBridge writes what stands beside this, so it is looked at first.
        if let Some(detail_type) = outline.detail_type.and_then(string) {
            let is_of_s3 = outline.source.and_then(string).as_deref() == Some("aws.s3");
            return match detail_type.as_str() {
                "Object Created" if is_of_s3 => {
                    let stored = outline.detail.and_then(read::<Stored>).ok_or(Fault::NoObject)?;
                    Ok(Self::Objects(vec![stored.plain()]))
                }
                other if is_of_s3 && other.starts_with("Object ") => Ok(Self::Objects(Vec::new())),
                _ => Ok(Self::Records),
            };
        }
        if let Some(records) = outline.records {
            return Self::of_records(records);
        }
        // CloudTrail's own.
        if let (Some(bucket), Some(keys)) = (outline.bucket, outline.keys) {
            let bucket = string(bucket).ok_or(Fault::NoObject)?;
            let keys = read::<Vec<String>>(keys).ok_or(Fault::NoObject)?.into_iter();
            let objects = keys.map(|key| Object { bucket: bucket.clone(), key, size: None });
            return Ok(Self::Objects(objects.collect()));
        }
        if let (Some(kind), Some(message)) = (outline.kind, outline.message)
            && string(kind).as_deref() == Some("Notification")
            && let Some(message) = string(message)
        {
            return Ok(Self::Envelopes(vec![message]));
        }
        if outline.event.and_then(string).as_deref() == Some("s3:TestEvent") {
            return Ok(Self::Objects(Vec::new()));
        }
        Ok(Self::Records)
    }

    /// Of what S3 and SNS call records, and CloudTrail too.
    fn of_records(records: &RawValue) -> Result<Self, Fault> {
        let Some(records) = read::<Vec<Record>>(records) else { return Ok(Self::Records) };
        match records.first().and_then(|first| first.source.as_deref()) {
            Some("aws:s3") => {
                let created = records.into_iter().filter(Record::is_creation);
                let objects = created.map(|record| record.s3?.decoded());
                objects.collect::<Option<_>>().map(Self::Objects).ok_or(Fault::NoObject)
            }
            Some("aws:sns") => {
                let messages = records.into_iter().map(|record| Some(record.sns?.message));
                messages.collect::<Option<_>>().map(Self::Envelopes).ok_or(Fault::NoObject)
            }
            _ => Ok(Self::Records),
        }
    }
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventSource", alias = "EventSource")]
    source: Option<String>,
    #[serde(rename = "eventName")]
    name: Option<String>,
    s3: Option<Stored>,
    #[serde(rename = "Sns")]
    sns: Option<Notification>,
}

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Message")]
    message: String,
}

/// An object, as S3 names it.
#[derive(Deserialize)]
struct Stored {
    bucket: StoredIn,
    object: StoredAs,
}

#[derive(Deserialize)]
struct StoredIn {
    name: String,
}

#[derive(Deserialize)]
struct StoredAs {
    key: String,
    size: Option<u64>,
}

impl Record {
    /// Other events tell of objects that are gone, or that were read when they came.
    fn is_creation(&self) -> bool {
        self.name.as_deref().is_none_or(|name| name.starts_with("ObjectCreated:"))
    }
}

impl Stored {
    /// As EventBridge has it.
    fn plain(self) -> Object {
        Object { bucket: self.bucket.name, key: self.object.key, size: self.object.size }
    }

    /// As S3's own notices have it.
    fn decoded(self) -> Option<Object> {
        let key = decoded(&self.object.key)?;
        Some(Object { key, ..self.plain() })
    }
}

/// A key as forms encode it.
fn decoded(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

/// Whether an object may have events. The bucket of a trail has digests, insights and counts of
/// them beside the events, and the logs of other services.
fn has_events(key: &str) -> bool {
    match key.rsplit_once("AWSLogs/") {
        Some((_, path)) => path
            .split('/')
            .any(|folder| matches!(folder, "CloudTrail" | "CloudTrail-NetworkActivity")),
        None => true,
    }
}

fn string(value: &RawValue) -> Option<String> {
    read(value)
}

fn read<T: for<'de> Deserialize<'de>>(value: &RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}
