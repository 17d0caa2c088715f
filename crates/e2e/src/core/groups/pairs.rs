//! First messages of other members of a group.

use vodozemac::olm::OlmMessage;
use zeroize::Zeroizing;

use super::super::{Core, State};
use crate::bytes::Key;
use crate::effect::LinkId;
use crate::envelope::{Opened, open, shown_hint};
use crate::group::Group;
use crate::group::newcomers::WaitingNewcomer;
use crate::link::receive::{Arrived, FirstMessage, Under, check_hello, olm_message};
use crate::link::{Link, LinkKind};
use crate::payload::Payload;
use crate::profile::ProfileState;
use crate::roster::GroupId;

impl Core {
    /// Takes an envelope for a door card of a group. `None`: there is no such card; `false`: it was
    /// not accepted.
    pub(in crate::core) fn receive_at_group_door(
        &mut self,
        group: GroupId,
        mailbox: &Key,
        envelope: &[u8],
    ) -> Option<bool> {
        let State { version: _, profile, doors: _, links, groups } = &mut self.state;
        let group = groups.iter_mut().find(|known| known.id == group && !known.out)?;
        let at = group.door_with(mailbox, shown_hint(envelope)?)?;
        let Ok(opened) = open(&group.doors[at].keys, mailbox, envelope) else { return Some(false) };
        if group.awaits(&opened) {
            group.newcomers.keep(*mailbox, envelope, profile.clock.settled_age());
            return Some(true);
        }
        let accepted = group.open_pair(at, &opened, links, profile);
        if let Some((id, arrived)) = accepted {
            self.remember(mailbox, envelope);
            self.arrive(id, arrived);
            return Some(true);
        }
        profile.dropped.refused += 1;
        Some(false)
    }

    /// Takes a first message again that came before its sender was on the roster. It is kept on if
    /// that is still so.
    pub(super) fn receive_again(&mut self, group: GroupId, waiting: WaitingNewcomer) {
        let WaitingNewcomer { mailbox, envelope, came } = waiting;
        self.receive_at_group_door(group, &mailbox, &envelope);
        if let Some(known) = self.state.groups.iter_mut().find(|known| known.id == group) {
            known.newcomers.date(&envelope, came);
        }
    }
}

impl Group {
    /// Tells whether an envelope is the first message of somebody who is not on the roster. The
    /// change that lets it in may be on its way.
    fn awaits(&self, opened: &Opened) -> bool {
        let Some(OlmMessage::PreKey(first)) = olm_message(opened) else { return false };
        let sender = Key(first.identity_key().to_bytes());
        self.roster.as_ref().is_some_and(|roster| roster.entry(&sender).is_none())
    }

    /// Makes a first message of another member part of the link with it.
    fn open_pair(
        &mut self,
        at: usize,
        opened: &Opened,
        links: &mut [Link],
        profile: &mut ProfileState,
    ) -> Option<(LinkId, Option<Arrived>)> {
        let Some(OlmMessage::PreKey(first)) = olm_message(opened) else { return None };
        let sender = Key(first.identity_key().to_bytes());
        self.roster.as_ref()?.entry(&sender)?;
        let link = links.iter_mut().find(|link| link.kind == LinkKind::Member(self.id) && link.peer == sender)?;
        let id = first.session_id();
        if link.sessions.get(&id).is_some() {
            return Some((link.id, link.receive(Under::Door, opened, profile)));
        }
        let prekey = &mut self.doors[at].prekey;
        let made = prekey.inbound(&first).ok()?;
        let plain = Zeroizing::new(made.plaintext);
        let payload = Payload::from_bytes(&plain).ok()?;
        let hello = payload.hello.clone()?;
        let number = opened.number;
        if !check_hello(&hello, &sender, &Key::default(), number, profile) || payload.content.is_some() {
            return None;
        }
        let opening = FirstMessage { session: made.session, payload, hello, number };
        let arrived = link.open(opening, Under::Door, profile);
        link.sessions.get(&id)?;
        prekey.remember_session(id);
        Some((link.id, arrived))
    }
}
