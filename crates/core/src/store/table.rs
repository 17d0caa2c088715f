//! Hash tables that grow and shrink by one bucket at a time: places in [`Slots`](super::slots), by
//! a hash of what is there.
//!
//! A table that doubles moves all that it has, and the store would be held for that long; a tree
//! waits for memory on each of its levels. This is linear hashing (Litwin, 1980): whenever there
//! are too many entries for the buckets, one more bucket takes over its part of one other. A bucket
//! is what a processor reads from memory at once, and has enough of each hash that the entries
//! themselves are looked at where they are found, and nowhere else.
//!
//! The hashes have a secret key: nobody chooses what shares a bucket.

use std::collections::BTreeMap;

/// No place.
pub(super) const NOWHERE: u32 = u32::MAX;
/// Entries of a bucket. More overflow.
const ROOM: usize = 8;
/// Entries for which there is a bucket, on average.
const LOAD: usize = 5;
/// Buckets whose memory is taken and given back together.
const SEGMENT: usize = 128;

/// The lower half of a hash, and a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    hash: u32,
    place: u32,
}

/// The first of its places that are free have [`NOWHERE`], and so have all behind them.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Bucket([Entry; ROOM]);

const FREE: Bucket = Bucket([Entry { hash: 0, place: NOWHERE }; ROOM]);

/// Places, by a hash of what is there.
#[derive(Default)]
pub(super) struct Table {
    segments: Vec<Box<[Bucket]>>,
    /// What has no room in its bucket, by the number of that.
    overflow: BTreeMap<usize, Vec<Entry>>,
    buckets: usize,
    len: usize,
}

impl Table {
    /// Enters a place under the hash of what is there.
    pub(super) fn insert(&mut self, hash: u64, place: u32) {
        if self.len >= self.buckets * LOAD {
            self.split();
        }
        self.len += 1;
        self.put(Entry { hash: lower(hash), place });
    }

    /// Takes a place out that was entered under the hash.
    pub(super) fn remove(&mut self, hash: u64, place: u32) {
        let gone = Entry { hash: lower(hash), place };
        let number = self.number(gone.hash);
        // The last one of the bucket comes in its place.
        let Some(last) = self.pop(number) else { return };
        if last != gone {
            let bucket = &mut self.segments[number / SEGMENT][number % SEGMENT].0;
            let overflow = self.overflow.get_mut(&number).into_iter().flatten();
            match bucket.iter_mut().chain(overflow).find(|entry| **entry == gone) {
                Some(entry) => *entry = last,
                None => return self.put(last),
            }
        }
        self.len -= 1;
        // Two, so that it keeps up.
        for _ in 0..2 {
            if self.len < self.buckets * LOAD / 2 && self.buckets > 1 {
                self.merge();
            }
        }
    }

    /// Returns the places under the hash, and perhaps others.
    pub(super) fn find(&self, hash: u64) -> impl Iterator<Item = u32> {
        let hash = lower(hash);
        let number = self.number(hash);
        let bucket = self.segments.get(number / SEGMENT).map_or(&FREE.0, |segment| &segment[number % SEGMENT].0);
        let is_full = bucket.last().is_some_and(|last| last.place != NOWHERE);
        let overflow = if is_full { self.overflow.get(&number) } else { None };
        let all = bucket.iter().chain(overflow.into_iter().flatten());
        all.filter(move |entry| entry.hash == hash && entry.place != NOWHERE).map(|entry| entry.place)
    }

    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Returns how many entries have no room in their bucket.
    #[cfg(test)]
    pub(super) fn overflowing(&self) -> usize {
        self.overflow.values().map(Vec::len).sum()
    }

    /// Returns the number of the bucket of a hash: as many of its bits as there are buckets for.
    fn number(&self, hash: u32) -> usize {
        let half = 1 << self.buckets.max(1).ilog2();
        let number = hash as usize & (2 * half - 1);
        if number < self.buckets { number } else { number & (half - 1) }
    }

    fn bucket_mut(&mut self, number: usize) -> &mut Bucket {
        &mut self.segments[number / SEGMENT][number % SEGMENT]
    }

    fn put(&mut self, entry: Entry) {
        let number = self.number(entry.hash);
        match self.bucket_mut(number).0.iter_mut().find(|free| free.place == NOWHERE) {
            Some(free) => *free = entry,
            None => self.overflow.entry(number).or_default().push(entry),
        }
    }

    /// Takes the last entry out of a bucket.
    fn pop(&mut self, number: usize) -> Option<Entry> {
        if let Some(overflow) = self.overflow.get_mut(&number) {
            let last = overflow.pop();
            if overflow.is_empty() {
                self.overflow.remove(&number);
            }
            return last;
        }
        let bucket = self.segments.get_mut(number / SEGMENT)?.get_mut(number % SEGMENT)?;
        let last = bucket.0.iter_mut().rfind(|entry| entry.place != NOWHERE)?;
        Some(std::mem::replace(last, FREE.0[0]))
    }

    /// Adds a bucket, and moves to it what belongs there.
    fn split(&mut self) {
        let new = self.buckets;
        if new / SEGMENT == self.segments.len() {
            self.segments.push(vec![FREE; SEGMENT].into_boxed_slice());
        }
        self.buckets += 1;
        if new > 0 {
            self.deal(new - (1 << new.ilog2()));
        }
    }

    /// Takes the last bucket away, and moves what was there to where it came from.
    fn merge(&mut self) {
        self.buckets -= 1;
        self.deal(self.buckets);
        if self.buckets.is_multiple_of(SEGMENT) {
            self.segments.pop();
        }
    }

    /// Deals out what is in a bucket to where it belongs.
    fn deal(&mut self, number: usize) {
        let mut entries = Vec::with_capacity(ROOM);
        while let Some(entry) = self.pop(number) {
            entries.push(entry);
        }
        entries.into_iter().for_each(|entry| self.put(entry));
    }
}

/// Returns the lower half of a hash.
fn lower(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a hash as good as a keyed one, and the same every time.
    fn scrambled(number: u32) -> u64 {
        siphasher::sip::SipHasher13::new_with_keys(1, 2).hash(&number.to_le_bytes())
    }

    fn places(table: &Table, hash: u64) -> Vec<u32> {
        let mut places: Vec<u32> = table.find(hash).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn what_is_entered_is_found_until_it_is_taken_out_however_large_the_table_becomes() {
        let mut table = Table::default();
        assert!(places(&table, 1).is_empty());
        table.remove(1, 1);
        for number in 0..20_000 {
            table.insert(scrambled(number), number);
            assert_eq!(places(&table, scrambled(number)), [number]);
            assert_eq!(places(&table, scrambled(number / 2)), [number / 2]);
        }
        for number in (0..20_000).rev() {
            assert_eq!(places(&table, scrambled(number)), [number]);
            table.remove(scrambled(number), number);
            assert!(places(&table, scrambled(number)).is_empty());
            let half = number / 2;
            assert_eq!(places(&table, scrambled(half)), if number > 0 { vec![half] } else { vec![] });
        }
        assert!(table.segments.len() <= 1 && table.overflow.is_empty(), "its memory is given back");
    }

    #[test]
    fn what_has_the_same_hash_is_told_apart_by_its_place() {
        let mut table = Table::default();
        for place in 0..100 {
            table.insert(7, place);
        }
        for gone in [50, 0, 99] {
            table.remove(7, gone);
            // It is not there any more.
            table.remove(7, gone);
        }
        assert!(places(&table, 7).into_iter().eq((1..50).chain(51..99)));
        assert_eq!(table.len(), 97);
    }

    #[test]
    fn few_overflow_and_buckets_follow_the_entries() {
        let mut table = Table::default();
        for number in 0..300_000 {
            table.insert(scrambled(number), number);
            assert!(table.len <= table.buckets * LOAD && table.buckets <= table.len / LOAD + 1);
        }
        assert!(table.overflowing() * 8 < table.len, "{}", table.overflowing());
        assert!(table.overflow.values().all(|some| some.len() < 20));
        for number in 0..290_000 {
            table.remove(scrambled(number), number);
        }
        assert!(table.buckets <= 2 * table.len / LOAD + 2, "{} for {}", table.buckets, table.len);
        assert_eq!(size_of::<Bucket>(), 64);
    }
}
