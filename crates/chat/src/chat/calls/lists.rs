//! What lists and other answers change.

use ephemeral_client::api::{ContactInfo, EngineStatus, Groups, HistoryItem, NewContact};

use super::super::{Chat, Uplink};
use crate::conversation::{Conversation, Counterpart};
use crate::dialog::{Dialog, FormKind};
use crate::layout::{Look, in_sentence};
use crate::words::say;

impl Chat {
    pub(super) fn contacts_are(&mut self, contacts: Vec<ContactInfo>) {
        let is_listed = |known: &Conversation| match &known.peer {
            Counterpart::Group(_) => true,
            Counterpart::Contact(before) => {
                contacts.iter().any(|contact| contact.contact == known.name || is_same(contact, before))
            }
        };
        self.conversations.retain(is_listed);
        for contact in contacts {
            let name = contact.contact.clone();
            self.follow_name(&contact);
            let is_new = !self.conversations.iter().any(|conversation| conversation.name == name);
            self.with_contact(&name).peer = Counterpart::Contact(contact);
            if is_new {
                self.ask_history(&name);
            }
        }
        self.open_something();
    }

    /// Keeps the conversation of a contact whose name has changed.
    fn follow_name(&mut self, contact: &ContactInfo) {
        let renamed = self.conversations.iter_mut().find(|known| match &known.peer {
            Counterpart::Contact(before) => known.name != contact.contact && is_same(contact, before),
            Counterpart::Group(_) => false,
        });
        let Some(renamed) = renamed else { return };
        let before = std::mem::replace(&mut renamed.name, contact.contact.clone());
        if self.open.as_ref() == Some(&before) {
            self.open = Some(contact.contact.clone());
        }
    }

    pub(super) fn groups_are(&mut self, groups: Groups) {
        let Groups { groups, offers } = groups;
        self.offers = offers;
        let is_listed = |name: &str| groups.iter().any(|group| group.group == name);
        self.conversations.retain(|conversation| !conversation.is_group() || is_listed(&conversation.name));
        for group in groups {
            let name = group.group.clone();
            let is_new = !self.conversations.iter().any(|conversation| conversation.name == name);
            self.with_group(&name).peer = Counterpart::Group(group);
            if is_new {
                self.ask_history(&name);
            }
        }
        self.open_something();
    }

    /// Opens another conversation where the open one is gone, and one at the start.
    fn open_something(&mut self) {
        if self.conversation().is_none() {
            self.open = None;
            let first = self.in_order().first().map(|conversation| conversation.name.clone());
            if let Some(first) = first.filter(|_| !self.plain || self.conversations.len() == 1) {
                // What was written before there was a conversation stays.
                let loose = self.loose.take();
                self.go_to(&first);
                self.composer_mut().insert(&loose);
            }
        }
    }

    pub(super) fn status_is(&mut self, status: EngineStatus) {
        let EngineStatus { tor, tor_percent, servers, settled: _, fetched: _ } = status;
        let Some(own) = servers.into_iter().find(|server| server.own) else {
            if tor == "starting" {
                self.uplink_is(Uplink::Starting(tor_percent));
            }
            return;
        };
        let why = own.why.map(|why| self.why(&why, own.reason.as_ref())).unwrap_or_default();
        let uplink = match own.state.as_str() {
            "online" => Uplink::Online,
            "offline" => {
                let wait = own.retry_in_s.and_then(|wait| i64::try_from(wait).ok()).unwrap_or_default();
                Uplink::Offline { why, next: self.time.unix_s.saturating_add(wait) }
            }
            "unusable" => Uplink::Unusable(why),
            _ if tor == "starting" => Uplink::Starting(tor_percent),
            _ if tor == "searching" => Uplink::Searching,
            _ => Uplink::Connecting,
        };
        self.uplink_is(uplink);
        let since = self.time.unix_s - i64::try_from(own.for_s).unwrap_or_default();
        self.uplink_since = since;
        self.lost_since = self.lost_since.map(|lost| lost.min(since));
    }

    pub(super) fn history_is(&mut self, with: &str, history: Vec<HistoryItem>) {
        let mut seq = self.seq;
        if let Some(conversation) = self.conversation_mut(with) {
            conversation.merge(history, &mut seq);
        }
        self.seq = seq;
    }

    pub(super) fn contact_is_new(&mut self, new: NewContact) {
        self.dialogs.retain(|dialog| !matches!(dialog, Dialog::Form(form) if form.kind == FormKind::Accept));
        self.dialogs.retain(|dialog| !matches!(dialog, Dialog::Pick(_)));
        self.with_contact(&new.contact);
        self.go_to(&new.contact);
        let sentence = say!(self.words, "contact-new", name = in_sentence(&new.contact));
        self.notify(sentence, Look::Good);
        self.list_all();
        self.ask_history(&new.contact);
    }
}

/// Tells whether two contacts are one.
fn is_same(one: &ContactInfo, other: &ContactInfo) -> bool {
    !one.identity.is_empty() && one.identity == other.identity
}
