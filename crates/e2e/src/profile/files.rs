//! Files as the profile has them: chunks that wait to be written, and what the other side ended.

use super::ProfileState;
use crate::effect::{Event, LinkId};
use crate::files::FileId;
use crate::payload::FileChunk;

/// Bounds the bytes of chunks of files that wait to be written: those of one contact, and all. A
/// chunk beyond is repeated by its sender.
const MAX_CHUNK_BYTES: (usize, usize) = (2 << 20, 8 << 20);

impl ProfileState {
    /// Returns the chunk of a file that waits under this name, with its contact and its `mid`.
    pub(crate) fn waiting_chunk(&self, id: u64) -> Option<(LinkId, u64, &FileChunk)> {
        match self.inbox.get(&id)? {
            Event::File { link, mid, chunk } => Some((*link, *mid, chunk)),
            _ => None,
        }
    }

    /// Returns the chunks of files that wait to be written.
    pub(crate) fn waiting_chunks(&self) -> impl Iterator<Item = (LinkId, &FileChunk)> {
        self.inbox.values().filter_map(|event| match event {
            Event::File { link, chunk, .. } => Some((*link, chunk)),
            _ => None,
        })
    }

    /// Tells whether one more chunk of a contact may wait.
    pub(crate) fn has_room_for_chunk(&self, contact: LinkId) -> bool {
        let mut own = 0;
        let mut all = 0;
        for (link, chunk) in self.waiting_chunks() {
            let bytes = chunk.data.len();
            all += bytes;
            own += if link == contact { bytes } else { 0 };
        }
        own < MAX_CHUNK_BYTES.0 && all < MAX_CHUNK_BYTES.1
    }

    /// Tells whether a file is being taken, or a chunk of it waits to be.
    pub(crate) fn knows_file(&self, contact: LinkId, file: &FileId) -> bool {
        let waits =
            |event: &Event| matches!(event, Event::File { link, chunk, .. } if *link == contact && chunk.id == *file);
        let taken = self.files.coming.iter().any(|coming| coming.link == contact && coming.id == *file);
        taken || self.inbox.values().any(waits)
    }

    /// Forgets what waits of a file that is coming. Returns whether there was any.
    pub(crate) fn forget_file(&mut self, contact: LinkId, file: &FileId) -> Option<FileChunk> {
        let of_it =
            |event: &Event| matches!(event, Event::File { link, chunk, .. } if *link == contact && chunk.id == *file);
        let out: Vec<Event> = self.inbox.extract_if(.., |_, event| of_it(event)).map(|(_, event)| event).collect();
        out.into_iter().find_map(|event| match event {
            Event::File { chunk, .. } => Some(chunk),
            _ => None,
        })
    }

    /// Takes note that a contact does not want a file of one's own, or sends no more of its own.
    /// `flying`: how many of its chunks have not arrived.
    pub(crate) fn other_ended_file(&mut self, contact: LinkId, file: &FileId, flying: u32) {
        let age = self.clock.settled_age();
        if let Some(sending) = self.files.sending_mut(contact, file).filter(|sending| !sending.declined) {
            sending.declined = true;
            sending.next = sending.next.saturating_sub(flying);
            sending.moved = age;
            let name = sending.source.name.clone();
            return self.tell(Event::FileDeclined { link: contact, file: *file, name });
        }
        let waiting = self.forget_file(contact, file);
        let waiting = waiting.map(|chunk| (chunk.safe_name(), chunk.size, chunk.sha256));
        let coming = self.files.coming_mut(contact, file).map(|coming| {
            coming.withdrawn = true;
            (coming.name.clone(), coming.size, coming.sha256)
        });
        let begun = coming.is_some();
        if let Some((name, size, sha256)) = coming.or(waiting) {
            self.tell(Event::FileWithdrawn { link: contact, file: *file, name, size, sha256, begun });
        }
    }

    /// Forgets the chunks that wait and are not to be kept, by their contact and `mid`.
    pub(crate) fn forget_chunks(&mut self, keep: impl Fn(LinkId, u64) -> bool) {
        self.inbox.retain(|_, event| match event {
            Event::File { link, mid, .. } => keep(*link, *mid),
            _ => true,
        });
    }
}
