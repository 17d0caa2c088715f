//! Calls of the engine's methods, and what their answers do.

use ephemeral_client::api::{
    ContactInfo, EngineStatus, FileInfo, Groups, History, HistoryItem, InviteInfo, InviteText, ListContacts, ListFiles,
    ListGroups, ListInvites, Method, MethodError, NewContact, SafetyInfo, SendText, SentText, StandingName, Status,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Chat, ChatOutput, Uplink};
use crate::conversation::{Body, Conversation, Item, Peer, Post};
use crate::dialog::{Dialog, FormKind};
use crate::layout::{Look, in_sentence, one_line};
use crate::times;
use crate::words::say;

/// How many texts of a conversation are asked for at once.
const REMEMBERED: u32 = 1_000;
/// How many texts are remembered that came further before their ids were known.
const MOST_EARLY: usize = 64;

/// What an answer is for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Contacts,
    Groups,
    Invites,
    Files,
    Status,
    History(String),
    Words(String),
    Invite,
    /// Something that makes a contact, which is opened then.
    NewContact,
    /// A text, by its conversation and number.
    Sent(String, u64),
    /// Something whose answer says nothing.
    Nothing,
    /// Something that changes what there is, and the sentence when it is done.
    Done(String),
}

impl Chat {
    /// Calls a method.
    pub(crate) fn call<M: Method>(&mut self, method: &M, asked: Asked) {
        self.call_named(M::NAME, serde_json::to_value(method).unwrap_or_default(), asked);
    }

    pub(crate) fn call_named(&mut self, method: &'static str, params: Value, asked: Asked) {
        self.ticket += 1;
        self.waiting.insert(self.ticket, asked);
        self.outputs.push(ChatOutput::Call(self.ticket, method, params));
    }

    /// Asks for everything that there is.
    pub(crate) fn list_all(&mut self) {
        self.call(&ListContacts {}, Asked::Contacts);
        self.call(&ListGroups {}, Asked::Groups);
        self.call(&ListInvites {}, Asked::Invites);
        self.call(&ListFiles {}, Asked::Files);
    }

    pub(crate) fn ask_status(&mut self) {
        self.call(&Status {}, Asked::Status);
    }

    pub(crate) fn ask_history(&mut self, with: &str) {
        let history = History { with: with.to_owned(), last: REMEMBERED };
        self.call(&history, Asked::History(with.to_owned()));
    }

    /// Sends a text, and shows it.
    pub(crate) fn send(&mut self, to: &str, text: &str, burn_s: u32) {
        self.seq += 1;
        let seq = self.seq;
        let standing = Some(StandingName::Sending);
        let post = Post { text: text.to_owned(), burn_s, standing, ..Post::default() };
        let at = self.time.unix_s;
        let Some(conversation) = self.conversation_mut(to) else { return };
        conversation.push(Item { seq, at, body: Body::Post(post) });
        conversation.anchor = None;
        let send = SendText { to: to.to_owned(), text: text.to_owned(), burn_s };
        self.call(&send, Asked::Sent(to.to_owned(), seq));
    }

    pub(crate) fn answered(&mut self, ticket: u64, answer: Result<Value, MethodError>) {
        let Some(asked) = self.waiting.remove(&ticket) else { return };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.refused(asked, &error),
        };
        match asked {
            Asked::Contacts => self.decoded(answer, Self::contacts_are),
            Asked::Groups => self.decoded(answer, Self::groups_are),
            Asked::Invites => self.decoded(answer, |chat, invites: Vec<InviteInfo>| chat.invites = invites),
            Asked::Files => self.decoded(answer, |chat, files: Vec<FileInfo>| chat.files = files),
            Asked::Status => self.decoded(answer, Self::status_is),
            Asked::History(with) => self.decoded(answer, |chat, items| chat.history_is(&with, items)),
            Asked::Words(contact) => self.decoded(answer, |chat, words: SafetyInfo| chat.show_words(&contact, &words)),
            Asked::Invite => self.decoded(answer, |chat, made: InviteText| chat.show_invite(&made)),
            Asked::NewContact => self.decoded(answer, Self::contact_is_new),
            Asked::Sent(to, seq) => self.decoded(answer, |chat, sent: SentText| chat.sent(&to, seq, &sent)),
            Asked::Nothing => {}
            Asked::Done(sentence) => {
                self.notify(sentence, Look::Good);
                self.list_all();
            }
        }
    }

    /// Reads an answer. One that this version does not understand changes nothing.
    fn decoded<T: DeserializeOwned>(&mut self, answer: Value, then: impl FnOnce(&mut Self, T)) {
        match serde_json::from_value(answer) {
            Ok(answer) => then(self, answer),
            Err(_) => {
                let sentence = say!(self.words, "answer-unknown");
                self.notify(sentence, Look::Warn);
            }
        }
    }

    /// Says why nothing was done. A text that was not taken goes back to where it was written.
    fn refused(&mut self, asked: Asked, error: &MethodError) {
        let why = one_line(&error.message);
        if let Asked::Sent(to, seq) = &asked
            && let Some(conversation) = self.conversation_mut(to)
        {
            let text = conversation.by_seq(*seq).map(|post| post.text.clone()).unwrap_or_default();
            conversation.remove(*seq);
            let draft = conversation.draft.take();
            conversation.draft.set(&text);
            if !draft.is_empty() {
                conversation.draft.insert(&format!("\n{draft}"));
            }
        }
        match (&asked, self.dialogs.last_mut()) {
            (Asked::NewContact | Asked::Invite, Some(Dialog::Form(form))) if form.busy => {
                form.busy = false;
                form.error = Some(why.clone());
                self.print(why);
            }
            (Asked::Status | Asked::History(_), _) => {}
            (Asked::Sent(..), _) => {
                let sentence = say!(self.words, "not-taken", why = why);
                self.notify(sentence, Look::Warn);
            }
            _ => self.notify(why, Look::Warn),
        }
    }

    fn contacts_are(&mut self, contacts: Vec<ContactInfo>) {
        let is_listed = |known: &Conversation| match &known.peer {
            Peer::Group(_) => true,
            Peer::Contact(before) => {
                contacts.iter().any(|contact| contact.contact == known.name || is_same(contact, before))
            }
        };
        self.conversations.retain(is_listed);
        for contact in contacts {
            let name = contact.contact.clone();
            self.follow_name(&contact);
            let is_new = !self.conversations.iter().any(|conversation| conversation.name == name);
            self.with_contact(&name).peer = Peer::Contact(contact);
            if is_new {
                self.ask_history(&name);
            }
        }
        self.open_something();
    }

    /// A contact that is called otherwise now keeps its conversation.
    fn follow_name(&mut self, contact: &ContactInfo) {
        let renamed = self.conversations.iter_mut().find(|known| match &known.peer {
            Peer::Contact(before) => known.name != contact.contact && is_same(contact, before),
            Peer::Group(_) => false,
        });
        let Some(renamed) = renamed else { return };
        let before = std::mem::replace(&mut renamed.name, contact.contact.clone());
        if self.open.as_ref() == Some(&before) {
            self.open = Some(contact.contact.clone());
        }
    }

    fn groups_are(&mut self, groups: Groups) {
        let Groups { groups, offers } = groups;
        self.offers = offers;
        let is_listed = |name: &str| groups.iter().any(|group| group.group == name);
        self.conversations.retain(|conversation| !conversation.is_group() || is_listed(&conversation.name));
        for group in groups {
            let name = group.group.clone();
            let is_new = !self.conversations.iter().any(|conversation| conversation.name == name);
            self.with_group(&name).peer = Peer::Group(group);
            if is_new {
                self.ask_history(&name);
            }
        }
        self.open_something();
    }

    /// After a conversation is gone, or at the start, another one is open.
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

    fn status_is(&mut self, status: EngineStatus) {
        let EngineStatus { tor, tor_percent, servers, settled: _, fetched: _ } = status;
        let Some(own) = servers.into_iter().find(|server| server.own) else {
            if tor == "starting" {
                self.uplink_is(Uplink::Starting(tor_percent));
            }
            return;
        };
        let why = own.why.map(|why| one_line(&why)).unwrap_or_default();
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
        self.uplink_since = self.time.unix_s - i64::try_from(own.for_s).unwrap_or_default();
    }

    fn history_is(&mut self, with: &str, history: Vec<HistoryItem>) {
        let mut seq = self.seq;
        if let Some(conversation) = self.conversation_mut(with) {
            conversation.merge(history, &mut seq);
        }
        self.seq = seq;
    }

    fn contact_is_new(&mut self, new: NewContact) {
        self.dialogs.retain(|dialog| !matches!(dialog, Dialog::Form(form) if form.kind == FormKind::Accept));
        self.dialogs.retain(|dialog| !matches!(dialog, Dialog::Pick(_)));
        self.with_contact(&new.contact);
        self.go_to(&new.contact);
        let sentence = say!(self.words, "contact-new", name = in_sentence(&new.contact));
        self.notify(sentence, Look::Good);
        self.list_all();
        self.ask_history(&new.contact);
    }

    /// The engine has taken a text.
    fn sent(&mut self, to: &str, seq: u64, sent: &SentText) {
        let earlier = self.early.iter().filter(|(id, _)| *id == sent.id).map(|(_, standing)| *standing).max();
        let standing = earlier.map_or(sent.standing, |earlier| earlier.max(sent.standing));
        let Some(conversation) = self.conversation_mut(to) else { return };
        let Some(post) = conversation.name_post(seq, &sent.id) else { return };
        post.standing = Some(standing);
        post.gone_at = sent.gone_at.as_deref().and_then(times::seconds);
        let standing = super::plain::standing(&self.words, standing);
        let sentence = say!(self.words, "plain-stands", name = in_sentence(to), standing = standing);
        self.print(sentence);
    }

    /// Takes note of how far a text came.
    pub(crate) fn stands(&mut self, with: &str, id: &str, standing: StandingName) {
        let known = self.conversation_mut(with).is_some_and(|conversation| conversation.post(id).is_some());
        if !known {
            self.early.push_back((id.to_owned(), standing));
            if self.early.len() > MOST_EARLY {
                self.early.pop_front();
            }
            return;
        }
        if self.conversation_mut(with).is_some_and(|conversation| conversation.stands(id, standing)) {
            let standing = super::plain::standing(&self.words, standing);
            let sentence = say!(self.words, "plain-stands", name = in_sentence(with), standing = standing);
            self.print(sentence);
        }
    }

    pub(crate) fn uplink_is(&mut self, uplink: Uplink) {
        let same = std::mem::discriminant(&self.uplink) == std::mem::discriminant(&uplink);
        if !same {
            self.uplink_since = self.time.unix_s;
        }
        let changed = self.uplink != uplink;
        self.uplink = uplink;
        if changed && !matches!(self.uplink, Uplink::Starting(percent) if percent % 25 != 0) {
            let (sentence, _) = self.uplink_words();
            self.print(sentence);
        }
    }
}

/// Tells whether two contacts are one.
fn is_same(one: &ContactInfo, other: &ContactInfo) -> bool {
    !one.identity.is_empty() && one.identity == other.identity
}

impl Chat {
    /// Returns when something was written, as the engine says it.
    pub(crate) fn moment(&self, at: &str) -> i64 {
        times::seconds(at).unwrap_or(self.time.unix_s)
    }
}
