//! How a link receives: envelope, Olm, payload.

use vodozemac::olm::{OlmMessage, PreKeyMessage, Session};
use zeroize::Zeroizing;

use super::sessions::Known;
use super::{Link, PLAIN_WAIT};
use crate::bytes::Key;
use crate::effect::Event;
use crate::envelope::Opened;
use crate::identity::IdentityProof;
use crate::mailbox::Owner;
use crate::payload::{Content, Hello, Payload};
use crate::profile::ProfileState;

/// Says which card of one's own an envelope was sealed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Under {
    /// A card of the link, by its serial.
    Own(u64),
    /// The door of an invite or a group.
    Door,
}

/// Holds content that a link received for the first time.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) mid: u64,
    pub(crate) at: u32,
    pub(crate) burn_s: u32,
    /// Whether the content before it has not come.
    pub(crate) missing: bool,
    pub(crate) content: Content,
}

/// Holds a first message whose session was made and whose hello was accepted, but which is not part
/// of a link yet.
pub(crate) struct FirstMessage {
    pub(crate) session: Session,
    pub(crate) payload: Payload,
    pub(crate) hello: Hello,
    pub(crate) number: u64,
}

/// Reads the Olm message in an envelope.
pub(crate) fn olm_message(opened: &Opened) -> Option<OlmMessage> {
    let (kind, bytes) = opened.contents.split_first()?;
    let kind = usize::from(*kind);
    OlmMessage::from_parts(kind, bytes).ok().filter(|_| kind <= 1)
}

/// Holds a hello to what is known: one's own keys, the identity in the message, the invite that was
/// answered.
pub(crate) fn check_hello(hello: &Hello, sender: &Key, invite: &Key, number: u64, profile: &ProfileState) -> bool {
    let me = &profile.identity;
    let own_ed = hello.your_ed.is_zero() || hello.your_ed == me.ed();
    hello.proof.curve == *sender
        && hello.your_curve == me.curve()
        && own_ed
        && hello.invite == *invite
        && hello.born <= number
        && hello.proof.curve != me.curve()
}

impl Link {
    /// Takes an envelope that opened under a card of this link, or under a door and names this
    /// link's session.
    pub(crate) fn receive(&mut self, under: Under, opened: &Opened, profile: &mut ProfileState) -> Option<Arrived> {
        // A door's card is open to others, who can seal an old message anew with any number.
        let private = under != Under::Door;
        if private {
            self.numbers.opened = self.numbers.opened.max(opened.number);
        }
        let Some(message) = olm_message(opened) else {
            profile.dropped.refused += 1;
            return None;
        };
        let decrypted = match &message {
            OlmMessage::Normal(_) => self.sessions.decrypt(&message),
            OlmMessage::PreKey(first) if first.identity_key().to_bytes() != self.peer.0 => {
                profile.dropped.refused += 1;
                return None;
            }
            OlmMessage::PreKey(first) => {
                let id = first.session_id();
                if self.sessions.get(&id).is_none() {
                    return self.receive_first(under, first, opened.number, profile);
                }
                self.sessions.decrypt_in(&id, &message).map(|plain| (id, plain))
            }
        };
        let Some((id, plain)) = decrypted else {
            let number = if private { opened.number } else { 0 };
            self.undecryptable(number, profile);
            return None;
        };
        let prekey = matches!(message, OlmMessage::PreKey(_));
        self.take(&id, &plain, prekey, under, opened.number, profile)
    }

    fn undecryptable(&mut self, number: u64, profile: &mut ProfileState) {
        profile.dropped.refused += 1;
        // What is not newer is late or was decrypted before: nothing is wrong.
        if number > self.numbers.decrypted {
            self.want_reset(number, profile);
        }
    }

    /// Takes a first message of the other side, made with a prekey of one of this link's roots.
    fn receive_first(
        &mut self,
        under: Under,
        first: &PreKeyMessage,
        number: u64,
        profile: &mut ProfileState,
    ) -> Option<Arrived> {
        let prekey = self.own.prekey(&Key(first.one_time_key().to_bytes()));
        let Some(made) = prekey.and_then(|prekey| prekey.inbound(first).ok()) else {
            self.undecryptable(number, profile);
            return None;
        };
        let plain = Zeroizing::new(made.plaintext);
        let sender = self.peer;
        let payload = Payload::from_bytes(&plain).ok();
        let hello = payload.as_ref().and_then(|payload| payload.hello.clone());
        let valid = |hello: &Hello| check_hello(hello, &sender, &Key::default(), number, profile);
        let (Some(payload), Some(hello)) = (payload, hello.filter(valid)) else {
            profile.dropped.refused += 1;
            return None;
        };
        if let Some(prekey) = self.own.prekey(&Key(first.one_time_key().to_bytes())) {
            prekey.remember_session(made.session.session_id());
        }
        self.open(FirstMessage { session: made.session, payload, hello, number }, under, profile)
    }

    /// Makes a first message part of this link: as its beginning, or as a reset.
    pub(crate) fn open(&mut self, opening: FirstMessage, under: Under, profile: &mut ProfileState) -> Option<Arrived> {
        let FirstMessage { session, payload, hello, number } = opening;
        if !self.pin(&hello.proof, profile) {
            return None;
        }
        #[cfg(test)]
        super::send::trace::opened(self.id);
        let fresh = self.sessions.len() == 0;
        // What Olm authenticated, not what stands outside of it: see `receive`.
        let number = if under == Under::Door { hello.born } else { number };
        self.numbers.opened = self.numbers.opened.max(number);
        let session = Known::new(session, hello.born, false);
        let id = session.id.clone();
        self.sessions.settle(u64::MAX);
        self.sessions.add(session);
        self.healing.reset_came();
        self.welcome_back(profile);
        if !fresh {
            self.own.root_wanted = true;
            self.own.fresh_wanted = true;
            self.plain_wait = Some(profile.clock.elapsed + PLAIN_WAIT);
        }
        self.control_at = None;
        if fresh || self.healing.may_answer(profile.clock.elapsed) {
            self.want_control(profile);
        }
        self.absorb(&id, payload, true, under, number, profile)
    }

    /// Pins the other side's Ed25519 key, or compares it with the one that is.
    fn pin(&mut self, proof: &IdentityProof, profile: &mut ProfileState) -> bool {
        if self.peer_ed.or(self.expected_ed).is_some_and(|known| known != proof.ed) {
            profile.dropped.refused += 1;
            profile.tell_once(Event::NotWhoInviteSays { link: self.id });
            return false;
        }
        self.peer_ed = Some(proof.ed);
        self.peer_proof = proof.to_bytes().to_vec();
        true
    }

    fn take(
        &mut self,
        id: &str,
        plain: &[u8],
        prekey: bool,
        under: Under,
        number: u64,
        profile: &mut ProfileState,
    ) -> Option<Arrived> {
        let Ok(payload) = Payload::from_bytes(plain) else {
            profile.dropped.refused += 1;
            return None;
        };
        let mut number = number;
        if let Some(hello) = &payload.hello {
            if under == Under::Door {
                number = hello.born.min(number);
            }
            let invite = if under == Under::Door { hello.invite } else { Key::default() };
            let valid = check_hello(hello, &self.peer, &invite, number, profile);
            if !valid || !self.pin(&hello.proof, profile) {
                profile.dropped.refused += u64::from(!valid);
                return None;
            }
        } else if prekey {
            profile.dropped.refused += 1;
            return None;
        }
        self.absorb(id, payload, false, under, number, profile)
    }

    /// Takes over what an authentic payload says.
    fn absorb(
        &mut self,
        id: &str,
        payload: Payload,
        opening: bool,
        under: Under,
        number: u64,
        profile: &mut ProfileState,
    ) -> Option<Arrived> {
        let age = profile.clock.age;
        self.numbers.decrypted = self.numbers.decrypted.max(number);
        self.sessions.decrypted(id, age);
        let session = self.sessions.get_mut(id)?;
        let born = session.born;
        if let Under::Own(serial) = under {
            let introduced = session.card_sent.is_some_and(|sent| serial >= sent);
            session.introduced |= introduced;
            self.own.used(serial, profile);
        }
        if !opening {
            self.healing.decrypted(id, born, number);
            self.sessions.settle(born);
            if !self.sessions.is_frozen(id) {
                self.welcome_back(profile);
            }
        }
        self.answered(&payload.profile, profile);
        self.want_session(profile);
        if let Some(card) = &payload.card {
            self.take_card(card, opening, profile);
        }
        for mid in &payload.acks {
            if let Some(item) = self.outbox.acknowledged(*mid) {
                self.tell_delivered(&item, profile);
            }
        }
        self.other_ended(&payload.ended, profile);
        if payload.leave && self.left.is_none() {
            self.left = Some(age);
            profile.retire_owned(Owner::Contact(self.id), age + super::cards::ROOT_GRACE);
            profile.tell(Event::Left { link: self.id });
        }
        self.note_content(payload, profile)
    }

    fn answered(&mut self, name: &str, profile: &mut ProfileState) {
        if self.first.take().is_some() {
            self.sessions.settle(u64::MAX);
            profile.tell(Event::Answered { link: self.id, profile: name.to_owned() });
        }
    }
}
