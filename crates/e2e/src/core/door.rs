//! Invites of one's own, and the first messages that come through them.

use serde::{Deserialize, Serialize};
use vodozemac::olm::OlmMessage;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Core, CoreError, InviteView, RequestView, Room};
use crate::bytes::{Key, Secret, text};
use crate::card::{Card, CardKeys};
use crate::clock::{DAY, MINUTE};
use crate::effect::{Event, InviteId, LinkId};
use crate::envelope::{Opened, open};
use crate::identity::Prekey;
use crate::invite::{Form, Invite};
use crate::link::receive::{FirstMessage, Under, check_hello, olm_message};
use crate::link::sessions::Olm;
use crate::link::{Link, LinkKind};
use crate::mailbox::Owner;
use crate::payload::{Content, Hello, Payload};
use crate::profile::ProfileState;

/// The most invites at a time. Each has a mailbox of its own, its door.
pub const MAX_DOORS: usize = 16;
const MAX_LIFE: u64 = 365 * DAY;
const REQUEST_LIFE: u64 = 14 * DAY;
/// How long after its end an invite is still honoured: clocks differ.
const GRACE: u64 = DAY;

mod requests;

/// Says what kind of invite to make.
#[derive(Clone, Debug, Default)]
pub struct InviteOptions {
    /// The name that the contact gets which uses it, at most 64 bytes.
    pub name: String,
    /// Whether it can be used by many. Each of them waits for a yes.
    pub reusable: bool,
    /// For how long it can be used, in milliseconds, at most 365 days; 0: 7 days, or 30 if it is
    /// reusable.
    pub life_ms: u64,
    /// A key for the server's restricted discovery. Only for invites that are used once.
    pub discovery: Option<Secret>,
}

/// Says how to accept somebody else's invite.
#[derive(Clone, Debug, Default)]
pub struct Accept {
    /// The name that the contact gets, at most 64 bytes.
    pub name: String,
    /// A text that goes with the first message, unless it is long.
    pub text: Option<String>,
    /// Whether the user agreed to connect to the server of the invite, if it is not one's own.
    pub foreign: bool,
}

/// Holds a first message at a reusable door that waits for the user's yes.
#[derive(Serialize, Deserialize)]
struct Request {
    olm: Olm,
    #[serde(with = "text")]
    payload: Vec<u8>,
    peer: Key,
    number: u64,
    came: u64,
}

/// Holds an invite of one's own.
#[derive(Serialize, Deserialize)]
pub(crate) struct Door {
    id: InviteId,
    invite: Key,
    pub(crate) mailbox: Key,
    name: String,
    one_time: bool,
    /// Milliseconds since 1970.
    not_after: u64,
    /// The same by `age`.
    ends_at: u64,
    keys: CardKeys,
    prekey: Option<Prekey>,
    /// The contact that used it, and its identity.
    used_by: Option<(LinkId, Key)>,
    requests: Vec<Request>,
    /// When requests came within the last hour, by `elapsed`.
    recent: Vec<u64>,
}

impl Door {
    pub(super) fn view(&self) -> InviteView {
        let request = |request: &Request| RequestView {
            identity: request.peer,
            profile: Payload::from_bytes(&request.payload).map(|payload| payload.profile).unwrap_or_default(),
        };
        InviteView {
            invite: self.id,
            name: self.name.clone(),
            reusable: !self.one_time,
            not_after: self.not_after,
            used_by: self.used_by.map(|(link, _)| link),
            requests: self.requests.iter().map(request).collect(),
        }
    }
}

pub(super) fn prune(doors: &mut Vec<Door>, profile: &mut ProfileState) {
    let age = profile.clock.age;
    let open = |key: &Key, profile: &ProfileState| profile.mailbox(key).is_some();
    for door in doors.iter_mut() {
        door.requests.retain(|request| age < request.came + REQUEST_LIFE);
        let late = if door.one_time { GRACE } else { 7 * DAY };
        // The clock alone does not decide, since it may have jumped.
        if profile.clock.wall >= door.not_after + late
            && age >= door.ends_at + late
            && let Some(own) = profile.mailbox_mut(&door.mailbox)
        {
            own.retire_at.get_or_insert(age);
        }
    }
    doors.retain(|door| open(&door.mailbox, profile));
}

impl Core {
    /// Makes an invite. Its text comes as [`Event::Invite`], once its keys are kept.
    pub fn invite(&mut self, options: InviteOptions, wall_ms: u64) -> Result<InviteId, CoreError> {
        self.running(wall_ms)?;
        let InviteOptions { name, reusable, life_ms, discovery } = options;
        if self.state.doors.len() >= MAX_DOORS {
            return Err(CoreError::Full(Room::Invites));
        }
        let default = if reusable { 30 * DAY } else { 7 * DAY };
        let life = if life_ms == 0 { default } else { life_ms };
        if name.len() > crate::payload::MAX_NAME || life > MAX_LIFE {
            return Err(CoreError::TooLong);
        }
        let profile = &mut self.state.profile;
        let id = profile.next_id();
        let authority = profile.authority.clone();
        let mailbox = profile.open_mailbox(Owner::Door(id), &authority);
        let prekey = Prekey::generate(&profile.identity);
        let not_after = profile.clock.wall + life;
        let secret = Secret::random();
        let keys = if reusable { CardKeys::generate() } else { CardKeys::from_short_invite(&secret) };
        let invite = Invite {
            one_time: !reusable,
            not_after: u32::try_from(not_after / MINUTE).unwrap_or(u32::MAX),
            authority,
            door: mailbox,
            identity: profile.identity.curve(),
            prekey: prekey.public(),
            form: Form::Short { secret, discovery },
        };
        let invite = if reusable { invite.signed(&keys, &profile.identity) } else { invite };
        let text = invite.to_text().to_string();
        profile.tell(Event::Invite { invite: id, text });
        self.state.doors.push(Door {
            id,
            invite: invite.id(),
            mailbox,
            name,
            one_time: !reusable,
            not_after,
            ends_at: self.state.profile.clock.age + life,
            keys,
            prekey: Some(prekey),
            used_by: None,
            requests: Vec::new(),
            recent: Vec::new(),
        });
        Ok(id)
    }

    /// Takes an invite back. Its keys are deleted.
    pub fn revoke(&mut self, invite: InviteId, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let at = self.state.doors.iter().position(|door| door.id == invite).ok_or(CoreError::Unknown)?;
        let door = self.state.doors.remove(at);
        self.state.profile.close_mailboxes(|mailbox| mailbox.key == door.mailbox);
        Ok(())
    }

    /// Forgets who used an invite, and the name that the contact had, if that is gone. That it was
    /// used is kept.
    pub(super) fn forget_names_at_doors(&mut self) {
        let links = &self.state.links;
        for door in &mut self.state.doors {
            if let Some((id, peer)) = &mut door.used_by
                && !links.iter().any(|link| link.id == *id)
            {
                *peer = Key::default();
                door.name.zeroize();
            }
        }
    }

    pub(super) fn receive_at_door(&mut self, invite: InviteId, mailbox: &Key, envelope: &[u8]) {
        let Some(at) = self.state.doors.iter().position(|door| door.id == invite) else { return };
        let Ok(opened) = open(&self.state.doors[at].keys, mailbox, envelope) else {
            self.state.profile.dropped.not_authentic += 1;
            return;
        };
        // Only pre-key messages: whoever has the invite can seal anything to its card.
        let Some(OlmMessage::PreKey(first)) = olm_message(&opened) else {
            self.state.profile.dropped.refused += 1;
            return;
        };
        let id = first.session_id();
        let sender = Key(first.identity_key().to_bytes());
        let known =
            |one: &&mut Link| one.kind == LinkKind::Contact && one.peer == sender && one.sessions.get(&id).is_some();
        if let Some(link) = self.state.links.iter_mut().find(known) {
            let link_id = link.id;
            let arrived = link.receive(Under::Door, &opened, &mut self.state.profile);
            self.remember(mailbox, envelope);
            self.arrive(link_id, arrived);
            return;
        }
        if self.contest(at, &sender) {
            return;
        }
        let Some(opening) = self.opening(at, &first, &opened) else {
            self.state.profile.dropped.refused += 1;
            return;
        };
        if self.admit_or_ask(at, opening, sender) {
            self.remember(mailbox, envelope);
        }
    }

    /// Notices that somebody else uses an invite that was used.
    fn contest(&mut self, at: usize, sender: &Key) -> bool {
        let Some((id, peer)) = self.state.doors[at].used_by else { return false };
        if peer != *sender
            && let Some(link) = self.state.links.iter_mut().find(|link| link.id == id)
            && !link.contested
            && !link.verified
        {
            link.contested = true;
            self.state.profile.tell(Event::Contested { link: id, other: (*sender, Key::default()) });
        }
        true
    }

    /// Makes the session of a first message on a copy of the prekey's account, and looks at its
    /// hello.
    fn opening(&self, at: usize, first: &vodozemac::olm::PreKeyMessage, opened: &Opened) -> Option<FirstMessage> {
        let door = &self.state.doors[at];
        let made = door.prekey.as_ref()?.inbound(first).ok()?;
        let plain = Zeroizing::new(made.plaintext);
        let payload = Payload::from_bytes(&plain).ok()?;
        let hello: Hello = payload.hello.clone()?;
        let sender = Key(first.identity_key().to_bytes());
        let number = opened.number;
        let valid = check_hello(&hello, &sender, &door.invite, number, &self.state.profile);
        let card = Card::from_bytes(payload.card.as_deref()?, &self.state.profile.authority).ok()?;
        let text = matches!(payload.content, None | Some(Content::Text(_)));
        (valid && card.root && text).then_some(FirstMessage { session: made.session, payload, hello, number })
    }

    fn admit_opening(&mut self, at: usize, opening: FirstMessage, peer: Key) {
        let session = opening.session.session_id();
        let name = opening.payload.profile.clone();
        let same = |link: &Link| link.kind == LinkKind::Contact && link.peer == peer && link.left.is_none();
        let known = self.state.links.iter().position(same);
        let index = match known {
            Some(index) => index,
            None if self.contacts_are_full() => return,
            None => {
                let contact = self.state.doors[at].name.clone();
                self.new_contact(contact, peer);
                self.state.links.len() - 1
            }
        };
        let link = &mut self.state.links[index];
        let id = link.id;
        let before = link.sessions.len();
        let arrived = link.open(opening, Under::Door, &mut self.state.profile);
        if link.sessions.get(&session).is_none() {
            // The Ed25519 key is another than the one that is pinned.
            return;
        }
        debug_assert!(link.sessions.len() > before || before > 0);
        let door = &mut self.state.doors[at];
        if let Some(prekey) = &mut door.prekey {
            prekey.remember_session(session);
        }
        if door.one_time {
            door.prekey = None;
            door.used_by = Some((id, peer));
        }
        let invite = door.id;
        if known.is_none() {
            self.state.profile.tell(Event::Contact { link: id, invite, profile: name });
        }
        self.arrive(id, arrived);
    }
}
