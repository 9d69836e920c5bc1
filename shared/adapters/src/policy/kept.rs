//! What stays of what was known, where what feeds were compiled to is damaged and cannot be made anew.
//!
//! Promises that the healthy parts and the policy are new all the same. Must not know why a file is
//! damaged.

use callerwatch_detection::feeds::{COUNTRIES, LISTS, NETWORKS};
use callerwatch_detection::intelligence::{CompiledError, Intelligence};

use super::Loaded;

/// Takes what is lost of what was in force before.
pub(super) fn keep(loaded: &mut Loaded, before: &mut Loaded, lost: &[&str]) {
    if lost.contains(&COUNTRIES) {
        loaded.intelligence.take_countries(&mut before.intelligence);
    }
    if lost.contains(&NETWORKS) {
        loaded.intelligence.take_networks(&mut before.intelligence);
    }
    if lost.contains(&LISTS) {
        match lists_of_both(loaded, before) {
            Ok(mut both) => {
                both.take_countries(&mut loaded.intelligence);
                both.take_networks(&mut loaded.intelligence);
                loaded.intelligence = both;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the lists of feeds cannot be kept");
            }
        }
    }
}

/// The lists of feeds that were known, beside those that the policy has by now.
fn lists_of_both(loaded: &Loaded, before: &Loaded) -> Result<Intelligence, CompiledError> {
    let lists = Intelligence::builder().compiled(before.intelligence.as_bytes())?;
    let of_policy = before.policy.lists().iter();
    let lists = of_policy.fold(lists, |lists, list| lists.without(&list.name));
    if loaded.intelligence.lists().is_empty() {
        return Ok(lists.build());
    }
    Ok(lists.compiled(loaded.intelligence.as_bytes())?.build())
}
