//! How a link takes the other side's cards, and asks before it follows one to another server.

use super::cards::theirs::Taken;
use super::{Link, LinkKind, MOVE_QUESTION};
use crate::authority::Authority;
use crate::card::{Card, Route};
use crate::effect::Event;
use crate::profile::ProfileState;

impl Link {
    /// Takes a card out of a payload. `opening`: the payload opened a session.
    pub(super) fn take_card(&mut self, bytes: &[u8], opening: bool, profile: &mut ProfileState) {
        let Ok(card) = Card::from_bytes(bytes, &profile.authority) else { return };
        let here = profile.here();
        let elsewhere = |route: &Route| self.kind != LinkKind::Contact && !here.is(&route.authority);
        if card.route.as_ref().is_some_and(elsewhere) {
            return;
        }
        let same = |agreed: &Authority, authority: &Authority| profile.moves.same(agreed, authority);
        let agreed = &self.agreed;
        let may = |authority: &Authority| here.is(authority) || agreed.iter().any(|agreed| same(agreed, authority));
        let root = card.root;
        let asked = self.theirs.waiting.clone();
        match self.theirs.take(card, opening, may) {
            Taken::Foreign(authority) => self.ask_to_move(authority, asked, profile),
            // Its owner goes on telling it until it is used: so use it once.
            Taken::Root => self.want_root_receipt(profile),
            Taken::Ignored if root => self.want_root_receipt(profile),
            Taken::Plain | Taken::Ignored => {}
        }
    }

    /// Asks the user whether to follow the contact, once a week. Until the next question, the
    /// server that was asked about is the one that a yes is for.
    fn ask_to_move(&mut self, authority: Authority, asked: Option<Card>, profile: &mut ProfileState) {
        let elapsed = profile.clock.elapsed;
        if self.asked_at.is_none_or(|asked| elapsed >= asked + MOVE_QUESTION) {
            self.asked_at = Some(elapsed);
            profile.tell(Event::WantsToMove { link: self.id, authority });
        } else if asked.as_ref().and_then(|card| card.route.as_ref()).is_some_and(|route| route.authority != authority)
        {
            self.theirs.waiting = asked;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{Key, Secret};
    use crate::card::CardKeys;
    use crate::clock::DAY;
    use crate::identity::Prekey;

    fn server(number: u8) -> Authority {
        Authority::from_onion_key(&Key([number; 32]), 80)
    }

    fn root_on(number: u8, no: u64, profile: &ProfileState) -> Vec<u8> {
        let keys = CardKeys::generate();
        let mailbox = vodozemac::Ed25519SecretKey::from_slice(Secret::random().expose()).public_key();
        let route = Route { mailbox: Key(*mailbox.as_bytes()), authority: server(number) };
        let prekey = Some(Prekey::generate(&profile.identity).public());
        let card = Card { no, root: true, psk: keys.psk().clone(), kem: keys.kem(), prekey, route: Some(route) };
        card.to_bytes().to_vec()
    }

    #[test]
    fn a_yes_is_for_the_server_that_was_asked_about_whatever_the_contact_wishes_meanwhile() {
        let mut profile = ProfileState::new(server(1), String::new(), 1_000);
        let mut link = Link::new(1, "bob".to_owned(), LinkKind::Contact, Key([9; 32]), Key([8; 32]));
        let waits = |link: &Link| link.theirs.waiting.as_ref().and_then(|card| card.route.clone()).unwrap().authority;
        link.take_card(&root_on(2, 1, &profile), false, &mut profile);
        link.take_card(&root_on(3, 2, &profile), false, &mut profile);
        assert_eq!(waits(&link), server(2));
        link.take_card(&root_on(2, 3, &profile), false, &mut profile);
        assert_eq!(waits(&link), server(2));
        profile.clock.advance(1_000 + 8 * DAY);
        link.take_card(&root_on(3, 4, &profile), false, &mut profile);
        assert_eq!(waits(&link), server(3), "a week later there is a question about it");
    }
}
