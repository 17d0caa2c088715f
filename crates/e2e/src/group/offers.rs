//! Invitations to groups that wait for a yes.

use serde::{Deserialize, Serialize};

use crate::effect::LinkId;
use crate::roster::GroupId;

/// The most that wait.
const MAX_OFFERS: usize = 64;
/// The most of one contact: none keeps out those of others.
const MAX_OF_ONE: usize = 8;

/// Holds the invitation of an admin to its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) group: GroupId,
    pub(crate) admin: LinkId,
    pub(crate) name: String,
}

/// Holds the invitations that were not answered, the oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Offers(Vec<Offer>);

impl Offers {
    /// Keeps an invitation, and returns whether there was room. The newest of a contact take the
    /// place of its oldest.
    pub(crate) fn keep(&mut self, offer: Offer) -> bool {
        self.take(&offer.group, offer.admin);
        let admin = offer.admin;
        if self.0.iter().filter(|known| known.admin == admin).count() >= MAX_OF_ONE
            && let Some(oldest) = self.0.iter().position(|known| known.admin == admin)
        {
            self.0.remove(oldest);
        }
        let room = self.0.len() < MAX_OFFERS;
        if room {
            self.0.push(offer);
        }
        room
    }

    /// Tells whether an invitation waits, under this name.
    pub(crate) fn has(&self, group: &GroupId, admin: LinkId, name: &str) -> bool {
        self.0.iter().any(|known| known.group == *group && known.admin == admin && known.name == name)
    }

    /// Takes out an invitation that was answered.
    pub(crate) fn take(&mut self, group: &GroupId, admin: LinkId) {
        self.0.retain(|known| known.group != *group || known.admin != admin);
    }

    /// Forgets those of contacts that are gone.
    pub(crate) fn retain(&mut self, is_there: impl Fn(LinkId) -> bool) {
        self.0.retain(|offer| is_there(offer.admin));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Offer> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(group: u8, admin: LinkId) -> Offer {
        Offer { group: [group; 16], admin, name: format!("{group}") }
    }

    #[test]
    fn a_contact_that_invites_again_and_again_keeps_nobody_else_out() {
        let mut offers = Offers::default();
        for group in 0..200 {
            assert!(offers.keep(offer(group, 7)));
        }
        assert_eq!(offers.0.len(), MAX_OF_ONE);
        assert_eq!(offers.0.last(), Some(&offer(199, 7)));
        assert!(offers.keep(offer(1, 8)));
        assert!(offers.keep(offer(1, 8)));
        assert_eq!(offers.0.len(), MAX_OF_ONE + 1, "the same twice is one");
        offers.retain(|link| link == 8);
        assert_eq!(offers.0, [offer(1, 8)]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut offers = Offers::default();
        let kept = (0..100).filter(|admin| offers.keep(offer(1, *admin))).count();
        assert_eq!((kept, offers.0.len()), (MAX_OFFERS, MAX_OFFERS));
    }
}
