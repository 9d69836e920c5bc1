//! One after another: whoever may change what is denied, and how long others wait for it.

use std::time::Duration;

use callerwatch_adapters::clock;
use callerwatch_response::{Claim, Store};

/// Longer than the function may run, so that nobody's turn ends before they do.
const LEASE_SECS: i64 = 130;
/// What is left after it is enough for a run.
const PATIENCE_SECS: i64 = 40;
const PAUSE: Duration = Duration::from_millis(250);

/// Waits for the turn of `holder`. False where others had it for all that time.
///
/// # Errors
///
/// When the store fails.
pub(crate) async fn wait_for<S: Store>(store: &S, holder: &str) -> Result<bool, S::Error> {
    let patience = clock::now().plus_secs(PATIENCE_SECS);
    loop {
        let now = clock::now();
        if store.claim(holder, now, now.plus_secs(LEASE_SECS)).await? == Claim::Granted {
            return Ok(true);
        }
        if now >= patience {
            return Ok(false);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
