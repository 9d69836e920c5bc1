//! ARNs: their parts.

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

#[cfg(test)]
mod tests {
    use super::Arn;

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
}
