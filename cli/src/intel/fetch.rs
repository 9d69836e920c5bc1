//! `callerwatch intel fetch`: feeds into the folder of fetched files, as the function does it into a
//! bucket.
//!
//! Must not know how files are kept.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use callerwatch_detection::feeds::SHIPPED;
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::policy::Policy;
use callerwatch_feeds::{Fetcher, Outcome, Refreshed, Report, refresh};

use super::folder::{Folder, now};
use crate::EXIT_FAULT;
use crate::args::FetchOptions;
use crate::fetched::Fetched;
use crate::report::{plain, shown};
use crate::setup;

/// Runs the command.
pub(crate) fn run(options: &FetchOptions) -> anyhow::Result<u8> {
    let Some(Fetched { folder }) = Fetched::find() else {
        bail!("there is nowhere to keep what is fetched: set HOME or XDG_DATA_HOME");
    };
    let (policy, known) = match &options.policy {
        Some(file) => {
            let (policy, builder) = setup::policy_with_lists(file, Intelligence::builder())?;
            (policy, builder.build())
        }
        None => (Policy::default(), Intelligence::default()),
    };
    let beside = options.policy.as_deref().and_then(|file| file.parent()).map(PathBuf::from);
    let store = Folder { folder: folder.clone(), beside };
    let fetcher = Fetcher::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let refreshed = runtime
        .block_on(refresh(&policy, &known, &store, &fetcher, now(), options.force))
        .with_context(|| format!("cannot keep feeds in {}", shown(&folder)))?;

    let mut stdout = io::stdout().lock();
    for report in &refreshed.reports {
        writeln!(stdout, "{}", line(report, &refreshed))?;
    }
    writeln!(stdout, "fetched into {}, which scans use from now on", shown(&folder))?;
    let is_good = |report: &Report| {
        report.fault.is_none()
            && matches!(report.outcome, Outcome::New | Outcome::Unchanged | Outcome::NotDue)
    };
    Ok(if refreshed.reports.iter().all(is_good) { 0 } else { EXIT_FAULT })
}

/// `tor-exits: new, 1200 prefixes; The Tor Project`.
fn line(report: &Report, refreshed: &Refreshed) -> String {
    let name = &report.feed.name;
    let list = refreshed.intelligence.lists().iter().find(|list| list.name == *name);
    let in_use = match (list, &report.fault) {
        (_, Some(fault)) => format!(", and its copy is not in use: {}", plain(fault)),
        (Some(list), None) => {
            let cut = match list.spared {
                0 => String::new(),
                cut => format!(", {cut} more cut where they are your own"),
            };
            format!(", {} prefixes{cut}", list.prefixes)
        }
        (None, None) if report.is_in_use => String::new(),
        (None, None) => ", and there is no copy".to_owned(),
    };
    let place = match report.outcome {
        Outcome::Failed(_) | Outcome::Refused(_) => Some(report.feed.location.to_string()),
        // Some want to be named.
        _ => SHIPPED.iter().find(|it| it.name == name).map(|it| it.maker.to_owned()),
    };
    let place = place.map(|place| format!("; {}", plain(&place))).unwrap_or_default();
    format!("{name}: {}{in_use}{place}", plain(&report.outcome.to_string()))
}
