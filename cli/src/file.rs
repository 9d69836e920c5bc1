//! Files that are written whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a file beside the one meant and puts it in its place when it is whole. What was there
/// stays until then, and for good where anything goes wrong.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut part = OsString::from(path);
    part.push(".part");
    let written = File::create(&part).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()?;
        fs::rename(&part, path)
    });
    if written.is_err() {
        // What it says is that of the write.
        let _ = fs::remove_file(&part);
    }
    written
}
