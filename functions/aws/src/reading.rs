//! Deliver to observe: the messages of an invocation, and the objects that they name, are read.
//!
//! Promises that a message fails by itself, and only where the world does; what can never be read
//! is set aside. Objects are held a few at once, and none is begun when time is short, so that what
//! was read by then is settled.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::error::Error;

use callerwatch_adapters::clock;
use callerwatch_adapters::objects::Objects;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_pipeline::{BadInput, Intake};
use futures_util::stream::{self, StreamExt};

use crate::shape::{self, Delivery, Object};

/// How many objects are fetched at once.
const AT_ONCE: usize = 8;
/// Larger ones are fetched one by one. Events are delivered in objects far smaller than that.
const SMALL_MAX_BYTES: u64 = 4 << 20;

/// What came of reading.
#[derive(Debug, Default)]
pub(crate) struct Read<'a> {
    /// The places of the messages that are to come back.
    pub(crate) failed: BTreeSet<usize>,
    pub(crate) bad: Vec<Bad<'a>>,
}

/// Something that can never be read, at least in part.
#[derive(Debug)]
pub(crate) struct Bad<'a> {
    pub(crate) why: String,
    /// What it is; of an object, where it is.
    pub(crate) content: Cow<'a, str>,
}

/// Reads messages. No object is begun after `until`.
pub(crate) async fn read<'a>(
    bodies: &[&'a str],
    intake: &mut Intake<'_>,
    objects: &Objects,
    until: Timestamp,
) -> Read<'a> {
    let mut read = Read::default();
    let mut wanted = Vec::new();
    for (place, body) in bodies.iter().enumerate() {
        let deliveries = match shape::deliveries(body) {
            Ok(deliveries) => deliveries,
            Err(fault) => {
                read.bad.push(Bad { why: fault.to_string(), content: Cow::Borrowed(body) });
                continue;
            }
        };
        for delivery in deliveries {
            match delivery {
                Delivery::Records(text) => {
                    let bad = intake.read(place, &mut text.as_bytes());
                    read.set_aside(bad, text);
                }
                Delivery::Object(object) => wanted.push((place, object)),
            }
        }
    }
    let (small, large) = wanted
        .into_iter()
        .partition::<Vec<_>, _>(|(_, object)| object.size.is_none_or(|it| it <= SMALL_MAX_BYTES));
    read.read_objects(small, AT_ONCE, intake, objects, until).await;
    read.read_objects(large, 1, intake, objects, until).await;
    read
}

impl<'a> Read<'a> {
    async fn read_objects(
        &mut self,
        wanted: Vec<(usize, Object)>,
        at_once: usize,
        intake: &mut Intake<'_>,
        objects: &Objects,
        until: Timestamp,
    ) {
        let requests = wanted.into_iter().map(async |(place, object): (usize, Object)| {
            if clock::now() > until {
                return (place, object, None);
            }
            let fetched = objects.fetch(&object.bucket, &object.key, None).await;
            (place, object, Some(fetched))
        });
        let mut fetched = stream::iter(requests).buffer_unordered(at_once);
        while let Some((place, Object { bucket, key, .. }, fetched)) = fetched.next().await {
            let name = || Cow::Owned(format!("s3://{bucket}/{key}"));
            match fetched {
                Some(Ok(bytes)) => {
                    let bad = intake.read(place, &mut bytes.as_ref());
                    self.set_aside(bad, name());
                }
                Some(Err(error)) if error.is_input() => {
                    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                    self.bad.push(Bad { why, content: name() });
                }
                Some(Err(error)) => {
                    tracing::error!(error = &error as &dyn Error, "an object was not read");
                    self.failed.insert(place);
                }
                None => {
                    tracing::error!(object = %name(), "no time was left to read an object");
                    self.failed.insert(place);
                }
            }
        }
    }

    /// What is wrong with one input is one thing, however many records it is wrong with.
    fn set_aside(&mut self, bad: Vec<BadInput>, content: Cow<'a, str>) {
        if !bad.is_empty() {
            let why = bad.into_iter().map(|it| it.why).collect::<Vec<_>>().join("; ");
            self.bad.push(Bad { why, content });
        }
    }
}
