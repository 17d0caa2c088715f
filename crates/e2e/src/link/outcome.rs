//! What becomes of content: whether it has to wait, and what a user is told when it arrived or was
//! given up.

use super::outbox::QueuedItem;
use super::{Link, LinkKind};
use crate::effect::Event;
use crate::payload::{Content, FileChunk};
use crate::profile::ProfileState;

impl Link {
    /// Tells whether content waits until something comes from the other side, or for a plain card.
    pub(crate) fn holds_content(&self, elapsed: u64) -> bool {
        let unready = self.theirs.plain.is_none() && self.plain_wait.is_some_and(|until| elapsed < until);
        self.healing.waits() || unready || self.theirs.for_texts().is_none() || self.sessions.front().is_none()
    }

    /// Gives up an invite that nobody answered until its end, if there was a conversation before:
    /// that goes on. An invite names whom it likes; perhaps the contact never made it.
    pub(super) fn gives_up_invite(&mut self, profile: &ProfileState) -> bool {
        let in_vain = self.first.as_ref().is_some_and(|first| first.has_ended(profile));
        let gives_up = in_vain && self.theirs.for_texts().is_some();
        if gives_up {
            self.first = None;
            self.sessions.settle(u64::MAX);
        }
        gives_up
    }

    /// Tells that the other side has an item.
    pub(super) fn tell_delivered(&self, item: &QueuedItem, profile: &mut ProfileState) {
        let link = self.id;
        let mid = item.mid;
        match (self.kind, &item.content) {
            (LinkKind::Contact, Content::Text(_)) => profile.tell(Event::Delivered { link, mid }),
            (LinkKind::Contact, Content::File(chunk)) => self.chunk_arrived(chunk, profile),
            (LinkKind::Member(group), Content::Group(content)) if content.gmid != 0 => {
                profile.tell(Event::GroupDelivered { group, member: self.peer, gmid: content.gmid });
            }
            (LinkKind::Contact, Content::Group(_)) | (LinkKind::Member(_), _) => {}
        }
    }

    /// Takes note that the other side has a chunk, perhaps the last one of its file.
    fn chunk_arrived(&self, chunk: &FileChunk, profile: &mut ProfileState) {
        let age = profile.clock.settled_age();
        let Some(file) = profile.files.sending_mut(self.id, &chunk.id) else { return };
        file.moved = age;
        if file.next == file.count() && self.outbox.of_file(&chunk.id).next().is_none() {
            let name = std::mem::take(&mut file.source.name);
            profile.files.sending.retain(|file| file.link != self.id || file.id != chunk.id);
            profile.tell(Event::FileDelivered { link: self.id, file: chunk.id, name });
        }
    }

    /// Tells that an item was repeated for too long.
    pub(super) fn tell_expired(&mut self, item: &QueuedItem, profile: &mut ProfileState) {
        let link = self.id;
        let mid = item.mid;
        match (self.kind, &item.content) {
            (LinkKind::Contact, Content::Text(_)) => profile.tell(Event::NotDelivered { link, mid }),
            (LinkKind::Contact, Content::File(chunk)) => self.give_up_file(chunk, profile),
            (LinkKind::Member(group), Content::Group(content)) if content.gmid != 0 => {
                profile.tell(Event::GroupNotDelivered { group, member: self.peer, gmid: content.gmid });
            }
            (LinkKind::Contact, Content::Group(_)) | (LinkKind::Member(_), _) => {}
        }
    }

    /// Gives up a file, one of whose chunks was given up.
    fn give_up_file(&mut self, chunk: &FileChunk, profile: &mut ProfileState) {
        self.outbox.drop_file(&chunk.id);
        if profile.files.sending_mut(self.id, &chunk.id).is_some() {
            profile.files.sending.retain(|file| file.link != self.id || file.id != chunk.id);
            let name = chunk.name.clone();
            profile.tell(Event::FileNotDelivered { link: self.id, file: chunk.id, name });
        }
    }
}
