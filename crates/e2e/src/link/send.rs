//! How a link sends: payload, Olm, envelope, frame.

use vodozemac::olm::OlmMessage;
use zeroize::Zeroizing;

use super::Link;
use super::cards::Attach;
use super::cards::theirs::PeerCard;
use super::delivery::Circumstances;
use crate::authority::Authority;
use crate::card::sender_seed;
use crate::clock::{DAY, MINUTE};
use crate::effect::{Frame, FrameId};
use crate::envelope::{self, Address, DOOR_SIZE, OVERHEAD, SIZES};
use crate::mailbox::Owner;
use crate::payload::{Content, Hello, MAX_TEXT, Payload};
use crate::profile::ProfileState;

/// The longest text that goes with a first message, in bytes: it still fits into the size of one.
const MAX_FIRST_TEXT: usize = 11_000 - 232 - 1_600;

/// Says what a message is sealed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// The newest plain card, or the root if there is none.
    Newest,
    Root,
    /// The root before the newest.
    Previous,
    /// The door of the invite.
    Door,
}

/// Holds what is particular about a message.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) to: To,
    pub(crate) attach: Attach,
    /// The content to send, by its `mid` in the outbox.
    pub(crate) mid: Option<u64>,
    /// The session to encrypt with, if not the usual one.
    pub(crate) session: Option<String>,
    /// Whether it is a reset, which says nothing but who and where.
    pub(crate) reset: bool,
    pub(crate) leave: bool,
}

impl Letter {
    pub(crate) fn control() -> Self {
        Self { to: To::Newest, attach: Attach::Due, mid: None, session: None, reset: false, leave: false }
    }
}

impl Link {
    /// Sends the first message to a door, again and again until it is answered or the invite has
    /// ended.
    pub(crate) fn send_first(&mut self, profile: &mut ProfileState) {
        let Some(first) = self.first.as_ref().filter(|first| !first.has_ended(profile)) else { return };
        let Some(front) = self.sessions.front() else { return };
        let on_the_way = |frame| self.frames.iter().any(|known| known.id == frame);
        let unanswered = front.unanswered;
        let elapsed = profile.clock.elapsed;
        let now = Circumstances { front: &front.id, unanswered, elapsed, on_the_way: &on_the_way };
        if !first.delivery.is_due(&now) {
            return;
        }
        let session = front.id.clone();
        let short = |content: &Content| matches!(content, Content::Text(text) if text.len() <= MAX_FIRST_TEXT);
        let text = self.outbox.oldest().filter(|item| short(&item.content)).map(|item| item.mid);
        let letter = Letter { to: To::Door, attach: Attach::Root, mid: text, ..Letter::control() };
        if let Some(frame) = self.transmit(letter, profile)
            && let Some(first) = &mut self.first
        {
            first.delivery.sent(&session, frame, elapsed);
        }
    }

    /// Sends the content that is due.
    pub(crate) fn send_content(&mut self, profile: &mut ProfileState) {
        let elapsed = profile.clock.elapsed;
        if self.holds_content(elapsed) {
            return;
        }
        let Some(front) = self.sessions.front() else { return };
        let on_the_way = |frame| self.frames.iter().any(|known| known.id == frame);
        let now = Circumstances { front: &front.id, unanswered: front.unanswered, elapsed, on_the_way: &on_the_way };
        let due = self.outbox.due(&now);
        let stale = self.outbox.oldest().is_some_and(|item| due.contains(&item.mid) && item.delivery.sends() >= 2);
        for mid in due {
            self.transmit(Letter { mid: Some(mid), ..Letter::control() }, profile);
        }
        if stale {
            self.want_nudge(profile);
        }
    }

    /// Sends what has no content, if it is due and nothing else went.
    pub(crate) fn send_control(&mut self, profile: &mut ProfileState) {
        let elapsed = profile.clock.elapsed;
        if self.root_receipt_at.is_some_and(|at| at <= elapsed) {
            self.root_receipt_at = None;
            self.root_receipt_last = Some(elapsed);
            self.transmit(Letter { to: To::Root, ..Letter::control() }, profile);
        }
        let acks = self.received.ack_at.is_some_and(|at| at <= elapsed);
        if acks || self.control_at.is_some_and(|at| at <= elapsed) {
            self.transmit(Letter::control(), profile);
        }
    }

    fn target(&self, to: To) -> Option<Target> {
        let card = match to {
            To::Newest => self.theirs.for_texts()?,
            To::Root => self.theirs.root.as_ref()?,
            To::Previous => self.theirs.previous.as_ref()?,
            To::Door => {
                let first = self.first.as_ref()?;
                let authority = first.authority.clone();
                return Some(Target { card: Sealed::Door(Box::new(first.card.clone())), authority, least: DOOR_SIZE });
            }
        };
        let authority = card.route.authority.clone();
        Some(Target { card: Sealed::Card(Box::new(card.clone())), authority, least: 0 })
    }

    /// Makes one message and queues its frame. What cannot be made is left for later.
    pub(crate) fn transmit(&mut self, letter: Letter, profile: &mut ProfileState) -> Option<FrameId> {
        let target = self.target(letter.to)?;
        let id = letter.session.clone().or_else(|| self.sessions.front().map(|front| front.id.clone()))?;
        let number = self.numbers.upcoming(profile.clock.wall);
        let (payload, card) = self.payload(&letter, &id, profile)?;
        let session = self.sessions.get_mut(&id)?;
        if size(payload.to_bytes().len(), !session.olm.0.has_received_message()) == usize::MAX {
            // Nothing of ours is that long; if it were, it would turn the ratchet for ever.
            self.outbox.acknowledged(letter.mid?);
            return None;
        }
        if let Some(serial) = card {
            session.card_sent.get_or_insert(serial);
        }
        let message = session.olm.0.encrypt(payload.to_bytes()).ok()?;
        session.unanswered = session.unanswered.saturating_add(1);
        let contents = contents(&message);
        let envelope = envelope::seal(target.card.address(), number, &contents, target.least).ok()?;
        #[cfg(test)]
        {
            let root = letter.to != To::Newest || self.theirs.plain.is_none();
            trace::encrypted(&id, &message, (&payload, &envelope), (self.id, root));
        }
        self.numbers.own = number;
        self.control_at = None;
        self.say_the_rest(profile);
        let frame = self.frame(&target, &envelope, letter.to == To::Door, profile)?;
        let frame_id = frame.id;
        let prompt = letter.mid.and_then(|mid| self.outbox.get(mid)).is_some_and(|item| !item.delivery.was_sent());
        self.push_frame(frame, prompt, profile);
        if let Some(mid) = letter.mid {
            self.outbox.sent(mid, &id, frame_id, profile.clock.elapsed);
        }
        Some(frame_id)
    }

    fn frame(&self, target: &Target, envelope: &[u8], door: bool, profile: &mut ProfileState) -> Option<Frame> {
        let own = self.writes_as(profile)?;
        let sender = match (door, profile.moves.same(&own.authority, &target.authority)) {
            (true, _) => None,
            (false, true) => Some(own.seed.clone()),
            (false, false) => Some(sender_seed(&own.seed, &target.authority)),
        };
        let to = *target.card.address().mailbox;
        let content = envelope::to_text(envelope);
        Some(Frame { id: profile.next_id(), sender, to, authority: profile.moves.present(&target.authority), content })
    }

    /// Builds a payload, and returns it with the serial of the card in it.
    fn payload(&mut self, letter: &Letter, id: &str, profile: &mut ProfileState) -> Option<(Payload, Option<u64>)> {
        let session = self.sessions.get(id)?;
        let prekey = !session.olm.0.has_received_message();
        let hello = prekey || (!session.ours && !session.introduced);
        let hello = hello.then(|| self.hello(session.born, letter.to, profile));
        let mut payload = Payload { hello, leave: letter.leave, ..Payload::default() };
        if let Some(mid) = letter.mid {
            let item = self.outbox.get(mid)?;
            payload.mid = mid;
            payload.prev = item.prev;
            payload.at = item.at;
            payload.burn_s = item.burn_s;
            payload.content = Some(item.content.clone());
        }
        if !letter.reset {
            payload.acks = self.received.take_acks(profile.clock.elapsed);
            payload.ended = self.ended.take(profile.clock.elapsed);
        }
        if payload.hello.is_some() && !letter.reset {
            payload.profile = profile.name.clone();
        }
        let fresh = self.own.fresh_wanted && letter.attach == Attach::Due;
        let how = if fresh { Attach::FreshPlain } else { letter.attach };
        self.own.fresh_wanted &= !fresh;
        let owed = how != Attach::Due || payload.mid == 0;
        let card = self.own.attach(how, self.mailbox, profile);
        let Some((card, serial)) = card else { return Some((payload, None)) };
        let without = size(payload.to_bytes().len(), prekey);
        payload.card = Some(card.to_bytes().to_vec());
        let with = size(payload.to_bytes().len(), prekey);
        if !owed && with != without {
            payload.card = None;
            return Some((payload, None));
        }
        Some((payload, Some(serial)))
    }

    fn hello(&self, born: u64, to: To, profile: &ProfileState) -> Hello {
        let invite = match (&self.first, to) {
            (Some(first), To::Door) => first.invite,
            _ => crate::bytes::Key::default(),
        };
        Hello {
            proof: profile.identity.proof(),
            your_curve: self.peer,
            your_ed: self.peer_ed.or(self.expected_ed).unwrap_or_default(),
            invite,
            born,
        }
    }

    /// Puts content into the outbox, unless that is full.
    pub(crate) fn enqueue(&mut self, content: Content, burn_s: u32, profile: &ProfileState) -> Option<u64> {
        let length = match &content {
            Content::Text(text) => text.len(),
            Content::Group(_) | Content::File(_) => MAX_TEXT,
        };
        if !self.outbox.has_room(length) {
            return None;
        }
        let at = u32::try_from(profile.clock.wall / MINUTE).unwrap_or(u32::MAX);
        Some(self.outbox.push(content, burn_s, at, profile.clock.settled_age()))
    }

    /// Says goodbye and deletes what waits. The link itself goes 8 days later.
    pub(crate) fn leave(&mut self, profile: &mut ProfileState) {
        self.outbox.clear();
        if self.first.is_none() {
            self.transmit(Letter { leave: true, ..Letter::control() }, profile);
        }
        self.first = None;
        let age = profile.clock.settled_age();
        self.left = Some(age);
        profile.retire_owned(Owner::Contact(self.id), age + 8 * DAY);
    }
}

struct Target {
    card: Sealed,
    authority: Authority,
    least: usize,
}

enum Sealed {
    Card(Box<PeerCard>),
    Door(Box<crate::invite::DoorCard>),
}

impl Sealed {
    fn address(&self) -> Address<'_> {
        match self {
            Self::Card(card) => card.address(),
            Self::Door(card) => card.address(),
        }
    }
}

fn contents(message: &OlmMessage) -> Zeroizing<Vec<u8>> {
    let (kind, bytes) = message.to_parts();
    let mut contents = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    contents.push(if kind == 0 { 0 } else { 1 });
    contents.extend_from_slice(&bytes);
    contents
}

/// Returns the size of the envelope that a payload of so many bytes will need.
fn size(payload: usize, prekey: bool) -> usize {
    // Olm: version, ratchet key, index up to 2^21, ciphertext in blocks of 16, MAC; a pre-key
    // message adds three keys.
    let blocks = (payload / 16 + 1) * 16;
    let olm = 1 + 34 + 4 + 4 + blocks + 8;
    let message = if prekey { olm + 1 + 3 * 34 + 4 } else { olm };
    let needed = 1 + message + OVERHEAD;
    SIZES.into_iter().find(|size| *size >= needed).unwrap_or(usize::MAX)
}

/// Records what was encrypted with which key, so that a test sees if a key is used twice.
#[cfg(test)]
pub(crate) mod trace;
