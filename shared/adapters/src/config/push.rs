//! What the function of Google Cloud is told beside the rest: who may push to it.

use super::{Config, ConfigErrors, Environment};
use crate::https::Url;
use crate::oidc::Expected;

/// Where Google's keys are.
const GOOGLE_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";
const SERVICE_ACCOUNTS: &str = ".gserviceaccount.com";

/// Who may push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushConfig {
    /// What a token must say.
    pub expected: Expected,
    /// Where the keys are that tokens are verified with.
    pub keys: Url,
}

impl PushConfig {
    /// Reads the environment of this process, and what every function is told with it.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn from_env() -> Result<(Config, Self), ConfigErrors> {
        Self::read(super::variable)
    }

    /// Reads an environment. An empty value counts as none.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<(Config, Self), ConfigErrors> {
        let mut from = Environment { get, faults: Vec::new() };
        let config = Config::read_from(&mut from);
        let audience = from.required(
            "CALLERWATCH_PUSH_AUDIENCE",
            "the audience of the push subscription: 1 to 2048 visible characters",
            audience,
        );
        let service_account = from.required(
            "CALLERWATCH_PUSH_SERVICE_ACCOUNT",
            "the e-mail address of the push subscription's service account",
            service_account,
        );
        let keys = from
            .optional("CALLERWATCH_PUSH_KEYS_URL", "an https:// URL of a JWK Set", Url::parse)
            .or_else(|| Url::parse(GOOGLE_KEYS));
        match (config, audience, service_account, keys) {
            (Some(config), Some(audience), Some(service_account), Some(keys))
                if from.faults.is_empty() =>
            {
                Ok((config, Self { expected: Expected { audience, service_account }, keys }))
            }
            _ => Err(ConfigErrors(from.faults)),
        }
    }
}

fn audience(text: &str) -> Option<String> {
    let is_one = text.len() <= 2048 && text.chars().all(|c| c.is_ascii_graphic());
    is_one.then(|| text.to_owned())
}

/// As Google writes them. A person's address would never match.
fn service_account(text: &str) -> Option<String> {
    let (name, domain) = text.split_once('@')?;
    let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let is_one = text.len() <= 254
        && !name.is_empty()
        && name.chars().all(is_label)
        && domain.chars().all(is_label)
        && domain.ends_with(SERVICE_ACCOUNTS);
    is_one.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::environment;
    use super::*;

    const GOOD: [(&str, &str); 2] = [
        ("CALLERWATCH_PUSH_AUDIENCE", "https://example.lambda-url.eu-west-1.on.aws/"),
        ("CALLERWATCH_PUSH_SERVICE_ACCOUNT", "push@example-project.iam.gserviceaccount.com"),
    ];

    fn read(
        changes: &[(&'static str, &'static str)],
    ) -> Result<(Config, PushConfig), ConfigErrors> {
        PushConfig::read(environment(&[&GOOD, changes].concat()))
    }

    #[test]
    fn a_complete_environment() {
        let (config, push) = read(&[]).unwrap();
        assert_eq!(config.table.as_str(), "callerwatch-Table.1");
        assert_eq!(push.expected.audience, GOOD[0].1);
        assert_eq!(push.expected.service_account, GOOD[1].1);
        assert_eq!(push.keys.as_str(), "https://www.googleapis.com/oauth2/v3/certs");
        let keys = "http://127.0.0.1:8080/keys";
        let (_, push) = read(&[("CALLERWATCH_PUSH_KEYS_URL", keys)]).unwrap();
        assert_eq!(push.keys.as_str(), keys);
    }

    #[test]
    fn all_faults_are_told_together() {
        let errors = read(&[
            ("CALLERWATCH_TABLE", ""),
            ("CALLERWATCH_PUSH_AUDIENCE", "two words"),
            ("CALLERWATCH_PUSH_SERVICE_ACCOUNT", "ann@example.com"),
            ("CALLERWATCH_PUSH_KEYS_URL", "http://keys.example.com/"),
        ])
        .unwrap_err();
        let expected = "\
CALLERWATCH_TABLE is not set; set it to the name of a table
CALLERWATCH_PUSH_AUDIENCE is \"two words\"; set it to the audience of the push subscription: 1 to 2048 visible characters
CALLERWATCH_PUSH_SERVICE_ACCOUNT is \"ann@example.com\"; set it to the e-mail address of the push subscription's service account
CALLERWATCH_PUSH_KEYS_URL is \"http://keys.example.com/\"; set it to an https:// URL of a JWK Set";
        assert_eq!(errors.to_string(), expected);
    }

    #[test]
    fn who_pushes_is_never_made_up() {
        let none = [("CALLERWATCH_PUSH_AUDIENCE", ""), ("CALLERWATCH_PUSH_SERVICE_ACCOUNT", "")];
        let errors = read(&none).unwrap_err();
        let variables: Vec<_> = errors.iter().map(|fault| fault.variable).collect();
        assert_eq!(variables, none.map(|(variable, _)| variable));
    }

    #[test]
    fn service_accounts() {
        for (text, expected) in [
            ("callerwatch-push@example-project.iam.gserviceaccount.com", true),
            ("push@example-project.example.com.iam.gserviceaccount.com", true),
            ("push@example.com:example-project.iam.gserviceaccount.com", false),
            ("111111111111-compute@developer.gserviceaccount.com", true),
            ("example-project@appspot.gserviceaccount.com", true),
            ("@example-project.iam.gserviceaccount.com", false),
            ("a@b@example-project.iam.gserviceaccount.com", false),
            ("Push@example-project.iam.gserviceaccount.com", false),
            ("push@gserviceaccount.com", false),
            ("push@example-project.iam.gserviceaccount.com.example.com", false),
            ("push@evilgserviceaccount.com", false),
            ("push", false),
        ] {
            assert_eq!(service_account(text).is_some(), expected, "{text}");
        }
    }
}
