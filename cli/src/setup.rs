//! What a scan judges by: policy, lists and countries, read and checked before any log.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use callerwatch_detection::intelligence::{Builder, Intelligence};
use callerwatch_detection::policy::{Policy, PolicyErrors};

use crate::args::ScanOptions;
use crate::report::{plain, shown};

/// The largest policy file read.
const POLICY_MAX_BYTES: u64 = 1 << 20;

/// What a scan judges by.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) policy: Policy,
    pub(crate) intelligence: Intelligence,
}

/// Reads all of it, or tells everything that is wrong with it together.
pub(crate) fn load(options: &ScanOptions) -> anyhow::Result<Setup> {
    let mut faults: Vec<String> = Vec::new();
    let mut builder = Intelligence::builder();
    let mut policy = Policy::default();
    if let Some(file) = &options.policy {
        match policy_with_lists(file, builder) {
            Ok((its_policy, its_builder)) => (policy, builder) = (its_policy, its_builder),
            Err(error) => {
                faults.push(format!("{error:#}"));
                builder = Intelligence::builder();
            }
        }
    }
    for list in &options.lists {
        let name = list.file.file_stem().unwrap_or(list.file.as_os_str()).to_string_lossy();
        let bytes = match fs::read(&list.file) {
            Ok(bytes) => bytes,
            Err(error) => {
                faults.push(format!("cannot read the list {}: {error}", shown(&list.file)));
                continue;
            }
        };
        builder = match builder.list(name, list.category, &bytes) {
            Ok(builder) => builder,
            Err(error) => {
                faults.push(format!("{}: {error}", shown(&list.file)));
                Intelligence::builder()
            }
        };
    }
    if let Some(file) = &options.country_db {
        match fs::read(file).map_err(anyhow::Error::from).and_then(|bytes| {
            std::mem::take(&mut builder).countries(bytes).map_err(anyhow::Error::from)
        }) {
            Ok(with_countries) => builder = with_countries,
            Err(error) => {
                faults.push(format!("cannot use the country database {}: {error}", shown(file)));
            }
        }
    }
    if policy.has_country_rules() && options.country_db.is_none() && faults.is_empty() {
        faults.push(
            "the policy has rules about countries: say where countries are known from with \
             --country-db FILE"
                .to_owned(),
        );
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(Setup { policy, intelligence: builder.build() })
}

/// A policy and its lists; all faults of the file and of the lists it names, by line.
pub(crate) fn policy_with_lists(
    file: &Path,
    mut builder: Builder,
) -> anyhow::Result<(Policy, Builder)> {
    let (policy, mut errors) = Policy::read(&text(file)?);
    for list in policy.lists() {
        let path = file.parent().unwrap_or(Path::new("")).join(&list.path);
        let read =
            fs::read(&path).map_err(|error| format!("cannot read {}: {error}", plain(&list.path)));
        let added = read.and_then(|bytes| {
            let column = list.column.as_deref();
            let taken = std::mem::take(&mut builder);
            taken
                .list_with_column(&list.name, list.category, &bytes, column)
                .map_err(|error| error.to_string())
        });
        match added {
            Ok(with_list) => builder = with_list,
            Err(message) => errors.push(list.line, message),
        }
    }
    with_file(errors, file).or((policy, builder)).map_err(anyhow::Error::from)
}

fn with_file(errors: PolicyErrors, file: &Path) -> PolicyErrors {
    errors.in_file(shown(file))
}

/// The text of a policy file. What is longer than a policy may be is cut to one byte more, and then
/// refused with the policy's other faults.
fn text(file: &Path) -> anyhow::Result<String> {
    let about = || format!("cannot read the policy {}", shown(file));
    let mut text = String::new();
    let file = File::open(file).with_context(about)?;
    file.take(POLICY_MAX_BYTES + 1).read_to_string(&mut text).with_context(about)?;
    Ok(text)
}
