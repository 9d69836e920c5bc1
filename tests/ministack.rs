//! The emulator's process, for whatever test needs one: also a module of the adapters' tests.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use aws_config::timeout::TimeoutConfig;
use aws_config::{ConfigLoader, Region};

/// Long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// An emulator on a port of its own. Ends with its value.
pub(crate) struct Ministack {
    process: Child,
    /// What it writes is here, and goes with it.
    folder: PathBuf,
    pub(crate) port: u16,
}

impl Ministack {
    /// Starts the program that `MINISTACK` names. None, loudly, where it names none: `make test`
    /// does.
    #[expect(
        clippy::disallowed_methods,
        reason = "which emulator there is, is said by make, and what is measured is waiting"
    )]
    pub(crate) fn start() -> Option<Self> {
        let Ok(program) = env::var("MINISTACK") else {
            // Not by a macro, which would be silent unless the test fails.
            let _ = writeln!(
                io::stderr(),
                "SKIPPED, no emulator: run `make test`, or set MINISTACK to its program"
            );
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let port = port.expect("a free port").port();
        let folder = env::temp_dir().join(format!("callerwatch-emulator-{port}"));
        fs::create_dir_all(&folder)
            .unwrap_or_else(|error| panic!("creating {}: {error}", folder.display()));
        let process = command(&program)
            .env("TMPDIR", &folder)
            .env("BIND_HOST", "127.0.0.1")
            .env("IOT_MTLS_ENABLED", "0")
            .env("GATEWAY_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", endpoint(port))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("starting {program}: {error}"));
        let emulator = Self { process, folder, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "the emulator did not start");
            thread::sleep(Duration::from_millis(10));
        }
        Some(emulator)
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        endpoint(self.port)
    }
}

/// Runs a program that ends with the thread of its test, on Linux however that ends.
fn command(program: &str) -> Command {
    if !cfg!(target_os = "linux") {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]);
    command
}

/// Clients of an emulator, which is slower than the cloud beside whatever else a machine builds.
pub(crate) fn clients(loader: ConfigLoader, endpoint: &str) -> ConfigLoader {
    loader
        .endpoint_url(endpoint)
        .region(Region::from_static("us-east-1"))
        .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build())
}

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
