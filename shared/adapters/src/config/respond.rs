//! What the function that denies addresses is told beside the rest: whether it does, and where.

use callerwatch_response::{Mode, Settings, TargetId, TargetKind};

use super::forms::{is_arn, is_pattern_of_principal};
use super::{Config, ConfigErrors, ConfigFault, Environment};

/// What a policy may be attached to, or except; far more than anybody names.
const NAMES_MAX: usize = 100;

/// Whether addresses are denied, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RespondConfig {
    /// What the deployment denies by.
    pub settings: Settings,
    /// Whether sessions of who succeeded are ended.
    pub revokes_sessions: bool,
    /// The roles whose sessions may be revoked, by ARN.
    pub revoked_roles: Vec<String>,
    /// The users whose access keys may be made inactive, by ARN.
    pub revoked_users: Vec<String>,
}

impl RespondConfig {
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
    /// All that is wrong with it; also where it is to deny, and nobody would be denied.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<(Config, Self), ConfigErrors> {
        let mut from = Environment { get, faults: Vec::new() };
        let config = Config::read_from(&mut from);
        let mode = from.required("CALLERWATCH_RESPOND_MODE", "dry-run or enforce", mode);
        let policy = from.required("CALLERWATCH_DENY_POLICY_ARN", "the ARN of a policy", |text| {
            is_arn(text, "iam", "policy/").then(|| text.to_owned())
        });
        let wanted = "names of groups or roles, with commas between them";
        let groups = from.optional("CALLERWATCH_DENY_GROUPS", wanted, names).unwrap_or_default();
        let roles = from.optional("CALLERWATCH_DENY_ROLES", wanted, names).unwrap_or_default();
        if mode == Some(Mode::Enforce) && groups.is_empty() && roles.is_empty() {
            let message = "is not set, and neither is CALLERWATCH_DENY_ROLES: a policy that is \
                           attached to nobody denies nobody; name groups or roles, or set \
                           CALLERWATCH_RESPOND_MODE to dry-run";
            let message = message.to_owned();
            from.faults.push(ConfigFault { variable: "CALLERWATCH_DENY_GROUPS", message });
        }
        let wanted = "ARNs of users and roles, with commas between them; a session's is not one \
                      that a policy knows, so name its role: arn:aws:iam::ACCOUNT:role/NAME, or \
                      role/*/NAME where it has a path";
        let patterns = |text: &str| list(text, is_pattern_of_principal);
        let break_glass = from.optional("CALLERWATCH_BREAK_GLASS_ARNS", wanted, patterns);
        let organization = from.optional(
            "CALLERWATCH_ORGANIZATION_POLICY_ARN",
            "the ARN of a service control policy",
            |text| is_arn(text, "organizations", "policy/").then(|| text.to_owned()),
        );
        let wanted = "the ARN of a regional set of addresses of WAF";
        let set = |text: &str| is_arn(text, "wafv2", "regional/ipset/").then(|| text.to_owned());
        let ipv4_set = from.optional("CALLERWATCH_IPV4_SET_ARN", wanted, set);
        let ipv6_set = from.optional("CALLERWATCH_IPV6_SET_ARN", wanted, set);
        let revokes_sessions =
            from.optional("CALLERWATCH_REVOKE_SESSIONS", "true or false", |it| it.parse().ok());
        let roles_of = |text: &str| list(text, |it| is_arn(it, "iam", "role/"));
        let users_of = |text: &str| list(text, |it| is_arn(it, "iam", "user/"));
        let wanted = "ARNs of roles, with commas between them";
        let revoked_roles = from.optional("CALLERWATCH_REVOKE_ROLE_ARNS", wanted, roles_of);
        let wanted = "ARNs of users, with commas between them";
        let revoked_users = from.optional("CALLERWATCH_REVOKE_USER_ARNS", wanted, users_of);
        let revoked_roles = revoked_roles.unwrap_or_default();
        match (config, mode, policy) {
            (Some(config), Some(mode), Some(policy)) if from.faults.is_empty() => {
                let attached = [("group", groups), ("role", roles)];
                let attached_to = attached.iter().flat_map(|(kind, names)| {
                    names.iter().map(|name| arn_beside(&policy, kind, name))
                });
                let settings = Settings {
                    mode,
                    attached_to: attached_to.collect(),
                    break_glass: break_glass.unwrap_or_default(),
                    account: policy.split(':').nth(4).unwrap_or_default().to_owned(),
                    state_bucket: config.state_bucket.as_str().to_owned(),
                    topic_arn: config.topic_arn.as_str().to_owned(),
                    revoked_roles: revoked_roles.clone(),
                    targets: targets([
                        (TargetKind::Policy, Some(policy)),
                        (TargetKind::OrganizationPolicy, organization),
                        (TargetKind::Ipv4Set, ipv4_set),
                        (TargetKind::Ipv6Set, ipv6_set),
                    ]),
                };
                let respond = Self {
                    settings,
                    revokes_sessions: revokes_sessions.unwrap_or_default(),
                    revoked_roles,
                    revoked_users: revoked_users.unwrap_or_default(),
                };
                Ok((config, respond))
            }
            _ => Err(ConfigErrors(from.faults)),
        }
    }
}

fn mode(text: &str) -> Option<Mode> {
    match text {
        "dry-run" => Some(Mode::DryRun),
        "enforce" => Some(Mode::Enforce),
        _ => None,
    }
}

fn targets(named: [(TargetKind, Option<String>); 4]) -> Vec<TargetId> {
    let named = named.into_iter().filter_map(|(kind, arn)| Some((kind, arn?)));
    named.map(|(kind, arn)| TargetId { kind, arn }).collect()
}

/// `arn:aws:iam::111111111111:group/people`, of the account of the policy.
fn arn_beside(policy: &str, kind: &str, name: &str) -> String {
    let account = policy.split_once(":policy/").map_or("", |(account, _)| account);
    format!("{account}:{kind}/{name}")
}

fn names(text: &str) -> Option<Vec<String>> {
    list(text, |name| {
        let is_char = |c: char| c.is_ascii_alphanumeric() || "+=.@_-".contains(c);
        (1..=128).contains(&name.len()) && name.chars().all(is_char)
    })
}

fn list(text: &str, is_one: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let all: Vec<&str> = text.split(',').collect();
    let are_all = all.len() <= NAMES_MAX && all.iter().all(|it| is_one(it));
    are_all.then(|| all.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::environment;
    use super::*;

    const POLICY: &str = "arn:aws:iam::111111111111:policy/callerwatch-deny";
    const SET: &str = "arn:aws:wafv2:eu-west-1:111111111111:regional/ipset/denied/12345678";

    fn read(told: &[(&'static str, &'static str)]) -> Result<RespondConfig, String> {
        let environment = environment(told);
        RespondConfig::read(environment).map(|it| it.1).map_err(|it| it.to_string())
    }

    #[test]
    fn what_is_denied_by() {
        let told = [
            ("CALLERWATCH_RESPOND_MODE", "enforce"),
            ("CALLERWATCH_DENY_POLICY_ARN", POLICY),
            ("CALLERWATCH_DENY_GROUPS", "people,partners"),
            ("CALLERWATCH_DENY_ROLES", "deployer"),
            ("CALLERWATCH_BREAK_GLASS_ARNS", "arn:aws:iam::*:role/break-glass-*"),
            ("CALLERWATCH_IPV6_SET_ARN", SET),
            ("CALLERWATCH_REVOKE_SESSIONS", "true"),
            ("CALLERWATCH_REVOKE_ROLE_ARNS", "arn:aws:iam::111111111111:role/a/b"),
        ];
        let respond = read(&told).unwrap();
        let Settings { mode, targets, attached_to, break_glass, account, .. } = respond.settings;
        assert_eq!((mode, account.as_str()), (Mode::Enforce, "111111111111"));
        let named: Vec<(TargetKind, &str)> =
            targets.iter().map(|it| (it.kind, it.arn.as_str())).collect();
        assert_eq!(named, [(TargetKind::Policy, POLICY), (TargetKind::Ipv6Set, SET)]);
        let beside = |name: &str| format!("arn:aws:iam::111111111111:{name}");
        assert_eq!(attached_to, ["group/people", "group/partners", "role/deployer"].map(beside));
        assert_eq!(break_glass, ["arn:aws:iam::*:role/break-glass-*"]);
        assert!(respond.revokes_sessions);
        assert_eq!(respond.revoked_roles, ["arn:aws:iam::111111111111:role/a/b"]);
    }

    #[test]
    fn nothing_is_enforced_that_denies_nobody() {
        let told =
            |mode| [("CALLERWATCH_RESPOND_MODE", mode), ("CALLERWATCH_DENY_POLICY_ARN", POLICY)];
        assert!(read(&told("dry-run")).unwrap().settings.attached_to.is_empty());
        let error = read(&told("enforce")).unwrap_err();
        assert!(error.starts_with("CALLERWATCH_DENY_GROUPS is not set, and neither is"), "{error}");
        assert!(error.contains("attached to nobody denies nobody"), "{error}");
    }

    /// `aws:PrincipalArn` of a session is the ARN of its role, so that of the session excepts nobody.
    #[test]
    fn break_glass_is_no_session() {
        let told = |arn| {
            [
                ("CALLERWATCH_RESPOND_MODE", "dry-run"),
                ("CALLERWATCH_DENY_POLICY_ARN", POLICY),
                ("CALLERWATCH_BREAK_GLASS_ARNS", arn),
            ]
        };
        assert!(read(&told("arn:aws:iam::*:role/*/break-glass,arn:aws:iam::*:root")).is_ok());
        for arn in [
            "arn:aws:sts::111111111111:assumed-role/break-glass/*",
            "arn:aws:sts::111111111111:role/break-glass",
            "arn:aws:iam::111111111111:assumed-role/break-glass/*",
        ] {
            let error = read(&told(arn)).unwrap_err();
            assert!(error.contains("name its role: arn:aws:iam::ACCOUNT:role/NAME"), "{error}");
        }
    }

    #[test]
    fn all_faults_are_told() {
        let told = [
            ("CALLERWATCH_RESPOND_MODE", "off"),
            ("CALLERWATCH_DENY_POLICY_ARN", "callerwatch-deny"),
            ("CALLERWATCH_DENY_GROUPS", "people,"),
            ("CALLERWATCH_DENY_ROLES", "a/b"),
            ("CALLERWATCH_BREAK_GLASS_ARNS", "*"),
            ("CALLERWATCH_ORGANIZATION_POLICY_ARN", "p-12345678"),
            ("CALLERWATCH_IPV4_SET_ARN", "arn:aws:wafv2:us-east-1:111111111111:global/ipset/a/b"),
            ("CALLERWATCH_IPV6_SET_ARN", "denied"),
            ("CALLERWATCH_REVOKE_SESSIONS", "yes"),
            ("CALLERWATCH_REVOKE_ROLE_ARNS", "arn:aws:iam::111111111111:user/a"),
            ("CALLERWATCH_REVOKE_USER_ARNS", "arn:aws:iam::111111111111:user/*"),
        ];
        let error = read(&told).unwrap_err();
        let named: Vec<&str> = error.lines().filter_map(|it| it.split(' ').next()).collect();
        assert_eq!(named, told.map(|(name, _)| name));
    }
}
