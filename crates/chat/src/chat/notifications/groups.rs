//! What is told of groups.

use ephemeral_client::api::{ListGroups, Notification, StandingName};

use super::super::Chat;
use super::super::calls::PendingCall;
use crate::layout::{Look, in_sentence};
use crate::words::say;

impl Chat {
    pub(super) fn notified_of_group(&mut self, notification: Notification) {
        let words = &self.words;
        let (group, text, look) = match notification {
            Notification::GroupOffer { contact, group, .. } => {
                let sentence = say!(words, "group-offer", name = in_sentence(&contact), group = in_sentence(&group));
                self.call(&ListGroups {}, PendingCall::Groups);
                self.ring();
                return self.note(&contact, false, sentence, Look::Good);
            }
            Notification::GroupAtServer { group, id, .. } => return self.stands(&group, &id, StandingName::AtServer),
            Notification::GroupArrived { group, id, .. } => {
                if let Some(message) = self.conversation_mut(&group).and_then(|conversation| conversation.message(&id))
                {
                    message.members += 1;
                }
                return self.stands(&group, &id, StandingName::AtServer);
            }
            Notification::GroupNotDelivered { group, member, .. } => {
                (group, say!(words, "group-not-delivered", name = in_sentence(&member)), Look::Warn)
            }
            Notification::GroupJoined { group } => {
                let text = say!(words, "group-joined", group = in_sentence(&group));
                (group, text, Look::Good)
            }
            Notification::GroupMembers { group, members } => {
                let names: Vec<_> = members.iter().map(|member| in_sentence(member)).collect();
                (group, say!(words, "group-members", names = names.join(", ")), Look::Dim)
            }
            Notification::GroupGap { group } => (group, say!(words, "group-gap"), Look::Warn),
            Notification::GroupForked { group } => (group, say!(words, "group-forked"), Look::Warn),
            Notification::GroupRemoved { group } => (group, say!(words, "group-removed"), Look::Warn),
            _ => return,
        };
        self.note(&group, true, text, look);
        self.call(&ListGroups {}, PendingCall::Groups);
    }
}
