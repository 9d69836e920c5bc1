//! Deliver to observe: the messages of an invocation, and the objects that they name, are read.
//!
//! Promises that a message fails by itself, and only where the world does; what can never be read
//! is set aside. Objects are held a few at once, and none is begun when time is short, so that what
//! was read by then is settled.

use std::borrow::Cow;
use std::error::Error;

use callerwatch_adapters::clock;
use callerwatch_adapters::objects::Objects;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_host::{Bad, Intake, Read};
use futures_util::stream::{self, StreamExt};

use crate::shape::{self, Delivery, Object};

/// How many objects are fetched at once.
const AT_ONCE: usize = 8;
/// Larger ones are fetched one by one. Events are delivered in objects far smaller than that.
const SMALL_MAX_BYTES: u64 = 4 << 20;

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
                read.bad.push(Bad { why: fault.to_string(), content: body.as_bytes().into() });
                continue;
            }
        };
        for delivery in deliveries {
            match delivery {
                Delivery::Records(text) => {
                    let bad = intake.read(place, &mut text.as_bytes());
                    read.set_aside(bad, bytes_of(text));
                }
                Delivery::Object(object) => wanted.push((place, object)),
            }
        }
    }
    let (small, large) = wanted
        .into_iter()
        .partition::<Vec<_>, _>(|(_, object)| object.size.is_none_or(|it| it <= SMALL_MAX_BYTES));
    read_objects(&mut read, small, AT_ONCE, intake, objects, until).await;
    read_objects(&mut read, large, 1, intake, objects, until).await;
    read
}

async fn read_objects(
    read: &mut Read<'_>,
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
        let name = || format!("s3://{bucket}/{key}");
        match fetched {
            Some(Ok(bytes)) => {
                let bad = intake.read(place, &mut bytes.as_ref());
                read.set_aside(bad, name().into_bytes());
            }
            Some(Err(error)) if error.is_input() => {
                let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                read.bad.push(Bad { why, content: name().into_bytes().into() });
            }
            Some(Err(error)) => {
                tracing::error!(error = &error as &dyn Error, "an object was not read");
                read.failed.insert(place);
            }
            None => {
                tracing::error!(object = %name(), "no time was left to read an object");
                read.failed.insert(place);
            }
        }
    }
}

fn bytes_of(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => text.as_bytes().into(),
        Cow::Owned(text) => text.into_bytes().into(),
    }
}
