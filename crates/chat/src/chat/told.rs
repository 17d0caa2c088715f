//! What the engine tells without being asked.

use ephemeral_client::api::{FileInfo, ListContacts, ListFiles, ListGroups, ListInvites, Notification, StandingName};

use super::asked::Asked;
use super::{Chat, ChatOutput, Uplink};
use crate::conversation::{Body, Item, Post};
use crate::layout::{Look, in_sentence, one_line};
use crate::times;
use crate::words::say;

/// How long a text stays that came after its time.
const LATE_S: i64 = 60;

impl Chat {
    pub(crate) fn told(&mut self, notification: Notification) {
        match notification {
            Notification::Text { contact, id, at, text, burn_s, missing, gone_at } => {
                let from = Some(contact.clone());
                let gone_at = self.gone_at(gone_at.as_deref());
                let post = Post { id, from, text, burn_s, gone_at, missing, ..Post::default() };
                self.came(&contact, false, &at, post);
            }
            Notification::GroupText { group, member, id, at, text, missing } => {
                let post = Post { id, from: Some(member), text, missing, ..Post::default() };
                self.came(&group, true, &at, post);
            }
            Notification::Sent { to, id, at, text, burn_s, gone_at } => {
                let gone_at = self.gone_at(gone_at.as_deref());
                let standing = Some(StandingName::Sending);
                self.sent_elsewhere(&to, &at, Post { id, text, burn_s, gone_at, standing, ..Post::default() });
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
            | Notification::Unusable { .. } => self.told_of_connection(notification),
            Notification::File { .. }
            | Notification::FileProgress { .. }
            | Notification::FileSaved { .. }
            | Notification::FileDamaged { .. }
            | Notification::FileLost { .. }
            | Notification::FileArrived { .. }
            | Notification::FileNotDelivered { .. }
            | Notification::FileWaits { .. }
            | Notification::FolderFailed { .. }
            | Notification::FileUnreadable { .. } => self.told_of_file(notification),
            Notification::GroupOffer { .. }
            | Notification::GroupJoined { .. }
            | Notification::GroupAtServer { .. }
            | Notification::GroupArrived { .. }
            | Notification::GroupNotDelivered { .. }
            | Notification::GroupMembers { .. }
            | Notification::GroupGap { .. }
            | Notification::GroupForked { .. }
            | Notification::GroupRemoved { .. } => self.told_of_group(notification),
            _ => self.told_of_contact(notification),
        }
    }

    /// A text of somebody else.
    fn came(&mut self, with: &str, is_group: bool, at: &str, post: Post) {
        let at = self.moment(at);
        let id = post.id.clone();
        let known = self.conversation_mut(with).is_some_and(|conversation| conversation.post(&id).is_some());
        if known {
            return;
        }
        self.print_post(with, is_group, &post);
        self.seq += 1;
        let item = Item { seq: self.seq, at, body: Body::Post(post) };
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

    /// The first conversation is opened by itself.
    fn open_first(&mut self, name: &str) {
        if self.open.is_none() && !self.plain {
            let loose = self.loose.take();
            self.go_to(name);
            self.composer_mut().insert(&loose);
        }
    }

    fn ring(&mut self) {
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

    /// A text of one's own that another program sent.
    fn sent_elsewhere(&mut self, to: &str, at: &str, post: Post) {
        let at = self.moment(at);
        let Some(conversation) = self.conversation_mut(to) else { return };
        if conversation.post(&post.id).is_some() {
            return;
        }
        let is_group = conversation.is_group();
        self.print_post(to, is_group, &post);
        self.seq += 1;
        let seq = self.seq;
        if let Some(conversation) = self.conversation_mut(to) {
            conversation.push(Item { seq, at, body: Body::Post(post) });
        }
    }

    /// Returns when a text is gone: one that came after its time stays for a minute.
    fn gone_at(&self, gone_at: Option<&str>) -> Option<i64> {
        let gone_at = gone_at.and_then(times::seconds)?;
        Some(gone_at.max(self.time.unix_s + LATE_S))
    }

    fn told_of_contact(&mut self, notification: Notification) {
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
            other => return self.told_otherwise(other),
        };
        self.note(&contact, false, text, look);
        self.open_first(&contact);
        self.call(&ListContacts {}, Asked::Contacts);
        self.call(&ListInvites {}, Asked::Invites);
    }

    fn told_otherwise(&mut self, notification: Notification) {
        let sentence = match notification {
            Notification::Request { calls_itself, text, .. } => {
                self.call(&ListInvites {}, Asked::Invites);
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

    fn told_of_connection(&mut self, notification: Notification) {
        let now = self.time.unix_s;
        let server = match &notification {
            Notification::Online { server }
            | Notification::Offline { server, .. }
            | Notification::Unusable { server, .. } => server.clone(),
            _ => self.server.clone(),
        };
        // A contact's server has its own line, and changes nothing of one's own.
        if server != self.server {
            if let Notification::Unusable { why, .. } = notification {
                let sentence = say!(self.words, "server-unusable", server = one_line(&server), why = one_line(&why));
                self.notify(sentence, Look::Warn);
            }
            return;
        }
        let uplink = match notification {
            // Others are made while one is there.
            Notification::Connecting {} if self.uplink == Uplink::Online => return,
            Notification::Connecting {} => Uplink::Connecting,
            Notification::TorStarting { percent } => Uplink::Starting(percent),
            Notification::TorSearching {} => Uplink::Searching,
            Notification::Online { .. } => Uplink::Online,
            Notification::Offline { why, retry_in_s, .. } => {
                let wait = i64::try_from(retry_in_s).unwrap_or(i64::MAX);
                Uplink::Offline { why: one_line(&why), next: now.saturating_add(wait) }
            }
            Notification::Unusable { why, .. } => Uplink::Unusable(one_line(&why)),
            _ => return,
        };
        self.uplink_is(uplink);
    }

    fn told_of_group(&mut self, notification: Notification) {
        let words = &self.words;
        let (group, text, look) = match notification {
            Notification::GroupOffer { contact, group, .. } => {
                let sentence = say!(words, "group-offer", name = in_sentence(&contact), group = in_sentence(&group));
                self.call(&ListGroups {}, Asked::Groups);
                self.ring();
                return self.note(&contact, false, sentence, Look::Good);
            }
            Notification::GroupAtServer { group, id, .. } => return self.stands(&group, &id, StandingName::AtServer),
            Notification::GroupArrived { group, id, .. } => {
                if let Some(post) = self.conversation_mut(&group).and_then(|conversation| conversation.post(&id)) {
                    post.members += 1;
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
        self.call(&ListGroups {}, Asked::Groups);
    }

    fn told_of_file(&mut self, notification: Notification) {
        let words = &self.words;
        let (contact, text, look) = match notification {
            Notification::FileProgress { file, arrived, size, .. } => {
                return self.file_came_so_far(&file, arrived, size);
            }
            Notification::File { contact, id, name, size } => {
                let waits = FileInfo { file: id, contact, name, size, mine: false, waits: true, arrived: 0 };
                return self.file_waits(waits);
            }
            Notification::FileSaved { contact, name, size, path, .. } => {
                let size = super::files::size(words, size);
                let name = in_sentence(&name);
                (contact, say!(words, "file-saved", name = name, size = size, path = in_sentence(&path)), Look::Good)
            }
            Notification::FileDamaged { contact, name, .. } => {
                (contact, say!(words, "file-damaged", name = in_sentence(&name)), Look::Warn)
            }
            Notification::FileLost { contact, name, .. } => {
                (contact, say!(words, "file-lost", name = in_sentence(&name)), Look::Warn)
            }
            Notification::FileArrived { contact, name, .. } => {
                (contact, say!(words, "file-arrived", name = in_sentence(&name)), Look::Good)
            }
            Notification::FileNotDelivered { contact, name, .. } => {
                (contact, say!(words, "file-not-delivered", name = in_sentence(&name)), Look::Warn)
            }
            Notification::FileWaits { contact, name, .. } => {
                (contact, say!(words, "file-queues", name = in_sentence(&name)), Look::Dim)
            }
            Notification::FolderFailed { folder, why } => {
                let sentence = say!(words, "folder-failed", folder = in_sentence(&folder), why = one_line(&why));
                return self.notify(sentence, Look::Warn);
            }
            Notification::FileUnreadable { why, .. } => {
                let sentence = say!(words, "file-unreadable", why = one_line(&why));
                return self.notify(sentence, Look::Warn);
            }
            _ => return,
        };
        self.note(&contact, false, text, look);
        self.call(&ListFiles {}, Asked::Files);
    }
}
