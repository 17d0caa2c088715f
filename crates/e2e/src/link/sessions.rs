//! The Olm sessions of one link.
//!
//! Both sides come to the same session without a word: the one to encrypt with is, of those that
//! decrypted something or were just made, the one with the greatest (`born`, id). Which one
//! decrypted last does not matter, or two messages that cross would swap both sides for ever.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vodozemac::olm::{OlmMessage, Session, SessionPickle};
use zeroize::Zeroizing;

use crate::clock::DAY;

/// The most sessions of one link.
const MAX_SESSIONS: usize = 5;
/// How long a session is kept after a later one decrypted.
const SUPERSEDED_LIFE: u64 = 8 * DAY;

/// An Olm session, kept as vodozemac's pickle.
#[derive(Debug)]
pub(crate) struct Olm(pub(crate) Session);

impl Serialize for Olm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.pickle().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Olm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SessionPickle::deserialize(deserializer).map(|pickle| Self(Session::from_pickle(pickle)))
    }
}

/// Holds a session and what is known of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) olm: Olm,
    pub(crate) id: String,
    /// The number of the envelope with which it began.
    pub(crate) born: u64,
    /// Whether this side made it.
    pub(crate) ours: bool,
    /// Whether it decrypted something.
    pub(crate) decrypted: bool,
    /// Whether it was just made, for first contact or for a reset that nobody answered yet.
    pub(crate) pending: bool,
    /// Envelopes sent in it since it decrypted something last.
    pub(crate) unanswered: u32,
    /// The serial of the first own card that was sent in it.
    pub(crate) card_sent: Option<u64>,
    /// Whether a message in it came under a card that was sent in it: the other side knows who we
    /// are.
    pub(crate) introduced: bool,
    /// Since when a later session decrypts, by `age`.
    superseded: Option<u64>,
    /// Whether nothing is encrypted in it any more: its ratchet may have gone on elsewhere.
    #[serde(default)]
    frozen: bool,
}

impl Known {
    pub(crate) fn new(olm: Session, born: u64, ours: bool) -> Self {
        let id = olm.session_id();
        Self {
            olm: Olm(olm),
            id,
            born,
            ours,
            decrypted: !ours,
            pending: ours,
            unanswered: 0,
            card_sent: None,
            introduced: false,
            superseded: None,
            frozen: false,
        }
    }

    fn order(&self) -> (u64, &str) {
        (self.born, &self.id)
    }

    /// Decrypts on a copy: vodozemac may move a ratchet even when it fails.
    fn decrypt(&mut self, message: &OlmMessage) -> Option<Zeroizing<Vec<u8>>> {
        let mut copy = Session::from_pickle(self.olm.0.pickle());
        let plain = copy.decrypt(message).ok()?;
        self.olm = Olm(copy);
        Some(Zeroizing::new(plain))
    }
}

/// Holds the sessions of one link.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sessions(Vec<Known>);

impl Sessions {
    pub(crate) fn add(&mut self, session: Known) {
        self.0.push(session);
        // The one to encrypt with is never among those that go.
        while self.0.len() > MAX_SESSIONS {
            let front = self.front().map(|session| session.id.clone());
            let others = self.0.iter().enumerate().filter(|(_, session)| Some(&session.id) != front.as_ref());
            let oldest = others.min_by(|one, other| one.1.order().cmp(&other.1.order()));
            let Some(at) = oldest.map(|(at, _)| at) else { break };
            self.0.remove(at);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Known> {
        self.0.iter().find(|session| session.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Known> {
        self.0.iter_mut().find(|session| session.id == id)
    }

    /// Returns the session to encrypt with.
    pub(crate) fn front(&self) -> Option<&Known> {
        let candidates = self.0.iter().filter(|session| !session.frozen && (session.decrypted || session.pending));
        candidates.max_by(|one, other| one.order().cmp(&other.order()))
    }

    /// Decrypts a message that names its session, with that one only.
    pub(crate) fn decrypt_in(&mut self, id: &str, message: &OlmMessage) -> Option<Zeroizing<Vec<u8>>> {
        self.get_mut(id)?.decrypt(message)
    }

    /// Decrypts a message with whichever session can, and returns its id.
    pub(crate) fn decrypt(&mut self, message: &OlmMessage) -> Option<(String, Zeroizing<Vec<u8>>)> {
        self.0.iter_mut().rev().find_map(|session| Some((session.id.clone(), session.decrypt(message)?)))
    }

    /// Takes note that a message of the other side decrypted in a session.
    pub(crate) fn decrypted(&mut self, id: &str, age: u64) {
        let Some(session) = self.get_mut(id) else { return };
        session.decrypted = true;
        session.pending = false;
        session.unanswered = 0;
        session.superseded = None;
        let born = session.born;
        for other in self.0.iter_mut().filter(|other| other.born < born) {
            other.superseded.get_or_insert(age);
        }
    }

    /// Ends the waiting for an answer in sessions born up to `born`.
    pub(crate) fn settle(&mut self, born: u64) {
        for session in self.0.iter_mut().filter(|session| session.born <= born) {
            session.pending = false;
        }
    }

    /// Encrypts in none of the sessions any more, whatever comes in them.
    pub(crate) fn only_decrypt(&mut self) {
        for session in &mut self.0 {
            session.pending = false;
            session.frozen = true;
        }
    }

    /// Tells whether nothing is encrypted in a session any more.
    pub(crate) fn is_frozen(&self, id: &str) -> bool {
        self.get(id).is_some_and(|session| session.frozen)
    }

    pub(crate) fn prune(&mut self, age: u64) {
        self.0.retain(|session| session.superseded.is_none_or(|since| age < since + SUPERSEDED_LIFE));
    }
}
