//! Calls of the engine's methods, and what their answers do.

mod lists;

use ephemeral_client::api::{
    Cause, FileInfo, History, InviteInfo, InviteText, ListContacts, ListFiles, ListGroups, ListInvites, Method,
    MethodError, SafetyInfo, SendText, SentText, StandingName, Status,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Chat, ChatOutput};
use crate::conversation::{ChatMessage, Item, ItemBody};
use crate::dialog::Dialog;
use crate::layout::{Look, said};
use crate::words::say;

/// How many texts of a conversation are asked for at once.
const REMEMBERED: u32 = 1_000;

/// The code of an error that says that a passphrase is wrong.
const WRONG_PASSPHRASE: i64 = 77;

/// The purpose of a call whose answer is awaited.
#[derive(Clone, Debug)]
pub(crate) enum PendingCall {
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
    /// A file that is sent.
    File,
    /// A text, by its conversation and number.
    Sent(String, u64),
    /// Something whose answer says nothing.
    Nothing,
    /// Something that changes what there is, and the sentence when it is done.
    Done(String),
}

impl Chat {
    /// Calls a method.
    pub(crate) fn call<M: Method>(&mut self, method: &M, asked: PendingCall) {
        self.call_named(M::NAME, serde_json::to_value(method).unwrap_or_default(), asked);
    }

    pub(crate) fn call_named(&mut self, method: &'static str, params: Value, asked: PendingCall) {
        self.ticket += 1;
        self.waiting.insert(self.ticket, asked);
        self.outputs.push(ChatOutput::Call(self.ticket, method, params));
    }

    /// Asks for everything that there is.
    pub(crate) fn list_all(&mut self) {
        self.call(&ListContacts {}, PendingCall::Contacts);
        self.call(&ListGroups {}, PendingCall::Groups);
        self.call(&ListInvites {}, PendingCall::Invites);
        self.call(&ListFiles {}, PendingCall::Files);
    }

    pub(crate) fn ask_status(&mut self) {
        self.call(&Status {}, PendingCall::Status);
    }

    pub(crate) fn ask_history(&mut self, with: &str) {
        let history = History { with: with.to_owned(), last: REMEMBERED };
        self.call(&history, PendingCall::History(with.to_owned()));
    }

    /// Sends a text, and shows it.
    pub(crate) fn send(&mut self, to: &str, text: &str, burn_s: u32) {
        self.seq += 1;
        let seq = self.seq;
        let standing = Some(StandingName::Sending);
        let message = ChatMessage { text: text.to_owned(), burn_s, standing, ..ChatMessage::default() };
        let at = self.time.unix_s;
        let Some(conversation) = self.conversation_mut(to) else { return };
        conversation.push(Item { seq, at, body: ItemBody::Message(message) });
        conversation.anchor = None;
        let send = SendText { to: to.to_owned(), text: text.to_owned(), burn_s };
        self.call(&send, PendingCall::Sent(to.to_owned(), seq));
    }

    pub(crate) fn answered(&mut self, ticket: u64, answer: Result<Value, MethodError>) {
        let Some(asked) = self.waiting.remove(&ticket) else { return };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.refused(asked, &error),
        };
        match asked {
            PendingCall::Contacts => self.decoded(answer, Self::contacts_are),
            PendingCall::Groups => self.decoded(answer, Self::groups_are),
            PendingCall::Invites => self.decoded(answer, |chat, invites: Vec<InviteInfo>| chat.invites = invites),
            PendingCall::Files => self.decoded(answer, |chat, files: Vec<FileInfo>| chat.files = files),
            PendingCall::Status => self.decoded(answer, Self::status_is),
            PendingCall::History(with) => self.decoded(answer, |chat, items| chat.history_is(&with, items)),
            PendingCall::Words(contact) => {
                self.decoded(answer, |chat, words: SafetyInfo| chat.show_words(&contact, &words))
            }
            PendingCall::Invite => self.decoded(answer, |chat, made: InviteText| chat.show_invite(&made)),
            PendingCall::NewContact => self.decoded(answer, Self::contact_is_new),
            PendingCall::Sent(to, seq) => self.decoded(answer, |chat, sent: SentText| chat.sent(&to, seq, &sent)),
            PendingCall::File => self.decoded(answer, Self::file_is_sent),
            PendingCall::Nothing => {}
            PendingCall::Done(sentence) => {
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

    /// Says an error in the person's language, where there is a sentence for it; otherwise as the
    /// engine says it.
    pub(crate) fn explained(&self, error: &MethodError) -> String {
        match error.code {
            WRONG_PASSPHRASE => say!(self.words, "passphrase-wrong"),
            _ if error.message.is_empty() => say!(self.words, "engine-gone"),
            _ => self.why(&error.message, error.reason.as_ref()),
        }
    }

    /// Returns on one line, in the person's language, what the engine says.
    pub(crate) fn why(&self, text: &str, cause: Option<&Cause>) -> String {
        said(&(self.explain)(text, cause))
    }

    /// Says why nothing was done. A text that was not taken goes back to where it was written.
    pub(super) fn refused(&mut self, asked: PendingCall, error: &MethodError) {
        let why = self.explained(error);
        if let PendingCall::Sent(to, seq) = &asked
            && let Some(conversation) = self.conversation_mut(to)
        {
            let text = conversation.by_seq(*seq).map(|message| message.text.clone()).unwrap_or_default();
            conversation.remove(*seq);
            let draft = conversation.draft.take();
            conversation.draft.set(&text);
            if !draft.is_empty() {
                conversation.draft.insert(&format!("\n{draft}"));
            }
        }
        match (&asked, self.dialogs.last_mut()) {
            (PendingCall::NewContact | PendingCall::Invite, Some(Dialog::Form(form))) if form.busy => {
                form.busy = false;
                form.error = Some(why.clone());
                self.print(why);
            }
            (PendingCall::Status | PendingCall::History(_), _) => {}
            (PendingCall::Sent(..), _) => {
                // Whether an engine took it that ended before its answer, nobody knows.
                let sentence = match error.message.is_empty() {
                    true => say!(self.words, "not-known-taken"),
                    false => say!(self.words, "not-taken", why = why),
                };
                self.notify(sentence, Look::Warn);
            }
            _ => self.notify(why, Look::Warn),
        }
    }
}
