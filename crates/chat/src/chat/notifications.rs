//! What the engine tells without being asked.

mod connection;
mod contacts;
mod files;
mod groups;

use ephemeral_client::api::{Notification, StandingName};

use super::{Chat, ChatOutput};
use crate::conversation::{ChatMessage, Item, ItemBody};
use crate::times;
use crate::words::say;

/// How long a text stays that came after its time.
const LATE_S: i64 = 60;

impl Chat {
    pub(crate) fn notified(&mut self, notification: Notification) {
        match notification {
            Notification::Text { contact, id, at, text, burn_s, missing, gone_at } => {
                let from = Some(contact.clone());
                let gone_at = self.gone_at(gone_at.as_deref());
                let message = ChatMessage { id, from, text, burn_s, gone_at, missing, ..ChatMessage::default() };
                self.came(&contact, false, &at, message);
            }
            Notification::GroupText { group, member, id, at, text, missing } => {
                let message = ChatMessage { id, from: Some(member), text, missing, ..ChatMessage::default() };
                self.came(&group, true, &at, message);
            }
            Notification::Sent { to, id, at, text, burn_s, gone_at } => {
                let gone_at = self.gone_at(gone_at.as_deref());
                let standing = Some(StandingName::Sending);
                self.sent_elsewhere(
                    &to,
                    &at,
                    ChatMessage { id, text, burn_s, gone_at, standing, ..ChatMessage::default() },
                );
            }
            Notification::AtServer { contact, id } => self.stands(&contact, &id, StandingName::AtServer),
            Notification::Arrived { contact, id } => self.stands(&contact, &id, StandingName::Arrived),
            Notification::NotDelivered { contact, id } => self.stands(&contact, &id, StandingName::NotDelivered),
            Notification::Changed {} => self.list_all(),
            Notification::Connecting {}
            | Notification::TorStarting { .. }
            | Notification::TorSearching {}
            | Notification::Online { .. }
            | Notification::Offline { .. }
            | Notification::Unusable { .. } => self.notified_of_connection(notification),
            Notification::File { .. }
            | Notification::FileProgress { .. }
            | Notification::FileSaved { .. }
            | Notification::FileDamaged { .. }
            | Notification::FileLost { .. }
            | Notification::FileArrived { .. }
            | Notification::FileDeclined { .. }
            | Notification::FileNotDelivered { .. }
            | Notification::FileWaits { .. }
            | Notification::FolderFailed { .. }
            | Notification::FileUnreadable { .. } => self.notified_of_file(notification),
            Notification::GroupOffer { .. }
            | Notification::GroupJoined { .. }
            | Notification::GroupAtServer { .. }
            | Notification::GroupArrived { .. }
            | Notification::GroupNotDelivered { .. }
            | Notification::GroupMembers { .. }
            | Notification::GroupGap { .. }
            | Notification::GroupForked { .. }
            | Notification::GroupRemoved { .. } => self.notified_of_group(notification),
            _ => self.notified_of_contact(notification),
        }
    }

    /// Adds a text that somebody else sent.
    fn came(&mut self, with: &str, is_group: bool, at: &str, message: ChatMessage) {
        let at = self.moment(at);
        let id = message.id.clone();
        let known = self.conversation_mut(with).is_some_and(|conversation| conversation.message(&id).is_some());
        if known {
            return;
        }
        self.print_message(with, is_group, &message);
        self.seq += 1;
        let item = Item { seq: self.seq, at, body: ItemBody::Message(message) };
        let open = self.open.as_deref() == Some(with);
        let conversation = if is_group { self.with_group(with) } else { self.with_contact(with) };
        let below = conversation.anchor.is_some();
        conversation.push(item);
        if !open || below {
            conversation.unread += 1;
        }
        self.open_first(with);
        self.ring();
    }

    /// Opens the first conversation by itself.
    pub(super) fn open_first(&mut self, name: &str) {
        if self.open.is_none() && !self.plain {
            let loose = self.loose.take();
            self.go_to(name);
            self.composer_mut().insert(&loose);
        }
    }

    pub(super) fn ring(&mut self) {
        if self.plain {
            return;
        }
        if self.settings.bell {
            self.outputs.push(ChatOutput::Bell);
        }
        if self.settings.notify {
            let sentence = say!(self.words, "something-came");
            self.outputs.push(ChatOutput::Notify(sentence));
        }
    }

    /// Adds one's own text that another program sent.
    fn sent_elsewhere(&mut self, to: &str, at: &str, message: ChatMessage) {
        let at = self.moment(at);
        let Some(conversation) = self.conversation_mut(to) else { return };
        if conversation.message(&message.id).is_some() {
            return;
        }
        let is_group = conversation.is_group();
        self.print_message(to, is_group, &message);
        self.seq += 1;
        let seq = self.seq;
        if let Some(conversation) = self.conversation_mut(to) {
            conversation.push(Item { seq, at, body: ItemBody::Message(message) });
        }
    }

    /// Returns when a text is gone: one that came after its time stays for a minute.
    fn gone_at(&self, gone_at: Option<&str>) -> Option<i64> {
        let gone_at = gone_at.and_then(times::seconds)?;
        Some(gone_at.max(self.time.unix_s + LATE_S))
    }
}
