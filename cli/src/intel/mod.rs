//! `callerwatch intel`: lists compiled into one file, and what is known of an address.

mod build;
#[cfg(feature = "fetch")]
mod fetch;
#[cfg(any(feature = "aws", feature = "fetch"))]
mod folder;
#[cfg(feature = "aws")]
mod learn_egress;
mod lookup;
mod show;

pub(crate) use self::lookup::{known, named, whereabouts};
use crate::args::IntelCommand;

/// Runs the command.
pub(crate) fn run(command: &IntelCommand) -> anyhow::Result<u8> {
    match command {
        IntelCommand::Build(options) => build::run(options),
        IntelCommand::Lookup(options) => lookup::run(options),
        IntelCommand::Show { file } => show::run(file.as_deref()),
        #[cfg(feature = "fetch")]
        IntelCommand::Fetch(options) => fetch::run(options),
        #[cfg(feature = "aws")]
        IntelCommand::LearnEgress(options) => learn_egress::run(options),
    }
}
