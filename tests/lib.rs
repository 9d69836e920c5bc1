//! What several test suites share: made-up calls, and a scan of files without the command around it.

pub mod emulator;
pub mod incidents;
mod ministack;
pub mod mmdb;

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use callerwatch_detection::activity::{Actor, ActorKind, ApiActivity, Cloud, Outcome};
use callerwatch_detection::alert::Alert;
use callerwatch_detection::decide;
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::ledger::MemoryLedger;
use callerwatch_detection::observe::Observer;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::source::Source;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_sources::{Buffers, Event, Reading};
use walkdir::WalkDir;

/// 2026-03-02T08:00:00Z, in milliseconds.
pub const START: i64 = 1_772_438_400_000;

/// A call of a principal from an address, `secs` after [`START`].
pub fn call(
    uid: &str,
    secs: i64,
    address: &str,
    principal: &str,
    outcome: Outcome,
) -> ApiActivity<'static> {
    let login = matches!(
        outcome,
        Outcome::LoginFailed | Outcome::LoginSucceeded | Outcome::PasswordCorrect
    );
    ApiActivity {
        cloud: Cloud::Aws,
        uid: uid.to_owned().into(),
        time: Timestamp::from_millis(START + 1000 * secs),
        account: Some("111111111111".into()),
        region: Some("eu-west-1".into()),
        source: Source::from_address(address.to_owned(), "vpce-1"),
        actor: Actor {
            kind: ActorKind::User,
            uid: Some(principal.to_owned().into()),
            name: Some(principal.to_owned().into()),
            credential: None,
        },
        service: if login { "signin.amazonaws.com" } else { "ec2.amazonaws.com" }.into(),
        operation: if login { "ConsoleLogin" } else { "DescribeInstances" }.into(),
        resource: None,
        user_agent: Some("test".into()),
        mfa: None,
        outcome,
        status_code: None,
        read_only: !login,
        console_session: false,
        workload: false,
    }
}

/// Something in the folder `shared` beside the checkout, which developers have and users do not.
/// Where it is missing, says aloud what goes untested.
pub fn beside_checkout(path: &str, untested: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path);
    if let Ok(found) = found.canonicalize() {
        return Some(found);
    }
    // Straight to the stream: what a passing test prints by macro is thrown away.
    let line = format!("NOT TESTED: {untested}: there is no ../shared/{path}");
    let _ = writeln!(io::stderr(), "{line}");
    None
}

/// The files of a folder, at any depth, whose names end so, in order.
pub fn files_under(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let files = WalkDir::new(folder).sort_by_file_name().into_iter();
    files
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .filter(|path| path.is_file() && ends.iter().any(|end| is_named(path, end)))
        .collect()
}

fn is_named(path: &Path, end: &str) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(end.as_bytes()))
}

/// The alerts that files make under the default policy. `watch` is shown every event.
///
/// # Errors
///
/// When a file cannot be wholly read.
pub fn scan(
    files: &[PathBuf],
    intelligence: &Intelligence,
    watch: &mut dyn FnMut(&Event<'_>),
) -> Result<Vec<Alert>, Box<dyn Error + Send + Sync>> {
    let policy = Policy::default();
    let (mut observer, mut ledger) = (Observer::default(), MemoryLedger::default());
    let mut buffers = Buffers::new();
    for path in files {
        let mut file = File::open(path)?;
        let mut sink = |event: Event<'_>| {
            watch(&event);
            if let Event::Reading(Reading::Activity(call)) = event {
                for observation in observer.observe(call, intelligence, &policy, None) {
                    ledger.add(observation);
                }
            }
        };
        callerwatch_sources::read(&mut file, &mut buffers, &mut sink)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let sources = ledger.into_sources();
    Ok(sources.flat_map(|(key, ledger)| decide(&key, ledger, intelligence, &policy)).collect())
}
