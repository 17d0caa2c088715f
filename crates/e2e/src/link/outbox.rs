//! Content that waits for the other side's acknowledgement.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::delivery::{Circumstances, Transit};
use crate::clock::DAY;
use crate::effect::FrameId;
use crate::files::FileId;
use crate::payload::Content;

/// The most items in one outbox.
pub const MAX_ITEMS: usize = 256;
/// The most bytes in one outbox.
pub const MAX_BYTES: usize = 8 << 20;
/// How long content is repeated.
const LIFE: u64 = 16 * DAY;
/// The most items that were sent and not acknowledged.
const IN_FLIGHT: usize = 64;
/// Past as many envelopes without an answer, only the oldest item is repeated for its age.
const UNANSWERED: u32 = 1_000;

/// Holds content and what became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct QueuedItem {
    pub(crate) mid: u64,
    pub(crate) prev: u64,
    pub(crate) content: Content,
    pub(crate) burn_s: u32,
    pub(crate) at: u32,
    made: u64,
    size: usize,
    pub(crate) delivery: Transit,
}

impl Drop for QueuedItem {
    fn drop(&mut self) {
        self.content.wipe();
    }
}

/// Holds content that was not acknowledged yet, the oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ContentOutbox {
    items: VecDeque<QueuedItem>,
    bytes: usize,
    last_mid: u64,
}

impl ContentOutbox {
    pub(crate) fn has_room(&self, size: usize) -> bool {
        self.items.len() < MAX_ITEMS && self.bytes + size <= MAX_BYTES
    }

    pub(crate) fn push(&mut self, content: Content, burn_s: u32, at: u32, age: u64) -> u64 {
        let mid = crate::random::identifier();
        let size = size(&content);
        self.bytes += size;
        self.items.push_back(QueuedItem {
            mid,
            prev: self.last_mid,
            content,
            burn_s,
            at,
            made: age,
            size,
            delivery: Transit::default(),
        });
        self.last_mid = mid;
        mid
    }

    fn remove(&mut self, at: usize) -> Option<QueuedItem> {
        let item = self.items.remove(at)?;
        self.bytes = self.bytes.saturating_sub(item.size);
        Some(item)
    }

    /// Takes an item out because it arrived.
    pub(crate) fn acknowledged(&mut self, mid: u64) -> Option<QueuedItem> {
        let at = self.items.iter().position(|item| item.mid == mid)?;
        self.remove(at)
    }

    /// Takes out what was repeated for too long.
    pub(crate) fn expired(&mut self, age: u64) -> Option<QueuedItem> {
        let at = self.items.iter().position(|item| age >= item.made + LIFE)?;
        self.remove(at)
    }

    pub(crate) fn get(&self, mid: u64) -> Option<&QueuedItem> {
        self.items.iter().find(|item| item.mid == mid)
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = &QueuedItem> {
        self.items.iter()
    }

    pub(crate) fn oldest(&self) -> Option<&QueuedItem> {
        self.items.front()
    }

    /// Returns the indices of the chunks of a file.
    pub(crate) fn of_file<'a>(&'a self, file: &'a FileId) -> impl Iterator<Item = u32> + 'a {
        self.items.iter().filter_map(move |item| match &item.content {
            Content::File(chunk) if chunk.id == *file => Some(chunk.index),
            _ => None,
        })
    }

    /// Takes out the chunks of a file. What follows on one does so on what was before it: or the
    /// other side would wait for it.
    pub(crate) fn drop_file(&mut self, file: &FileId) {
        let of_it = |item: &QueuedItem| matches!(&item.content, Content::File(chunk) if chunk.id == *file);
        while let Some(out) = self.items.iter().position(of_it).and_then(|at| self.remove(at)) {
            let follows = self.items.iter_mut().map(|item| &mut item.prev).chain([&mut self.last_mid]);
            for prev in follows.filter(|prev| **prev == out.mid) {
                *prev = out.prev;
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.bytes = 0;
    }

    /// Returns the `mid`s of what is to be sent now.
    pub(crate) fn due(&self, now: &Circumstances<'_>) -> Vec<u64> {
        let in_flight = self.items.iter().filter(|item| item.delivery.was_sent()).count();
        let mut room = IN_FLIGHT.saturating_sub(in_flight);
        let mut due = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            let restrained = now.unanswered as usize + due.len() >= UNANSWERED as usize;
            let send = match (item.delivery.was_sent(), restrained) {
                (false, true) => false,
                (false, false) => room > 0,
                (true, true) => at == 0 && item.delivery.is_aged(now),
                (true, false) => item.delivery.is_due(now),
            };
            if send && !item.delivery.was_sent() {
                room -= 1;
            }
            if send {
                due.push(item.mid);
            }
        }
        due
    }

    /// Takes note that an item was encrypted and sent.
    pub(crate) fn sent(&mut self, mid: u64, via: &str, frame: FrameId, elapsed: u64) {
        if let Some(item) = self.items.iter_mut().find(|item| item.mid == mid) {
            item.delivery.sent(via, frame, elapsed);
        }
    }

    /// Returns how the items are faring, to be told what a server says of them.
    pub(crate) fn deliveries(&mut self) -> impl Iterator<Item = &mut Transit> {
        self.items.iter_mut().map(|item| &mut item.delivery)
    }
}

fn size(content: &Content) -> usize {
    match content {
        Content::Text(text) => text.len(),
        Content::Group(group) => {
            let signed: usize = group.signed.iter().map(Vec::len).sum();
            group.text.as_ref().map_or(0, String::len) + signed
        }
        Content::File(chunk) => chunk.data.len(),
    }
}
