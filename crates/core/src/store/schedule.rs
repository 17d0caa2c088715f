//! What is due, in the order of time.
//!
//! In sorted pieces of a bounded size: whatever comes in moves no more than one of them, and most
//! comes in at the end of one, since most messages live equally long. A full piece takes some
//! thirteen bytes for each of its entries.

use std::collections::{BTreeMap, VecDeque};

use crate::protocol::Millis;

/// Entries of one piece, at most.
const PIECE: usize = 64;

/// An item that is due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DueItem {
    /// A record's place.
    Record(u32),
    /// An account's.
    Account(u32),
}

/// A time and what is due then, in twelve bytes. Ordered by the time; at the same time, records
/// come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// Twice the time, and one more for an account: its upper half.
    high: u32,
    /// Its lower half.
    low: u32,
    place: u32,
}

impl Entry {
    fn new(at: Millis, due: DueItem) -> Self {
        let (place, kind) = match due {
            DueItem::Record(place) => (place, 0),
            DueItem::Account(place) => (place, 1),
        };
        let [a, b, c, d, e, f, g, h] = (at.0.min(u64::MAX / 2) * 2 + kind).to_be_bytes();
        Self { high: u32::from_be_bytes([a, b, c, d]), low: u32::from_be_bytes([e, f, g, h]), place }
    }

    fn parts(self) -> (Millis, DueItem) {
        let at = Millis((u64::from(self.high) << 32 | u64::from(self.low)) / 2);
        (at, if self.low.is_multiple_of(2) { DueItem::Record(self.place) } else { DueItem::Account(self.place) })
    }
}

/// The items that are due, in the order of time.
#[derive(Default)]
pub(super) struct Schedule {
    /// Sorted pieces, none of them empty. No entry of one is less than its key, or as great as the
    /// next one's.
    pieces: BTreeMap<Entry, VecDeque<Entry>>,
}

impl Schedule {
    /// Returns what is due first, and when.
    pub(super) fn first(&self) -> Option<(Millis, DueItem)> {
        let (_, piece) = self.pieces.first_key_value()?;
        piece.front().map(|entry| entry.parts())
    }

    /// Takes out what is due first, if it is by `now`.
    pub(super) fn pop_by(&mut self, now: Millis) -> Option<(Millis, DueItem)> {
        let mut piece = self.pieces.first_entry()?;
        let first = piece.get().front()?.parts();
        if first.0 > now {
            return None;
        }
        piece.get_mut().pop_front();
        if piece.get().is_empty() {
            piece.remove();
        }
        Some(first)
    }

    /// Notes what is due at a time.
    pub(super) fn insert(&mut self, at: Millis, due: DueItem) {
        let entry = Entry::new(at, due);
        let Some((_, piece)) = self.pieces.range_mut(..=entry).next_back() else { return self.insert_before(entry) };
        let is_last = piece.back().is_none_or(|last| *last < entry);
        if piece.len() < PIECE {
            let place = if is_last { piece.len() } else { piece.partition_point(|other| *other < entry) };
            piece.insert(place, entry);
        } else if is_last {
            self.insert_before(entry);
        } else {
            let mut later = piece.split_off(PIECE / 2);
            let half = if later.front().is_some_and(|first| *first < entry) { &mut later } else { piece };
            half.insert(half.partition_point(|other| *other < entry), entry);
            self.pieces.extend(later.front().copied().map(|first| (first, later)));
        }
    }

    /// Inserts what is less than all of one piece, and greater than all before: as the first of
    /// that piece, or as a new one.
    fn insert_before(&mut self, entry: Entry) {
        let next = self.pieces.range(entry..).next().filter(|(_, piece)| piece.len() < PIECE).map(|(key, _)| *key);
        let mut piece = next.and_then(|next| self.pieces.remove(&next)).unwrap_or_default();
        piece.push_front(entry);
        self.pieces.insert(entry, piece);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sizes().0
    }

    /// Returns how many entries there are, and for how many there is memory.
    #[cfg(test)]
    fn sizes(&self) -> (usize, usize) {
        let pieces = self.pieces.values();
        pieces.fold((0, 0), |(len, capacity), piece| (len + piece.len(), capacity + piece.capacity()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that are as good as random, and the same every time.
    fn numbers(count: usize) -> impl Iterator<Item = u64> {
        let next = |last: &u64| Some(last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        std::iter::successors(Some(7), next).map(|number| number >> 40).take(count)
    }

    fn all(mut schedule: Schedule) -> Vec<(Millis, DueItem)> {
        std::iter::from_fn(|| schedule.pop_by(Millis(u64::MAX))).collect()
    }

    #[test]
    fn what_comes_in_any_order_is_due_in_the_order_of_time() {
        let ascending: Vec<u64> = (0..1000).collect();
        let descending: Vec<u64> = (0..1000).rev().collect();
        let streams = (0..1000).flat_map(|n| [n, n + 5000, n + 300]).collect();
        let same = vec![7; 1000];
        for times in [ascending, descending, streams, same, numbers(10_000).collect()] {
            let mut schedule = Schedule::default();
            let mut expected = Vec::new();
            for (place, &at) in times.iter().enumerate() {
                let place = u32::try_from(place).unwrap();
                let due = if place % 3 == 0 { DueItem::Account(place) } else { DueItem::Record(place) };
                schedule.insert(Millis(at), due);
                expected.push((Millis(at), due));
            }
            assert_eq!(schedule.first(), expected.iter().min().copied());
            expected.sort_unstable();
            assert_eq!(all(schedule), expected);
        }
    }

    #[test]
    fn nothing_is_taken_out_before_its_time() {
        let mut schedule = Schedule::default();
        schedule.insert(Millis(10), DueItem::Record(1));
        assert_eq!((schedule.pop_by(Millis(9)), schedule.first()), (None, Some((Millis(10), DueItem::Record(1)))));
        assert_eq!(schedule.pop_by(Millis(10)), Some((Millis(10), DueItem::Record(1))));
        assert_eq!((schedule.pop_by(Millis(u64::MAX)), schedule.first()), (None, None));
        schedule.insert(Millis(u64::MAX), DueItem::Account(2));
        assert_eq!(schedule.first(), Some((Millis(u64::MAX / 2), DueItem::Account(2))), "the latest time there is");
    }

    #[test]
    fn what_is_taken_out_and_put_in_meanwhile_stays_in_order() {
        let mut schedule = Schedule::default();
        let mut expected = std::collections::BTreeSet::new();
        for (place, at) in (0_u32..).zip(numbers(20_000)) {
            schedule.insert(Millis(at), DueItem::Record(place));
            expected.insert((Millis(at), DueItem::Record(place)));
            if place % 3 != 0 {
                let (now, _) = *expected.first().unwrap();
                assert_eq!(schedule.pop_by(now), expected.pop_first());
            }
        }
        assert!(all(schedule).into_iter().eq(expected));
    }

    #[test]
    fn an_entry_takes_little_memory_whatever_the_order() {
        let streams: Vec<u64> = (0..50_000).flat_map(|n| [n, n + 1_000_000]).collect();
        let backwards: Vec<u64> = (0..100_000).rev().collect();
        for (times, most) in [(streams, 105), (backwards, 105), (numbers(100_000).collect(), 200)] {
            let mut schedule = Schedule::default();
            for (place, at) in (0..).zip(times) {
                schedule.insert(Millis(at), DueItem::Record(place));
            }
            let (len, capacity) = schedule.sizes();
            assert!(capacity * 100 <= len * most, "room for {capacity} of {len}");
        }
        assert_eq!(size_of::<Entry>(), 12);
    }
}
