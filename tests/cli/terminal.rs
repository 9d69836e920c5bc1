//! The report on a terminal: colors, and lines as wide as it is. `script` lends the terminal.

use std::process::Command;

use crate::command::{Done, binary, finish, project};

const SCAN: &str = "scan samples/logs --list malicious=samples/known-bad.txt";

/// Runs it on a terminal of so many columns; none where no terminal is to be had.
fn on_terminal(columns: usize, env: &[(&str, &str)], redirect: &str) -> Option<Done> {
    let is_there = Command::new("script").arg("--version").output().is_ok();
    if cfg!(not(target_os = "linux")) || !is_there {
        println!("not tried: there is no script(1) to lend a terminal");
        return None;
    }
    let line = format!("stty cols {columns} rows 40; {} {SCAN} {redirect}", binary().display());
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(project());
    script
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .env_remove("CI")
        .env_remove("CLICOLOR");
    script.envs(env.iter().copied());
    Some(finish(script, std::io::empty()))
}

/// The text without colors.
fn uncolored(text: &str) -> String {
    let mut plain = String::new();
    let mut parts = text.split("\x1b[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain.replace('\r', "")
}

const COPIED: [&str; 7] =
    ["https://", "SELECT ", "union ", "protoPayload.", "aws ", "az ", "gcloud "];

#[test]
fn lines_are_as_wide_as_the_terminal() {
    let mut too_wide = Vec::new();
    for columns in [50, 80, 132] {
        let Some(done) = on_terminal(columns, &[], "2>/dev/null") else { return };
        assert_eq!(done.status, Some(0), "{}", done.stdout);
        assert!(done.stdout.contains("\x1b["), "colors");
        let text = uncolored(&done.stdout);
        assert!(!text.contains('\x1b'), "nothing but colors: {text:?}");
        assert!(text.contains("6 alerts:"));
        // What is to be copied is one line, which the terminal itself breaks.
        let is_copied = |line: &str| COPIED.iter().any(|it| line.trim_start().starts_with(it));
        let text: Vec<&str> = text.lines().filter(|line| !is_copied(line)).collect();
        let text = text.join("\n");
        let wide = text.lines().filter(|line| line.chars().count() > columns);
        too_wide.extend(wide.map(|line| format!("{columns} columns: {line}")));
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest > Some(columns - 12), "{columns} columns are used: {longest:?}");
        // Wrapped lines stand under the text of their field.
        let fields = |line: &&str| !line.starts_with("   ") && line.starts_with("  ");
        assert!(text.lines().filter(fields).count() >= 6 * 6);
    }
    assert!(too_wide.is_empty(), "{}", too_wide.join("\n"));
}

#[test]
fn colors_can_be_refused() {
    for env in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let Some(done) = on_terminal(80, &[env], "2>/dev/null") else { return };
        assert_eq!(done.status, Some(0));
        assert!(!done.stdout.contains('\x1b'), "{env:?}");
        assert!(done.stdout.contains("6 alerts:"));
    }
}

#[test]
fn a_redirected_report_is_plain_though_a_terminal_watches() {
    let Some(done) = on_terminal(80, &[], "> /dev/null") else { return };
    assert_eq!(done.status, Some(0));
    assert!(!uncolored(&done.stdout).contains("alert"), "{:?}", done.stdout);
    let Some(done) = on_terminal(80, &[], "2>/dev/null | cat") else { return };
    assert!(!done.stdout.contains('\x1b'));
    assert!(done.stdout.lines().any(|line| line.len() > 200), "nothing is wrapped in a pipe");
}
