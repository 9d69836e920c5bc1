//! `callerwatch check-policy`: says what a policy file was understood to mean.

use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::timestamp::{Day, Timestamp};

use crate::report::plain;
use crate::setup;

/// Runs the command.
pub(crate) fn run(file: &Path) -> anyhow::Result<u8> {
    let (policy, builder) = setup::policy_with_lists(file, Intelligence::builder())?;
    let mut stdout = io::stdout().lock();
    for line in policy.describe().trim_end().lines() {
        writeln!(stdout, "{}", plain(line))?;
    }
    for list in builder.build().lists() {
        writeln!(
            stdout,
            "list {}: {}, {} entries, {} prefixes looked up, {} lines refused",
            plain(&list.name),
            list.category,
            list.entries,
            list.prefixes,
            list.refused
        )?;
    }
    for warning in today().map(|today| policy.warnings(today)).unwrap_or_default() {
        writeln!(stdout, "warning: {}", plain(&warning))?;
    }
    Ok(0)
}

/// None where the clock of the machine tells no date.
pub(crate) fn today() -> Option<Day> {
    #[expect(
        clippy::disallowed_methods,
        reason = "whether a date has passed is asked of the clock"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?).map(Timestamp::day)
}
