//! What is told of contacts and of the profile.

use ephemeral_client::api::{ListContacts, ListInvites, Notification};

use super::super::Chat;
use super::super::calls::PendingCall;
use crate::layout::{Look, in_sentence, one_line};
use crate::words::say;

impl Chat {
    pub(super) fn notified_of_contact(&mut self, notification: Notification) {
        let (contact, text, look) = match notification {
            Notification::Contact { contact, calls_itself, .. } => {
                let name = in_sentence(&contact);
                let itself = in_sentence(&calls_itself);
                let text = say!(self.words, "contact-came", name = name, itself = itself);
                (contact, text, Look::Good)
            }
            Notification::Answered { contact, .. } => {
                let text = say!(self.words, "contact-answered", name = in_sentence(&contact));
                (contact, text, Look::Good)
            }
            Notification::WantsToMove { contact, server } => {
                let name = in_sentence(&contact);
                let text = say!(self.words, "contact-moves", name = name, server = one_line(&server));
                (contact, text, Look::Warn)
            }
            Notification::Contested { contact } => {
                let text = say!(self.words, "contact-contested", name = in_sentence(&contact));
                (contact, text, Look::Warn)
            }
            Notification::NotWhoInviteSays { contact } => {
                let text = say!(self.words, "contact-not-who", name = in_sentence(&contact));
                (contact, text, Look::Warn)
            }
            Notification::Left { contact } => {
                let text = say!(self.words, "contact-left", name = in_sentence(&contact));
                (contact, text, Look::Dim)
            }
            Notification::Unstable { contact } => {
                let text = say!(self.words, "contact-unstable", name = in_sentence(&contact));
                (contact, text, Look::Warn)
            }
            Notification::Resumed { contact } => {
                let text = say!(self.words, "contact-resumed", name = in_sentence(&contact));
                (contact, text, Look::Dim)
            }
            Notification::NeedsInvite { contact } => {
                let text = say!(self.words, "contact-needs-invite", name = in_sentence(&contact));
                (contact, text, Look::Warn)
            }
            other => return self.told_otherwise(other),
        };
        self.note(&contact, false, text, look);
        self.open_first(&contact);
        self.call(&ListContacts {}, PendingCall::Contacts);
        self.call(&ListInvites {}, PendingCall::Invites);
    }

    fn told_otherwise(&mut self, notification: Notification) {
        let sentence = match notification {
            Notification::Request { calls_itself, text, .. } => {
                self.call(&ListInvites {}, PendingCall::Invites);
                let name = in_sentence(&calls_itself);
                let text = in_sentence(&text.unwrap_or_default());
                self.ring();
                say!(self.words, "request-came", name = name, text = text)
            }
            Notification::ClockDisputed {} => say!(self.words, "clock-disputed"),
            Notification::Elsewhere {} => say!(self.words, "profile-elsewhere"),
            Notification::ShortMemory { server } => say!(self.words, "short-memory", server = one_line(&server)),
            _ => return,
        };
        self.notify(sentence, Look::Warn);
    }
}
