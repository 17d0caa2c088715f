//! Places with small numbers that are used again, in pieces of memory that never move.
//!
//! A vector that grows copies everything that it has, and the store would be held for that long.
//! Here the work of each call is the same however much there is, and what is not needed any more is
//! given back.

use std::collections::BTreeSet;
use std::ops::{Index, IndexMut};

/// Places whose memory is taken and given back together.
const CHUNK: usize = 128;

/// Places with small numbers.
pub(super) struct Slots<T> {
    chunks: Vec<Chunk<T>>,
    /// The chunks that have a free place, those without memory included. The lowest is used first,
    /// so that the others become empty.
    open: BTreeSet<usize>,
    len: usize,
    /// Chunks that have memory, and nothing in it.
    spare: usize,
}

struct Chunk<T> {
    /// Empty while the chunk has no memory.
    places: Vec<Option<T>>,
    /// The free ones of them, the next one last.
    free: Vec<u8>,
}

impl<T> Chunk<T> {
    fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), open: BTreeSet::new(), len: 0, spare: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the place that [`insert`](Self::insert) will use next.
    pub(super) fn vacant(&self) -> u32 {
        let chunk = self.open.first().copied().unwrap_or(self.chunks.len());
        let free = self.chunks.get(chunk).and_then(|chunk| chunk.free.last());
        // A place costs more than 96 bytes of a bounded total: there are fewer than 2^32 below 400
        // GiB.
        u32::try_from(chunk * CHUNK + free.map_or(0, |&free| usize::from(free))).unwrap_or(u32::MAX)
    }

    pub(super) fn insert(&mut self, value: T) -> u32 {
        let place = self.vacant();
        let number = place as usize / CHUNK;
        if number == self.chunks.len() {
            self.chunks.push(Chunk { places: Vec::new(), free: Vec::new() });
            self.open.insert(number);
        }
        let chunk = &mut self.chunks[number];
        if chunk.places.is_empty() {
            chunk.places.resize_with(CHUNK, || None);
            chunk.free.extend((0..CHUNK).rev().filter_map(|free| u8::try_from(free).ok()));
        } else if chunk.is_empty() {
            self.spare -= 1;
        }
        chunk.free.pop();
        chunk.places[place as usize % CHUNK] = Some(value);
        if chunk.free.is_empty() {
            self.open.remove(&number);
        }
        self.len += 1;
        place
    }

    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        let number = place as usize / CHUNK;
        let chunk = self.chunks.get_mut(number)?;
        let within = place as usize % CHUNK;
        let removed = chunk.places.get_mut(within)?.take()?;
        if chunk.free.is_empty() {
            self.open.insert(number);
        }
        chunk.free.extend(u8::try_from(within));
        self.len -= 1;
        if chunk.is_empty() {
            // One keeps its memory, so that it is not taken and given back all the time.
            if self.spare > 0 {
                *chunk = Chunk { places: Vec::new(), free: Vec::new() };
            } else {
                self.spare += 1;
            }
        }
        Some(removed)
    }

    pub(super) fn get(&self, place: u32) -> Option<&T> {
        self.chunks.get(place as usize / CHUNK)?.places.get(place as usize % CHUNK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.chunks.get_mut(place as usize / CHUNK)?.places.get_mut(place as usize % CHUNK)?.as_mut()
    }

    /// Returns a number that is greater than that of all places in use.
    pub(super) fn places(&self) -> u32 {
        u32::try_from(self.chunks.len() * CHUNK).unwrap_or(u32::MAX)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flat_map(|chunk| &mut chunk.places).flatten()
    }

    /// Returns what is in the places from `first` on, `count` places at most, and where to go on;
    /// `None`: nowhere.
    pub(super) fn some(&self, first: u32, count: usize) -> (impl Iterator<Item = &T>, Option<u32>) {
        let end = (first as usize).saturating_add(count);
        let next = (end < self.chunks.len() * CHUNK).then(|| u32::try_from(end).unwrap_or(u32::MAX));
        let places = first as usize..end.min(self.chunks.len() * CHUNK);
        (places.filter_map(|place| self.get(u32::try_from(place).ok()?)), next)
    }

    /// Returns how many places have memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.places.len()).sum()
    }
}

/// Indexes places that are known to be in use.
impl<T> Index<u32> for Slots<T> {
    type Output = T;

    #[expect(clippy::expect_used, reason = "an index that is not in use is a bug of the store, as with a slice")]
    fn index(&self, place: u32) -> &T {
        self.get(place).expect("a place in use")
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    #[expect(clippy::expect_used, reason = "as above")]
    fn index_mut(&mut self, place: u32) -> &mut T {
        self.get_mut(place).expect("a place in use")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_lowest_that_are_free_and_keep_what_was_put_there() {
        let mut slots = Slots::new();
        for number in 0..1000_u32 {
            assert_eq!((slots.vacant(), slots.insert(number)), (number, number));
        }
        assert_eq!(slots.remove(300), Some(300));
        assert_eq!((slots.remove(300), slots.get(300), slots.len()), (None, None, 999));
        assert_eq!(slots.remove(700), Some(700));
        assert_eq!((slots.insert(1), slots.insert(2), slots.insert(3)), (300, 700, 1000));
        assert_eq!((slots[300], slots[299], slots[1000]), (1, 299, 3));
    }

    #[test]
    fn memory_is_given_back_but_for_a_little() {
        let mut slots = Slots::new();
        for number in 0..10_000_u32 {
            slots.insert(number);
        }
        for number in 0..10_000 {
            assert_eq!(slots.remove(number), Some(number));
        }
        assert_eq!((slots.len(), slots.capacity()), (0, CHUNK));
        // At the border between two chunks nothing is taken and given back.
        for number in 0..128 {
            slots.insert(number);
        }
        for _ in 0..10 {
            assert_eq!(slots.insert(7), 128);
            let capacity = slots.capacity();
            assert_eq!((slots.remove(128), slots.capacity()), (Some(7), capacity));
        }
    }

    #[test]
    fn all_that_is_there_is_found_in_parts() {
        let mut slots = Slots::new();
        for number in 0..1000_u32 {
            slots.insert(number);
        }
        for number in 100..500 {
            slots.remove(number);
        }
        let mut found = Vec::new();
        let mut next = Some(0);
        while let Some(first) = next {
            let (some, then) = slots.some(first, 77);
            found.extend(some.copied());
            next = then;
        }
        assert!(found.into_iter().eq((0..100).chain(500..1000)));
    }
}
