//! What a function is told by its environment, read once at cold start.
//!
//! Promises values that can be used as they are, and every fault together: whoever deploys should
//! not have to deploy again for each. There is no default for a name, and none is ever made up.

mod egress;
mod forms;
mod push;
mod respond;

use std::fmt;

use tracing::Level;

pub use self::egress::EgressConfig;
pub use self::forms::{Days, Name, role};
use self::forms::{bucket, days, key, level, table, topic};
pub use self::push::PushConfig;
pub use self::respond::RespondConfig;
use crate::objects::OBJECT_MAX_BYTES;

/// What a function is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The table of ledgers and alerts.
    pub table: Name,
    /// Where alerts go.
    pub topic_arn: Name,
    /// Where alerts for chat go.
    pub chat_topic_arn: Option<Name>,
    /// Where the policy, its lists and the quarantine are.
    pub state_bucket: Name,
    /// The key of the policy in that bucket.
    pub policy_key: Name,
    /// Days a ledger is kept after the last of its evidence.
    pub ledger_days: Days,
    /// Days an alert is kept after it was last announced.
    pub alert_days: Days,
    /// The least important level that is logged.
    pub log_level: Level,
    /// The largest object that is fetched: half of the memory there is, since it is read from there.
    pub object_max_bytes: u64,
    /// Whether the mapping that invokes the function takes back the failed items of a batch alone.
    pub item_failures: bool,
}

/// What is wrong with a variable, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// All that is wrong with an environment. Prints one fault a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigFault>);

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn from_env() -> Result<Self, ConfigErrors> {
        Self::read(variable)
    }

    /// Reads an environment. An empty value counts as none.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut from = Environment { get, faults: Vec::new() };
        Self::read_from(&mut from).ok_or(ConfigErrors(from.faults))
    }

    /// None where there are faults.
    fn read_from<G: Fn(&str) -> Option<String>>(from: &mut Environment<G>) -> Option<Self> {
        let table = from.required("CALLERWATCH_TABLE", "the name of a table", table);
        let topic_arn = from.required("CALLERWATCH_TOPIC_ARN", TOPIC, topic);
        let chat_topic_arn = from.optional("CALLERWATCH_CHAT_TOPIC_ARN", TOPIC, topic);
        let bucket = from.required("CALLERWATCH_STATE_BUCKET", "the name of a bucket", bucket);
        let policy_key = from.required("CALLERWATCH_POLICY_KEY", "the key of an object", key);
        let ledger_days =
            from.required("CALLERWATCH_LEDGER_DAYS", "a number of days from 1 to 30", days::<30>);
        let alert_days = from.required(
            "CALLERWATCH_ALERT_DAYS",
            "a number of days from 1 to 3650",
            days::<3650>,
        );
        let log_level =
            from.optional("RUST_LOG", "one of error, warn, info, debug and trace", level);
        let memory = from
            .optional("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "a number of MiB", |it| it.parse().ok());
        let item_failures =
            from.optional("CALLERWATCH_ITEM_FAILURES", "true or false", |it| it.parse().ok());
        let all = (table, topic_arn, bucket, policy_key, ledger_days, alert_days);
        match all {
            (
                Some(table),
                Some(topic_arn),
                Some(state_bucket),
                Some(policy_key),
                Some(ledger_days),
                Some(alert_days),
            ) if from.faults.is_empty() => Some(Self {
                table,
                topic_arn,
                chat_topic_arn,
                state_bucket,
                policy_key,
                ledger_days,
                alert_days,
                log_level: log_level.unwrap_or(Level::INFO),
                object_max_bytes: memory
                    .map_or(OBJECT_MAX_BYTES, |mib: u32| u64::from(mib) * (1 << 20) / 2)
                    .min(OBJECT_MAX_BYTES),
                item_failures: item_failures.unwrap_or_default(),
            }),
            _ => None,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the room that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

const TOPIC: &str = "the ARN of a standard topic";

struct Environment<G> {
    get: G,
    faults: Vec<ConfigFault>,
}

impl<G: Fn(&str) -> Option<String>> Environment<G> {
    fn required<T>(
        &mut self,
        variable: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if self.text(variable).is_none() {
            let message = format!("is not set; set it to {expected}");
            self.faults.push(ConfigFault { variable, message });
        }
        self.optional(variable, expected, parse)
    }

    fn optional<T>(
        &mut self,
        variable: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(variable)?;
        let value = parse(&text);
        if value.is_none() {
            let start: String = text.chars().take(100).collect();
            let message = format!("is {start:?}; set it to {expected}");
            self.faults.push(ConfigFault { variable, message });
        }
        value
    }

    fn text(&self, variable: &str) -> Option<String> {
        (self.get)(variable).filter(|text| !text.is_empty())
    }
}

impl ConfigErrors {
    /// Them, in the order of the documentation.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigFault> {
        self.0.iter()
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, ConfigFault { variable, message }) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{variable} {message}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const GOOD: [(&str, &str); 7] = [
        ("CALLERWATCH_TABLE", "callerwatch-Table.1"),
        ("CALLERWATCH_TOPIC_ARN", "arn:aws-us-gov:sns:us-gov-west-1:111111111111:alerts"),
        ("CALLERWATCH_STATE_BUCKET", "callerwatch-state"),
        ("CALLERWATCH_POLICY_KEY", "a/policy.toml"),
        ("CALLERWATCH_LEDGER_DAYS", "3"),
        ("CALLERWATCH_ALERT_DAYS", "90"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ];

    /// One that is complete, but for these changes.
    pub(super) fn environment(
        changes: &[(&'static str, &'static str)],
    ) -> impl Fn(&str) -> Option<String> {
        let all: HashMap<_, _> = GOOD.iter().chain(changes).copied().collect();
        move |variable| all.get(variable).map(|value| (*value).to_owned())
    }

    fn read(changes: &[(&'static str, &'static str)]) -> Result<Config, ConfigErrors> {
        Config::read(environment(changes))
    }

    #[test]
    fn a_complete_environment() {
        let config = read(&[]).unwrap();
        assert_eq!(config.table.as_str(), "callerwatch-Table.1");
        assert_eq!((config.ledger_days.get(), config.alert_days.get()), (3, 90));
        assert_eq!(config.chat_topic_arn, None);
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.object_max_bytes, 128 << 20);
        let chat = "arn:aws:sns:eu-west-1:111111111111:chat";
        assert!(!config.item_failures);
        let more = [
            ("CALLERWATCH_CHAT_TOPIC_ARN", chat),
            ("RUST_LOG", "debug"),
            ("CALLERWATCH_ITEM_FAILURES", "true"),
        ];
        let config = read(&more).unwrap();
        assert!(config.item_failures);
        assert_eq!(config.chat_topic_arn.unwrap().as_str(), chat);
        assert_eq!(config.log_level, Level::DEBUG);
        let config = read(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "10240")]).unwrap();
        assert_eq!(config.object_max_bytes, OBJECT_MAX_BYTES);
    }

    #[test]
    fn all_faults_are_told_together() {
        let errors = Config::read(|variable| {
            let value = match variable {
                "CALLERWATCH_TABLE" => "two words",
                "CALLERWATCH_TOPIC_ARN" => "arn:aws:sns:eu-west-1:111111111111:alerts.fifo",
                "CALLERWATCH_CHAT_TOPIC_ARN" => "chat\n",
                "CALLERWATCH_STATE_BUCKET" => "",
                "CALLERWATCH_LEDGER_DAYS" => "31",
                "CALLERWATCH_ALERT_DAYS" => "-1",
                "RUST_LOG" => "2",
                "CALLERWATCH_ITEM_FAILURES" => "1",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let expected = "\
CALLERWATCH_TABLE is \"two words\"; set it to the name of a table
CALLERWATCH_TOPIC_ARN is \"arn:aws:sns:eu-west-1:111111111111:alerts.fifo\"; set it to the ARN of a standard topic
CALLERWATCH_CHAT_TOPIC_ARN is \"chat\\n\"; set it to the ARN of a standard topic
CALLERWATCH_STATE_BUCKET is not set; set it to the name of a bucket
CALLERWATCH_POLICY_KEY is not set; set it to the key of an object
CALLERWATCH_LEDGER_DAYS is \"31\"; set it to a number of days from 1 to 30
CALLERWATCH_ALERT_DAYS is \"-1\"; set it to a number of days from 1 to 3650
RUST_LOG is \"2\"; set it to one of error, warn, info, debug and trace
CALLERWATCH_ITEM_FAILURES is \"1\"; set it to true or false";
        assert_eq!(errors.unwrap_err().to_string(), expected);
    }

    #[test]
    fn names_have_the_form_of_their_kind() {
        for (variable, value) in [
            ("CALLERWATCH_TABLE", "ab"),
            ("CALLERWATCH_TOPIC_ARN", "alerts"),
            ("CALLERWATCH_TOPIC_ARN", "arn:aws:sqs:eu-west-1:111111111111:alerts"),
            ("CALLERWATCH_TOPIC_ARN", "arn:aws:sns:eu-west-1:1:alerts"),
            ("CALLERWATCH_TOPIC_ARN", "arn:aws:sns:eu-west-1:111111111111:alerts:subscription"),
            ("CALLERWATCH_STATE_BUCKET", "State"),
            ("CALLERWATCH_STATE_BUCKET", "-state"),
            ("CALLERWATCH_POLICY_KEY", "/policy.toml"),
            ("CALLERWATCH_POLICY_KEY", "policies/"),
            ("CALLERWATCH_LEDGER_DAYS", "0"),
            ("CALLERWATCH_LEDGER_DAYS", "3 "),
        ] {
            let errors = read(&[(variable, value)]).unwrap_err();
            let told: Vec<_> = errors.iter().map(|fault| fault.variable).collect();
            assert_eq!(told, [variable], "{value}");
        }
    }
}
