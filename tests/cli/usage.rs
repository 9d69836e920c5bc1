//! Bad usage: exit status 2, everything that is wrong on standard error, and nothing scanned.

use crate::command::run;
use crate::folder::Folder;
use crate::records::{denied_burst, document};

#[test]
fn bad_usage_is_told() {
    let folder = Folder::new("usage").with("log.json", document(&denied_burst("203.0.113.7")));
    folder.put("words.txt", "no address\nin here\n");
    folder.put("empty.txt", "# nothing\n");
    folder.put("good.txt", "203.0.113.7\n");
    folder.put("binary.txt", b"\x7fELF\0\0\0\xff\xfe\0");
    folder.put("big.toml", " ".repeat((1 << 20) + 1));
    folder.put("latin.toml", b"critical_assets = [\"\xe4\"]\n");
    folder.put("not.mmdb", "no database");
    folder.put("countries.toml", "[countries]\ndeny = [\"KP\"]\n");
    for (args, parts) in [
        ("scan", &["<PATH>"][..]),
        ("scan log.json --threads 0", &["--threads", "1 or more"]),
        ("scan log.json --threads 100000", &["--threads", "at most 1024"]),
        ("scan log.json --threads -1", &["-1"]),
        ("scan log.json --threads many", &["--threads", "many"]),
        ("scan log.json --fail-on bad", &["--fail-on", "critical"]),
        ("scan log.json --format xml", &["--format", "json"]),
        ("scan log.json --list evil=good.txt", &["evil", "malicious", "hosting"]),
        ("scan log.json --list good.txt", &["CATEGORY=FILE"]),
        ("scan log.json --list malicious=", &["CATEGORY=FILE"]),
        ("scan log.json --list malicious=gone.txt", &["gone.txt", "No such file"]),
        ("scan log.json --list malicious=words.txt", &["words.txt"]),
        ("scan log.json --list malicious=empty.txt", &["empty.txt"]),
        ("scan log.json --list malicious=binary.txt", &["binary.txt"]),
        ("scan log.json --list malicious=.", &["cannot read the list .", "directory"]),
        ("scan log.json --policy gone.toml", &["gone.toml", "No such file"]),
        ("scan log.json --policy big.toml", &["big.toml", "larger than 1 MiB"]),
        ("scan log.json --policy latin.toml", &["latin.toml", "UTF-8"]),
        ("scan log.json --country-db gone.mmdb", &["gone.mmdb", "No such file"]),
        ("scan log.json --country-db not.mmdb", &["not.mmdb"]),
        ("scan log.json --policy countries.toml", &["--country-db FILE"]),
        // All at once.
        (
            "scan log.json --policy gone.toml --list tor=gone.txt --list tor=words.txt \
             --country-db not.mmdb",
            &["gone.toml", "gone.txt", "words.txt", "not.mmdb"],
        ),
        ("check-policy", &["<FILE>"]),
        ("check-policy gone.toml", &["gone.toml", "No such file"]),
        ("watch", &["watch"]),
    ] {
        let done = run(&folder, args);
        assert_eq!((done.status, done.stdout.as_str()), (Some(2), ""), "{args}: {}", done.stderr);
        for part in parts {
            assert!(done.stderr.contains(part), "{args}: {part:?} is not in\n{}", done.stderr);
        }
        assert!(!done.stderr.contains("panicked"), "{args}");
    }
}

#[test]
fn help_is_no_fault() {
    for args in ["--help", "--version", "scan --help", "check-policy --help"] {
        let done = run(&Folder::new(&format!("help{}", args.len())), args);
        assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{args}");
        assert!(done.stdout.contains("callerwatch"), "{args}");
    }
}

#[test]
fn that_nothing_was_there_to_read_is_told() {
    let folder = Folder::new("usage-nothing").with("logs/none.json", "{\"Records\":[]}");
    folder.put("log.json", document(&denied_burst("203.0.113.7")));
    std::fs::create_dir(folder.join("empty")).expect("a folder");
    for verb in ["scan", "scan --format json", "investigate 203.0.113.9"] {
        for (path, said) in [
            ("empty", "callerwatch: not one call was found, in 0 files\n"),
            ("logs", "callerwatch: not one call was found, in 1 file\n"),
            ("log.json", ""),
        ] {
            let done = run(&folder, &format!("{verb} {path}"));
            assert_eq!((done.status, done.stderr.as_str()), (Some(0), said), "{verb} {path}");
        }
    }
}
