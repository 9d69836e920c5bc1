//! Reads the tree and fails where it is not as `docs/ARCHITECTURE.md` says it is.
//!
//! What a compiler or a lint can see is left to them. Each rule says why it is there, and has an
//! example that breaks it, so that none of them sleeps.

#![expect(clippy::expect_used, reason = "what a test cannot do without fails it")]

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use walkdir::WalkDir;

/// A file of the tree.
struct File {
    /// From the root of the project, with slashes.
    path: String,
    text: String,
}

/// What breaks a rule in a file: its line, counted from 1, and what is there.
type Fault = (usize, String);

struct Rule {
    why: &'static str,
    faults: fn(&File) -> Vec<Fault>,
    /// A path and a text that break it.
    example: (&'static str, &'static str),
}

const RULES: [Rule; 9] = [
    Rule {
        why: "a header says which step a file is, what it promises and what it must not know",
        faults: no_header,
        example: ("cli/src/a.rs", "use std::io;\n"),
    },
    Rule {
        why: "a long file does more than one thing",
        faults: too_long,
        example: ("cli/src/a.rs", concat!("//! A.\n", include_str!("../Cargo.lock"))),
    },
    Rule {
        why: "a drawer has no reason to be closed: a file is a step or a noun of the pipeline",
        faults: drawer,
        example: ("cli/src/utils.rs", "//! Utilities.\n"),
    },
    Rule {
        why: "arrows point down: the engine knows pure crates alone, the readers know it, the pipeline \
              both, and none of them an SDK",
        faults: broken_arrow,
        example: ("shared/detection/Cargo.toml", "[dependencies]\ntokio = \"1\"\n"),
    },
    Rule {
        why: "the engine, the readers and the pipeline are pure: no files, no environment, no clock, no threads",
        faults: impure,
        example: ("shared/sources/src/a.rs", "//! A.\nuse std::fs::File;\n"),
    },
    Rule {
        why: "the readers are the only place that knows the fields of a provider",
        faults: provider_field,
        example: ("shared/detection/src/a.rs", "//! A.\nconst A: &str = \"sourceIPAddress\";\n"),
    },
    Rule {
        why: "what is left to do is an issue; and what is written here holds on every machine",
        faults: unfit_word,
        example: ("README.md", concat!("FIX", "ME\n")),
    },
    Rule {
        why: "made-up incidents accuse nobody: examples use addresses reserved for them",
        faults: real_address,
        example: ("samples/list.txt", "# a list\n9.9.9.9\n"),
    },
    Rule {
        why: "a detection is one file with its metadata, its logic, its defaults and its tests",
        faults: untested_detection,
        example: ("shared/detection/src/detections/a.rs", "//! A.\nconst A: Detection = B;\n"),
    },
];

#[test]
fn the_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the project");
    let files: Vec<File> = files(root);
    assert!(files.len() > 100, "{} files", files.len());
    let mut told = Vec::new();
    for Rule { why, faults, .. } in RULES {
        for file in &files {
            let faults = faults(file).into_iter();
            told.extend(faults.map(|(line, what)| format!("{}:{line}: {what} ({why})", file.path)));
        }
    }
    assert!(told.is_empty(), "\n{}", told.join("\n"));
}

#[test]
fn no_rule_sleeps() {
    for Rule { why, faults, example: (path, text) } in RULES {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        assert!(!faults(&file).is_empty(), "{why}");
    }
}

/// All text of the tree, inflated where it is compressed.
fn files(root: &Path) -> Vec<File> {
    let is_ours = |name: &str| !["target", ".git", "data"].contains(&name);
    let entries = WalkDir::new(root).sort_by_file_name().into_iter();
    let entries =
        entries.filter_entry(|it| it.depth() != 1 || it.file_name().to_str().is_some_and(is_ours));
    let entries = entries.map(|entry| entry.expect("the tree can be read"));
    let files = entries.filter(|entry| entry.file_type().is_file()).filter_map(|entry| {
        let mut bytes = fs::read(entry.path()).ok()?;
        if let ([0x1f, 0x8b, ..], Some((_, len))) = (bytes.as_slice(), bytes.split_last_chunk()) {
            let mut text = vec![0; usize::try_from(u32::from_le_bytes(*len)).ok()?];
            libdeflater::Decompressor::new().gzip_decompress(&bytes, &mut text).ok()?;
            bytes = text;
        }
        let path = entry.path().strip_prefix(root).ok()?.to_str()?.replace('\\', "/");
        Some(File { path, text: String::from_utf8(bytes).ok()? })
    });
    files.collect()
}

impl File {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|it| it == "rs")
    }

    /// The lines of a source file that are neither comments nor tests, by number.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test =
            ["/tests.rs", "/cases.rs", "/properties.rs"].iter().any(|it| self.path.ends_with(it));
        let text = if is_test { "" } else { &self.text };
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        numbered(text).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// The lines that hold any of the words.
fn with_words<'a>(lines: impl Iterator<Item = (usize, &'a str)>, words: &[&str]) -> Vec<Fault> {
    lines
        .flat_map(|(at, line)| {
            words.iter().filter(move |it| line.contains(**it)).map(move |it| (at, (*it).to_owned()))
        })
        .collect()
}

fn no_header(file: &File) -> Vec<Fault> {
    let has_header = file.text.starts_with("//! ") || file.text.starts_with("// @generated");
    if file.is_rust() && !has_header { vec![(1, "no `//!` header".to_owned())] } else { Vec::new() }
}

fn too_long(file: &File) -> Vec<Fault> {
    const LINES_MAX: usize = 450;
    let lines = file.text.lines().count();
    if file.is_rust() && lines > LINES_MAX {
        vec![(lines, format!("{lines} lines"))]
    } else {
        Vec::new()
    }
}

fn drawer(file: &File) -> Vec<Fault> {
    const DRAWERS: [&str; 8] =
        ["utils", "util", "common", "helpers", "types", "constants", "misc", "shared_utils"];
    let path = file.path.strip_suffix(".rs").unwrap_or_default();
    let names = path.split('/').filter(|name| DRAWERS.contains(name) || name.ends_with("_util"));
    names.map(|name| (1, format!("a module named `{name}`"))).collect()
}

/// What each crate may name among its dependencies; those of the command are anything but an SDK.
const ARROWS: [(&str, &[&str]); 3] = [
    (
        "shared/detection/Cargo.toml",
        &[
            "crc32fast",
            "foldhash",
            "ipnet",
            "jiff",
            "maxminddb",
            "serde",
            "serde_json",
            "siphasher",
            "thiserror",
            "toml",
        ],
    ),
    (
        "shared/sources/Cargo.toml",
        &[
            "base64",
            "callerwatch-detection",
            "flate2",
            "jiff",
            "libdeflater",
            "memchr",
            "serde",
            "serde_json",
            "simdutf8",
            "sonic-rs",
            "thiserror",
        ],
    ),
    (
        "shared/pipeline/Cargo.toml",
        &[
            "callerwatch-detection",
            "callerwatch-sources",
            "futures-util",
            "serde_json",
            "thiserror",
        ],
    ),
];

fn broken_arrow(file: &File) -> Vec<Fault> {
    let mut is_dependencies = false;
    let mut faults = Vec::new();
    let allowed = ARROWS.iter().find(|(path, _)| *path == file.path).map(|(_, allowed)| allowed);
    if allowed.is_none() && file.path != "cli/Cargo.toml" {
        return faults;
    }
    for (at, line) in numbered(&file.text) {
        if line.starts_with('[') {
            // Those of tests alone reach no user.
            is_dependencies = line.contains("dependencies") && !line.contains("dev-dependencies");
            continue;
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        if !is_dependencies || name.is_empty() || name.starts_with('#') {
            continue;
        }
        let is_allowed = if let Some(allowed) = allowed {
            allowed.contains(&name)
        } else {
            // A scan builds without an SDK: what brings one in is optional.
            let is_sdk = ["aws-", "callerwatch-adapters", "lambda_", "tokio"];
            line.contains("optional = true") || !is_sdk.iter().any(|it| name.starts_with(it))
        };
        if !is_allowed {
            faults.push((at, format!("depends on {name}")));
        }
    }
    faults
}

fn impure(file: &File) -> Vec<Fault> {
    const WORLD: [&str; 8] = [
        "std::fs",
        "std::env",
        "std::process",
        "std::thread",
        "std::net::Tcp",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
    ];
    let is_pure = ["shared/detection/src/", "shared/sources/src/", "shared/pipeline/src/"]
        .iter()
        .any(|room| file.path.starts_with(room));
    if is_pure && file.is_rust() { with_words(file.code(), &WORLD) } else { Vec::new() }
}

fn provider_field(file: &File) -> Vec<Fault> {
    const FIELDS: [&str; 16] = [
        "sourceIPAddress",
        "userIdentity",
        "eventSource",
        "eventName",
        "errorCode",
        "sharedEventID",
        "protoPayload",
        "requestMetadata",
        "authenticationInfo",
        "principalEmail",
        "callerIp",
        "methodName",
        "userPrincipalName",
        "resultType",
        "ResultType",
        "operationName",
    ];
    let is_engine = file.path.starts_with("shared/detection/src/") && file.is_rust();
    if is_engine { with_words(file.code(), &FIELDS) } else { Vec::new() }
}

fn unfit_word(file: &File) -> Vec<Fault> {
    // Taken apart, since this file is read too.
    const WORDS: [&str; 6] = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("/work", "/"),
        concat!("/tmp", "/target"),
        concat!("/root", "/"),
        concat!("/home", "/"),
    ];
    if file.path == "Cargo.lock" {
        // Crates come from where everybody gets them.
        let lines = numbered(&file.text).filter(|(_, line)| line.starts_with("source = "));
        let others = lines.filter(|(_, line)| {
            !line.contains("\"registry+https://github.com/rust-lang/crates.io-index\"")
        });
        return others.map(|(at, line)| (at, line.to_owned())).collect();
    }
    with_words(numbered(&file.text), &WORDS)
}

fn real_address(file: &File) -> Vec<Fault> {
    // Tests of others' logs name what lies in those, and this file what it refuses.
    const EXEMPT: [&str; 2] = ["tests/corpus", "tests/tidy.rs"];
    let is_under = |prefix: &&str| file.path.starts_with(*prefix);
    if !["samples/", "tests/"].iter().any(is_under) || EXEMPT.iter().any(is_under) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (at, line) in numbered(&file.text) {
        // Comments tell of rules, and rules are about other addresses.
        if file.is_rust() && line.trim_start().starts_with("//") {
            continue;
        }
        // Words of what addresses are written with. A version, such as Chrome/143.0.0.0, follows a
        // slash; so does a host, and that follows two.
        for word in line
            .replace("://", " ")
            .split(|c: char| !c.is_ascii_alphanumeric() && !"./:-_".contains(c))
        {
            let word = word.split('/').next().unwrap_or_default().trim_end_matches([':', '.']);
            let socket = word.parse().map(|socket: SocketAddr| socket.ip());
            if let Ok(ip) = word.parse().or(socket)
                && !may_be_shown(ip)
            {
                faults.push((at, format!("the address {ip}")));
            }
        }
    }
    faults
}

/// Reserved for documentation, private, or no address of anybody.
fn may_be_shown(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_documentation()
                || v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            (first == 0x2001 && second == 0xdb8)
                || v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    }
}

fn untested_detection(file: &File) -> Vec<Fault> {
    let is_detection = file.path.starts_with("shared/detection/src/detections/")
        && file.code().any(|(_, line)| line.contains(": Detection = "));
    let is_tested = file.text.contains("#[cfg(test)]") && file.text.contains("#[test]");
    if is_detection && !is_tested {
        vec![(1, "a detection without tests".to_owned())]
    } else {
        Vec::new()
    }
}
