//! What the core does with a frame that came for one of its mailboxes.

use super::{Core, CoreError, Room, State, envelope};
use crate::bytes::Key;
use crate::card::Hint;
use crate::effect::{Event, LinkId};
use crate::envelope::{digest, open, shown_hint};
use crate::group::held::Origin;
use crate::link::receive::{Arrived, Under};
use crate::link::{Link, LinkKind};
use crate::mailbox::Owner;
use crate::payload::Content;

/// Holds a frame as it came from a server. Nothing else of the server's frame is looked at.
#[derive(Clone, Copy, Debug)]
pub struct IncomingFrame<'a> {
    /// The mailbox whose session it came in.
    pub mailbox: &'a Key,
    /// Its `content`.
    pub content: &'a str,
    /// Its `seq`.
    pub seq: u64,
    /// Its `from`: a hint whom to nudge in a group, evidence of nothing.
    pub from: Option<&'a Key>,
}

impl Core {
    /// Takes a frame. It is acknowledged to the server with the next commit, whatever was in it.
    ///
    /// Returns whether it was of no use: no envelope, one that does not open or came before, or for
    /// no known card. Each costs a commit, and a server can send as many as it likes. A client
    /// closes the session of a mailbox that brings more than 20 of those a minute, and fetches from
    /// it later.
    pub fn receive(&mut self, incoming: IncomingFrame<'_>, wall_ms: u64) -> Result<bool, CoreError> {
        self.running(wall_ms)?;
        if self.state.profile.inbox_is_full() {
            return Err(CoreError::Full(Room::Inbox));
        }
        let IncomingFrame { mailbox, content, seq, from } = incoming;
        self.state.profile.acknowledge(*mailbox, seq);
        let Some(owner) = self.state.profile.mailbox(mailbox).map(|own| own.owner) else {
            self.state.profile.dropped.malformed += 1;
            return Ok(true);
        };
        let Some(envelope) = envelope(content) else {
            self.state.profile.dropped.malformed += 1;
            return Ok(true);
        };
        let repeated = self.state.profile.mailbox(mailbox).is_some_and(|own| own.knows(digest(&envelope)));
        if repeated {
            self.state.profile.dropped.repeated += 1;
            return Ok(true);
        }
        let failed = self.state.profile.dropped.not_authentic;
        match owner {
            Owner::Door(invite) => self.receive_at_door(invite, mailbox, &envelope),
            Owner::Contact(_) | Owner::Group(_) => self.receive_for_links(owner, mailbox, &envelope, from),
        }
        Ok(self.state.profile.dropped.not_authentic > failed)
    }

    pub(super) fn remember(&mut self, mailbox: &Key, envelope: &[u8]) {
        let profile = &mut self.state.profile;
        let own = profile.mailboxes.iter_mut().find(|own| own.key == *mailbox);
        if let Some(own) = own {
            own.remember(digest(envelope), &profile.clock);
        }
    }

    fn receive_for_links(&mut self, owner: Owner, mailbox: &Key, envelope: &[u8], from: Option<&Key>) {
        let Some(shown) = shown_hint(envelope) else { return };
        let State { version: _, profile, doors: _, links, groups: _ } = &mut self.state;
        let mut known = false;
        let candidates = links.iter().flat_map(|link| link.own.with_hint(mailbox, shown).map(move |card| (link, card)));
        let opened = candidates.into_iter().find_map(|(link, card)| {
            known = true;
            let opened = open(&card.keys, mailbox, envelope).ok()?;
            Some((link.id, card.serial, opened))
        });
        if let Some((id, serial, opened)) = opened {
            let Some(link) = links.iter_mut().find(|link| link.id == id) else { return };
            let arrived = link.receive(Under::Own(serial), &opened, profile);
            self.remember(mailbox, envelope);
            self.arrive(id, arrived);
            return;
        }
        if let Owner::Group(group) = owner {
            match self.receive_at_group_door(group, mailbox, envelope) {
                Some(true) => return,
                Some(false) => known = true,
                None => {}
            }
        }
        self.state.profile.dropped.not_authentic += 1;
        if !known {
            self.nudge_unknown(owner, mailbox, shown, from);
        }
    }

    /// Reacts to an envelope for a card that is not known: perhaps state was lost. Anybody can
    /// invent such a thing.
    fn nudge_unknown(&mut self, owner: Owner, mailbox: &Key, shown: Hint, from: Option<&Key>) {
        let State { version: _, profile, doors: _, links, groups: _ } = &mut self.state;
        if profile.mailbox(mailbox).is_some_and(|own| own.is_retired(shown)) {
            return;
        }
        let link = links.iter_mut().find(|link| match owner {
            Owner::Contact(id) => link.id == id,
            Owner::Group(group) => link.kind == LinkKind::Member(group) && from.is_some_and(|from| link.sends_as(from)),
            Owner::Door(_) => false,
        });
        if let Some(link) = link {
            link.want_nudge(profile);
        }
    }

    /// Hands on content that a link received for the first time.
    pub(super) fn arrive(&mut self, id: LinkId, arrived: Option<Arrived>) {
        let Some(Arrived { mid, at, burn_s, missing, content }) = arrived else { return };
        let event = match content {
            Content::Text(text) => Event::Text { link: id, mid, text, at, burn_s, missing },
            Content::File(chunk) => Event::File { link: id, mid, chunk },
            Content::Group(group) => {
                self.receive_group(Origin { link: id, mid, at }, group);
                return;
            }
        };
        let contact = self.state.links.iter().any(|link| link.id == id && link.kind == LinkKind::Contact);
        if contact {
            self.state.profile.tell(event);
        }
    }
}

impl Link {
    /// Tells whether a pseudonym is the mailbox that the other side told to write to.
    fn sends_as(&self, from: &Key) -> bool {
        let cards = self.theirs.plain.iter().chain(&self.theirs.root);
        cards.into_iter().any(|card| card.route.mailbox == *from)
    }
}
