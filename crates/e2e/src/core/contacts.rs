//! Contacts: accepting invites, sending, verifying, leaving.

use super::door::Accept;
use super::{Core, CoreError, Obstacle, Room, State};
use crate::authority::Authority;
use crate::bytes::Key;
use crate::clock::MINUTE;
use crate::effect::LinkId;
use crate::invite::Invite;
use crate::link::delivery::Transit;
use crate::link::healing::ANSWER_PATIENCE;
use crate::link::received::AckPace;
use crate::link::sessions::Known;
use crate::link::{First, Link, LinkKind};
use crate::mailbox::Owner;
use crate::payload::{Content, MAX_BURN_S, MAX_NAME, MAX_TEXT};
use crate::profile::ProfileState;
use crate::safety::SafetyNumber;

/// The most contacts of a profile.
pub const MAX_CONTACTS: usize = 1_024;

/// Says what became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Names the text in [`crate::effect::Event::Delivered`].
    pub mid: u64,
    /// Whether it waits until the contact answers for the first time.
    pub waits: bool,
}

impl Core {
    /// Accepts an invite and prepares the first message.
    pub fn accept(&mut self, text: &str, accept: Accept, wall_ms: u64) -> Result<LinkId, CoreError> {
        self.running(wall_ms)?;
        let profile = &mut self.state.profile;
        let invite = Invite::from_text(text, &profile.authority)?;
        let Accept { name, text, foreign } = accept;
        if name.len() > MAX_NAME || text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
            return Err(CoreError::TooLong);
        }
        may_accept(&invite, foreign, profile)?;
        let olm = profile.identity.outbound(&invite.identity, &invite.prekey);
        let olm = olm.map_err(|_| crate::invite::InviteError::NotGenuine)?;
        let known = |link: &Link| link.kind == LinkKind::Contact && link.peer == invite.identity && link.left.is_none();
        let index = match self.state.links.iter().position(known) {
            // Once more with somebody who lost the sessions, but not the identity.
            Some(index) => index,
            None if self.contacts_are_full() => return Err(CoreError::Full(Room::Contacts)),
            None => {
                self.new_contact(name, invite.identity);
                self.state.links.len() - 1
            }
        };
        let profile = &mut self.state.profile;
        let link = &mut self.state.links[index];
        if link.peer_ed.is_some_and(|known| invite.ed().is_some_and(|named| named != known)) {
            return Err(crate::invite::InviteError::NotGenuine.into());
        }
        link.expected_ed = link.expected_ed.or(invite.ed());
        if foreign {
            link.agreed.push(invite.authority.clone());
        }
        let born = link.numbers.upcoming(profile.clock.wall);
        link.sessions.add(Known::new(olm, born, true));
        // Where there was a conversation before, that goes on if nobody answers for a week.
        let longest = u32::try_from((profile.clock.wall + ANSWER_PATIENCE) / MINUTE).unwrap_or(u32::MAX);
        let not_after =
            if link.theirs.for_texts().is_some() { invite.not_after.min(longest) } else { invite.not_after };
        link.first = Some(First {
            card: invite.card(),
            authority: invite.authority.clone(),
            invite: invite.id(),
            prekey: invite.prekey,
            not_after,
            delivery: Transit::default(),
        });
        if let Some(text) = text {
            link.enqueue(Content::Text(text), 0, profile).ok_or(CoreError::Full(Room::Outbox))?;
        }
        Ok(link.id)
    }

    pub(super) fn contacts_are_full(&self) -> bool {
        self.state.links.iter().filter(|link| link.kind == LinkKind::Contact).count() >= MAX_CONTACTS
    }

    /// Makes a contact with a mailbox and a root of its own.
    pub(super) fn new_contact(&mut self, name: String, peer: Key) {
        let profile = &mut self.state.profile;
        let id = profile.next_id();
        let authority = profile.authority.clone();
        let mailbox = profile.open_mailbox(Owner::Contact(id), &authority);
        let mut link = Link::new(id, name, LinkKind::Contact, peer, mailbox);
        link.own.renew_root(mailbox, profile);
        self.state.links.push(link);
    }

    pub(super) fn contact(&mut self, id: LinkId) -> Result<&mut Link, CoreError> {
        let link = self.link(id)?;
        if link.kind == LinkKind::Contact { Ok(link) } else { Err(CoreError::Unknown) }
    }

    /// Puts a text into the outbox of a contact. `burn_s`: delete it so many seconds after it was
    /// shown; 0: do not.
    pub fn send(&mut self, id: LinkId, text: String, burn_s: u32, wall_ms: u64) -> Result<Sent, CoreError> {
        self.running(wall_ms)?;
        if text.len() > MAX_TEXT || burn_s > MAX_BURN_S {
            return Err(CoreError::TooLong);
        }
        self.enqueue(id, Content::Text(text), burn_s)
    }

    fn enqueue(&mut self, id: LinkId, content: Content, burn_s: u32) -> Result<Sent, CoreError> {
        self.contact(id)?;
        let links = &mut self.state.links;
        let link = links.iter_mut().find(|link| link.id == id).ok_or(CoreError::Unknown)?;
        if link.left.is_some() {
            return Err(CoreError::NotNow(Obstacle::Over));
        }
        let mid = link.enqueue(content, burn_s, &self.state.profile).ok_or(CoreError::Full(Room::Outbox))?;
        Ok(Sent { mid, waits: link.first.is_some() })
    }

    /// Gives a contact another name, at most 64 bytes.
    pub fn rename(&mut self, id: LinkId, name: &str) -> Result<(), CoreError> {
        if name.len() > MAX_NAME {
            return Err(CoreError::TooLong);
        }
        name.clone_into(&mut self.contact(id)?.name);
        Ok(())
    }

    /// Returns the safety number of a contact, once its Ed25519 key is known.
    pub fn safety_number(&mut self, id: LinkId) -> Result<SafetyNumber, CoreError> {
        let me = self.identity();
        let link = self.contact(id)?;
        let ed = link.peer_ed.ok_or(CoreError::NotNow(Obstacle::Identity))?;
        Ok(SafetyNumber::new(me, (link.peer, ed)))
    }

    /// Takes note that the user compared the safety number. It also ends a doubt about who used the
    /// invite.
    pub fn verify(&mut self, id: LinkId) -> Result<(), CoreError> {
        let link = self.contact(id)?;
        if link.peer_ed.is_none() {
            return Err(CoreError::NotNow(Obstacle::Identity));
        }
        link.verified = true;
        link.contested = false;
        Ok(())
    }

    /// Takes note that the user trusts a contact in spite of a second use of its invite.
    pub fn trust(&mut self, id: LinkId) -> Result<(), CoreError> {
        self.contact(id)?.contested = false;
        Ok(())
    }

    /// Agrees that a contact may be written to at another server.
    pub fn agree(&mut self, id: LinkId, authority: Authority, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        self.contact(id)?.agree(authority);
        Ok(())
    }

    /// Chooses how long acknowledgements to a contact wait. They tell it when one is online.
    pub fn set_acks(&mut self, id: LinkId, pace: AckPace) -> Result<(), CoreError> {
        self.contact(id)?.acks = pace;
        Ok(())
    }

    /// Tells a contact that the conversation is over, and deletes it 8 days later.
    pub fn leave(&mut self, id: LinkId, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        self.contact(id)?;
        let profile = &mut self.state.profile;
        let link = self.state.links.iter_mut().find(|link| link.id == id).ok_or(CoreError::Unknown)?;
        link.leave(profile);
        Ok(())
    }

    /// Begins anew with a contact: new mailbox, root and prekey, and a new session. Content waits
    /// until the contact answers; [`crate::effect::Event::Resumed`] says so, or
    /// [`crate::effect::Event::NeedsInvite`].
    pub fn heal_contact(&mut self, id: LinkId, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        self.contact(id)?;
        let State { version: _, profile, doors: _, links, groups: _ } = &mut self.state;
        let link = links.iter_mut().find(|link| link.id == id).ok_or(CoreError::Unknown)?;
        if link.left.is_some() {
            return Err(CoreError::NotNow(Obstacle::Over));
        }
        if link.first.is_some() {
            return Err(CoreError::NotNow(Obstacle::NoAnswer));
        }
        link.leave_everything_behind(profile);
        Ok(())
    }

    /// Begins anew with all contacts and groups, and takes all invites back, since somebody may
    /// have copied this profile. The identity stays: who has a copy of it can pose as its owner
    /// until the contacts have answered, and answer invites that were accepted before. Contacts
    /// that never answered stay as they are.
    pub fn heal(&mut self, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let State { version: _, profile, doors, links, groups } = &mut self.state;
        doors.clear();
        profile.close_mailboxes(|mailbox| matches!(mailbox.owner, Owner::Door(_)));
        let talks = |link: &&mut Link| link.kind == LinkKind::Contact && link.left.is_none() && link.first.is_none();
        for link in links.iter_mut().filter(talks) {
            link.leave_everything_behind(profile);
        }
        for group in groups.iter_mut().filter(|group| !group.out && group.roster.is_some()) {
            group.leave_everything_behind(links, profile);
            group.tell_door(links, profile);
        }
        Ok(())
    }

    /// Deletes a contact and its keys at once, without a word.
    pub fn block(&mut self, id: LinkId, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        self.contact(id)?;
        self.state.links.retain(|link| link.id != id);
        self.state.profile.close_mailboxes(|mailbox| mailbox.owner == Owner::Contact(id));
        self.forget_names_at_doors();
        Ok(())
    }
}

fn may_accept(invite: &Invite, foreign: bool, profile: &ProfileState) -> Result<(), CoreError> {
    if invite.identity == profile.identity.curve() {
        return Err(CoreError::OwnInvite);
    }
    if profile.clock.wall / MINUTE > u64::from(invite.not_after) {
        return Err(CoreError::Expired);
    }
    if !profile.here().is(&invite.authority) && !foreign {
        return Err(CoreError::ForeignServer(invite.authority.clone()));
    }
    Ok(())
}
