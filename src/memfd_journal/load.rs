//! Reads what another process left, whatever it was doing when it was killed.

use zeroize::Zeroizing;

use super::layout::{self, BLOCK, CHUNK, CHUNK_BLOCKS, Head, Header, Tag};
use super::medium::{Medium, offset};
use super::{Leftover, MemfdJournal};
use ephemeral_core::store::{Remembered, Seed, WaitingMessage};

impl<M: Medium> MemfdJournal<M> {
    /// Reads all blocks of the chunks that have data, and overwrites those that nothing leads to.
    pub(super) fn load(&mut self, with_data: &[u32], header: &Header) -> Leftover {
        let (below, place) = header.promised;
        self.promise = 1 - place;
        let (candidates, not_clear, unknown) = self.scan(with_data);
        let mut remembered = Vec::with_capacity(candidates.len());
        let mut damaged = unknown;
        for head in candidates {
            match self.read_message(head) {
                Some(entry) => {
                    self.heads.push(head);
                    remembered.push(entry);
                }
                None => damaged += 1,
            }
        }
        let mut torn_blocks = 0;
        for block in not_clear {
            if !self.blocks.is_used(block) {
                self.medium.clear(offset(block), BLOCK);
                torn_blocks += 1;
            }
        }
        for chunk in self.blocks.trim() {
            self.medium.give_back(chunk);
        }
        let seed = Seed { hash_key: header.hash_key, first_seq: below };
        Leftover { epoch: header.epoch, seed, remembered, damaged, torn_blocks }
    }

    /// All that look like heads, all that are not clear, and how many are nothing that is ever written.
    fn scan(&self, with_data: &[u32]) -> (Vec<u32>, Vec<u32>, usize) {
        let (mut candidates, mut not_clear, mut unknown) = (Vec::new(), Vec::new(), 0);
        let mut bytes = Zeroizing::new(vec![0; CHUNK]);
        for &chunk in with_data {
            self.medium.read(chunk as usize * CHUNK, &mut bytes);
            let first = chunk * CHUNK_BLOCKS as u32;
            for (block, image) in (first..).zip(bytes.as_chunks::<BLOCK>().0).filter(|(block, _)| *block != 0) {
                if image[0] == Tag::WaitingMessage as u8 || image[0] == Tag::Completion as u8 {
                    candidates.push(block);
                }
                unknown += usize::from(image[0] > Tag::Link as u8);
                if *image != [0; BLOCK] {
                    not_clear.push(block);
                }
            }
        }
        (candidates, not_clear, unknown)
    }

    /// What a head stands for, if it is whole. Its blocks are in use then.
    fn read_message(&mut self, block: u32) -> Option<Remembered> {
        let mut image = Zeroizing::new([0; BLOCK]);
        self.medium.read(offset(block), &mut *image);
        let head = Head::read(&image)?;
        let waiting = if image[0] == Tag::WaitingMessage as u8 {
            let (links, body) = self.read_body(&image, &head)?;
            if !links.iter().all(|&link| self.blocks.mark(link)) {
                return None;
            }
            self.blocks.chain(&[&[block], &links[..]].concat());
            let Head { recipient, seq, lifetime, id_bytes, .. } = head;
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

    /// The further blocks of a message and its body, if it is whole.
    fn read_body(&self, image: &[u8; BLOCK], head: &Head) -> Option<(Vec<u32>, Zeroizing<Box<str>>)> {
        let mut body = Zeroizing::new(Vec::new());
        let capacity = self.medium.chunks() as usize * CHUNK;
        // What is damaged can be any number.
        body.try_reserve_exact(head.bytes.min(capacity)).ok()?;
        body.extend_from_slice(Head::inline(image, head.bytes));
        let inline = body.len();
        let (mut chain, mut next) = (Vec::new(), Head::next(image));
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
        if next != 0 || !Head::is_whole(image, &body[inline..]) {
            return None;
        }
        let text = std::str::from_utf8(&body).ok().filter(|text| text.is_char_boundary(usize::from(head.id_bytes)))?;
        Some((chain, Zeroizing::new(Box::from(text))))
    }
}
