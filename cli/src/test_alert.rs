//! The `test-alert` command: a made-up incident goes through a deployed stack, and its alert is
//! waited for.

use std::io::{self, Write};
use std::time::Duration;

use callerwatch_adapters::drill::Drill;
use callerwatch_adapters::{clients, clock};

use crate::args::TestAlertOptions;
use crate::report;

pub(crate) fn run(options: &TestAlertOptions) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drill(options))
}

async fn drill(options: &TestAlertOptions) -> anyhow::Result<u8> {
    let TestAlertOptions { table, bus, event_source, wait_secs } = options;
    let config = clients::load().await;
    let drill = Drill::new(clock::now());
    drill.send(&config, bus, event_source).await?;
    let mut out = io::stdout();
    writeln!(out, "sent    {} made-up sign-ins from {}", drill.sign_ins(), drill.address)?;
    let patience = Duration::from_secs(*wait_secs);
    let outcome = drill.wait(&config, table, patience).await.map_err(|error| {
        anyhow::Error::new(error).context(
            "the incident did not come through; look at the dead-letter queue and at the \
             function's log, and at whether the rule admits the event source",
        )
    })?;
    writeln!(out, "alert   {}", report::plain(&outcome.title))?;
    writeln!(out, "after   {:.1} s", outcome.after.as_secs_f64())?;
    writeln!(out, "uid     {}", drill.alert_uid)?;
    writeln!(out, "The topic has it: every subscriber that takes its severity gets it now.")?;
    Ok(0)
}
