//! A progress bar on standard error, when that is a terminal.

use std::fs;
use std::io::{self, IsTerminal, Read};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Input;

pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar over the bytes of all inputs.
    pub(super) fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
        let template = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Tells how much there is to read, until all is read.
    pub(super) fn expect(&self, inputs: impl Iterator<Item = Input>) {
        for input in inputs.take_while(|_| !self.0.is_finished()) {
            self.0.inc_length(fs::metadata(&input.path).map_or(0, |metadata| metadata.len()));
        }
    }

    /// Counts what is read of an input.
    pub(super) fn watch<R: Read>(&self, input: R) -> Watched<'_, R> {
        Watched { input, bar: &self.0 }
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

pub(super) struct Watched<'a, R> {
    input: R,
    bar: &'a ProgressBar,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bar.inc(u64::try_from(read).unwrap_or_default());
        Ok(read)
    }
}
