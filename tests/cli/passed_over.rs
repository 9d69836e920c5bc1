//! What lies beside logs in a folder and is none: passed over, and no fault.

use crate::command::run;
use crate::folder::Folder;
use crate::records::{denied_burst, document};

#[test]
fn other_files_in_a_folder() {
    for (name, text) in [
        ("README", "About these logs\n\nThey were exported on Monday.\n"),
        ("README.md", "# Logs\n\nOne of them:\n\n```json\n{\"a\": 1}\n```\n\n- [x] exported\n"),
        ("list.md", "[link]: https://example.com\n[x] done\n"),
        ("policy.toml", "[[lists]]\npath = \"a.txt\"\n"),
        ("settings.ini", "[section]\nkey = value\n"),
        ("index.html", "<!doctype html>\n<title>Logs</title>\n<script>{}</script>\n"),
        ("table.csv", "address,count\n203.0.113.7,3\n"),
        ("query.sql", "select *\nfrom logs;\n"),
        ("notes.yaml", "logs:\n  - a\n  - {b: c}\n"),
        ("main.tf", "resource \"a\" \"b\" {\n  c = 1\n}\n"),
        ("run.sh", "#!/bin/sh\n{ echo; } && [ -d logs ]\n"),
        ("tool.py", "import json\nx = {'a': [1]}\n"),
        ("code.rs", "fn main() {\n    let a = [1];\n}\n"),
        (".DS_Store.txt", "{\\rtf1 a text }\n"),
        ("braces.txt", "{ not a log\n"),
        ("blank.txt", "\n \n"),
        ("empty.json", ""),
        ("empty.txt", ""),
    ] {
        let folder = Folder::new(&format!("beside-{name}"));
        folder.put("logs/good.json", document(&denied_burst("203.0.113.7")));
        folder.put(&format!("logs/{name}"), text);
        let done = run(&folder, "scan logs");
        assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{name}");
        assert!(done.stdout.contains("1 alert:"), "{name}");
        let is_told =
            done.stdout.lines().any(|it| it.starts_with("  no log ") && it.contains(name));
        let is_blank = text.trim().is_empty();
        assert!(is_told || is_blank, "{name} is not told of in\n{}", done.stdout);
    }
}

/// JSON that is no log is read and counted; nothing of it is lost.
#[test]
fn other_json_is_counted_as_rejected() {
    let folder = Folder::new("beside-json");
    folder.put("logs/good.json", document(&denied_burst("203.0.113.7")));
    folder.put("logs/package.json", "{\"name\":\"x\",\"version\":1}");
    let done = run(&folder, "scan logs");
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    assert!(done.stdout.contains("package.json: 1 not a record of a known log"), "{}", done.stdout);
}

#[test]
fn the_same_files_named_by_the_user_are_faults() {
    let folder = Folder::new("beside-named").with("README", "words\n").with("empty", "");
    let done = run(&folder, "scan README empty");
    assert_eq!(done.status, Some(2));
    assert!(done.stderr.contains("README: not wholly read"), "{}", done.stderr);
    assert_eq!(done.stderr.lines().count(), 1);
    // It was named, though a folder has it too.
    let logs = Folder::new("named-in-folder").with("logs/README", "words\n");
    logs.put("logs/good.json", document(&denied_burst("203.0.113.7")));
    for args in ["scan logs logs/README", "scan logs/README logs", "scan logs/README logs/README"] {
        let done = run(&logs, args);
        assert_eq!(done.status, Some(2), "{args}");
        assert_eq!(done.stderr.lines().count(), 1, "{args}: {}", done.stderr);
    }
}
