//! Who a principal is, in words: what people are told where a ledger holds a fingerprint alone.
//!
//! Nothing is decided on it. Its texts are as attackers wrote them: escape them for where they go.

use crate::activity::{ApiActivity, Cloud};
use crate::sample::brief;

/// A principal in words, each as long as those of samples at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who {
    /// Its stable identity: of AWS mostly an ARN.
    pub uid: String,
    /// What a person calls it; its identity where it has no name.
    pub name: String,
    /// The account, subscription or project that it called into.
    pub account: Option<String>,
    /// Its cloud.
    pub cloud: Cloud,
}

impl Who {
    /// Who made a call; none where that is hidden.
    pub fn of(activity: &ApiActivity<'_>) -> Option<Self> {
        let text = |text| Some(brief(text)).filter(|text| !text.is_empty()).map(str::to_owned);
        let uid = text(activity.actor.uid.as_ref())?;
        let name = text(activity.actor.name.as_ref()).unwrap_or_else(|| uid.clone());
        let account = text(activity.account.as_ref());
        Some(Self { uid, name, account, cloud: activity.cloud })
    }

    /// The one of two that comes first: which of a principal's names is kept does not matter, and is
    /// the same whichever came first.
    pub(super) fn least(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}
