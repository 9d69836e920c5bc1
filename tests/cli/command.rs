//! Runs the binary. Promises that a run which hangs fails its test.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Beyond this a run hangs.
const DEADLINE: Duration = Duration::from_mins(1);

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Done {
    /// The exit status; none where a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// The findings of a run with `--format json`.
    pub(crate) fn findings(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).expect("each line is JSON");
        self.stdout.lines().map(parse).collect()
    }

    /// The leading detection of the finding about an address, where there is one.
    pub(crate) fn leading(&self, address: &str) -> Option<String> {
        let is_about = |finding: &serde_json::Value| {
            let observables = finding["observables"].as_array().into_iter().flatten();
            observables.into_iter().any(|it| it["value"] == address)
        };
        let finding = self.findings().into_iter().find(is_about)?;
        finding["finding_info"]["analytic"]["uid"].as_str().map(str::to_owned)
    }
}

/// Runs it in a folder with arguments that have no spaces in them, and nothing to read.
pub(crate) fn run(folder: &Path, args: &str) -> Done {
    run_reading(folder, args, io::empty())
}

/// The same, with something on standard input.
pub(crate) fn run_reading(folder: &Path, args: &str, stdin: impl Read + Send + 'static) -> Done {
    finish(command(folder, args.split_whitespace()), stdin)
}

/// The command, ready to run.
pub(crate) fn command(folder: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(binary());
    // What its user fetched is nothing to a test.
    command.current_dir(folder).args(args).env("XDG_DATA_HOME", folder.join("data"));
    command
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command, mut stdin: impl Read + Send + 'static) -> Done {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut to_child = child.stdin.take().expect("a pipe");
    // The child may stop reading before the end.
    thread::spawn(move || io::copy(&mut stdin, &mut to_child));
    let stdout = gather(child.stdout.take());
    let stderr = gather(child.stderr.take());
    let (stdout, stderr) =
        (within_deadline(&stdout, &mut child), within_deadline(&stderr, &mut child));
    let status = child.wait().expect("it ends").code();
    Done { status, stdout, stderr }
}

/// Reads all of a pipe beside the test.
fn gather(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let mut pipe = pipe.expect("a pipe");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).expect("all it prints is UTF-8");
        sender.send(text)
    });
    receiver
}

fn within_deadline(text: &mpsc::Receiver<String>, child: &mut Child) -> String {
    let text = text.recv_timeout(DEADLINE);
    if text.is_err() {
        child.kill().expect("it can be ended");
    }
    text.expect("it ends in time, and prints UTF-8")
}

/// The binary of the profile this test was built in, built anew where it is not up to date.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // A test is target/<profile>/deps/<name>.
        let test = std::env::current_exe().expect("the path of this test");
        let folder = test.ancestors().nth(2).expect("the folder of the profile");
        let target = folder.parent().expect("the target folder");
        let profile = match folder.file_name().and_then(OsStr::to_str) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let cargo = Command::new(env!("CARGO"))
            // With a test: so the features that dependencies are built with are those of all tests.
            .args(["build", "--quiet", "--workspace", "--all-features"])
            .args(["--bin", "callerwatch", "--test", "tidy"])
            .args(["--profile", profile])
            .arg("--target-dir")
            .arg(target)
            .current_dir(project())
            .status();
        assert!(cargo.expect("cargo starts").success(), "callerwatch cannot be built");
        folder.join("callerwatch")
    })
}

/// The project's folder.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the project")
}
