//! `callerwatch intel lookup`: all that is known of addresses.

use std::io::{self, Write};
use std::net::IpAddr;

use callerwatch_detection::intelligence::{Hit, Intelligence};
use callerwatch_detection::source::{LedgerKey, Source};

use super::show::date;
use crate::EXIT_FAULT;
use crate::args::LookupOptions;
use crate::report::{brief, plain};
use crate::setup;

/// Runs the command.
pub(crate) fn run(options: &LookupOptions) -> anyhow::Result<u8> {
    let intelligence = setup::known(&options.known)?;
    let mut stdout = io::stdout().lock();
    let mut status = 0;
    for text in &options.addresses {
        match Source::from_address(text.as_str(), "") {
            Source::Public(ip) => {
                writeln!(stdout, "{ip}")?;
                known(&mut stdout, &intelligence, ip)?;
            }
            Source::Private { ip, .. } => {
                writeln!(stdout, "{ip}\n  a private address: it is never looked up")?;
            }
            _ => {
                status = EXIT_FAULT;
                writeln!(
                    io::stderr(),
                    "callerwatch: cannot look up `{}`: it is no address of the Internet",
                    plain(text)
                )?;
            }
        }
    }
    Ok(status)
}

/// What lists and databases say of an address.
pub(crate) fn known(
    out: &mut impl Write,
    intelligence: &Intelligence,
    ip: IpAddr,
) -> io::Result<()> {
    whereabouts(out, intelligence, &LedgerKey::of_public(ip))?;
    let hits = intelligence.named(ip);
    if hits.is_empty() {
        let asked = intelligence.lists().len();
        writeln!(out, "  lists       none of {asked}")?;
    }
    for hit in hits {
        writeln!(out, "  {:<11} {}", hit.category.name(), named(&hit, ip))?;
    }
    Ok(())
}

/// The country and the network that an address, or the first of a network, lies in.
pub(crate) fn whereabouts(
    out: &mut impl Write,
    intelligence: &Intelligence,
    key: &LedgerKey,
) -> io::Result<()> {
    let country = intelligence.country(key).map(|country| country.to_string());
    let network = intelligence.autonomous_system(key).map(|network| brief(&network.to_string()));
    let has_countries = intelligence.country_database().is_some();
    writeln!(out, "  country     {}", known_or(country, has_countries, "--country-db"))?;
    let has_networks = intelligence.network_database().is_some();
    writeln!(out, "  network     {}", known_or(network, has_networks, "--asn-db"))
}

fn known_or(known: Option<String>, is_asked: bool, option: &str) -> String {
    match (known, is_asked) {
        (Some(known), _) => known,
        (None, true) => "unknown".to_owned(),
        (None, false) => format!("unknown: give a database with {option} FILE"),
    }
}

/// `203.0.113.0/24 on ipsum, 6 lists, of 2026-03-02`.
pub(crate) fn named(hit: &Hit<'_>, ip: IpAddr) -> String {
    let mut told = vec![format!("{} on {}", hit.prefix, brief(&hit.list.name))];
    told.extend(hit.level.map(|level| match level {
        1 => "1 list".to_owned(),
        level => format!("{level} lists"),
    }));
    told.extend(hit.list.dated_secs.map(|secs| format!("of {}", date(secs))));
    if !hit.prefix.contains(&ip) {
        // One source holds the whole /64.
        told.push("another address of the same /64".to_owned());
    }
    told.join(", ")
}
