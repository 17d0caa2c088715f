//! What a cluster is: which service it has, under which secret. Its first active machine writes
//! that down beside the lease, sealed under the cluster's secret; one that is of something else
//! then takes nothing over.
//!
//! Without it, a machine with another `secret_file` that is the first to see the lease free would
//! erase a journal that it cannot read, and one with another key of the onion service would carry
//! on with it at another address. Which machine is right where nothing is written down yet, cannot
//! be known.

pub mod setting;

use serde::{Deserialize, Serialize};

use super::wipe::WipeSeal;

/// What is sealed is nothing else.
const SEALED: &[u8] = b"ephemeral-messenger/cluster/charter/v1";

/// What a machine has of the onion service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnService {
    /// The onion service is off on it.
    Off,
    /// Its key is not known yet.
    NotYet,
    /// This is the digest of its address.
    Has(String),
}

/// What is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charter {
    /// The digest of the service's address; `None`: no machine with an onion service has led yet.
    pub service: Option<String>,
    /// The machine that wrote it, by name.
    pub by: String,
}

/// Whether a machine is of the cluster that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belonging {
    /// It is not known: nobody answers, or the machine's own key is not there yet.
    NotKnown,
    /// Nothing is written down, or no service: a machine that leads writes it.
    Unwritten,
    /// It is.
    Member,
    /// It has another secret: it cannot read what is written down.
    OtherSecret,
    /// It has another key of the onion service than this machine wrote down.
    OtherService(String),
}

impl Belonging {
    /// Looks at what is written down.
    #[must_use]
    pub fn of(written: Option<&[u8]>, seal: &WipeSeal, own: &OwnService) -> Self {
        let Some(written) = written else {
            return if *own == OwnService::NotYet { Self::NotKnown } else { Self::Unwritten };
        };
        let Some(charter) = Charter::open(seal, written) else { return Self::OtherSecret };
        match (own, charter.service) {
            (OwnService::Off, _) => Self::Member,
            (OwnService::NotYet, _) => Self::NotKnown,
            (OwnService::Has(_), None) => Self::Unwritten,
            (OwnService::Has(own), Some(service)) if *own == service => Self::Member,
            (OwnService::Has(_), Some(_)) => Self::OtherService(charter.by),
        }
    }

    /// Returns whether the machine may lead.
    #[must_use]
    pub const fn may_lead(&self) -> bool {
        matches!(self, Self::Unwritten | Self::Member)
    }
}

impl Charter {
    /// Makes the one that a machine writes.
    #[must_use]
    pub fn new(own: &OwnService, node: &str) -> Self {
        let service = if let OwnService::Has(service) = own { Some(service.clone()) } else { None };
        Self { service, by: node.to_owned() }
    }

    /// Seals it; `None`: the operating system has no random numbers.
    #[must_use]
    pub fn sealed(&self, seal: &WipeSeal) -> Option<Vec<u8>> {
        seal.seal(SEALED, &serde_json::to_vec(self).ok()?).ok()
    }

    /// Opens it; `None`: it is of a machine with another secret.
    #[must_use]
    pub fn open(seal: &WipeSeal, sealed: &[u8]) -> Option<Self> {
        serde_json::from_slice(&seal.open(SEALED, sealed).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(service: &str) -> OwnService {
        OwnService::Has(service.to_owned())
    }

    #[test]
    fn a_machine_with_another_secret_or_another_key_does_not_belong_to_what_is_written_down() {
        let [seal, stranger] = [1, 2].map(|secret| WipeSeal::new(&[secret; 32]));
        let written = Charter::new(&has("one"), "a").sealed(&seal).unwrap();
        let of = |seal: &WipeSeal, own: &OwnService| Belonging::of(Some(&written), seal, own);
        assert_eq!(of(&seal, &has("one")), Belonging::Member);
        assert_eq!(of(&seal, &has("other")), Belonging::OtherService("a".to_owned()));
        assert_eq!(of(&stranger, &has("one")), Belonging::OtherSecret);
        assert_eq!(of(&seal, &OwnService::Off), Belonging::Member, "it has no key that could be wrong");
        assert_eq!(of(&seal, &OwnService::NotYet), Belonging::NotKnown);
        for belonging in [of(&seal, &has("other")), of(&stranger, &has("one")), of(&seal, &OwnService::NotYet)] {
            assert!(!belonging.may_lead(), "{belonging:?}");
        }
        assert_eq!(
            Belonging::of(Some(&seal.ask(1).unwrap()), &seal, &has("one")),
            Belonging::OtherSecret,
            "no charter"
        );
    }

    #[test]
    fn where_nothing_is_written_down_the_first_machine_that_knows_its_key_decides() {
        let seal = WipeSeal::new(&[1; 32]);
        assert_eq!(Belonging::of(None, &seal, &has("one")), Belonging::Unwritten);
        assert_eq!(Belonging::of(None, &seal, &OwnService::Off), Belonging::Unwritten);
        assert!(!Belonging::of(None, &seal, &OwnService::NotYet).may_lead());
        // One without an onion service led first.
        let written = Charter::new(&OwnService::Off, "a").sealed(&seal).unwrap();
        assert_eq!(Belonging::of(Some(&written), &seal, &has("one")), Belonging::Unwritten);
    }
}
