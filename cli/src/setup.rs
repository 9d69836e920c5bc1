//! What a scan judges by: policy, lists, countries and networks, read and checked before any log.

use std::fs::{self, File};
use std::io::{self, Read};
use std::mem;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, bail};
use callerwatch_detection::intelligence::{Builder, Intelligence};
use callerwatch_detection::policy::{Policy, PolicyErrors};

use crate::args::{JudgingOptions, KnownOptions, ListOption, ListOptions};
use crate::fetched::Fetched;
use crate::report::{plain, shown};

/// The largest policy file read.
const POLICY_MAX_BYTES: u64 = 1 << 20;

/// What a scan judges by.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) policy: Policy,
    pub(crate) intelligence: Intelligence,
    /// What was fetched, where it is used.
    pub(crate) fetched: Option<Fetched>,
    /// What was fetched and cannot be used.
    pub(crate) faults: Vec<String>,
}

/// Reads all of it, or tells everything that is wrong with it together. A fetched file that is damaged
/// stops nobody, since nobody named it: all is read again without it.
pub(crate) fn load(options: &JudgingOptions) -> anyhow::Result<Setup> {
    let (known, fetched) = chosen(&options.known);
    let (policy, mut reading) = read(options, &known);
    let is_named = |file: &PathBuf| names(&options.known, file);
    let of_fetched = |fault: &Fault| fault.file.as_ref().is_some_and(|file| !is_named(file));
    let (damaged, others): (Vec<_>, Vec<_>) =
        mem::take(&mut reading.faults).into_iter().partition(of_fetched);
    if damaged.is_empty() {
        reading.faults = others;
        return Ok(Setup { policy, intelligence: reading.finish()?, fetched, faults: Vec::new() });
    }
    let is_damaged = |file: &PathBuf| damaged.iter().any(|it| it.file.as_ref() == Some(file));
    let mut sound = known;
    sound.intel.retain(|file| !is_damaged(file));
    sound.country_db = sound.country_db.filter(|file| !is_damaged(file));
    sound.asn_db = sound.asn_db.filter(|file| !is_damaged(file));
    let (policy, reading) = read(options, &sound);
    let told = |fault: Fault| {
        format!(
            "{}; what was fetched is not used: run `callerwatch intel fetch`, or scan with \
             --no-fetched",
            fault.text
        )
    };
    let faults = damaged.into_iter().map(told).collect();
    Ok(Setup { policy, intelligence: reading.finish()?, fetched, faults })
}

/// Whether the user named a file.
fn names(options: &KnownOptions, file: &PathBuf) -> bool {
    let databases = [&options.country_db, &options.asn_db];
    options.intel.contains(file) || databases.into_iter().any(|it| it.as_ref() == Some(file))
}

/// Reads the policy and what is known of addresses.
fn read(options: &JudgingOptions, known: &KnownOptions) -> (Policy, Reading) {
    let mut reading = Reading::default();
    reading.compiled(&known.intel);
    let policy = reading.policy(options.policy.as_deref());
    reading.lists(&known.lists);
    reading.databases(known);
    if policy.has_country_rules() && known.country_db.is_none() {
        reading.fault(
            "the policy has rules about countries: say where countries are known from with \
             --country-db FILE, or run `callerwatch intel fetch`"
                .to_owned(),
        );
    }
    (policy, reading)
}

/// The options, with what was fetched where they say nothing; and that, where it is used.
fn chosen(options: &KnownOptions) -> (KnownOptions, Option<Fetched>) {
    let mut chosen = options.clone();
    let Some(fetched) = Fetched::find().filter(|_| !options.no_fetched) else {
        return (chosen, None);
    };
    let mut is_used = false;
    let mut use_of = |file: Option<PathBuf>| {
        is_used |= file.is_some();
        file
    };
    if chosen.intel.is_empty() {
        chosen.intel.extend(use_of(fetched.lists()));
    }
    if chosen.country_db.is_none() {
        chosen.country_db = use_of(fetched.countries());
    }
    if chosen.asn_db.is_none() {
        chosen.asn_db = use_of(fetched.networks());
    }
    (chosen, is_used.then_some(fetched))
}

/// Reads what is known of addresses, or tells everything that is wrong with it together.
pub(crate) fn known(options: &KnownOptions) -> anyhow::Result<Intelligence> {
    let mut reading = Reading::default();
    let (options, _) = chosen(options);
    reading.compiled(&options.intel);
    reading.lists(&options.lists);
    reading.databases(&options);
    reading.finish()
}

/// The same of lists alone.
pub(crate) fn listed(policy: Option<&Path>, options: &ListOptions) -> anyhow::Result<Intelligence> {
    let mut reading = Reading::default();
    reading.policy(policy);
    reading.lists(options);
    reading.finish()
}

/// What was gathered so far. After a fault what was before it is lost, and only faults count.
#[derive(Default)]
struct Reading {
    builder: Builder,
    faults: Vec<Fault>,
}

/// What is wrong.
struct Fault {
    /// The compiled file or database it is wrong with.
    file: Option<PathBuf>,
    text: String,
}

impl Reading {
    fn policy(&mut self, file: Option<&Path>) -> Policy {
        let Some(file) = file else { return Policy::default() };
        match policy_with_lists(file, mem::take(&mut self.builder)) {
            Ok((policy, builder)) => {
                self.builder = builder;
                policy
            }
            Err(error) => {
                self.fault(format!("{error:#}"));
                Policy::default()
            }
        }
    }

    fn compiled(&mut self, files: &[PathBuf]) {
        for file in files {
            self.add("compiled intelligence", file, |builder, bytes| Ok(builder.compiled(bytes)?));
        }
    }

    fn lists(&mut self, options: &ListOptions) {
        for ListOption { category, column, file } in &options.lists {
            let name = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy();
            match dated(file) {
                Ok((bytes, secs)) => {
                    let builder = mem::take(&mut self.builder);
                    match builder.list_with_column(name, *category, &bytes, column.as_deref()) {
                        Ok(with_list) => self.builder = with_list.dated(secs),
                        Err(error) => self.fault(format!("{}: {error}", shown(file))),
                    }
                }
                Err(error) => {
                    self.fault(format!("cannot read the list {}: {error}", shown(file)));
                }
            }
        }
    }

    fn databases(&mut self, options: &KnownOptions) {
        if let Some(file) = &options.country_db {
            self.add("country database", file, |builder, bytes| Ok(builder.countries(bytes)?));
        }
        if let Some(file) = &options.asn_db {
            self.add("database of networks", file, |builder, bytes| Ok(builder.networks(bytes)?));
        }
    }

    fn add(
        &mut self,
        what: &str,
        file: &Path,
        add: impl FnOnce(Builder, Vec<u8>) -> anyhow::Result<Builder>,
    ) {
        let builder = mem::take(&mut self.builder);
        let bytes = fs::read(file).map_err(anyhow::Error::from);
        match bytes.and_then(|bytes| add(builder, bytes)) {
            Ok(builder) => self.builder = builder,
            Err(error) => {
                let text = format!("cannot use the {what} {}: {error}", shown(file));
                self.faults.push(Fault { file: Some(file.to_owned()), text });
            }
        }
    }

    fn fault(&mut self, text: String) {
        self.faults.push(Fault { file: None, text });
    }

    fn finish(self) -> anyhow::Result<Intelligence> {
        if !self.faults.is_empty() {
            let texts: Vec<String> = self.faults.into_iter().map(|fault| fault.text).collect();
            bail!("{}", texts.join("\n"));
        }
        Ok(self.builder.build())
    }
}

/// A list's bytes, and when it was written in seconds since 1970.
fn dated(file: &Path) -> io::Result<(Vec<u8>, u64)> {
    let bytes = fs::read(file)?;
    let written = fs::metadata(file)?.modified()?.duration_since(UNIX_EPOCH);
    Ok((bytes, written.map_or(0, |since| since.as_secs())))
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
            dated(&path).map_err(|error| format!("cannot read {}: {error}", plain(&list.path)));
        let added = read.and_then(|(bytes, secs)| {
            let column = list.column.as_deref();
            let taken = mem::take(&mut builder);
            taken
                .list_with_column(&list.name, list.category, &bytes, column)
                .map(|with_list| with_list.dated(secs))
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
