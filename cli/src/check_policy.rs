//! `callerwatch check-policy`: says what a policy file was understood to mean.

use std::io::{self, Write};
use std::path::Path;

use callerwatch_detection::intelligence::Intelligence;

use crate::setup;

/// Runs the command.
pub(crate) fn run(file: &Path) -> anyhow::Result<u8> {
    let (policy, builder) = setup::policy_with_lists(file, Intelligence::builder())?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", policy.describe().trim_end())?;
    for list in builder.build().lists() {
        writeln!(
            stdout,
            "list {}: {}, {} entries, {} prefixes looked up, {} lines refused",
            list.name, list.category, list.entries, list.prefixes, list.refused
        )?;
    }
    Ok(0)
}
