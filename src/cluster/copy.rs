//! What a machine that stands by has of the journal: each place with what stands there, sealed as
//! it is. It follows the journal entry by entry, so that taking over does not wait for all of it.
//!
//! Nothing is decrypted. What has ended goes when its place is given up or has something else; all
//! of it goes when the journal turns out to be another one than the one that was read, by its
//! fences ([`FenceMark`]). What is dropped is overwritten, as is all memory of this process.

use std::collections::BTreeMap;

use super::fence::{Fence, FenceMark};
use super::jet::replay::{EntryKind, ReplayedEntry};
use ephemeral_core::protocol::Millis;

/// What an entry is counted as, beside its bytes. With it, what fits into a store fits here: the
/// store counts 192 bytes for a message and its body, and an entry has 142 and its body.
pub const ENTRY_COST: usize = 50;

/// How long what was read may lag behind. A place that was given up is remembered as empty for 60
/// seconds: who reads on later than that does not hear of it. The rest is for clocks and leaders
/// that differ. In milliseconds.
const LAG_MS: u64 = 45_000;

/// What stands at a place.
struct CopiedEntry {
    /// It is sealed.
    sealed: Box<[u8]>,
    /// Until when it stays in the journal if nobody erases it, by the clock of the NATS servers.
    until_s: u64,
}

/// Why a copy cannot be gone on with. It is empty then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CopyEnded {
    /// The journal is another one: it was erased, or lost and written anew.
    #[error("the journal is another one")]
    Other,
    /// It was not read on for too long: what was given up meanwhile is not known.
    #[error("the journal was not read along for too long")]
    Behind,
    /// It has become larger than what a store may have, or it cannot be read fast enough.
    #[error("the journal is larger than total_bytes in [store] here, or takes too long to read")]
    TooLarge,
}

/// A copy of the journal.
#[derive(Default)]
pub struct JournalCopy {
    entries: BTreeMap<u32, CopiedEntry>,
    /// Bytes of all, as they are counted; and of how many there may be.
    bytes: usize,
    room: usize,
    /// The number of the last entry that was read.
    position: u64,
    /// The fence behind which, or up to which, it is read; `None`: it is a copy of nothing.
    known: Option<FenceMark>,
    /// When the newest entry was written, by the clock of the NATS servers.
    now_s: u64,
    /// As of when all was read; `None`: nothing is.
    current: Option<Millis>,
    /// The number of the last entry that there was at a moment, if it is still to be read.
    end: Option<(Millis, u64)>,
}

impl JournalCopy {
    /// Begins to read, or goes on, where this is the newest fence of the journal. Returns the
    /// number of the first entry that is to be read; `None`: it cannot be told what is there.
    /// `room`: how many bytes there may be.
    pub fn attach(&mut self, newest: &Fence, room: usize, now: Millis) -> Option<u64> {
        let is_same = newest.number > self.position || newest.mark == self.known;
        if self.known.is_none() || !is_same {
            self.clear();
            self.known.clone_from(&newest.mark);
            // What is given up from now on is heard of.
            self.current = Some(now);
        }
        self.room = room;
        self.known.as_ref().map(|_| self.position + 1)
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// [`CopyEnded`]: it is empty now.
    pub fn take(&mut self, entry: &ReplayedEntry, now: Millis) -> Result<(), CopyEnded> {
        let taken = self.try_to_take(entry, now);
        if taken.is_err() {
            self.clear();
        }
        taken
    }

    fn try_to_take(&mut self, entry: &ReplayedEntry, now: Millis) -> Result<(), CopyEnded> {
        let known = self.known.as_ref().ok_or(CopyEnded::Other)?;
        if self.current.is_none_or(|current| now.since(current) > LAG_MS) {
            return Err(CopyEnded::Behind);
        }
        if entry.number <= self.position {
            return Err(CopyEnded::Other);
        }
        match entry.kind {
            EntryKind::Place(place) if entry.sealed.is_empty() => self.remove(place),
            EntryKind::Place(place) => self.put(place, entry)?,
            EntryKind::Meta => {}
            EntryKind::Fence => {
                let mark = entry.mark().ok_or(CopyEnded::Other)?;
                if mark != *known && !mark.goes_on_from(known) {
                    return Err(CopyEnded::Other);
                }
                self.known = Some(mark);
            }
        }
        self.position = entry.number;
        self.now_s = self.now_s.max(entry.written_s);
        self.look_at_end();
        Ok(())
    }

    /// Notes that the last entry of the journal had this number at a moment, as its leader says.
    pub fn note_end(&mut self, at: Millis, number: u64) {
        self.end.get_or_insert((at, number));
        self.look_at_end();
    }

    fn look_at_end(&mut self) {
        if let Some((at, _)) = self.end.take_if(|(_, number)| *number <= self.position) {
            self.current = self.current.max(Some(at));
        }
    }

    fn put(&mut self, place: u32, entry: &ReplayedEntry) -> Result<(), CopyEnded> {
        self.remove(place);
        self.bytes += ENTRY_COST + entry.sealed.len();
        // What came is a part of all that came with it.
        let sealed = entry.sealed.as_ref().into();
        self.entries.insert(place, CopiedEntry { sealed, until_s: entry.until_s() });
        if self.bytes > self.room { Err(CopyEnded::TooLarge) } else { Ok(()) }
    }

    fn remove(&mut self, place: u32) {
        if let Some(before) = self.entries.remove(&place) {
            self.bytes -= ENTRY_COST + before.sealed.len();
        }
    }

    /// Overwrites everything: it is a copy of nothing from now on.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns whether all has been read up to a fence.
    #[must_use]
    pub fn is_read_up_to(&self, fence: &Fence) -> bool {
        self.position >= fence.number && self.known.is_some() && self.known == fence.mark
    }

    /// Returns the number of the last entry that was read; 0: none was.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns how many entries there are, and the bytes that they are counted as.
    #[must_use]
    pub fn figures(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    /// Takes everything out: each place, what stands there, and whether that has run out, so that
    /// the journal may not have it any more. It is a copy of nothing from now on.
    pub fn take_all(&mut self) -> impl ExactSizeIterator<Item = (u32, Box<[u8]>, bool)> + use<> {
        let Self { entries, now_s, .. } = std::mem::take(self);
        entries.into_iter().map(move |(place, entry)| (place, entry.sealed, entry.until_s <= now_s))
    }
}

#[cfg(test)]
mod tests;
