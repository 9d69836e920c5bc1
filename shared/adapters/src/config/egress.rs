//! What the function that refreshes feeds is told beside the rest: whose addresses it learns.

use super::forms::{Name, role};
use super::{Config, ConfigErrors, Environment};

/// What an environment has room for.
const ROLES_MAX: usize = 40;

/// Whose addresses are learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressConfig {
    /// Whether any are.
    pub is_on: bool,
    /// The roles by which other accounts are asked than the function's own.
    pub roles: Vec<Name>,
}

impl EgressConfig {
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
        let is_on =
            from.optional("CALLERWATCH_LEARN_EGRESS", "true or false", |it| it.parse().ok());
        let wanted = "the ARNs of up to 40 roles, with commas between them";
        let roles = from.optional("CALLERWATCH_EGRESS_ROLES", wanted, roles);
        match config {
            Some(config) if from.faults.is_empty() => {
                let (is_on, roles) = (is_on.unwrap_or_default(), roles.unwrap_or_default());
                Ok((config, Self { is_on, roles }))
            }
            _ => Err(ConfigErrors(from.faults)),
        }
    }
}

fn roles(text: &str) -> Option<Vec<Name>> {
    let roles: Vec<Name> = text.split(',').map(role).collect::<Option<_>>()?;
    (roles.len() <= ROLES_MAX).then_some(roles)
}

#[cfg(test)]
mod tests {
    use super::super::tests::environment;
    use super::*;

    #[test]
    fn nothing_is_learned_unless_it_is_said() {
        let (_, egress) = EgressConfig::read(environment(&[])).unwrap();
        assert_eq!(egress, EgressConfig::default());
        let roles = "arn:aws:iam::222222222222:role/egress,arn:aws-cn:iam::333333333333:role/a/b";
        let told = [("CALLERWATCH_LEARN_EGRESS", "true"), ("CALLERWATCH_EGRESS_ROLES", roles)];
        let (_, egress) = EgressConfig::read(environment(&told)).unwrap();
        assert!(egress.is_on);
        let named: Vec<&str> = egress.roles.iter().map(Name::as_str).collect();
        assert_eq!(named.join(","), roles);
    }

    #[test]
    fn what_is_no_role_is_told() {
        let many = vec!["arn:aws:iam::222222222222:role/egress"; ROLES_MAX + 1].join(",");
        for text in [
            "egress",
            "arn:aws:iam::222222222222:user/egress",
            "arn:aws:iam::2:role/egress",
            "arn:aws:iam:eu-west-1:222222222222:role/egress",
            "arn:aws:sts::222222222222:role/egress",
            "arn:aws:iam::222222222222:role/",
            "arn:aws:iam::222222222222:role/egress,",
            "arn:aws:iam::222222222222:role/two words",
            &many,
        ] {
            assert_eq!(roles(text), None, "{text}");
        }
        let told = [("CALLERWATCH_LEARN_EGRESS", "yes"), ("CALLERWATCH_EGRESS_ROLES", "egress")];
        let errors = EgressConfig::read(environment(&told)).unwrap_err().to_string();
        let expected = "\
CALLERWATCH_LEARN_EGRESS is \"yes\"; set it to true or false
CALLERWATCH_EGRESS_ROLES is \"egress\"; set it to the ARNs of up to 40 roles, with commas between them";
        assert_eq!(errors, expected);
    }
}
