//! `callerwatch intel learn-egress`: the own addresses of AWS accounts, into the folder of fetched files.
//!
//! What is told of each account is printed; must not know how it is asked.

use std::io::{self, Write};

use anyhow::{Context, bail};
use callerwatch_adapters::clients;
use callerwatch_feeds::egress::{Published, learn, publish};

use super::folder::{Folder, now};
use crate::EXIT_FAULT;
use crate::args::LearnOptions;
use crate::fetched::Fetched;
use crate::report::{plain, shown};

/// Runs the command.
pub(crate) fn run(options: &LearnOptions) -> anyhow::Result<u8> {
    let Some(Fetched { folder }) = Fetched::find() else {
        bail!("there is nowhere to keep what is learned: set HOME or XDG_DATA_HOME");
    };
    let store = Folder { folder: folder.clone(), beside: None };
    let roles: Vec<&str> = options.role_arns.iter().map(AsRef::as_ref).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (reports, published) = runtime
        .block_on(async {
            let answers = callerwatch_egress::ask(&clients::load().await, &roles).await;
            let reports = learn(answers, &store, now()).await?;
            let published = publish(&store).await?;
            Ok::<_, io::Error>((reports, published))
        })
        .with_context(|| format!("cannot keep addresses in {}", shown(&folder)))?;

    let mut stdout = io::stdout().lock();
    for report in &reports {
        writeln!(stdout, "{}: {}", plain(&report.account), plain(&report.to_string()))?;
    }
    match published {
        Published::New => {
            writeln!(stdout, "learned into {}, which scans use from now on", shown(&folder))?;
        }
        Published::Unchanged => {
            writeln!(stdout, "nothing is new; scans use what is in {}", shown(&folder))?;
        }
        Published::Unusable => bail!(
            "scans do not use what was learned: the lists in {} are missing or damaged, and \
             `callerwatch intel fetch` makes them anew",
            shown(&folder)
        ),
    }
    let is_good = reports.iter().all(|report| report.faults.is_empty());
    Ok(if is_good { 0 } else { EXIT_FAULT })
}
