//! Evidence: the small fixed-size value a ledger holds of one event.
//!
//! An entry holds only what the event says. What lists, countries and policy say of it is looked up
//! when deciding, so that a repeated delivery after a list changed writes the same bytes, and adding
//! it to a set changes nothing.

mod form;
mod order;

use std::fmt;

use self::form::Form;
use crate::activity::{ActorKind, ApiActivity, Cloud, Outcome};
use crate::hash;
use crate::source::LedgerKey;
use crate::timestamp::{Day, Timestamp};

/// What an entry is evidence of: the outcome of a call, or that a principal was seen to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A call succeeded.
    Success = 1,
    /// A sign-in succeeded.
    LoginSucceeded = 2,
    /// A password was right and something else stopped the sign-in.
    PasswordCorrect = 3,
    /// A sign-in failed.
    LoginFailed = 4,
    /// A call was denied.
    Denied = 5,
    /// A call came too often.
    Throttled = 6,
    /// A call failed otherwise.
    OtherError = 7,
    /// The principal succeeded here that day: one entry a principal and day, whichever event showed
    /// it.
    Seen = 8,
    /// A call succeeded that was the first of its principal from a country or network. No detection
    /// but `new-origin` asks for it.
    Origin = 9,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Success,
        Self::LoginSucceeded,
        Self::PasswordCorrect,
        Self::LoginFailed,
        Self::Denied,
        Self::Throttled,
        Self::OtherError,
        Self::Seen,
        Self::Origin,
    ];

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// Whether the caller got what it asked for.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Success | Self::LoginSucceeded | Self::Origin)
    }
}

impl From<Outcome> for Kind {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Success,
            Outcome::LoginSucceeded => Self::LoginSucceeded,
            Outcome::PasswordCorrect => Self::PasswordCorrect,
            Outcome::LoginFailed => Self::LoginFailed,
            Outcome::Denied => Self::Denied,
            Outcome::Throttled => Self::Throttled,
            Outcome::OtherError => Self::OtherError,
        }
    }
}

/// What else of an event a decision needs, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits(u8);

impl Traits {
    const READ_ONLY: u8 = 1;
    const CONSOLE_SESSION: u8 = 2;
    const ROOT: u8 = 4;
    /// Anonymous, or of another account.
    const STRANGER: u8 = 8;
    const APPLICATION: u8 = 16;
    const WORKLOAD: u8 = 32;

    fn of(activity: &ApiActivity<'_>) -> Self {
        let mut bits = 0;
        for (holds, bit) in [
            (activity.read_only, Self::READ_ONLY),
            (activity.console_session, Self::CONSOLE_SESSION),
            (activity.actor.kind == ActorKind::Root, Self::ROOT),
            (is_stranger(activity.actor.kind), Self::STRANGER),
            (activity.actor.kind == ActorKind::Application, Self::APPLICATION),
            (activity.workload, Self::WORKLOAD),
        ] {
            if holds {
                bits |= bit;
            }
        }
        Self(bits)
    }

    /// A read made by a console page, of which a page makes dozens at once.
    pub fn is_console_read(self) -> bool {
        let both = Self::READ_ONLY | Self::CONSOLE_SESSION;
        self.0 & both == both
    }

    /// Made by the owner of an AWS account.
    pub fn is_root(self) -> bool {
        self.0 & Self::ROOT != 0
    }

    /// Made without credentials, or with those of another account: its success shows that something
    /// is open to all, and nothing of who is at the address.
    pub fn is_stranger(self) -> bool {
        self.0 & Self::STRANGER != 0
    }

    /// Made by a program under an identity of its own.
    pub fn is_application(self) -> bool {
        self.0 & Self::APPLICATION != 0
    }

    /// Made with credentials that were issued to a workload within the cloud.
    pub fn is_workload(self) -> bool {
        self.0 & Self::WORKLOAD != 0
    }
}

/// Whether anybody can be such an actor.
pub(crate) fn is_stranger(kind: ActorKind) -> bool {
    matches!(kind, ActorKind::Anonymous | ActorKind::Foreign)
}

/// The fingerprint of a principal, blind to case; none where the record names none.
pub fn principal_hash(cloud: Cloud, uid: Option<&str>) -> Option<u64> {
    let uid = uid?;
    Some(hash::of_parts_ignoring_case(&[cloud.name(), uid]).max(1))
}

/// The fingerprint of an operation, blind to case.
pub fn operation_hash(operation: &str) -> u32 {
    upper_bits(hash::of_parts_ignoring_case(&[operation]))
}

fn upper_bits(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}

/// Puts entries in order and leaves each event once. Where feeds tell one event differently, the least
/// entry stays, first of those that say a workload called; so that which copy came first changes
/// nothing.
pub fn keep_distinct(entries: &mut Vec<Entry>) {
    // The account that was called into does not know that a workload called: its copy of an event
    // must not take the place of the one that does.
    entries.sort_unstable_by_key(|it| {
        (it.uid(), it.kind() == Kind::Origin, !it.traits().is_workload(), *it)
    });
    entries.dedup_by_key(|entry| entry.uid());
    entries.sort_unstable();
}

/// One piece of evidence, as the ledger stores it: 32 bytes, of which the order is that of time
/// first. Two copies of one event are equal unless their feeds tell it differently.
///
/// | bytes | what |
/// |---|---|
/// | 0 | format: the ledger of a source, a network or a principal |
/// | 1..7 | time, milliseconds since the epoch, big-endian |
/// | 7 | kind |
/// | 8 | cloud |
/// | 9 | traits |
/// | 10..18 | hash of the event uid |
/// | 18..26 | hash of the principal, 0 for none; of a principal's ledger the member |
/// | 26..30 | hash of the operation |
/// | 30..32 | hash of the service; of a network's ledger the member |
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry([u8; Entry::BYTES]);

impl Entry {
    /// The size of an entry.
    pub const BYTES: usize = 32;

    /// The entry of a call that happened at `time`.
    pub fn of_call(activity: &ApiActivity<'_>, time: Timestamp) -> Self {
        Self::of_kind(activity.outcome.into(), activity, time)
    }

    /// The entry that says a call was the first of its principal from somewhere. Which call that is
    /// can change; the entry of it is always the same.
    pub fn of_origin(activity: &ApiActivity<'_>, time: Timestamp) -> Self {
        Self::of_kind(Kind::Origin, activity, time)
    }

    fn of_kind(kind: Kind, activity: &ApiActivity<'_>, time: Timestamp) -> Self {
        let principal = principal_hash(activity.cloud, activity.actor.uid.as_deref());
        let service = hash::of_parts_ignoring_case(&[&activity.service]);
        Self::new(&Fields {
            time,
            kind,
            cloud: activity.cloud,
            traits: Traits::of(activity),
            uid: hash::of_parts(&[activity.cloud.name(), &activity.uid]),
            principal: principal.unwrap_or(0),
            operation: operation_hash(&activity.operation),
            service: u16::try_from(service >> 48).unwrap_or_default(),
        })
    }

    /// The entry that says a principal succeeded on a day. Its time is the day's first instant.
    pub fn of_seen(cloud: Cloud, principal: u64, day: Day) -> Self {
        let uid = hash::of_numbers("seen", &[principal, u64::from(day.number())]);
        Self::new(&Fields {
            time: day.start(),
            kind: Kind::Seen,
            cloud,
            traits: Traits::default(),
            uid,
            principal,
            operation: 0,
            service: 0,
        })
    }

    fn new(fields: &Fields) -> Self {
        let time = fields.time.millis().cast_unsigned() & 0xffff_ffff_ffff;
        let (form, kind) = (Form::Source as u8, fields.kind as u8);
        let (cloud, traits) = (cloud_byte(fields.cloud), fields.traits.0);
        let (uid, principal) = (fields.uid, fields.principal);
        let (operation, service) = (u64::from(fields.operation), u64::from(fields.service));
        let words = [
            u64::from(form) << 56 | time << 8 | u64::from(kind),
            u64::from(cloud) << 56 | u64::from(traits) << 48 | uid >> 16,
            uid << 48 | principal >> 16,
            principal << 48 | operation << 16 | service,
        ];
        let mut entry = Self([0; Self::BYTES]);
        for (to, word) in entry.0.as_chunks_mut().0.iter_mut().zip(words) {
            *to = word.to_be_bytes();
        }
        entry
    }

    /// Reads a stored entry; none where its length, version or content is not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let entry = Self(bytes.try_into().ok()?);
        let [form, _, _, _, _, _, _, kind, cloud, ..] = entry.0;
        let time = i64::try_from(entry.number::<1, 6>()).ok()?;
        ((Form::Source as u8..=Form::Principal as u8).contains(&form)
            && Kind::from_byte(kind).is_some()
            && cloud_from_byte(cloud).is_some()
            && Timestamp::from_millis(time).is_some())
        .then_some(entry)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// When it happened.
    pub fn time(&self) -> Timestamp {
        let millis = i64::try_from(self.number::<1, 6>()).unwrap_or(0);
        Timestamp::from_millis(millis).unwrap_or(Timestamp::MAX)
    }

    /// What it is evidence of.
    pub fn kind(&self) -> Kind {
        let [_, _, _, _, _, _, _, kind, ..] = self.0;
        Kind::from_byte(kind).unwrap_or(Kind::OtherError)
    }

    /// The cloud that recorded it.
    pub fn cloud(&self) -> Cloud {
        let [_, _, _, _, _, _, _, _, cloud, ..] = self.0;
        cloud_from_byte(cloud).unwrap_or(Cloud::Aws)
    }

    /// What else is known of the call.
    pub fn traits(&self) -> Traits {
        let [_, _, _, _, _, _, _, _, _, traits, ..] = self.0;
        Traits(traits)
    }

    /// The fingerprint of the event.
    pub fn uid(&self) -> u64 {
        self.number::<10, 8>()
    }

    /// The fingerprint of the principal; none where the record names none, and in the principal's
    /// own ledger, whose key says it.
    pub fn principal(&self) -> Option<u64> {
        let principal = self.number::<18, 8>();
        (principal != 0 && !self.is_of(Form::Principal)).then_some(principal)
    }

    /// The same, of an entry of that ledger: the key of a principal's says whose its entries are.
    pub(crate) fn principal_within(&self, ledger: &LedgerKey) -> Option<u64> {
        match ledger {
            LedgerKey::Principal { hash, .. } => Some(*hash),
            _ => self.principal(),
        }
    }

    /// The fingerprint of the operation.
    pub fn operation(&self) -> u32 {
        u32::try_from(self.number::<26, 4>()).unwrap_or_default()
    }

    /// The fingerprint of the service; none in the ledger of a network.
    pub fn service(&self) -> Option<u16> {
        let service = u16::try_from(self.number::<30, 2>()).ok()?;
        (!self.is_of(Form::Network)).then_some(service)
    }

    /// The big-endian number of `LEN` bytes at `AT`.
    fn number<const AT: usize, const LEN: usize>(&self) -> u64 {
        self.0.iter().skip(AT).take(LEN).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {:?} uid {:x} principal {:x} operation {:x}",
            self.time(),
            self.cloud(),
            self.kind(),
            self.uid(),
            self.principal().unwrap_or(0),
            self.operation()
        )
    }
}

struct Fields {
    time: Timestamp,
    kind: Kind,
    cloud: Cloud,
    traits: Traits,
    uid: u64,
    principal: u64,
    operation: u32,
    service: u16,
}

pub(crate) fn cloud_byte(cloud: Cloud) -> u8 {
    match cloud {
        Cloud::Aws => 1,
        Cloud::Azure => 2,
        Cloud::Gcp => 3,
    }
}

pub(crate) fn cloud_from_byte(byte: u8) -> Option<Cloud> {
    Cloud::ALL.into_iter().find(|cloud| cloud_byte(*cloud) == byte)
}

#[cfg(test)]
pub(crate) mod tests;
