//! Hash tables that grow and shrink by one bucket at a time: places in [`Slots`], by a hash of what
//! is there.
//!
//! A table that doubles moves all that it has, and the store would be held for that long; a tree
//! waits for memory on each of its levels. This is linear hashing (Litwin, 1980): whenever there
//! are more entries than buckets, one more bucket takes over its part of one other. A bucket is a
//! chain through the entries themselves, so that an entry takes four bytes here and four in itself.
//!
//! The hashes have a secret key: nobody chooses what shares a bucket.

use super::slots::Slots;

/// The end of a chain.
pub(super) const NOWHERE: u32 = u32::MAX;
/// Buckets whose memory is taken and given back together.
const SEGMENT: usize = 1024;

/// What can be in a table.
pub(super) trait Chained {
    /// Returns the hash, always the same.
    fn hash(&self) -> u64;
    /// Returns the place of the next entry of the same bucket, or [`NOWHERE`].
    fn next(&self) -> u32;
    /// Sets it.
    fn set_next(&mut self, next: u32);
}

/// Places, by a hash of what is there.
#[derive(Default)]
pub(super) struct Table {
    /// The first place of each bucket.
    heads: Vec<Box<[u32]>>,
    buckets: usize,
    len: usize,
}

impl Table {
    /// Enters what is in a place.
    pub(super) fn insert<T: Chained>(&mut self, entries: &mut Slots<T>, place: u32) {
        if self.len == self.buckets {
            self.split(entries);
        }
        self.len += 1;
        let bucket = self.bucket(entries[place].hash());
        self.push(entries, bucket, place);
    }

    /// Takes out what is in a place.
    pub(super) fn remove<T: Chained>(&mut self, entries: &mut Slots<T>, place: u32) {
        let bucket = self.bucket(entries[place].hash());
        let next = entries[place].next();
        let mut at = self.head(bucket);
        if at == place {
            *self.head_mut(bucket) = next;
        } else {
            loop {
                if at == NOWHERE {
                    return;
                }
                let following = entries[at].next();
                if following == place {
                    entries[at].set_next(next);
                    break;
                }
                at = following;
            }
        }
        self.len -= 1;
        // Two, so that it keeps up.
        for _ in 0..2 {
            if self.len < self.buckets / 2 {
                self.merge(entries);
            }
        }
    }

    /// Returns all that has the hash, and perhaps others, each with its place.
    pub(super) fn find<'slots, T: Chained>(
        &self,
        entries: &'slots Slots<T>,
        hash: u64,
    ) -> impl Iterator<Item = (u32, &'slots T)> + use<'slots, T> {
        let mut next = if self.buckets == 0 { NOWHERE } else { self.head(self.bucket(hash)) };
        std::iter::from_fn(move || {
            let place = next;
            let entry = entries.get(place)?;
            next = entry.next();
            Some((place, entry))
        })
    }

    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the bucket of a hash: as many of its bits as there are buckets for.
    fn bucket(&self, hash: u64) -> usize {
        let half = 1 << self.buckets.max(1).ilog2();
        #[allow(clippy::cast_possible_truncation, reason = "the lower bits are wanted")]
        let bucket = hash as usize & (2 * half - 1);
        if bucket < self.buckets { bucket } else { bucket & (half - 1) }
    }

    fn head(&self, bucket: usize) -> u32 {
        self.heads[bucket / SEGMENT][bucket % SEGMENT]
    }

    fn head_mut(&mut self, bucket: usize) -> &mut u32 {
        &mut self.heads[bucket / SEGMENT][bucket % SEGMENT]
    }

    fn push<T: Chained>(&mut self, entries: &mut Slots<T>, bucket: usize, place: u32) {
        let head = self.head_mut(bucket);
        entries[place].set_next(std::mem::replace(head, place));
    }

    /// Adds a bucket, and moves to it what belongs there.
    fn split<T: Chained>(&mut self, entries: &mut Slots<T>) {
        let new = self.buckets;
        if new / SEGMENT == self.heads.len() {
            self.heads.push(vec![NOWHERE; SEGMENT].into_boxed_slice());
        }
        self.buckets += 1;
        if new > 0 {
            self.deal(entries, new - (1 << new.ilog2()));
        }
    }

    /// Takes the last bucket away, and moves what was there to where it came from.
    fn merge<T: Chained>(&mut self, entries: &mut Slots<T>) {
        self.buckets -= 1;
        if self.buckets > 0 {
            self.deal(entries, self.buckets);
        }
        if self.buckets.is_multiple_of(SEGMENT) {
            self.heads.pop();
        }
    }

    /// Deals out what is in a bucket to where it belongs.
    fn deal<T: Chained>(&mut self, entries: &mut Slots<T>, bucket: usize) {
        let mut at = std::mem::replace(self.head_mut(bucket), NOWHERE);
        while at != NOWHERE {
            let entry = &entries[at];
            let hash = entry.hash();
            let next = entry.next();
            self.push(entries, self.bucket(hash), at);
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Entry {
        hash: u64,
        next: u32,
    }

    impl Chained for Entry {
        fn hash(&self) -> u64 {
            self.hash
        }
        fn next(&self) -> u32 {
            self.next
        }
        fn set_next(&mut self, next: u32) {
            self.next = next;
        }
    }

    fn places(table: &Table, entries: &Slots<Entry>, hash: u64) -> Vec<u32> {
        table.find(entries, hash).filter(|(_, entry)| entry.hash == hash).map(|(place, _)| place).collect()
    }

    fn scrambled(number: u32) -> u64 {
        u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
    }

    #[test]
    fn what_is_entered_is_found_until_it_is_taken_out_however_large_the_table_becomes() {
        let mut table = Table::default();
        let mut entries = Slots::new();
        assert!(places(&table, &entries, 1).is_empty());
        for number in 0..10_000 {
            let place = entries.insert(Entry { hash: scrambled(number), next: NOWHERE });
            table.insert(&mut entries, place);
            assert_eq!(places(&table, &entries, scrambled(number)), [place]);
            assert_eq!(places(&table, &entries, scrambled(number / 2)), [number / 2]);
        }
        for number in (0..10_000).rev() {
            assert_eq!(places(&table, &entries, scrambled(number)), [number]);
            table.remove(&mut entries, number);
            entries.remove(number);
            assert!(places(&table, &entries, scrambled(number)).is_empty());
            assert_eq!(
                places(&table, &entries, scrambled(number / 2)),
                if number > 0 { vec![number / 2] } else { vec![] }
            );
        }
        assert!(table.heads.len() <= 1, "its memory is given back");
    }

    #[test]
    fn what_has_the_same_hash_is_told_apart_by_its_place() {
        let mut table = Table::default();
        let mut entries = Slots::new();
        for _ in 0..100 {
            let place = entries.insert(Entry { hash: 7, next: NOWHERE });
            table.insert(&mut entries, place);
        }
        table.remove(&mut entries, 50);
        let mut left = places(&table, &entries, 7);
        left.sort_unstable();
        assert!(left.into_iter().eq((0..50).chain(51..100)));
    }

    #[test]
    fn chains_stay_short_and_buckets_follow_the_entries() {
        let mut table = Table::default();
        let mut entries = Slots::new();
        for number in 0..100_000 {
            let place = entries.insert(Entry { hash: scrambled(number), next: NOWHERE });
            table.insert(&mut entries, place);
            assert_eq!(table.buckets, table.len);
        }
        let longest = (0..100_000).map(|number| table.find(&entries, scrambled(number)).count()).max();
        assert!(longest < Some(16), "{longest:?}");
        for number in 0..90_000 {
            table.remove(&mut entries, number);
        }
        assert!(table.buckets <= 2 * table.len + 2, "{} for {}", table.buckets, table.len);
    }
}
