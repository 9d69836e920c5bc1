//! Which inputs there are: paths become files, folders are walked while their files are read.
//!
//! Promises each file once, however many of the paths lead to it under one name, and to keep none: a
//! scan of very many files needs no more memory than one of few.

use std::collections::BTreeSet;
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

/// What the user named.
#[derive(Debug, Default)]
pub(crate) struct Named {
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    /// What could not be looked into.
    faults: Vec<String>,
}

impl Named {
    /// Tells files from folders.
    pub(crate) fn of(paths: &[PathBuf]) -> Self {
        let mut named = Self::default();
        for path in paths {
            let is_folder =
                if is_stdin(path) { Ok(false) } else { fs::metadata(path).map(|it| it.is_dir()) };
            match is_folder {
                Ok(true) => named.folders.insert(path.clone()),
                Ok(false) => named.files.insert(path.clone()),
                Err(error) => {
                    named.faults.push(format!("{}: cannot be read: {error}", shown(path)));
                    continue;
                }
            };
        }
        named
    }

    /// The most inputs there can be, where no folder tells more.
    pub(crate) fn count(&self) -> Option<usize> {
        self.folders.is_empty().then_some(self.files.len())
    }

    /// All inputs, and what could not be looked into, as they are met.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = Result<Input, String>> {
        let faults = self.faults.iter().cloned().map(Err);
        let files = self.files.iter().map(|path| Ok(Input { path: path.clone(), is_meant: true }));
        let folders = self.folders.iter().flat_map(|folder| self.walk(folder));
        faults.chain(files).chain(folders)
    }

    /// What lies in a folder, but for files that are named, and for folders that are: they are walked
    /// by themselves.
    fn walk(&self, folder: &Path) -> impl Iterator<Item = Result<Input, String>> {
        let is_own =
            |entry: &walkdir::DirEntry| entry.depth() == 0 || !self.folders.contains(entry.path());
        let entries = WalkDir::new(folder).follow_links(true).into_iter().filter_entry(is_own);
        entries.filter_map(move |entry| match entry {
            // Pipes and devices met in a folder may never end.
            Ok(entry) if entry.file_type().is_file() && !self.files.contains(entry.path()) => {
                let is_meant = says_log(entry.path());
                Some(Ok(Input { path: entry.into_path(), is_meant }))
            }
            Ok(_) => None,
            Err(error) => Some(Err(fault(folder, &error))),
        })
    }
}

fn fault(folder: &Path, error: &walkdir::Error) -> String {
    let path = shown(error.path().unwrap_or(folder));
    let why = match error.io_error() {
        Some(error) => error.to_string(),
        None => "a link to a folder that contains it".to_owned(),
    };
    format!("{path}: cannot be read: {why}")
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn says_log(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["json", "jsonl", "ndjson", "gz", "log"].iter().any(|it| extension.eq_ignore_ascii_case(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own, with these files.
    fn folder(name: &str, files: &[&str]) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("callerwatch-{}-{name}", std::process::id()));
        for file in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn each_file_is_met_once() {
        let root = folder("once", &["a/x.json", "a/b/y.json", "a/b/README", "z.json"]);
        for (paths, expected) in [
            (&["."][..], "a/b/README a/b/y.json+ a/x.json+ z.json+"),
            (&["a", "a/b", "a/", "z.json"], "a/b/README a/b/y.json+ a/x.json+ z.json+"),
            (&["a/b/README", "a", "a/b/README"], "a/b/README+ a/b/y.json+ a/x.json+"),
            (&["a/b", "a/x.json", "a"], "a/b/README a/b/y.json+ a/x.json+"),
            (&["missing"], "missing: cannot be read: No such file or directory (os error 2)"),
        ] {
            let named = Named::of(&paths.iter().map(|it| root.join(it)).collect::<Vec<_>>());
            let mut met: Vec<String> = named
                .inputs()
                .map(|it| match it {
                    Ok(Input { path, is_meant, .. }) => {
                        let path = path.strip_prefix(&root).unwrap().display().to_string();
                        if is_meant { path + "+" } else { path }
                    }
                    Err(fault) => fault.replace(&format!("{}/", root.display()), ""),
                })
                .collect();
            met.sort_unstable();
            assert_eq!(met.join(" "), expected, "{paths:?}");
        }
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn folders_are_walked_while_their_files_are_read() {
        let root = folder("lazy", &["a/1.json", "b/1.json"]);
        let named = Named::of(std::slice::from_ref(&root));
        let mut inputs = named.inputs();
        let first = inputs.next().unwrap().unwrap();
        let other = if first.path.starts_with(root.join("a")) { "b" } else { "a" };
        fs::write(root.join(other).join("2.json"), "").unwrap();
        assert_eq!(inputs.count(), 2);
        fs::remove_dir_all(root).unwrap();
    }
}
