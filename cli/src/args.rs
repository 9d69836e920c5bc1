//! The command line, as it is typed.

#[cfg(feature = "aws")]
mod block;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use callerwatch_detection::intelligence::Category;
use callerwatch_detection::score::Severity;
#[cfg(feature = "aws")]
use callerwatch_detection::timestamp::Day;
use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "aws")]
pub(crate) use self::block::{AddOptions, BlockCommand, ExplainOptions};

/// Finds API calls from suspicious source IPs in AWS, Azure and Google Cloud audit logs.
#[derive(Debug, Parser)]
#[command(name = "callerwatch", version, arg_required_else_help = true)]
#[cfg_attr(
    not(feature = "aws"),
    command(
        after_help = "What speaks to a deployed stack (alerts, block, erase, test-alert, and \
                          investigate --table) is built with --features aws."
    )
)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan files and folders of exported audit logs.
    ///
    /// Reads CloudTrail, Azure Activity Log, Entra ID and Google Cloud and Workspace audit logs,
    /// plain or gzip, in any mixture: cloud and container are told by content, never by name.
    ///
    /// Exit status: 2 when the usage is bad or any input was not wholly read (what was read is
    /// reported all the same), else 1 when --fail-on is met, else 0.
    Scan(ScanOptions),
    /// Say all that is known of one source: lists, calls, principals, operations, times, alerts.
    ///
    /// Reads what `scan` reads, with every call of the source counted; or, with --table, the ledger
    /// of a deployed stack, which holds evidence alone. An IPv6 address stands for its /64. Alerts of
    /// its network, and of principals that called from it, are told too, where its calls are part of
    /// them. It is judged by the policy and the lists given here. Exit status: as of `scan`.
    Investigate(InvestigateOptions),
    /// Compile lists of addresses into one file, and say what is known of an address.
    #[command(subcommand)]
    Intel(IntelCommand),
    /// Check a policy file and say what was understood.
    CheckPolicy {
        /// The policy file (TOML).
        file: PathBuf,
    },
    /// The alerts of a deployed stack: list them, show one, close it, suppress it.
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// What a deployed stack denies: list it, explain an address, deny one, let it go.
    ///
    /// Region and credentials are found where every AWS tool finds them; they must be allowed what the
    /// stack's own function that denies is.
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Block(BlockCommand),
    /// Send a made-up incident through a deployed stack and wait for its alert.
    ///
    /// Region and credentials are found where every AWS tool finds them. Exit status: 0 when the
    /// alert was announced, 2 when it was not.
    #[cfg(feature = "aws")]
    TestAlert(TestAlertOptions),
    /// Erases a principal from a deployed stack: its evidence, its calls, and alerts that name it
    ///
    /// Asks for no confirmation: see with --dry-run what it would do. The whole table is read twice,
    /// which is charged. What is elsewhere stays: quarantined input expires after 14 days, and
    /// subscribers have what they were told.
    #[cfg(feature = "aws")]
    Erase(EraseOptions),
}

#[cfg(feature = "aws")]
#[derive(Args, Debug)]
pub(crate) struct EraseOptions {
    /// Its name, or its identity: the ARN of a user, the object id of an Entra account, an e-mail
    /// address.
    pub(crate) principal: String,
    /// The stack's table: its output `TableName`.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: String,
    /// Only say what would be erased.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[cfg(feature = "aws")]
#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// List alerts, the highest first: those that are open unless --all is given.
    ///
    /// An alert is open until it was quiet for a day, or somebody closed it.
    List(ListAlertsOptions),
    /// Show all of an alert: its reasons, its evidence, and its life.
    Show {
        /// Its uid.
        uid: String,
        /// The stack's table: its output `TableName`.
        #[arg(long, value_name = "NAME")]
        table: String,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Close an alert. It opens again when it is announced again.
    Close {
        /// Its uid.
        uid: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The stack's table: its output `TableName`.
        #[arg(long, value_name = "NAME")]
        table: String,
    },
    /// Mark an alert as suppressed, and print the lines of a policy that suppress what follows.
    Suppress {
        /// Its uid.
        uid: String,
        /// The last day, at most a year away.
        #[arg(long, value_name = "DATE", value_parser = day)]
        until: Day,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The stack's table: its output `TableName`.
        #[arg(long, value_name = "NAME")]
        table: String,
    },
}

#[cfg(feature = "aws")]
#[derive(Args, Debug)]
pub(crate) struct ListAlertsOptions {
    /// The stack's table: its output `TableName`.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: String,
    /// List closed and suppressed ones too.
    #[arg(long)]
    pub(crate) all: bool,
    /// The first day, in UTC [default: a week ago].
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) since: Option<Day>,
    /// The lowest severity.
    #[arg(long, value_name = "SEVERITY", value_parser = severity, default_value = "informational")]
    pub(crate) severity: Severity,
    /// The most that are listed.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub(crate) limit: usize,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IntelCommand {
    /// Compile lists into one file, for `scan --intel`.
    Build(BuildOptions),
    /// Say all that is known of addresses.
    Lookup(LookupOptions),
    /// Say which lists a compiled file was made of, how large they are and how old.
    Show {
        /// The compiled file [default: what `callerwatch intel fetch` fetched].
        file: Option<PathBuf>,
    },
    /// Fetch lists of Tor exits, of bad addresses and more, with countries and networks, for scans.
    ///
    /// What is fetched is kept in the folder `callerwatch` of `$XDG_DATA_HOME`, or else of
    /// `~/.local/share`, and scans use it from then on. Feeds that are young enough are not asked for. A feed that
    /// fails, or that cannot be believed, leaves its last good copy in use.
    ///
    /// Exit status: 0 when each feed is as it should be, 2 when one was not fetched or refused.
    #[cfg(feature = "fetch")]
    Fetch(FetchOptions),
    /// Learn the public addresses of your AWS accounts: Elastic IPs, NAT gateways and network
    /// interfaces.
    ///
    /// They are kept as the list `egress` of category own, beside what `callerwatch intel fetch`
    /// fetched: scans know them from then on, and no feed is believed that accuses them. Region and
    /// credentials are found where every AWS tool finds them; the account is asked that these are of.
    /// Name all other accounts at once: what was learned of one that is not named again is dropped.
    ///
    /// Exit status: 0 when all of them told, 2 when an account or a region did not; what it told
    /// before stays.
    #[cfg(feature = "aws")]
    LearnEgress(LearnOptions),
}

#[cfg(feature = "aws")]
#[derive(Args, Debug)]
pub(crate) struct LearnOptions {
    /// A role of another account, to ask it by. May be repeated.
    #[arg(long = "role-arn", value_name = "ARN", value_parser = role)]
    pub(crate) role_arns: Vec<String>,
}

#[cfg(feature = "fetch")]
#[derive(Args, Debug)]
pub(crate) struct FetchOptions {
    /// A policy file (TOML) that switches feeds off, or adds others.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Ask for feeds that are young enough too.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct BuildOptions {
    /// The file to write; one that is there is replaced.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Take the lists that a policy file (TOML) names.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) lists: ListOptions,
}

#[derive(Args, Debug)]
pub(crate) struct LookupOptions {
    /// Addresses, IPv4 or IPv6.
    #[arg(required = true, value_name = "IP")]
    pub(crate) addresses: Vec<String>,
    #[command(flatten)]
    pub(crate) known: KnownOptions,
}

#[cfg(feature = "aws")]
#[derive(Args, Debug)]
pub(crate) struct TestAlertOptions {
    /// The stack's table: its output `TableName`.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: String,
    /// The event bus that the stack's rules are on.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) bus: String,
    /// The source of made-up events that the stack admits: its parameter `TestEventSource`.
    #[arg(long, value_name = "NAME", default_value = "callerwatch.test")]
    pub(crate) event_source: String,
    /// How many seconds to wait for the alert.
    #[arg(long, value_name = "N", default_value_t = 120)]
    pub(crate) wait_secs: u64,
}

#[derive(Args, Debug)]
pub(crate) struct ScanOptions {
    /// Files or folders of logs; `-` reads standard input.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) judging: JudgingOptions,
    /// What to print: text for people, or one OCSF Detection Finding a line.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Also write the report as one page for a browser, which asks nothing of the network.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Exit with 1 when an alert has this severity or a higher one.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub(crate) fail_on: Option<Severity>,
    /// How many threads to read and decide with [default: one a core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Args, Debug)]
pub(crate) struct InvestigateOptions {
    /// An IPv4 or IPv6 address, or what an alert prints in its place: a /24 or /48, `10.0.0.5@SCOPE`,
    /// `principal:AWS:` and a number, or text.
    pub(crate) address: String,
    /// Files or folders of logs; `-` reads standard input.
    #[cfg_attr(feature = "aws", arg(required_unless_present = "table"))]
    #[cfg_attr(not(feature = "aws"), arg(required = true))]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Look into a stack's table (its output `TableName`) instead.
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["paths", "threads"])]
    pub(crate) table: Option<String>,
    #[command(flatten)]
    pub(crate) judging: JudgingOptions,
    /// What to print: text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// How many files to read at once [default: one a core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// What sources are judged by.
#[derive(Args, Clone, Debug)]
pub(crate) struct JudgingOptions {
    /// Thresholds, lists, countries, trusted networks and critical assets (TOML).
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) known: KnownOptions,
}

/// Where it is known from what an address is.
#[derive(Args, Clone, Debug)]
pub(crate) struct KnownOptions {
    /// Lists compiled by `callerwatch intel build`, in the place of those that `callerwatch intel
    /// fetch` fetched. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) intel: Vec<PathBuf>,
    /// Do not use what `callerwatch intel fetch` fetched.
    #[arg(long)]
    pub(crate) no_fetched: bool,
    #[command(flatten)]
    pub(crate) lists: ListOptions,
    /// The country of an address, from a MaxMind database (GeoLite2, DB-IP or iptoasn).
    #[arg(long, value_name = "FILE")]
    pub(crate) country_db: Option<PathBuf>,
    /// The network of an address and its name, from a MaxMind database of autonomous systems
    /// (GeoLite2, DB-IP or iptoasn).
    #[arg(long, value_name = "FILE")]
    pub(crate) asn_db: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ListOptions {
    /// A list of addresses and prefixes: plain, CSV, JSON, ipsum, exits of Tor, or ranges that a
    /// cloud publishes. CATEGORY is malicious, custom, tor, reported, anonymizer or scanner; or, as
    /// context that accuses nobody, hosting, cloud, trusted or own. COLUMN says where the addresses
    /// are, if they are not found. May be repeated.
    #[arg(long = "list", value_name = "CATEGORY[:COLUMN]=FILE")]
    pub(crate) lists: Vec<ListOption>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// `CATEGORY[:COLUMN]=FILE`.
#[derive(Clone, Debug)]
pub(crate) struct ListOption {
    pub(crate) category: Category,
    pub(crate) column: Option<String>,
    pub(crate) file: PathBuf,
}

impl FromStr for ListOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (category, file) =
            text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or_else(|| {
                "a list is given as CATEGORY=FILE, such as malicious=bad.txt".to_owned()
            })?;
        let (category, column) = match category.split_once(':') {
            Some((category, column)) => (category, Some(column.to_owned())),
            None => (category, None),
        };
        let category = category.parse().map_err(|unknown| format!("{unknown}"))?;
        Ok(Self { category, column, file: file.into() })
    }
}

#[cfg(feature = "aws")]
fn role(text: &str) -> Result<String, String> {
    let role = callerwatch_adapters::config::role(text).map(String::from);
    role.ok_or_else(|| "a role is given as arn:aws:iam::ACCOUNT:role/NAME".to_owned())
}

#[cfg(feature = "aws")]
fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a date is given as 2026-12-31".to_owned())
}

/// No machine has use for more, and a system that cannot start one ends the process.
const THREADS_MAX: usize = 1024;

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let threads = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= THREADS_MAX);
    threads.ok_or_else(|| format!("it is a number, 1 or more and at most {THREADS_MAX}"))
}

fn severity(text: &str) -> Result<Severity, String> {
    let mut all = Severity::ALL.into_iter();
    all.find(|severity| severity.name().eq_ignore_ascii_case(text))
        .ok_or_else(|| "a severity is informational, low, medium, high or critical".to_owned())
}
