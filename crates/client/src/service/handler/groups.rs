//! `groups.*`: makes groups, joins, changes and leaves them.

use ephemeral_e2e::core::{GroupView, MemberView};
use ephemeral_e2e::payload::MAX_NAME;
use ephemeral_e2e::roster::MAX_MEMBERS;

use super::{Handle, MethodHandler};
use crate::api::{
    AddMember, CreateGroup, DeclineOffer, GroupDetails, GroupInfo, GroupOfferInfo, Groups, HandOverGroup, JoinGroup,
    LeaveGroup, ListGroups, MemberInfo, MethodError, Nothing, RemoveMember,
};
use crate::names;
use crate::service::labels::{hex, name_of};
use crate::service::refusal::MethodRefusal;

impl MethodHandler {
    /// Refuses a name that does not name one thing.
    fn is_free(&self, name: &str) -> Result<(), MethodRefusal> {
        let plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
        if !plain || name.len() > MAX_NAME || ["group-", "contact-", "~"].iter().any(|taken| name.starts_with(taken)) {
            return Err(MethodRefusal::GroupName);
        }
        if names::is_taken(self.core(), name) {
            return Err(MethodRefusal::Taken(name.to_owned()));
        }
        Ok(())
    }

    /// Finds a group of which one is the admin.
    fn own_group(&self, name: &str) -> Result<GroupView, MethodError> {
        let group = names::group(self.core(), name)?;
        if !group.member {
            return Err(if group.out { MethodRefusal::Out } else { MethodRefusal::NotYetIn }.into());
        }
        if !group.admin {
            let admin = group.members.iter().find(|member| member.admin);
            let admin = admin.map(|admin| names::called_member(self.core(), admin)).unwrap_or_default();
            return Err(MethodRefusal::NotAdmin(name.to_owned(), admin).into());
        }
        Ok(group)
    }

    /// Finds another member of a group of which one is the admin.
    fn other_member(
        &self,
        group: &str,
        member: &str,
        me: MethodRefusal,
    ) -> Result<(GroupView, MemberView), MethodError> {
        let group = self.own_group(group)?;
        let member = names::member(self.core(), &group, member)?;
        if member.me { Err(me.into()) } else { Ok((group, member)) }
    }

    fn group_info(&self, group: &GroupView) -> GroupInfo {
        let member = |member: &MemberView| MemberInfo {
            member: names::called_member(self.core(), member),
            identity: member.identity.to_hex(),
            admin: member.admin,
            me: member.me,
        };
        GroupInfo {
            group: names::called_group(group),
            group_id: hex(&group.group),
            admin: group.admin,
            member: group.member,
            out: group.out,
            forked: group.forked,
            members: group.members.iter().map(member).collect(),
            invited: group.invited.iter().map(|link| name_of(self.core(), *link)).collect(),
        }
    }
}

/// Takes an empty name for none.
fn given(name: &str) -> Option<&str> {
    if name.is_empty() { None } else { Some(name) }
}

impl Handle<ListGroups> for MethodHandler {
    fn handle(&mut self, ListGroups {}: ListGroups, _: u64) -> Result<Groups, MethodError> {
        let core = self.core();
        let offer = |offer: ephemeral_e2e::core::OfferView| GroupOfferInfo {
            group: offer.name,
            group_id: hex(&offer.group),
            from: name_of(core, offer.admin),
        };
        Ok(Groups {
            groups: core.groups().iter().map(|group| self.group_info(group)).collect(),
            offers: core.offers().into_iter().map(offer).collect(),
        })
    }
}

impl Handle<GroupDetails> for MethodHandler {
    fn handle(&mut self, GroupDetails { group }: GroupDetails, _: u64) -> Result<GroupInfo, MethodError> {
        let group = names::group(self.core(), &group)?;
        Ok(self.group_info(&group))
    }
}

impl Handle<CreateGroup> for MethodHandler {
    fn handle(&mut self, CreateGroup { name }: CreateGroup, connection: u64) -> Result<Nothing, MethodError> {
        self.is_free(&name)?;
        self.engine.act(|core, now| core.found(&name, now))?;
        self.changed(connection);
        Ok(Nothing {})
    }
}

impl Handle<AddMember> for MethodHandler {
    fn handle(&mut self, AddMember { group, contact }: AddMember, connection: u64) -> Result<Nothing, MethodError> {
        let group = self.own_group(&group)?;
        let contact = names::contact(self.core(), &contact)?;
        if group.members.iter().any(|member| member.identity == contact.identity) {
            return Err(MethodRefusal::MemberAlready(names::called(&contact)).into());
        }
        if group.members.len() + group.invited.len() >= MAX_MEMBERS {
            return Err(MethodRefusal::GroupFull.into());
        }
        self.engine.act(|core, now| core.add_member(group.group, contact.link, now))?;
        self.changed(connection);
        Ok(Nothing {})
    }
}

impl Handle<JoinGroup> for MethodHandler {
    fn handle(&mut self, JoinGroup { group, from, name }: JoinGroup, connection: u64) -> Result<Nothing, MethodError> {
        let offer = names::offer(self.core(), &group, given(&from))?;
        let chosen = given(&name).unwrap_or(&offer.name);
        self.is_free(chosen).map_err(|refusal| match refusal {
            MethodRefusal::Taken(taken) if name.is_empty() => MethodRefusal::OfferTaken(taken),
            refusal => refusal,
        })?;
        self.engine.act(|core, now| core.join(offer.group, offer.admin, chosen, now))?;
        self.changed(connection);
        Ok(Nothing {})
    }
}

impl Handle<DeclineOffer> for MethodHandler {
    fn handle(&mut self, DeclineOffer { group, from }: DeclineOffer, connection: u64) -> Result<Nothing, MethodError> {
        let offer = names::offer(self.core(), &group, given(&from))?;
        self.engine.act(|core, _| {
            core.decline_group(offer.group, offer.admin);
            Ok(())
        })?;
        self.changed(connection);
        Ok(Nothing {})
    }
}

impl Handle<RemoveMember> for MethodHandler {
    fn handle(
        &mut self,
        RemoveMember { group, member }: RemoveMember,
        connection: u64,
    ) -> Result<Nothing, MethodError> {
        let (group, member) = self.other_member(&group, &member, MethodRefusal::RemoveMe)?;
        self.engine.act(|core, now| core.remove_member(group.group, &member.identity, now))?;
        self.changed(connection);
        Ok(Nothing {})
    }
}

impl Handle<HandOverGroup> for MethodHandler {
    fn handle(
        &mut self,
        HandOverGroup { group, member }: HandOverGroup,
        connection: u64,
    ) -> Result<Nothing, MethodError> {
        let (group, member) = self.other_member(&group, &member, MethodRefusal::AdminAlready)?;
        self.engine.act(|core, now| core.hand_over(group.group, &member.identity, now))?;
        self.changed(connection);
        Ok(Nothing {})
    }
}

impl Handle<LeaveGroup> for MethodHandler {
    fn handle(&mut self, LeaveGroup { group }: LeaveGroup, connection: u64) -> Result<Nothing, MethodError> {
        let group = names::group(self.core(), &group)?;
        if group.out {
            return Err(MethodRefusal::Out.into());
        }
        if group.admin && group.members.len() > 1 {
            return Err(MethodRefusal::LastAdmin.into());
        }
        self.engine.act(|core, now| core.leave_group(group.group, now))?;
        self.changed(connection);
        Ok(Nothing {})
    }
}
