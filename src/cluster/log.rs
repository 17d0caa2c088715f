//! The journal's near end: what the store writes down, sealed at once, in a queue until the NATS
//! servers have it.
//!
//! It is called under the hub's lock, and waits for nothing. The queue is bounded: a message for
//! which there is no room is refused as by a full store. Ends and forgotten ids are taken in any
//! case: there are at most two for each record of the store.

pub mod entry;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::fence::FenceMark;
use super::keys::Keyring;
use crate::clock::Clock;
use entry::JournalMeta;
use ephemeral_core::store::{EndedEntry, Journal, JournalEntry, NoRoom, Seed};

/// Entries that may wait before a message is refused, and their bytes.
const ENTRIES: usize = 4096;
const BYTES: usize = 32 << 20;
/// The place of what is known of the journal as a whole. No record has it.
pub const META: u32 = u32::MAX;

/// Something to be written down on the other machines.
pub enum JournalWrite {
    /// A place has this from now on, for so many seconds at most; `None`: until it has something
    /// else.
    Put(u32, Vec<u8>, Option<u64>),
    /// A place has nothing any more.
    Forget(u32),
    /// No place has anything any more.
    Purge,
    /// The writer of this term, in bytes, begins anew: nothing before it counts.
    Fence([u8; 8], FenceMark),
}

/// What waits to be written.
pub struct JournalQueue {
    waiting: Mutex<Waiting>,
    /// Wakes the one who writes.
    added: Notify,
    /// How much was ever put in.
    position: AtomicU64,
    keys: Arc<Keyring>,
    clock: Clock,
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<JournalWrite>,
    bytes: usize,
    meta: JournalMeta,
}

impl JournalQueue {
    /// Makes an empty one.
    #[must_use]
    pub fn new(keys: Arc<Keyring>, clock: Clock, meta: JournalMeta) -> Arc<Self> {
        let waiting = Mutex::new(Waiting { meta, ..Waiting::default() });
        Arc::new(Self { waiting, added: Notify::new(), position: AtomicU64::new(1), keys, clock })
    }

    /// Returns when there is something to write.
    pub async fn added(&self) {
        loop {
            let added = self.added.notified();
            if !self.waiting.lock().entries.is_empty() {
                return;
            }
            added.await;
        }
    }

    /// Returns how much was ever put in.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// Returns how many entries wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.lock().entries.len()
    }

    /// Takes out what waits longest: up to `most` entries with about `bytes` bytes. Returns the
    /// position of the last one, too.
    #[must_use]
    pub fn take(&self, most: usize, bytes: usize) -> (Vec<JournalWrite>, u64) {
        let mut waiting = self.waiting.lock();
        let mut taken = Vec::new();
        let mut size = 0;
        while taken.len() < most && size < bytes {
            let Some(next) = waiting.entries.pop_front() else { break };
            size += next.bytes();
            taken.push(next);
        }
        waiting.bytes = waiting.bytes.saturating_sub(size);
        let left = u64::try_from(waiting.entries.len()).unwrap_or(u64::MAX);
        (taken, self.position.load(Ordering::Acquire).saturating_sub(left))
    }

    /// Drops everything: what counts is to be written again.
    pub fn clear(&self) {
        let mut waiting = self.waiting.lock();
        waiting.entries.clear();
        waiting.bytes = 0;
    }

    /// Writes down what is known of the journal as a whole; `whole`: it has everything.
    pub fn put_meta(&self, whole: bool) {
        let meta = {
            let mut waiting = self.waiting.lock();
            waiting.meta.whole = whole;
            waiting.meta.encode()
        };
        self.put(META, &meta, None);
    }

    fn put(&self, place: u32, plain: &[u8], ttl_s: Option<u64>) {
        // Without a key there is nothing that could be read back: the caller made one first.
        let Ok(sealed) = self.keys.seal(place, plain) else { return };
        self.push(JournalWrite::Put(place, sealed, ttl_s));
    }

    fn push(&self, what: JournalWrite) {
        let mut waiting = self.waiting.lock();
        waiting.bytes += what.bytes();
        waiting.entries.push_back(what);
        self.position.fetch_add(1, Ordering::AcqRel);
        drop(waiting);
        self.added.notify_one();
    }

    fn is_full(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.entries.len() >= ENTRIES || waiting.bytes >= BYTES
    }
}

impl JournalWrite {
    fn bytes(&self) -> usize {
        match self {
            Self::Put(_, sealed, _) => sealed.len(),
            Self::Forget(_) | Self::Purge | Self::Fence(..) => 0,
        }
    }
}

/// The store's side of a queue, and which place each of its records has.
pub struct SealedLog {
    queue: Arc<JournalQueue>,
    places: BTreeMap<u32, u32>,
    free: BTreeSet<u32>,
    /// No place from here on was ever used.
    next: u32,
}

impl SealedLog {
    /// Makes one for a store whose records have these places: the record 0 the first, and so on.
    #[must_use]
    pub fn new(queue: Arc<JournalQueue>, used: &[u32]) -> Self {
        let places: BTreeMap<_, _> = (0..).zip(used.iter().copied()).collect();
        let next = used.iter().max().map_or(0, |most| most + 1);
        let taken: BTreeSet<_> = used.iter().copied().collect();
        let free = (0..next).filter(|place| !taken.contains(place)).collect();
        Self { queue, places, free, next }
    }

    fn place(&mut self, record: u32) -> u32 {
        if let Some(&place) = self.places.get(&record) {
            return place;
        }
        let place = self.free.pop_first().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.places.insert(record, place);
        place
    }
}

impl Journal for SealedLog {
    fn accept(&mut self, record: u32, entry: &JournalEntry<'_>) -> Result<(), NoRoom> {
        if self.queue.is_full() {
            return Err(NoRoom);
        }
        let now = self.queue.clock.read();
        let place = self.place(record);
        self.queue.put(place, &entry::encode_message(entry, &now), Some(entry::backstop(entry.expires_at, &now)));
        Ok(())
    }

    fn end(&mut self, record: u32, left: &EndedEntry<'_>) {
        let now = self.queue.clock.read();
        let place = self.place(record);
        self.queue.put(place, &entry::encode_ended(left, &now), Some(entry::backstop(left.expires_at, &now)));
    }

    fn forget(&mut self, record: u32) {
        if let Some(place) = self.places.remove(&record) {
            self.free.insert(place);
            self.queue.push(JournalWrite::Forget(place));
        }
    }

    fn promise(&mut self, below: u64) {
        let whole = {
            let mut waiting = self.queue.waiting.lock();
            waiting.meta.promised = below;
            waiting.meta.whole
        };
        self.queue.put_meta(whole);
    }

    fn erase(&mut self) {
        self.places.clear();
        self.free.clear();
        self.next = 0;
        self.queue.clear();
        // What NATS does not overwrite cannot be read any more.
        if self.queue.keys.rotate().is_ok() {
            self.queue.keys.forget_older();
        }
        self.queue.push(JournalWrite::Purge);
    }

    fn begin(&mut self, epoch: [u8; 16], seed: &Seed) {
        self.queue.waiting.lock().meta = JournalMeta::new(epoch, seed, self.queue.keys.wiped());
        self.queue.put_meta(true);
    }

    fn cost(&self) -> fn(usize) -> usize {
        |_| 0
    }

    fn position(&self) -> u64 {
        self.queue.position.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests;
