//! `callerwatch block`, as it is typed.

use std::net::IpAddr;

use clap::{Args, Subcommand};

use super::Format;

/// No denial lasts longer: who has an address by then is anybody.
const HOURS_MAX: i64 = 720;

#[derive(Debug, Subcommand)]
pub(crate) enum BlockCommand {
    /// List what is denied: since when, until when, why, and what became of it in each target.
    ///
    /// What others put into a target is counted as it was last seen.
    List {
        /// The stack's table: its output `TableName`.
        #[arg(long, value_name = "NAME")]
        table: String,
        /// What to print: text for people, or one JSON object for each denial and each target.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Say what speaks against denying an address, and what it would do. Changes nothing.
    ///
    /// Asks all guards, names who would be cut off, says what each target would hold then, and prints
    /// the commands that deny it in Azure and Google Cloud. Exit status: 0 when nothing speaks
    /// against it, 1 when something does, 2 when not all could be asked.
    Explain(ExplainOptions),
    /// Deny an address or a prefix, for a time.
    ///
    /// Exit status: 0 when it is denied, or would be in dry-run; 1 when a guard refuses; 2 when it
    /// could not be denied everywhere.
    Add(AddOptions),
    /// End a denial now, everywhere.
    Remove {
        /// The address or prefix, as `block list` shows it.
        address: String,
        /// The stack's table: its output `TableName`.
        #[arg(long, value_name = "NAME")]
        table: String,
    },
    /// End all denials: take out all that callerwatch put anywhere, and nothing that others did.
    ///
    /// Sessions that it revoked live again. Needs no function, only the right to change the targets.
    Rollback {
        /// The stack's table: its output `TableName`.
        #[arg(long, value_name = "NAME")]
        table: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ExplainOptions {
    /// An IPv4 or IPv6 address, or a prefix; an IPv6 address stands for its /64.
    pub(crate) address: String,
    /// The stack's table: its output `TableName`.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: String,
    /// Where the policy is: the stack's output `StateBucketName`. Needed while the stack denies
    /// nothing, since nobody said it then.
    #[arg(long, value_name = "NAME")]
    pub(crate) state_bucket: Option<String>,
    #[command(flatten)]
    pub(crate) person: PersonOptions,
    /// What to print: text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct AddOptions {
    /// An IPv4 or IPv6 address, or a prefix; an IPv6 address stands for its /64.
    pub(crate) address: String,
    /// The stack's table: its output `TableName`.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// For how many hours, 1 to 720 [default: as the policy says].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=HOURS_MAX))]
    pub(crate) hours: Option<i64>,
    #[command(flatten)]
    pub(crate) person: PersonOptions,
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Who asks for a denial, and what they take on themselves.
#[derive(Args, Debug)]
pub(crate) struct PersonOptions {
    /// Who is cut off knowingly, by the name that `block explain` gives. May be repeated.
    #[arg(long = "cut-off", value_name = "NAME")]
    pub(crate) cut_off: Vec<String>,
    /// Your own public address, which is never denied. May be repeated [default: what
    /// checkip.amazonaws.com says].
    #[arg(long = "my-address", value_name = "ADDRESS")]
    pub(crate) my_addresses: Vec<IpAddr>,
}
