//! What a user may want to see of groups: members, invitations that wait, and whom a text has not
//! reached.

use super::Standing;
use crate::bytes::Key;
use crate::core::Core;
use crate::effect::LinkId;
use crate::group::Group;
use crate::link::{Link, LinkKind};
use crate::payload::Content;
use crate::profile::ProfileState;
use crate::roster::GroupId;

/// Holds what a user may want to see of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// Whether one is its admin.
    pub admin: bool,
    /// Whether one is a member already, and still.
    pub member: bool,
    /// Whether one is no longer a member.
    pub out: bool,
    /// Whether its admin showed different members to different people.
    pub forked: bool,
    /// Its members, oneself among them.
    pub members: Vec<MemberView>,
    /// The contacts that were invited and have not answered, if one is the admin.
    pub invited: Vec<LinkId>,
}

/// Holds what the roster of a group says of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Its Curve25519 identity key.
    pub identity: Key,
    /// What the admin calls it; the admin itself: what it calls itself.
    pub name: String,
    /// Whether it is the admin.
    pub admin: bool,
    /// Whether it is oneself.
    pub me: bool,
}

/// Holds an invitation to a group that was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferView {
    /// The group.
    pub group: GroupId,
    /// The contact that invites.
    pub admin: LinkId,
    /// What the group is called.
    pub name: String,
}

/// Says how far a text to a group came with a member that has not acknowledged it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartView {
    /// The link with the member.
    pub link: LinkId,
    /// The member's Curve25519 key.
    pub member: Key,
    /// Names the text in this link.
    pub mid: u64,
    /// Names it in the group.
    pub gmid: u64,
    /// When it was written, in minutes since 1970.
    pub at: u32,
    /// How far it came.
    pub standing: Standing,
    /// Whether it waits until this member's program has made itself known to this one.
    pub waits: bool,
}

impl Core {
    /// Returns all groups.
    pub fn groups(&self) -> Vec<GroupView> {
        self.state.groups.iter().map(|group| view(group, &self.state.profile)).collect()
    }

    /// Returns the invitations to groups that wait for a yes.
    pub fn offers(&self) -> Vec<OfferView> {
        let offers = self.state.profile.offers.iter();
        offers.map(|offer| OfferView { group: offer.group, admin: offer.admin, name: offer.name.clone() }).collect()
    }

    /// Returns the texts to a group that members have not acknowledged: one entry for each text and
    /// member.
    pub fn group_outgoing(&self, group: GroupId) -> Vec<PartView> {
        let members =
            self.state.links.iter().filter(|link| link.kind == LinkKind::Member(group) && link.left.is_none());
        let elapsed = self.state.profile.clock.elapsed;
        members.flat_map(|link| parts(link, elapsed)).collect()
    }
}

fn parts(link: &Link, elapsed: u64) -> impl Iterator<Item = PartView> {
    let waits = link.holds_content(elapsed);
    link.outbox.items().filter_map(move |item| {
        let Content::Group(content) = &item.content else { return None };
        let standing = if item.delivery.is_accepted() { Standing::AtServer } else { Standing::Sending };
        let gmid = content.gmid;
        let part = PartView { link: link.id, member: link.peer, mid: item.mid, gmid, at: item.at, standing, waits };
        (gmid != 0).then_some(part)
    })
}

fn view(group: &Group, profile: &ProfileState) -> GroupView {
    let me = profile.identity.curve();
    let member = |roster: &crate::roster::Roster| {
        let entries = roster.entries().iter().map(|entry| MemberView {
            identity: entry.proof.curve,
            name: entry.name.clone(),
            admin: entry.proof.ed == roster.admin,
            me: entry.proof.curve == me,
        });
        entries.collect()
    };
    GroupView {
        group: group.id,
        name: group.name.clone(),
        admin: group.is_admin(profile),
        member: group.roster.is_some() && !group.out,
        out: group.out,
        forked: group.forked,
        members: group.roster.as_ref().map(member).unwrap_or_default(),
        invited: group.invited.clone(),
    }
}
