//! Which inputs there are: paths become files, folders are walked.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::report::shown;

/// One file, or standard input.
#[derive(Debug)]
pub(crate) struct Input {
    /// Where it is; `-` for standard input.
    pub(crate) path: PathBuf,
    /// Its size in bytes; 0 where not known.
    pub(crate) bytes: u64,
    /// Whether the user named it, or it says by its name that it is a log. Others that hold no log,
    /// met while walking a folder, are passed over.
    pub(crate) is_meant: bool,
}

impl Input {
    /// Opens it.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read>> {
        if is_stdin(&self.path) {
            return Ok(Box::new(io::stdin().lock()));
        }
        Ok(Box::new(File::open(&self.path)?))
    }
}

/// All inputs under the paths, by path, and what could not be looked into. Sizes, for those met in
/// a folder, only where `with_sizes`: asking for each takes as long as opening it.
pub(crate) fn find(paths: &[PathBuf], with_sizes: bool) -> (Vec<Input>, Vec<String>) {
    let (mut inputs, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        if is_stdin(path) {
            inputs.push(Input { path: path.clone(), bytes: 0, is_meant: true });
            continue;
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => walk(path, with_sizes, &mut inputs, &mut faults),
            Ok(metadata) => {
                inputs.push(Input { path: path.clone(), bytes: metadata.len(), is_meant: true });
            }
            Err(error) => faults.push(format!("{}: cannot be read: {error}", shown(path))),
        }
    }
    inputs.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    inputs.dedup_by(|a, b| a.path == b.path);
    (inputs, faults)
}

fn walk(folder: &Path, with_sizes: bool, inputs: &mut Vec<Input>, faults: &mut Vec<String>) {
    for entry in WalkDir::new(folder).follow_links(true) {
        match entry {
            // Pipes and devices met in a folder may never end.
            Ok(entry) if entry.file_type().is_file() => {
                let metadata = with_sizes.then(|| entry.metadata().ok()).flatten();
                let bytes = metadata.map_or(0, |metadata| metadata.len());
                let is_meant = says_log(entry.path());
                inputs.push(Input { path: entry.into_path(), bytes, is_meant });
            }
            Ok(_) => {}
            Err(error) => {
                let path = shown(error.path().unwrap_or(folder));
                let why = match error.io_error() {
                    Some(error) => error.to_string(),
                    None => "a link to a folder that contains it".to_owned(),
                };
                faults.push(format!("{path}: cannot be read: {why}"));
            }
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn says_log(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["json", "jsonl", "ndjson", "gz", "log"].iter().any(|it| extension.eq_ignore_ascii_case(it))
}
