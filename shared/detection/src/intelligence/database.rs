//! A database in the MMDB format, of whoever makes it.
//!
//! Promises that one which cannot tell what it is wanted for is an error when it is opened. Must
//! not know what that is.

use std::net::IpAddr;

use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader, WithinOptions};
use thiserror::Error;

/// A database that cannot be used.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// The bytes are no MMDB file.
    #[error("it is no MMDB file: {0}")]
    Unreadable(#[from] MaxMindDbError),
    /// It is one, of something else.
    #[error("the database `{kind}` tells no {wanted}")]
    TellsNone {
        /// What the database calls itself.
        kind: String,
        /// What it should tell.
        wanted: &'static str,
    },
}

/// What a database has for one address.
pub(super) type Found<'a> = LookupResult<'a, Vec<u8>>;

/// A database.
pub(super) struct Database(Reader<Vec<u8>>);

/// How many networks of a new database are looked at to see whether it tells what is wanted.
const PROBED_NETWORKS: usize = 1000;
/// How many are passed on the way to these, with those of which nothing is known. A small file may
/// have more of them than there are addresses.
const PASSED_NETWORKS: usize = 100_000;
const KIND_MAX_CHARS: usize = 64;

impl Database {
    /// Takes the bytes of a file, some of whose first networks must tell what is wanted.
    pub(super) fn open(
        bytes: Vec<u8>,
        wanted: &'static str,
        tells: impl Fn(&Found<'_>) -> bool,
    ) -> Result<Self, DatabaseError> {
        let reader = Reader::from_source(bytes)?;
        // Whatever is left out, the reader passes by itself, without an end.
        let all = WithinOptions::default().include_networks_without_data();
        let networks = reader.networks(all.include_aliased_networks())?.take(PASSED_NETWORKS);
        let mut known = networks.flatten().filter(LookupResult::has_data).take(PROBED_NETWORKS);
        if known.any(|found| tells(&found)) {
            return Ok(Self(reader));
        }
        let kind = reader.metadata().database_type.chars().take(KIND_MAX_CHARS).collect();
        Err(DatabaseError::TellsNone { kind, wanted })
    }

    /// What it has for an address.
    pub(super) fn find(&self, ip: IpAddr) -> Option<Found<'_>> {
        self.0.lookup(ip).ok().filter(LookupResult::has_data)
    }

    /// What it calls itself, and when it was built in seconds since 1970.
    pub(super) fn edition(&self) -> (&str, u64) {
        let metadata = self.0.metadata();
        (&metadata.database_type, metadata.build_epoch)
    }
}

/// The text at a path.
pub(super) fn text<'a>(found: &Found<'a>, path: &[PathElement<'_>]) -> Option<&'a str> {
    found.decode_path(path).ok()?
}
