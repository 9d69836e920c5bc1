//! Where copies of feeds and what is made of them are kept: a bucket or a folder.
//!
//! Must not know what is in them.

use std::error::Error;

use bytes::Bytes;
use callerwatch_detection::feeds::Location;

/// Keeps files by name. Writing puts a whole file in the place of another, or changes nothing.
pub trait Store {
    /// What can go wrong with it.
    type Error: Error + Send + Sync + 'static;

    /// A file; none where there is none.
    fn read(&self, name: &str) -> impl Future<Output = Result<Option<Bytes>, Self::Error>> + Send;

    /// Keeps a file in the place of any of that name.
    fn write(
        &self,
        name: &str,
        bytes: Bytes,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Reads a feed that is not on the web.
    fn fetch(&self, location: &Location) -> impl Future<Output = Result<Bytes, Unread>> + Send;
}

/// Why a feed that is not on the web was not read.
#[derive(Debug, thiserror::Error)]
#[error("reading it")]
pub struct Unread(#[source] pub Box<dyn Error + Send + Sync>);
