//! What a user may want to see of a profile: contacts, invites, requests, groups, and what is still
//! on its way.

use super::Core;
use crate::authority::Authority;
use crate::bytes::Key;
use crate::effect::{FrameId, InviteId, LinkId, Lookout};
use crate::link::{Link, LinkKind};
use crate::payload::Content;

pub(super) mod groups;

/// Holds what a user may want to see of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactView {
    /// The contact.
    pub link: LinkId,
    /// The name that one gave it.
    pub name: String,
    /// Its Curve25519 identity key.
    pub identity: Key,
    /// Whether it answered.
    pub answered: bool,
    /// Whether its Ed25519 key is known, so that there is a safety number.
    pub complete: bool,
    /// Whether its safety number was compared.
    pub verified: bool,
    /// Whether somebody else used its invite.
    pub contested: bool,
    /// Whether it left, or was left.
    pub left: bool,
    /// The server to which it wants to move, until the user agrees.
    pub wants_to_move: Option<Authority>,
    /// Whether the conversation begins anew, so that texts wait until it answers.
    pub begins_anew: bool,
    /// How many texts and chunks of files it has not acknowledged.
    pub outgoing: usize,
}

/// Holds what a user may want to see of an invite of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteView {
    /// The invite.
    pub invite: InviteId,
    /// The name that was given to whoever uses it.
    pub name: String,
    /// Whether it can be used by many.
    pub reusable: bool,
    /// Its end, in milliseconds since 1970.
    pub not_after: u64,
    /// The contact that used it.
    pub used_by: Option<LinkId>,
    /// Those who wait for a yes.
    pub requests: Vec<RequestView>,
}

/// Holds what is known of somebody who answered a reusable invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestView {
    /// The Curve25519 identity key.
    pub identity: Key,
    /// The name that it gives itself.
    pub profile: String,
}

/// Says how far a text or a chunk of a file came that was not acknowledged yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No server has it.
    Sending,
    /// It waits at the server of the contact.
    AtServer,
}

/// Holds what is on its way to a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingView {
    /// Names the text or chunk.
    pub mid: u64,
    /// When it was written, in minutes since 1970.
    pub at: u32,
    /// Whether it is a chunk of a file.
    pub file: bool,
    /// How far it came.
    pub standing: Standing,
}

impl Core {
    /// Returns one's own server.
    pub fn authority(&self) -> &Authority {
        &self.state.profile.authority
    }

    /// Returns the name that contacts are told.
    pub fn name(&self) -> &str {
        &self.state.profile.name
    }

    /// Returns all contacts.
    pub fn contacts(&self) -> Vec<ContactView> {
        self.state.links.iter().filter(|link| link.kind == LinkKind::Contact).map(contact_view).collect()
    }

    /// Returns all invites.
    pub fn invites(&self) -> Vec<InviteView> {
        self.state.doors.iter().map(super::door::Door::view).collect()
    }

    /// Returns what a contact has not acknowledged, the oldest first.
    pub fn outgoing(&self, contact: LinkId) -> Vec<OutgoingView> {
        let Some(link) = self.state.links.iter().find(|link| link.id == contact) else { return Vec::new() };
        let first = link.first.as_ref().map(|first| &first.delivery);
        let first_at_server = first.is_some_and(|first| first.is_accepted());
        let view = |(at, item): (usize, &crate::link::outbox::QueuedItem)| {
            let accepted = item.delivery.is_accepted() || (at == 0 && first_at_server);
            OutgoingView {
                mid: item.mid,
                at: item.at,
                file: matches!(item.content, Content::File(_)),
                standing: if accepted { Standing::AtServer } else { Standing::Sending },
            }
        };
        link.outbox.items().enumerate().map(view).collect()
    }

    /// Returns whose frame this is, and which of its contents is in it.
    pub fn owner_of(&self, frame: FrameId) -> Option<(LinkId, Option<u64>)> {
        let link = self.state.links.iter().find(|link| link.frames().iter().any(|known| known.id == frame))?;
        let first = link.first.as_ref().is_some_and(|first| first.delivery.is_of(frame));
        let item = link.outbox.items().find(|item| item.delivery.is_of(frame) || first);
        Some((link.id, item.map(|item| item.mid)))
    }

    /// Returns the pseudonyms that have something at servers of others that was not confirmed as
    /// arrived. What such a server forgot is noticed when [`Core::welcomed`] is told its epoch.
    pub fn lookouts(&self) -> Vec<Lookout> {
        self.state.links.iter().filter_map(|link| link.lookout(&self.state.profile)).collect()
    }

    /// Tells whether an acknowledgement or a control message is still to be sent, or a frame to be
    /// accepted.
    pub fn owes(&self) -> bool {
        self.state.links.iter().filter(|link| link.left.is_none()).any(Link::owes)
    }
}

fn contact_view(link: &Link) -> ContactView {
    let waiting = link.theirs.waiting.as_ref().and_then(|card| card.route.as_ref());
    ContactView {
        link: link.id,
        name: link.name.clone(),
        identity: link.peer,
        answered: link.first.is_none(),
        complete: link.peer_ed.is_some(),
        verified: link.verified,
        contested: link.contested,
        left: link.left.is_some(),
        wants_to_move: waiting.map(|route| route.authority.clone()),
        begins_anew: link.begins_anew(),
        outgoing: link.outbox.items().count(),
    }
}
