//! Reads what another process left, whatever it was doing when it was killed.

use zeroize::Zeroizing;

use super::layout::{self, BLOCK, BlockHead, CHUNK, CHUNK_BLOCKS, Tag};
use super::medium::{Medium, offset};
use super::{Leftover, MemfdJournal};
use ephemeral_core::store::{Remembered, WaitingMessage};

/// The outcome of loading: what was not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loaded {
    /// Messages that were not whole. A kill does not do that.
    pub damaged: usize,
    /// Blocks of messages that were being written or overwritten in the instant of the kill,
    /// overwritten by now.
    pub torn_blocks: usize,
}

impl<M: Medium> MemfdJournal<M> {
    /// Reads all that was left, hands every message whose id is remembered to `each`, and
    /// overwrites the blocks that nothing leads to. There is one message at a time, and one chunk.
    pub fn load(&mut self, leftover: &Leftover, mut each: impl FnMut(Remembered)) -> Loaded {
        let mut loaded = Loaded::default();
        let mut records = 0;
        let mut bytes = Zeroizing::new(vec![0; CHUNK]);
        for &chunk in &leftover.with_data {
            for (block, image) in self.blocks_of(chunk, &mut bytes) {
                loaded.damaged += usize::from(image[0] > Tag::Link as u8);
                if image[0] != Tag::WaitingMessage as u8 && image[0] != Tag::Completion as u8 {
                    continue;
                }
                match self.read_message(block) {
                    Some(entry) => {
                        self.note_head(records, block);
                        records += 1;
                        each(entry);
                    }
                    None => loaded.damaged += 1,
                }
            }
        }
        for &chunk in &leftover.with_data {
            for (block, image) in self.blocks_of(chunk, &mut bytes) {
                if *image != [0; BLOCK] && !self.blocks.is_used(block) {
                    self.medium.clear(offset(block), BLOCK);
                    loaded.torn_blocks += 1;
                }
            }
        }
        for chunk in self.blocks.trim() {
            self.medium.give_back(chunk);
        }
        self.medium.write(layout::ATTEMPTS, &[0; 4]);
        loaded
    }

    /// Reads a chunk, and returns its blocks, but for the header.
    fn blocks_of<'bytes>(
        &self,
        chunk: u32,
        bytes: &'bytes mut [u8],
    ) -> impl Iterator<Item = (u32, &'bytes [u8; BLOCK])> + use<'bytes, M> {
        self.medium.read(chunk as usize * CHUNK, bytes);
        let first = chunk * CHUNK_BLOCKS as u32;
        (first..).zip(bytes.as_chunks::<BLOCK>().0).filter(|(block, _)| *block != 0)
    }

    /// Reads the message of a head, if it is whole. Its blocks are in use then.
    fn read_message(&mut self, block: u32) -> Option<Remembered> {
        let mut image = Zeroizing::new([0; BLOCK]);
        self.medium.read(offset(block), &mut *image);
        let head = BlockHead::read(&image)?;
        let waiting = if image[0] == Tag::WaitingMessage as u8 {
            let (links, body) = self.read_body(&image, &head)?;
            if !links.iter().all(|&link| self.blocks.mark(link)) {
                return None;
            }
            self.blocks.chain(&[&[block], &links[..]].concat());
            let BlockHead { recipient, seq, lifetime, id_bytes, .. } = head;
            Some(WaitingMessage { recipient, seq, lifetime, body, id_bytes })
        } else {
            // It was being overwritten, perhaps.
            self.medium.clear(offset(block) + layout::UNTIL_END, BLOCK - layout::UNTIL_END);
            None
        };
        self.blocks.mark(block).then_some(Remembered {
            sender: head.sender,
            id_hash: head.id_hash,
            expires_at: head.expires_at,
            waiting,
        })
    }

    /// Reads the further blocks of a message and its body, if it is whole.
    fn read_body(&self, image: &[u8; BLOCK], head: &BlockHead) -> Option<(Vec<u32>, Zeroizing<Box<str>>)> {
        let mut body = Zeroizing::new(Vec::new());
        let capacity = self.medium.chunks() as usize * CHUNK;
        // What is damaged can be any number.
        body.try_reserve_exact(head.bytes.min(capacity)).ok()?;
        body.extend_from_slice(BlockHead::inline(image, head.bytes));
        let inline = body.len();
        let mut chain = Vec::new();
        let mut next = BlockHead::next(image);
        let mut link = Zeroizing::new([0; BLOCK]);
        while body.len() < head.bytes {
            if next == 0 || offset(next) >= capacity || !self.blocks.has_memory(next) {
                return None;
            }
            self.medium.read(offset(next), &mut *link);
            let (after, more) = layout::read_link(&link, head.bytes - body.len())?;
            body.extend_from_slice(more);
            chain.push(next);
            next = after;
        }
        if next != 0 || !BlockHead::is_whole(image, &body[inline..]) {
            return None;
        }
        let text = std::str::from_utf8(&body).ok().filter(|text| text.is_char_boundary(usize::from(head.id_bytes)))?;
        Some((chain, Zeroizing::new(Box::from(text))))
    }
}
