//! What `callerwatch intel fetch` fetched: a folder of this user's data.
//!
//! Must not know how it was fetched.

use std::path::PathBuf;

use callerwatch_detection::feeds::{COUNTRIES, LISTS, NETWORKS};

/// What is there once anything was fetched.
const STATUS: &str = "feeds.json";

/// The folder of fetched files.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) folder: PathBuf,
}

impl Fetched {
    /// Where it is, whether or not anything is there; none for a user without a home.
    pub(crate) fn find() -> Option<Self> {
        let data = variable("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let data = data.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/share")))?;
        Some(Self { folder: data.join("callerwatch") })
    }

    /// The compiled lists, where there are any, or should be: those of another version are none to
    /// this one, and nobody is to be judged without them unnoticed.
    pub(crate) fn lists(&self) -> Option<PathBuf> {
        self.file(LISTS).or_else(|| self.file(STATUS).map(|_| self.folder.join(LISTS)))
    }

    /// The database of countries, where there is one.
    pub(crate) fn countries(&self) -> Option<PathBuf> {
        self.file(COUNTRIES)
    }

    /// The database of networks, where there is one.
    pub(crate) fn networks(&self) -> Option<PathBuf> {
        self.file(NETWORKS)
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        let path = self.folder.join(name);
        let is_there = path.metadata().is_ok_and(|metadata| metadata.len() > 0);
        is_there.then_some(path)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "where data of a user lies is said by the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
