//! What is known of the other side's cards.

use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::bytes::{Key, Secret, text};
use crate::card::{Card, Route};
use crate::envelope::Address;

/// Holds a card of the other side, with the route that belongs to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PeerCard {
    no: u64,
    id: Key,
    psk: Secret,
    #[serde(with = "text")]
    kem: Vec<u8>,
    pub(crate) prekey: Option<Key>,
    pub(crate) route: Route,
}

impl PeerCard {
    fn new(card: Card, route: Route) -> Self {
        let id = card.id();
        Self { no: card.no, id, psk: card.psk, kem: card.kem, prekey: card.prekey, route }
    }

    pub(crate) fn address(&self) -> Address<'_> {
        Address { mailbox: &self.route.mailbox, psk: &self.psk, id: &self.id, kem: &self.kem }
    }
}

/// Holds the other side's newest plain card, and its newest roots.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PeerCards {
    pub(crate) plain: Option<PeerCard>,
    pub(crate) root: Option<PeerCard>,
    /// The root before: if the other side lost the newest one with its state, it still has this.
    pub(crate) previous: Option<PeerCard>,
    /// A card on a server that the user did not agree to yet.
    pub(crate) waiting: Option<Card>,
}

/// Says what became of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Nothing: older than what is known, or without a route.
    Ignored,
    /// A plain card is the newest now.
    Plain,
    /// A root is the newest now.
    Root,
    /// It waits for the user to agree to its server.
    Foreign(Authority),
}

impl PeerCards {
    /// Takes a card. `opening`: it came in the payload that opened a session, and counts whatever
    /// its number.
    pub(crate) fn take(&mut self, card: Card, opening: bool, agreed: impl Fn(&Authority) -> bool) -> Taken {
        let newest = if card.root { &self.root } else { &self.plain };
        let newer = newest.as_ref().is_none_or(|newest| card.no > newest.no);
        if !newer && !opening {
            return Taken::Ignored;
        }
        let Some(route) = card.route.clone().or_else(|| self.route_before(card.no)) else { return Taken::Ignored };
        if !agreed(&route.authority) {
            self.waiting = Some(card);
            return Taken::Foreign(route.authority);
        }
        let root = card.root;
        let card = PeerCard::new(card, route);
        if opening {
            self.plain = None;
        }
        if root {
            let same = self.root.as_ref().is_some_and(|known| known.id == card.id);
            let before = self.root.replace(card);
            if !same {
                self.previous = before;
            }
            self.waiting = None;
            Taken::Root
        } else {
            self.plain = Some(card);
            Taken::Plain
        }
    }

    /// Returns the route of the newest card that was made before one: the other side may have moved
    /// to another mailbox since.
    fn route_before(&self, no: u64) -> Option<Route> {
        let known = self.plain.iter().chain(&self.root).chain(&self.previous);
        let newest = known.filter(|card| card.no < no).max_by_key(|card| card.no)?;
        Some(newest.route.clone())
    }

    /// Returns what texts are sealed to: a root only while there is nothing else.
    pub(crate) fn for_texts(&self) -> Option<&PeerCard> {
        self.plain.as_ref().or(self.root.as_ref())
    }
}
