//! The folder of fetched files, as a store of feeds.
//!
//! Promises that each file is there whole, or as it was before. Must not know what is in it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use callerwatch_detection::feeds::Location;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_feeds::{Store, Unread};

/// A folder of files.
pub(super) struct Folder {
    pub(super) folder: PathBuf,
    /// Where feeds that are files lie.
    pub(super) beside: Option<PathBuf>,
}

impl Store for Folder {
    type Error = io::Error;

    async fn read(&self, name: &str) -> Result<Option<Bytes>, io::Error> {
        match fs::read(self.folder.join(name)) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), io::Error> {
        let path = self.folder.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // Another command may write the same file.
        let part = self.folder.join(format!("{name}.{}.part", process::id()));
        let written = File::create(&part).and_then(|mut file| {
            file.write_all(&bytes)?;
            // Before it takes the place of a good one, all of it is on the disk.
            file.sync_all()?;
            fs::rename(&part, &path)
        });
        if written.is_err() {
            // What it says is that of the write.
            let _ = fs::remove_file(&part);
        }
        written
    }

    async fn fetch(&self, location: &Location) -> Result<Bytes, Unread> {
        match location {
            Location::File(path) => {
                let path = self.beside.clone().unwrap_or_default().join(path);
                fs::read(path).map(Bytes::from).map_err(|error| Unread(error.into()))
            }
            _ => Err(Unread("only a deployed function reads S3".into())),
        }
    }
}

/// When files are written.
#[expect(clippy::disallowed_methods, reason = "how old a copy is, depends on when it is asked for")]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since.as_millis()).ok();
    millis.and_then(Timestamp::from_millis).unwrap_or(Timestamp::MAX)
}
