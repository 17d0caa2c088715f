//! The texts of this process, in memory only: bounded by their bytes, and deleted when their time
//! is over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ephemeral_e2e::effect::LinkId;
use ephemeral_e2e::roster::GroupId;

use crate::api::{HistoryItem, StandingName};

/// How many bytes are kept.
const MAX_BYTES: usize = 16 << 20;
/// What a text takes beside its bytes.
const OVERHEAD: usize = 256;

/// Names a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Talk {
    Contact(LinkId),
    Group(GroupId),
}

/// Holds a text.
struct Kept {
    talk: Talk,
    mid: u64,
    item: HistoryItem,
    /// When it is deleted, in milliseconds since 1970.
    gone_ms: Option<u64>,
    /// The event by which it came, until it was shown.
    unshown: Option<u64>,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.item.text.len() + OVERHEAD
    }

    /// Returns when it is deleted, if that is to be and it was shown.
    fn end(&self, number: u64) -> Option<(u64, u64)> {
        self.gone_ms.filter(|_| self.unshown.is_none()).map(|gone| (gone, number))
    }
}

/// Holds the texts, in the order in which they came.
#[derive(Default)]
pub(super) struct Archive {
    texts: BTreeMap<u64, Kept>,
    next: u64,
    bytes: usize,
    /// Where one's own texts are.
    own: HashMap<(Talk, u64), u64>,
    /// Where texts are that were not shown, by their events.
    unshown: HashMap<u64, u64>,
    /// When those that were shown are deleted, the next one first.
    ends: BTreeSet<(u64, u64)>,
}

/// Holds a text that is put into the archive.
pub(super) struct ArchiveEntry {
    pub(super) talk: Talk,
    pub(super) mid: u64,
    pub(super) item: HistoryItem,
    pub(super) gone_ms: Option<u64>,
    /// The event by which it came.
    pub(super) event: Option<u64>,
}

impl Archive {
    pub(super) fn put(&mut self, entry: ArchiveEntry) {
        let ArchiveEntry { talk, mid, item, gone_ms, event } = entry;
        let number = self.next;
        self.next += 1;
        if item.from.is_none() {
            self.own.insert((talk, mid), number);
        }
        if let Some(event) = event {
            self.unshown.insert(event, number);
        }
        let kept = Kept { talk, mid, item, gone_ms, unshown: event };
        self.ends.extend(kept.end(number));
        self.bytes += kept.bytes();
        self.texts.insert(number, kept);
        while self.bytes > MAX_BYTES
            && let Some(oldest) = self.texts.keys().next().copied()
        {
            self.remove(oldest);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(kept) = self.texts.remove(&number) else { return };
        self.bytes -= kept.bytes();
        if let Some(end) = kept.end(number) {
            self.ends.remove(&end);
        }
        if kept.item.from.is_none() {
            self.own.remove(&(kept.talk, kept.mid));
        }
        if let Some(event) = kept.unshown {
            self.unshown.remove(&event);
        }
    }

    fn remove_all(&mut self, is_out: impl Fn(&Kept) -> bool) {
        let out: Vec<u64> = self.texts.iter().filter(|(_, kept)| is_out(kept)).map(|(number, _)| *number).collect();
        for number in out {
            self.remove(number);
        }
    }

    /// Returns the latest texts of a conversation, the oldest first; 0: all.
    pub(super) fn latest(&self, talk: Talk, last: u32) -> Vec<HistoryItem> {
        let most = if last == 0 { usize::MAX } else { usize::try_from(last).unwrap_or(usize::MAX) };
        let of_talk = self.texts.values().rev().filter(|kept| kept.talk == talk);
        let mut items: Vec<_> = of_talk.take(most).map(|kept| kept.item.clone()).collect();
        items.reverse();
        items
    }

    /// Takes note of how far a text of one's own came. It never goes back.
    pub(super) fn stands(&mut self, talk: Talk, mid: u64, standing: StandingName) {
        let number = self.own.get(&(talk, mid));
        let Some(kept) = number.and_then(|number| self.texts.get_mut(number)) else { return };
        let before = kept.item.standing.unwrap_or(StandingName::Kept);
        if before != StandingName::Arrived && standing > before {
            kept.item.standing = Some(standing);
        }
    }

    /// Takes note that an event was shown.
    pub(super) fn shown(&mut self, event: u64) {
        let Some(number) = self.unshown.remove(&event) else { return };
        if let Some(kept) = self.texts.get_mut(&number) {
            kept.unshown = None;
            self.ends.extend(kept.end(number));
        }
    }

    /// Deletes what is due: what came only after it was shown.
    pub(super) fn prune(&mut self, now_ms: u64) {
        while let Some((gone, number)) = self.ends.first().copied()
            && gone <= now_ms
        {
            self.ends.remove(&(gone, number));
            self.remove(number);
        }
    }

    /// Returns when something is to be deleted next, in milliseconds since 1970.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.ends.first().map(|(gone, _)| *gone)
    }

    /// Deletes a conversation.
    pub(super) fn forget(&mut self, talk: Talk) {
        self.remove_all(|kept| kept.talk == talk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Talk = Talk::Contact(1);

    fn entry(mid: u64, text: &str) -> ArchiveEntry {
        let item = HistoryItem {
            id: mid.to_string(),
            from: None,
            at: String::new(),
            text: text.to_owned(),
            standing: Some(StandingName::Sending),
            gone_at: None,
            missing: false,
        };
        ArchiveEntry { talk: ALICE, mid, item, gone_ms: None, event: None }
    }

    fn ids(archive: &Archive, last: u32) -> Vec<String> {
        archive.latest(ALICE, last).into_iter().map(|item| item.id).collect()
    }

    #[test]
    fn the_oldest_texts_go_when_there_are_too_many_bytes() {
        let mut archive = Archive::default();
        let long = "x".repeat(1 << 20);
        (0..20).for_each(|mid| archive.put(entry(mid, &long)));
        assert_eq!(ids(&archive, 0).len(), 15);
        assert_eq!(ids(&archive, 2), ["18", "19"]);
        assert!(archive.bytes <= MAX_BYTES && archive.own.len() == 15);
        archive.forget(ALICE);
        assert_eq!((archive.bytes, archive.own.len()), (0, 0));
    }

    #[test]
    fn a_standing_never_gets_worse() {
        let mut archive = Archive::default();
        archive.put(entry(1, "x"));
        let mut after = |standing| {
            archive.stands(ALICE, 1, standing);
            archive.latest(ALICE, 0)[0].standing
        };
        assert_eq!(after(StandingName::AtServer), Some(StandingName::AtServer));
        assert_eq!(after(StandingName::Sending), Some(StandingName::AtServer));
        assert_eq!(after(StandingName::Arrived), Some(StandingName::Arrived));
        assert_eq!(after(StandingName::NotDelivered), Some(StandingName::Arrived));
    }

    #[test]
    fn what_is_to_be_gone_goes_at_its_time_but_not_before_it_was_shown() {
        let mut archive = Archive::default();
        archive.put(ArchiveEntry { gone_ms: Some(1_000), ..entry(1, "mine") });
        let mut theirs = ArchiveEntry { gone_ms: Some(1_000), event: Some(7), ..entry(2, "theirs") };
        theirs.item.from = Some("alice".to_owned());
        archive.put(theirs);
        archive.prune(999);
        assert_eq!((ids(&archive, 0).len(), archive.next_ms()), (2, Some(1_000)));
        archive.prune(1_000);
        assert_eq!((ids(&archive, 0), archive.next_ms()), (vec!["2".to_owned()], None));
        archive.shown(7);
        archive.prune(1_000);
        assert!(ids(&archive, 0).is_empty());
    }
}
