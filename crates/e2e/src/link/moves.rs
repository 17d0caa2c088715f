//! How a link takes the other side's cards, and asks before it follows one to another server.

use super::cards::theirs::Taken;
use super::{Kind, Link, MOVE_QUESTION};
use crate::authority::Authority;
use crate::card::{Card, Route};
use crate::effect::Event;
use crate::profile::Profile;

impl Link {
    /// Takes a card out of a payload. `opening`: the payload opened a session.
    pub(super) fn take_card(&mut self, bytes: &[u8], opening: bool, profile: &mut Profile) {
        let Ok(card) = Card::from_bytes(bytes, &profile.authority) else { return };
        let here = profile.here();
        let elsewhere = |route: &Route| self.kind != Kind::Contact && !here.is(&route.authority);
        if card.route.as_ref().is_some_and(elsewhere) {
            return;
        }
        let same = |agreed: &Authority, authority: &Authority| profile.moves.same(agreed, authority);
        let agreed = &self.agreed;
        let may = |authority: &Authority| here.is(authority) || agreed.iter().any(|agreed| same(agreed, authority));
        let root = card.root;
        match self.theirs.take(card, opening, may) {
            Taken::Foreign(authority) => self.ask_to_move(authority, profile),
            // Its owner goes on telling it until it is used: so use it once.
            Taken::Root => self.want_root_receipt(profile),
            Taken::Ignored if root => self.want_root_receipt(profile),
            Taken::Plain | Taken::Ignored => {}
        }
    }

    fn ask_to_move(&mut self, authority: Authority, profile: &mut Profile) {
        let elapsed = profile.clock.elapsed;
        if self.asked_at.is_none_or(|asked| elapsed >= asked + MOVE_QUESTION) {
            self.asked_at = Some(elapsed);
            profile.tell(Event::WantsToMove { link: self.id, authority });
        }
    }

    /// Uses a server of the contact's choice from now on.
    pub(crate) fn agree(&mut self, authority: Authority) {
        self.agreed.push(authority);
        if let Some(card) = self.theirs.waiting.take() {
            let agreed = self.agreed.clone();
            self.theirs.take(card, true, |authority| agreed.contains(authority));
        }
    }
}
