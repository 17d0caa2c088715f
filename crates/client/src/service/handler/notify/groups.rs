//! What is told of groups.

use ephemeral_e2e::effect::Event;
use ephemeral_e2e::roster::GroupId;

use crate::api::Notification;
use crate::service::handler::MethodHandler;
use crate::service::labels::{group_of, hex, member_of, message_id, name_of, utc};

impl MethodHandler {
    /// Returns what is told of an event of a group.
    pub(super) fn group_notification(&self, event: Event) -> Option<Notification> {
        let core = self.core();
        let called = |group: GroupId| group_of(core, group);
        Some(match event {
            Event::GroupOffer { group, admin, name } => {
                Notification::GroupOffer { contact: name_of(core, admin), group: name, group_id: hex(&group) }
            }
            Event::GroupJoined { group } => Notification::GroupJoined { group: called(group) },
            Event::GroupText { group, member, gmid, text, at, missing } => Notification::GroupText {
                group: called(group),
                member: member_of(core, group, &member),
                id: message_id(gmid),
                at: utc(at.into()),
                text,
                missing,
            },
            Event::GroupDelivered { group, member, gmid } => Notification::GroupArrived {
                group: called(group),
                member: member_of(core, group, &member),
                id: message_id(gmid),
            },
            Event::GroupNotDelivered { group, member, gmid } => Notification::GroupNotDelivered {
                group: called(group),
                member: member_of(core, group, &member),
                id: message_id(gmid),
            },
            Event::GroupGap { group, .. } => Notification::GroupGap { group: called(group) },
            Event::GroupMembers { group, members } => {
                let members = members.iter().map(|member| member_of(core, group, member)).collect();
                Notification::GroupMembers { group: called(group), members }
            }
            Event::GroupForked { group } => Notification::GroupForked { group: called(group) },
            Event::GroupRemoved { group } => Notification::GroupRemoved { group: called(group) },
            _ => return None,
        })
    }
}
