//! The forms of an entry: whose ledger it is for decides what two of its fields hold.

use super::Entry;

/// The format of an entry; the first byte of each. What two of its fields hold depends on whose
/// ledger it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Form {
    /// In the ledger of its source.
    Source = 1,
    /// In that of the network around its source: the member, in the place of the service.
    Network = 2,
    /// In that of its principal: the member, in the place of the principal.
    Principal = 3,
}

impl Entry {
    /// The same call in the ledger of the network around its source.
    #[must_use]
    pub fn in_network(mut self, member: u16) -> Self {
        self.write(0, &[Form::Network as u8]);
        self.write(30, &member.to_be_bytes());
        self
    }

    /// The same call in the ledger of its principal.
    #[must_use]
    pub fn in_principal(mut self, member: u64) -> Self {
        self.write(0, &[Form::Principal as u8]);
        self.write(18, &member.to_be_bytes());
        self
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        for (to, from) in self.0.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    }

    /// Which member of a wide ledger made the call; none in the ledger of a source.
    pub fn member(&self) -> Option<u64> {
        match self.0 {
            [form, ..] if form == Form::Network as u8 => Some(self.number::<30, 2>()),
            [form, ..] if form == Form::Principal as u8 => Some(self.number::<18, 8>()),
            _ => None,
        }
    }

    pub(super) fn is_of(&self, form: Form) -> bool {
        let [own, ..] = self.0;
        own == form as u8
    }
}

#[cfg(test)]
mod tests {
    use crate::activity::{Cloud, Outcome};
    use crate::evidence::tests::call;
    use crate::evidence::{Entry, principal_hash};

    /// Stored bytes are read by later versions, as those of other forms are.
    #[test]
    fn layout_is_pinned() {
        let activity = call("e-1", 1_772_443_500_123, Outcome::Denied);
        let principal = principal_hash(Cloud::Aws, activity.actor.uid.as_deref());
        let entry = Entry::of_call(&activity, activity.time.unwrap());
        let service = entry.service();
        assert_eq!((entry.member(), service.is_some()), (None, true));
        let of_network = entry.in_network(0x0107);
        assert_eq!(Entry::from_bytes(of_network.as_bytes()), Some(of_network));
        assert_eq!(of_network.as_bytes()[1..30], entry.as_bytes()[1..30]);
        assert_eq!((of_network.as_bytes()[0], &of_network.as_bytes()[30..]), (2, &[1, 7][..]));
        assert_eq!((of_network.member(), of_network.service()), (Some(0x0107), None));
        assert_eq!(of_network.principal(), principal);
        let of_principal = entry.in_principal(7);
        assert_eq!(Entry::from_bytes(of_principal.as_bytes()), Some(of_principal));
        assert_eq!((of_principal.as_bytes()[0], of_principal.member()), (3, Some(7)));
        assert_eq!((of_principal.principal(), of_principal.service()), (None, service));
    }
}
