//! `callerwatch intel build`: lists in, one compiled file out.
//!
//! Promises that the file is there whole, or as it was before.

use std::io::{self, Write};

use anyhow::{Context, bail};

use super::show;
use crate::args::BuildOptions;
use crate::file;
use crate::report::{plain, shown};
use crate::setup;

/// Runs the command.
pub(crate) fn run(options: &BuildOptions) -> anyhow::Result<u8> {
    let intelligence = setup::listed(options.policy.as_deref(), &options.lists)?;
    if intelligence.lists().is_empty() {
        bail!("there is nothing to compile: give lists with --list CATEGORY=FILE");
    }
    let output = &options.output;
    file::write_whole(output, |out| out.write_all(intelligence.as_bytes()))
        .with_context(|| format!("cannot write {}", shown(output)))?;

    let mut stdout = io::stdout().lock();
    for list in intelligence.lists() {
        writeln!(stdout, "{}", show::list(list))?;
        for refusal in list.refusals.iter().take(1) {
            let (line, excerpt) = (refusal.line, plain(&refusal.excerpt));
            writeln!(stdout, "  the first at line {line}, `{excerpt}`: {}", refusal.reason)?;
        }
    }
    let bytes = intelligence.as_bytes().len();
    writeln!(stdout, "wrote {}: {bytes} bytes", shown(output))?;
    Ok(0)
}
