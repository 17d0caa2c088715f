//! Which blocks are in use, and which follow which. Known on the heap: at the start it follows from
//! what the file holds.

use std::collections::BTreeSet;

use super::layout::CHUNK_BLOCKS;

/// Chunks without a block in use that keep their memory, so that it is not taken and given back all
/// the time: 4 MiB, or a longest message for each of 60 recipients.
const SPARE: usize = 64;
const WORDS: usize = CHUNK_BLOCKS / 64;

/// The blocks in use, and the chunks that have memory.
pub(super) struct Blocks {
    /// How many chunks there may be.
    limit: u32,
    chunks: Vec<Chunk>,
    /// Chunks with memory in which a block is free. The lowest is used first, so that the others
    /// become empty.
    open: BTreeSet<u32>,
    /// The chunks below `chunks.len()` that have no memory.
    absent: BTreeSet<u32>,
    /// Chunks with memory and no block in use.
    empty: usize,
}

#[derive(Clone, Default)]
struct Chunk {
    used: [u64; WORDS],
    count: usize,
    /// The block that follows each of these in its message; 0: none. The file says it as well, but
    /// there every step of the way would wait for memory that another core has written. Empty while
    /// the chunk has no memory.
    next: Vec<u32>,
}

fn place(block: u32) -> (u32, usize, u64) {
    let chunk = block / CHUNK_BLOCKS as u32;
    let within = block as usize % CHUNK_BLOCKS;
    (chunk, within / 64, 1 << (within % 64))
}

impl Blocks {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, chunks: Vec::new(), open: BTreeSet::new(), absent: BTreeSet::new(), empty: 0 }
    }

    /// Adds the blocks of a chunk that has memory. The first block of the first one, the header's,
    /// is in use.
    pub(super) fn add(&mut self, chunk: u32) {
        let known = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        if chunk >= known {
            self.absent.extend(known..chunk);
            self.chunks.resize(chunk as usize + 1, Chunk::default());
        }
        self.absent.remove(&chunk);
        self.open.insert(chunk);
        self.chunks[chunk as usize].next = vec![0; CHUNK_BLOCKS];
        self.empty += 1;
        if chunk == 0 {
            self.mark(0);
        }
    }

    /// Marks a block of a chunk that has memory as used. Returns whether it was free.
    pub(super) fn mark(&mut self, block: u32) -> bool {
        let (number, word, bit) = place(block);
        let Some(chunk) = self.chunks.get_mut(number as usize).filter(|chunk| chunk.used[word] & bit == 0) else {
            return false;
        };
        if self.absent.contains(&number) {
            return false;
        }
        chunk.used[word] |= bit;
        chunk.count += 1;
        self.empty -= usize::from(chunk.count == 1);
        if chunk.count == CHUNK_BLOCKS {
            self.open.remove(&number);
        }
        true
    }

    pub(super) fn is_used(&self, block: u32) -> bool {
        let (chunk, word, bit) = place(block);
        self.chunks.get(chunk as usize).is_some_and(|chunk| chunk.used[word] & bit != 0)
    }

    /// Returns whether the chunk of a block has memory.
    pub(super) fn has_memory(&self, block: u32) -> bool {
        let (chunk, ..) = place(block);
        (chunk as usize) < self.chunks.len() && !self.absent.contains(&chunk)
    }

    /// Takes `count` free blocks. `back` gives a chunk memory, and says whether there was some. If
    /// there are not so many, none is taken.
    pub(super) fn take(&mut self, count: usize, taken: &mut Vec<u32>, mut back: impl FnMut(u32) -> bool) -> bool {
        while taken.len() < count {
            let Some(&number) = self.open.first() else {
                let known = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
                let next = self.absent.first().copied().unwrap_or(known);
                if next >= self.limit || !back(next) {
                    for block in taken.drain(..) {
                        // They were free a moment ago: it may stay with their chunks.
                        self.unmark(block);
                    }
                    return false;
                }
                self.add(next);
                continue;
            };
            let chunk = &mut self.chunks[number as usize];
            self.empty -= usize::from(chunk.count == 0);
            for (word, used) in chunk.used.iter_mut().enumerate() {
                while *used != u64::MAX && taken.len() < count {
                    let bit = used.trailing_ones();
                    *used |= 1 << bit;
                    chunk.count += 1;
                    taken.push(number * CHUNK_BLOCKS as u32 + word as u32 * 64 + bit);
                }
            }
            if chunk.count == CHUNK_BLOCKS {
                self.open.remove(&number);
            }
        }
        true
    }

    /// Chains blocks that are in use to a message, in this order.
    pub(super) fn chain(&mut self, blocks: &[u32]) {
        let following = blocks.iter().skip(1).copied().chain([0]);
        for (&block, following) in blocks.iter().zip(following) {
            if let Some(next) = self.next_mut(block) {
                *next = following;
            }
        }
    }

    /// Returns the block that follows in the same message; 0: none.
    pub(super) fn next(&self, block: u32) -> u32 {
        let chunk = self.chunks.get(block as usize / CHUNK_BLOCKS);
        chunk.and_then(|chunk| chunk.next.get(block as usize % CHUNK_BLOCKS)).copied().unwrap_or(0)
    }

    fn next_mut(&mut self, block: u32) -> Option<&mut u32> {
        self.chunks.get_mut(block as usize / CHUNK_BLOCKS)?.next.get_mut(block as usize % CHUNK_BLOCKS)
    }

    /// Frees a block that was overwritten. Returns its chunk if the memory of that is to be given
    /// back.
    pub(super) fn release(&mut self, block: u32) -> Option<u32> {
        let number = self.unmark(block)?;
        (self.empty > SPARE).then(|| {
            self.drop_memory(number);
            number
        })
    }

    /// Returns the chunk if no block of it is in use any more.
    fn unmark(&mut self, block: u32) -> Option<u32> {
        let (number, word, bit) = place(block);
        let chunk = self.chunks.get_mut(number as usize).filter(|chunk| chunk.used[word] & bit != 0)?;
        chunk.used[word] &= !bit;
        chunk.count -= 1;
        if chunk.count + 1 == CHUNK_BLOCKS {
            self.open.insert(number);
        }
        self.empty += usize::from(chunk.count == 0);
        (chunk.count == 0).then_some(number)
    }

    /// Forgets everything. Returns the chunks that have memory.
    pub(super) fn clear(&mut self) -> Vec<u32> {
        let chunks = 0..u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        let present = chunks.filter(|chunk| !self.absent.contains(chunk)).collect();
        *self = Self::new(self.limit);
        present
    }

    /// Takes the memory of all empty chunks but a few away, and returns which.
    pub(super) fn trim(&mut self) -> Vec<u32> {
        let empty = self.open.iter().copied().filter(|&chunk| self.chunks[chunk as usize].count == 0);
        let given: Vec<u32> = empty.skip(SPARE).collect();
        for &chunk in &given {
            self.drop_memory(chunk);
        }
        given
    }

    /// Forgets the memory of an empty chunk.
    fn drop_memory(&mut self, chunk: u32) {
        self.empty -= 1;
        self.open.remove(&chunk);
        self.absent.insert(chunk);
        self.chunks[chunk as usize].next = Vec::new();
    }
}
