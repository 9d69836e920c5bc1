//! Pages of the documentation that are made of what the program says of itself. A stale one fails;
//! `UPDATE=1 cargo test --package callerwatch-tests --test pages` renews them.

mod alerts;
#[path = "../cli/command.rs"]
#[expect(dead_code, reason = "its other half is for the tests of the command")]
mod command;
mod detections;

use std::env;
use std::fs;
use std::path::Path;

const RENEW: &str = "UPDATE=1 cargo test --package callerwatch-tests --test pages";

/// Fails unless a page of `docs/` says this, or writes it where `UPDATE` is set.
fn check(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, page).expect("the page can be written");
    }
    let told = fs::read_to_string(&path).unwrap_or_default();
    let stale = told.lines().zip(page.lines()).find(|(told, said)| told != said);
    assert!(told == page, "docs/{name} is stale: run `{RENEW}`; the first difference: {stale:?}");
}
