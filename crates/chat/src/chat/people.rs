//! The conversations: found, made, opened, and put into their order.

use ephemeral_client::api::{ContactInfo, GroupInfo};

use super::{Chat, Pane};
use crate::conversation::{Conversation, Counterpart, Item, ItemBody};
use crate::layout::{Look, in_sentence};
use crate::words::say;

impl Chat {
    /// Opens a conversation: what it has is read from then on.
    pub(crate) fn go_to(&mut self, name: &str) {
        let Some(conversation) = self.conversation_mut(name) else { return };
        conversation.unread = 0;
        let changed = self.open.as_deref() != Some(name);
        self.open = Some(name.to_owned());
        self.pane = Pane::Composer;
        if changed {
            let sentence = say!(self.words, "plain-open", name = in_sentence(name));
            self.print(sentence);
        }
    }

    /// Returns the conversation with this name, which is made if there is none.
    pub(crate) fn with(&mut self, name: &str, peer: impl FnOnce() -> Counterpart) -> &mut Conversation {
        let place = self.conversations.iter().position(|conversation| conversation.name == name);
        let place = place.unwrap_or_else(|| {
            self.conversations.push(Conversation::new(name, peer()));
            self.conversations.len() - 1
        });
        &mut self.conversations[place]
    }

    pub(crate) fn with_contact(&mut self, name: &str) -> &mut Conversation {
        self.with(name, || Counterpart::Contact(unknown_contact(name)))
    }

    pub(crate) fn with_group(&mut self, name: &str) -> &mut Conversation {
        self.with(name, || Counterpart::Group(unknown_group(name)))
    }

    /// Adds a line about something that happened to a conversation.
    pub(crate) fn note(&mut self, name: &str, is_group: bool, text: String, look: Look) {
        self.seq += 1;
        let item = Item { seq: self.seq, at: self.time.unix_s, body: ItemBody::Note(text.clone(), look) };
        let conversation = if is_group { self.with_group(name) } else { self.with_contact(name) };
        conversation.push(item);
        self.print(text);
    }

    /// Lists conversations as the screen does: the latest first.
    pub(crate) fn in_order(&self) -> Vec<&Conversation> {
        let mut order: Vec<_> = self.conversations.iter().collect();
        order.sort_by(|one, other| other.latest.cmp(&one.latest).then_with(|| one.name.cmp(&other.name)));
        order
    }
}

/// Returns what is known of a contact before it is listed.
fn unknown_contact(name: &str) -> ContactInfo {
    ContactInfo {
        contact: name.to_owned(),
        identity: String::new(),
        answered: false,
        verified: false,
        contested: false,
        left: false,
        wants_to_move: None,
        outgoing: 0,
    }
}

fn unknown_group(name: &str) -> GroupInfo {
    GroupInfo {
        group: name.to_owned(),
        group_id: String::new(),
        admin: false,
        member: true,
        out: false,
        forked: false,
        members: Vec::new(),
        invited: Vec::new(),
    }
}
