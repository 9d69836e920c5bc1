//! ARNs: their parts, and patterns of them.

/// The parts of an ARN that anything is decided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// None where it is no ARN.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next() != Some("arn") || parts.next().is_none_or(str::is_empty) {
            return None;
        }
        let (service, region, account) = (parts.next()?, parts.next()?, parts.next()?);
        let resource = parts.next().filter(|it| !it.is_empty())?;
        Some(Self { service, region, account, resource })
    }

    /// What follows `kind/`, of a resource of that kind.
    pub(crate) fn of_kind(&self, kind: &str) -> Option<&'a str> {
        self.resource.strip_prefix(kind)?.strip_prefix('/').filter(|it| !it.is_empty())
    }
}

/// Whether a text matches a pattern in which `*` stands for anything and `?` for one character,
/// whatever the case: who is excepted by a policy that minds it is excepted here too.
pub(crate) fn is_like(text: &str, pattern: &str) -> bool {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    // Going back to the last star alone keeps the cost at the product of both lengths.
    let mut last_star = None;
    loop {
        let here = text.clone();
        match (text.next(), pattern.next()) {
            (None, None) => return true,
            (_, Some('*')) => {
                text = here;
                last_star = Some((text.clone(), pattern.clone()));
            }
            (Some(one), Some(wanted)) if wanted == '?' || one.eq_ignore_ascii_case(&wanted) => {}
            (None, Some(_)) => return false,
            (Some(_), _) => {
                let Some((mut rest, after)) = last_star else { return false };
                rest.next();
                (text, pattern) = (rest.clone(), after.clone());
                last_star = Some((rest, after));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arn, is_like};

    #[test]
    fn an_arn_has_six_parts() {
        let set = Arn::parse("arn:aws:wafv2:eu-west-1:111111111111:regional/ipset/a/b:c").unwrap();
        assert_eq!((set.service, set.region, set.account), ("wafv2", "eu-west-1", "111111111111"));
        assert_eq!(set.of_kind("regional/ipset"), Some("a/b:c"));
        assert_eq!(set.of_kind("regional/ip"), None);
        for text in ["", "arn", "arn:aws:iam::111111111111:", "arn::iam::1:a", "a:b:c:d:e:f"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn patterns_match() {
        let role = "arn:aws:iam::111111111111:role/app/eu/web";
        for (pattern, expected) in [
            (role, true),
            ("arn:aws:iam::111111111111:ROLE/*", true),
            ("arn:aws:iam::*:role/app/*/web", true),
            ("arn:aws:iam::111111111111:role/app/??/w?b", true),
            ("*", true),
            ("*web", true),
            ("arn:aws:iam::111111111111:role/app/*b*b", false),
            ("arn:aws:iam::111111111111:role/app", false),
            ("arn:aws:iam::111111111111:role/app/e?/", false),
            ("arn:aws:iam::222222222222:role/*", false),
            ("", false),
        ] {
            assert_eq!(is_like(role, pattern), expected, "{pattern}");
        }
        assert!(is_like("aab", "*ab"));
        assert!(!is_like(&"a".repeat(10_000), &format!("{}b", "*a".repeat(1_000))));
    }
}
