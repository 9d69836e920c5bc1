//! The same records give the same bytes, however they lie in files and whoever reads them.

use std::fs;
use std::path::Path;

use libdeflater::Decompressor;
use serde_json::Value;
use walkdir::WalkDir;

use crate::command::{Done, project, run};
use crate::folder::Folder;
use crate::records::{array, brute_force, call, denied_burst, document, gzip, ndjson};

const SCAN: &str = "scan logs --format json --list malicious=bad.txt";
const BAD: &str = "198.51.100.64/28\n203.0.113.87\n2001:db8:bad::/48\n";

/// A generator of numbers, the same for a seed (Knuth's MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// The samples, and attacks that leave more evidence than samples are kept of, from several
/// sources, with copies of one event that disagree.
fn records() -> Vec<String> {
    let mut made = Vec::new();
    for n in 0..6 {
        made.extend(denied_burst(&format!("203.0.113.{}", 100 + n % 3)));
        made.extend(brute_force(&format!("2001:db8:bad:{n}::{n}")));
    }
    made.extend(brute_force("30.*.0.210"));
    for n in 0..40 {
        let mut one = call(&format!("copy-{n}"), n, "198.51.100.65", "GetObject");
        let mut other = one.clone();
        one["userAgent"] = format!("agent {n}").into();
        other["userIdentity"]["arn"] = Value::Null;
        other["userIdentity"]["userName"] = "HIDDEN_DUE_TO_SECURITY_REASONS".into();
        if n % 2 == 1 {
            other["sourceIPAddress"] = "198.51.100.66".into();
        }
        made.extend([one, other]);
    }
    of_samples().into_iter().chain(made.iter().map(Value::to_string)).collect()
}

/// The records of a sample, as their bytes are.
fn of_file(path: &Path) -> Vec<String> {
    let mut bytes = fs::read(path).expect("a sample");
    if path.extension().is_some_and(|it| it == "gz") {
        let (_, len) = bytes.split_last_chunk().expect("a trailer");
        let mut text = vec![0; usize::try_from(u32::from_le_bytes(*len)).expect("its length")];
        Decompressor::new().gzip_decompress(&bytes, &mut text).expect("sound gzip");
        bytes = text;
    }
    let text = String::from_utf8(bytes).expect("text");
    let Ok(records) = sonic_rs::get(&text, ["Records"]) else {
        return text.lines().map(str::to_owned).collect();
    };
    let records = sonic_rs::to_array_iter(records.as_raw_str());
    records.map(|record| record.expect("sound JSON").as_raw_str().to_owned()).collect()
}

/// All CloudTrail records of the samples.
fn of_samples() -> Vec<String> {
    let entries = WalkDir::new(project().join("samples/logs/aws")).into_iter();
    let entries = entries.map(|entry| entry.expect("an entry"));
    entries.filter(|it| it.file_type().is_file()).flat_map(|it| of_file(it.path())).collect()
}

fn scanned(folder: &Folder, threads: usize) -> Done {
    let done = run(folder, &format!("{SCAN} --threads {threads}"));
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    done
}

#[test]
fn files_order_repeats_form_and_threads_change_no_byte() {
    let records = records();
    assert!(records.len() > 600, "{} records", records.len());
    let folder = Folder::new("identity-one").with("bad.txt", BAD);
    folder.put("logs/all.json", document(&records));
    let expected = scanned(&folder, 1).stdout;
    assert!(expected.lines().count() >= 9, "{expected}");

    for seed in 0..16 {
        let mut random = Random(seed);
        let folder = Folder::new(&format!("identity-{seed}")).with("bad.txt", BAD);
        let mut records = records.clone();
        random.shuffle(&mut records);
        // From one file to one a record.
        let files = [1, 2, 7, records.len()][random.below(4)];
        for (n, part) in records.chunks(records.len().div_ceil(files)).enumerate() {
            let text = match random.below(3) {
                0 => ndjson(part),
                1 => document(part),
                _ => array(part),
            };
            let name = format!("logs/{}/{n}", random.below(5));
            let bytes = if random.below(2) == 0 { text.into_bytes() } else { gzip(text) };
            if seed % 4 == 0 {
                folder.put(&format!("{name}-again"), &bytes);
            }
            folder.put(&name, bytes);
        }
        for threads in [1, 2, 8] {
            let got = scanned(&folder, threads).stdout;
            assert!(
                got == expected,
                "seed {seed}, {files} files, {threads} threads:\n{got}\n{expected}"
            );
        }
    }
}

#[test]
fn text_does_not_depend_on_threads_either() {
    let scan = "scan samples/logs tests/Cargo.toml samples --list malicious=samples/known-bad.txt";
    let one = run(project(), &format!("{scan} --threads 1"));
    for threads in [2, 8] {
        let many = run(project(), &format!("{scan} --threads {threads}"));
        assert_eq!(one.stdout, many.stdout, "{threads} threads");
        assert_eq!((one.status, &one.stderr), (many.status, &many.stderr));
    }
}

#[test]
fn samples_taken_apart_give_what_they_give_whole() {
    let folder = Folder::new("identity-apart");
    for (n, record) in of_samples().into_iter().enumerate() {
        folder.put(&format!("logs/{n}.json"), record);
    }
    let apart = run(&folder, "scan logs --format json");
    let whole = run(project(), "scan samples/logs/aws --format json");
    assert_eq!(whole.findings().len(), 3);
    assert!(apart.stdout == whole.stdout, "{}\n{}", apart.stdout, whole.stdout);
}
