//! The `callerwatch` command.

#[cfg(feature = "aws")]
mod alerts;
mod args;
#[cfg(feature = "aws")]
mod block;
mod check_policy;
#[cfg(feature = "aws")]
mod erase;
mod fetched;
mod file;
mod intel;
mod investigate;
mod report;
mod scan;
mod setup;
#[cfg(feature = "aws")]
mod test_alert;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Command, Options};

/// Bad usage, or an input that was not wholly read.
const EXIT_FAULT: u8 = 2;

fn main() -> ExitCode {
    let result = match Options::parse().command {
        Command::Scan(options) => scan::run(&options),
        Command::Investigate(options) => investigate::run(&options),
        Command::Intel(command) => intel::run(&command),
        Command::CheckPolicy { file } => check_policy::run(&file),
        #[cfg(feature = "aws")]
        Command::Alerts(command) => alerts::run(&command),
        #[cfg(feature = "aws")]
        Command::Block(command) => block::run(&command),
        #[cfg(feature = "aws")]
        Command::TestAlert(options) => test_alert::run(&options),
        #[cfg(feature = "aws")]
        Command::Erase(options) => erase::run(&options),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            for line in format!("{error:#}").lines() {
                // Where standard error is closed there is nobody left to tell.
                let _ = writeln!(io::stderr(), "callerwatch: {}", report::plain(line));
            }
            ExitCode::from(EXIT_FAULT)
        }
    }
}

/// Whether whoever reads our output has read enough, as `head` does.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
