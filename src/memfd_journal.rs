//! The file in RAM that outlives the process: a memfd which the service manager holds, and what is
//! written in it.
//!
//! It is a [`Journal`]: the store works with its own copy on the heap, and this is read only at the
//! next start. The file has no name, is on no disk, and is gone when the last process that holds it
//! is. Its pages are shared memory, and the kernel may swap them like any other: that the unit's
//! `MemorySwapMax=0` forbids, not this module.
//!
//! # What is in it
//!
//! Blocks of 128 bytes, the first of them the header (`layout`). A message is a *head*, and as many
//! further blocks, any that are free, as its body needs: space is used again whatever the sizes
//! were, and the file never needs more blocks than were in use at once. The store counts them in
//! its `total_bytes`, as [`Journal::cost`] says. Memory is taken and given back 64 KiB at a time.
//!
//! # Why a kill at any instant does no harm
//!
//! Everything turns on the head's first byte, its tag. A message is written with the tag of a free
//! block, and becomes one when the tag is set, after everything else. A message that met its end is
//! one no more when the tag is changed, before anything is overwritten. What no valid head leads to
//! when the file is read is overwritten then. Checksums are there for what should never happen:
//! then all that is whole is kept, and a new epoch says that something was lost.
//!
//! # Why it is read again and again only so often
//!
//! A process may be killed because what is here does not fit into its memory, and so may the next.
//! Each one that begins to read counts that in the header, and the count is cleared when it has
//! read everything. After [`ATTEMPTS`] that have not, the content is overwritten.

mod blocks;
mod layout;
mod load;
mod medium;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::sync::atomic::{Ordering, compiler_fence};

use zeroize::Zeroize;

use blocks::Blocks;
use ephemeral_core::store::{EndedEntry, Journal, JournalEntry, NoRoom, Seed};
use layout::{BLOCK, BlockHead, CHUNK, Header, Tag};
pub use load::Loaded;
use medium::{Mapping, Medium, offset};
pub use medium::{create, is_ours, overwrite};

/// How many processes may have begun to read a file and not come to its end.
pub const ATTEMPTS: u32 = 5;
/// Heads whose places are kept together.
const HEADS: usize = 1024;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemfdJournalError {
    /// It is not one that [`create`] made: perhaps it is on a disk.
    #[error("it is not memory that this program made")]
    Foreign,
    /// The operating system refuses.
    #[error("{doing}: {source}")]
    Refused {
        /// What it was asked for.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
}

/// The content that was found in a file.
pub enum Found {
    /// Nothing: it is new.
    Nothing,
    /// What cannot be read: it has been overwritten.
    Unreadable(Unreadable),
    /// What another process left.
    Leftover(Leftover),
}

/// Why the content of a file cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Another version of the program wrote it.
    #[error("it has layout {0}, and this version of the program reads layout {own}", own = layout::VERSION)]
    Version(u32),
    /// Its header is damaged.
    #[error("its header is damaged")]
    Header,
    /// Processes have begun to read it, and none has come to its end.
    #[error("{0} processes in a row ended while they read it: perhaps it does not fit into the memory there is")]
    Attempts(u32),
}

/// The file that another process left. [`MemfdJournal::load`] reads the messages.
pub struct Leftover {
    /// The epoch.
    pub epoch: [u8; 16],
    /// The hash key, and the number below which all sequence numbers are.
    pub seed: Seed,
    /// The chunks in which there is something.
    with_data: Vec<u32>,
}

/// A file, and which of its blocks are in use.
pub struct MemfdJournal<M = Mapping> {
    medium: M,
    blocks: Blocks,
    /// The head of each record, by the store's name for it: in pieces, so that no growing copies
    /// them all.
    heads: Vec<Vec<u32>>,
    /// The next one to write of the two places for the promise.
    promise: usize,
    /// Empty, but for its allocation, between calls.
    scratch: Vec<u32>,
}

impl MemfdJournal {
    /// Opens a file that [`create`] made, for a store of `total_bytes`, and says what is in it.
    ///
    /// # Errors
    /// [`MemfdJournalError`].
    pub fn open(file: File, total_bytes: usize) -> Result<(Self, Found), MemfdJournalError> {
        let medium = Mapping::open(file, layout::chunks(total_bytes))?;
        Self::read(medium).map_err(|source| MemfdJournalError::Refused { doing: "cannot read it", source })
    }
}

impl<M: Medium> MemfdJournal<M> {
    /// Gives what is there a new epoch.
    pub fn rename(&mut self, epoch: [u8; 16], seed: &Seed) {
        self.medium.write(0, &layout::MAGIC.map(|_| 0));
        self.begin(epoch, seed);
    }

    fn read(medium: M) -> io::Result<(Self, Found)> {
        let blocks = Blocks::new(medium.chunks());
        let mut file = Self { medium, blocks, heads: Vec::new(), promise: 0, scratch: Vec::new() };
        let with_data = file.medium.chunks_with_data()?;
        // The header's own: it is never given back, so that writing the header cannot fail.
        file.back(0)?;
        for &chunk in with_data.iter().filter(|&&chunk| chunk != 0) {
            file.back(chunk)?;
        }
        let mut block = [0; BLOCK];
        file.medium.read(0, &mut block);
        let found = match Header::read(&block) {
            Ok(Some(header)) if header.attempts >= ATTEMPTS => Found::Unreadable(Unreadable::Attempts(header.attempts)),
            Ok(Some(header)) => {
                file.medium.write(layout::ATTEMPTS, &(header.attempts + 1).to_le_bytes());
                let (below, place) = header.promised;
                file.promise = 1 - place;
                let seed = Seed { hash_key: header.hash_key, first_seq: below };
                Found::Leftover(Leftover { epoch: header.epoch, seed, with_data })
            }
            Ok(None) if with_data.is_empty() => Found::Nothing,
            Ok(None) => Found::Unreadable(Unreadable::Header),
            Err(unreadable) => Found::Unreadable(unreadable),
        };
        if matches!(found, Found::Unreadable(_)) {
            file.erase();
        }
        Ok((file, found))
    }

    fn back(&mut self, chunk: u32) -> io::Result<()> {
        self.medium.back(chunk)?;
        self.blocks.add(chunk);
        Ok(())
    }

    fn head(&self, record: u32) -> Option<u32> {
        self.heads.get(record as usize / HEADS)?.get(record as usize % HEADS).copied()
    }

    fn note_head(&mut self, record: u32, head: u32) {
        let piece = record as usize / HEADS;
        if self.heads.len() <= piece {
            self.heads.resize_with(piece + 1, Vec::new);
        }
        let heads = &mut self.heads[piece];
        if heads.is_empty() {
            heads.resize(HEADS, 0);
        }
        heads[record as usize % HEADS] = head;
    }

    fn set_tag(&mut self, head: u32, tag: Tag) {
        // What comes before it in the program is in memory before it, and what comes after it,
        // after it: the process can be killed at any instruction.
        compiler_fence(Ordering::SeqCst);
        self.medium.write(offset(head), &[tag as u8]);
        compiler_fence(Ordering::SeqCst);
    }

    /// Overwrites the blocks that follow `head`, and makes them free.
    fn overwrite_chain(&mut self, head: u32) {
        let mut chain = std::mem::take(&mut self.scratch);
        let mut next = self.blocks.next(head);
        while next != 0 {
            chain.push(next);
            next = self.blocks.next(next);
        }
        // Blocks that are neighbours, all at once.
        for run in chain.chunk_by(|before, after| before + 1 == *after) {
            self.medium.clear(offset(run[0]), run.len() * BLOCK);
        }
        for block in chain.drain(..) {
            self.release(block);
        }
        self.scratch = chain;
    }

    fn release(&mut self, block: u32) {
        if let Some(chunk) = self.blocks.release(block) {
            self.medium.give_back(chunk);
        }
    }
}

/// Nothing here waits for anything but memory, no disk and no other process: it is done under the
/// hub's lock.
impl<M: Medium> Journal for MemfdJournal<M> {
    fn accept(&mut self, record: u32, entry: &JournalEntry<'_>) -> Result<(), NoRoom> {
        let mut body = layout::Body::new(entry.id, entry.escaped_content);
        let mut taken = std::mem::take(&mut self.scratch);
        let blocks = &mut self.blocks;
        let medium = &mut self.medium;
        let whole = u32::try_from(body.len()).unwrap_or(u32::MAX);
        if !blocks.take(layout::blocks(body.len()), &mut taken, |chunk| medium.back(chunk).is_ok()) {
            self.scratch = taken;
            return Err(NoRoom);
        }
        blocks.chain(&taken);
        let head = taken[0];
        let mut image = [0; BLOCK];
        BlockHead::write(&mut image, entry, whole, taken.get(1).copied(), &mut body);
        medium.write(offset(head), &image);
        for (place, &block) in taken.iter().enumerate().skip(1) {
            layout::write_link(&mut image, taken.get(place + 1).copied(), &mut body);
            medium.write(offset(block), &image);
        }
        // It has held a part of the message.
        image.zeroize();
        taken.clear();
        self.scratch = taken;
        self.set_tag(head, Tag::WaitingMessage);
        self.note_head(record, head);
        Ok(())
    }

    fn end(&mut self, record: u32, _left: &EndedEntry<'_>) {
        let Some(head) = self.head(record) else { return };
        self.set_tag(head, Tag::Completion);
        self.medium.clear(offset(head) + layout::UNTIL_END, BLOCK - layout::UNTIL_END);
        self.overwrite_chain(head);
    }

    fn forget(&mut self, record: u32) {
        let Some(head) = self.head(record) else { return };
        self.set_tag(head, Tag::Free);
        self.medium.clear(offset(head), BLOCK);
        self.release(head);
    }

    fn promise(&mut self, below: u64) {
        // The other one stays valid until this one is.
        self.medium.write(layout::PROMISES[self.promise], &layout::promise(below));
        self.promise = 1 - self.promise;
    }

    fn erase(&mut self) {
        for chunk in self.blocks.clear() {
            self.medium.clear(chunk as usize * CHUNK, CHUNK);
            if chunk == 0 {
                self.blocks.add(0);
            } else {
                self.medium.give_back(chunk);
            }
        }
        self.heads = Vec::new();
        self.promise = 0;
    }

    fn begin(&mut self, epoch: [u8; 16], seed: &Seed) {
        self.promise(seed.first_seq);
        self.medium.write(0, &Header::write(&epoch, seed.hash_key));
        // The file is one of this program's as soon as this is there.
        compiler_fence(Ordering::SeqCst);
        self.medium.write(0, &layout::MAGIC);
    }

    fn cost(&self) -> fn(usize) -> usize {
        layout::cost
    }
}
