//! What a copy has, against the stream that it follows.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const ROOM: usize = 1 << 20;

/// A stream as NATS has it: the newest entry of each subject, under numbers that rise.
#[derive(Default)]
struct Stream {
    /// What time it is, in seconds.
    now: u64,
    last: u64,
    entries: BTreeMap<u64, ReplayedEntry>,
    newest: Option<Fence>,
    /// Who wrote it last; it counts what it writes.
    written: u8,
}

impl Stream {
    fn time(&self) -> Millis {
        Millis(1000 * self.now)
    }

    /// Lets time pass: what is empty goes by itself.
    fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        let now = self.now;
        self.entries.retain(|_, entry| !entry.sealed.is_empty() || entry.written_s + 60 > now);
    }

    /// Loses all, and does not know it.
    fn forget(&mut self) {
        self.last = 0;
        self.entries.clear();
        self.newest = None;
    }

    fn write(&mut self, kind: EntryKind, sealed: Vec<u8>, mark: Option<&FenceMark>) -> u64 {
        self.last += 1;
        self.entries.retain(|_, entry| entry.kind != kind);
        let headers = mark.map(|mark| format!("NATS/1.0\r\n{}: {}\r\n\r\n", mark.header().0, mark.header().1));
        let headers = Bytes::from(headers.unwrap_or_default());
        let entry = ReplayedEntry {
            number: self.last,
            kind,
            sealed: sealed.into(),
            has_more: false,
            written_s: self.now,
            headers,
        };
        self.entries.insert(self.last, entry);
        self.last
    }

    fn put(&mut self, place: u32) {
        self.written = self.written.wrapping_add(1);
        self.write(EntryKind::Place(place), vec![self.written; 9], None);
    }

    /// Another writer begins, or the same one anew.
    fn fence(&mut self, goes_on: bool) -> Fence {
        let before = self.newest.as_ref().filter(|_| goes_on).and_then(|newest| newest.mark.clone());
        let mark = FenceMark::new(before.as_ref()).unwrap();
        let number = self.write(EntryKind::Fence, vec![1; 8], Some(&mark));
        let fence = Fence { number, term: 1, mark: Some(mark) };
        self.newest = Some(fence.clone());
        fence
    }

    /// Returns what stands at each place.
    fn places(&self) -> BTreeMap<u32, Vec<u8>> {
        let places = self.entries.values().filter_map(|entry| match entry.kind {
            EntryKind::Place(place) if !entry.sealed.is_empty() => Some((place, entry.sealed.to_vec())),
            _ => None,
        });
        places.collect()
    }
}

/// Somebody who reads a stream: by a consumer, which is lost now and then.
#[derive(Default)]
struct Reader {
    copy: JournalCopy,
    next: Option<u64>,
}

impl Reader {
    /// Reads one entry, if there is one. A consumer that begins behind the end of a stream is given
    /// what comes next.
    fn read(&mut self, stream: &Stream) -> bool {
        let Some(next) = self.next.or_else(|| {
            let newest = stream.newest.as_ref()?;
            self.copy.attach(newest, ROOM, stream.time()).map(|first| first.min(stream.last + 1))
        }) else {
            self.copy.clear();
            return false;
        };
        self.next = Some(next);
        let Some((number, entry)) = stream.entries.range(next..).next() else { return false };
        self.next = self.copy.take(entry, stream.time()).is_ok().then_some(number + 1);
        true
    }

    /// Takes over, and returns what stands at each place; `None`: the journal is to be read.
    fn takes_over(mut self, stream: &mut Stream) -> Option<BTreeMap<u32, Vec<u8>>> {
        let own = stream.fence(true);
        // By another consumer than before.
        self.next = None;
        while self.read(stream) {
            self.next?;
        }
        let is_whole = self.copy.is_read_up_to(&own);
        is_whole.then(|| self.copy.take_all().map(|(place, sealed, _)| (place, sealed.into_vec())).collect())
    }
}

#[derive(Debug, Clone)]
enum Op {
    Put(u32),
    Forget(u32),
    /// So many seconds pass.
    Passes(u64),
    /// The leader says how much there is.
    Asked,
    Reads(usize),
    /// The consumer is lost: another one is made.
    Lost,
    TakenOver,
    /// The writer erases all, and begins anew.
    Purged,
    /// NATS has lost all, and the writer writes so many places again. The consumer goes with it, or
    /// waits for the number that would have been the next.
    WrittenAgain(u32, bool),
    /// NATS has lost all, and nobody has noticed yet.
    Amnesia,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0..6_u32).prop_map(Op::Put),
        4 => (0..6_u32).prop_map(Op::Forget),
        4 => (1..40_u64).prop_map(Op::Passes),
        4 => Just(Op::Asked),
        8 => (0..6_usize).prop_map(Op::Reads),
        3 => Just(Op::Lost),
        2 => Just(Op::TakenOver),
        1 => Just(Op::Purged),
        1 => (0..6_u32, any::<bool>()).prop_map(|(places, is_noticed)| Op::WrittenAgain(places, is_noticed)),
        1 => Just(Op::Amnesia),
    ]
}

fn does(op: &Op, stream: &mut Stream, reader: &mut Reader) {
    match *op {
        Op::Put(place) => stream.put(place),
        Op::Forget(place) => drop(stream.write(EntryKind::Place(place), Vec::new(), None)),
        Op::Passes(seconds) => stream.pass(seconds),
        Op::Asked => reader.copy.note_end(stream.time(), stream.last),
        Op::Reads(entries) => {
            for _ in 0..entries {
                reader.read(stream);
            }
        }
        Op::Lost => reader.next = None,
        Op::TakenOver => drop(stream.fence(true)),
        Op::Purged => {
            stream.entries.clear();
            stream.newest = None;
            stream.fence(false);
        }
        Op::WrittenAgain(places, is_noticed) => {
            stream.forget();
            stream.fence(false);
            (0..places).for_each(|place| stream.put(place));
            if is_noticed {
                reader.next = None;
            }
        }
        Op::Amnesia => {
            stream.forget();
            reader.next = None;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn whoever_takes_over_has_what_is_there_or_knows_better(ops in vec(op(), 0..80)) {
        let mut stream = Stream::default();
        stream.fence(false);
        let mut reader = Reader::default();
        for op in &ops {
            // Nobody writes behind a fence that was lost: the writer is refused.
            if stream.newest.is_some() || !matches!(op, Op::Put(_) | Op::Forget(_)) {
                does(op, &mut stream, &mut reader);
            }
            let (entries, bytes) = reader.copy.figures();
            prop_assert!(bytes <= ROOM && bytes == entries * (ENTRY_COST + 9), "{entries} entries, {bytes} bytes");
        }
        if let Some(places) = reader.takes_over(&mut stream) {
            prop_assert_eq!(places, stream.places());
        }
    }
}

fn two() -> (Stream, Reader) {
    let mut stream = Stream::default();
    stream.fence(false);
    (0..20).for_each(|place| stream.put(place));
    let mut reader = Reader::default();
    while reader.read(&stream) {}
    (stream, reader)
}

#[test]
fn whoever_has_read_along_reads_only_the_rest() {
    let (mut stream, mut reader) = two();
    assert_eq!(reader.copy.figures(), (20, 20 * (ENTRY_COST + 9)));
    // Two takeovers, with a consumer that is lost in between: it is the same journal.
    stream.fence(true);
    assert!(reader.read(&stream));
    reader.next = None;
    stream.put(3);
    let newest = stream.newest.clone().unwrap();
    assert_eq!(reader.copy.attach(&newest, ROOM, stream.time()), Some(23), "it goes on where it was");
    let places = stream.places();
    assert_eq!(reader.takes_over(&mut stream), Some(places));
}

#[test]
fn what_was_given_up_while_nobody_read_along_is_not_there_any_more() {
    // After so long nobody hears that a place was given up.
    for (away_s, is_known) in [(30, true), (50, false), (90, false)] {
        let (mut stream, mut reader) = two();
        stream.pass(300);
        reader.copy.note_end(stream.time(), stream.last);
        stream.write(EntryKind::Place(7), Vec::new(), None);
        reader.next = None;
        stream.pass(away_s);
        let places = stream.places();
        let taken = reader.takes_over(&mut stream);
        assert_eq!(taken, is_known.then_some(places), "after {away_s} seconds");
    }
}

#[test]
fn all_is_read_as_of_a_moment_when_what_there_was_then_is_read() {
    let (mut stream, mut reader) = two();
    stream.pass(40);
    stream.put(1);
    // Of the first answer it is told when it has read that much, and not of the second.
    reader.copy.note_end(stream.time(), stream.last);
    reader.copy.note_end(stream.time(), stream.last + 9);
    assert!(reader.read(&stream));
    stream.pass(40);
    stream.put(2);
    assert!(reader.read(&stream) && reader.next.is_some());
    stream.pass(6);
    stream.put(3);
    assert!(reader.read(&stream) && reader.next.is_none(), "it is too far behind by now");
    assert_eq!(reader.copy.figures(), (0, 0));
}

#[test]
fn what_was_written_anew_is_no_part_of_what_was_read_before() {
    for lost in [Op::WrittenAgain(19, true), Op::Purged] {
        let (mut stream, mut reader) = two();
        does(&lost, &mut stream, &mut reader);
        // As many numbers as before: they do not tell.
        (0..30).for_each(|_| stream.put(1));
        reader.read(&stream);
        while reader.copy.figures().0 > 0 && reader.next.is_some() && reader.read(&stream) {}
        let old = reader.copy.entries.values().any(|entry| entry.sealed[0] <= 20);
        assert!(!old, "{lost:?}: what was there before is gone");
        let expected = stream.places();
        assert!(reader.takes_over(&mut stream).is_none_or(|places| places == expected));
    }
}

#[test]
fn a_journal_that_is_larger_than_a_store_may_be_is_not_kept() {
    let mut stream = Stream::default();
    let newest = stream.fence(false);
    (0..3).for_each(|place| stream.put(place));
    let mut copy = JournalCopy::default();
    let now = stream.time();
    copy.attach(&newest, 2 * (ENTRY_COST + 9), now);
    let taken: Vec<_> = stream.entries.values().map(|entry| copy.take(entry, now)).collect();
    assert_eq!(taken, [Ok(()), Ok(()), Ok(()), Err(CopyEnded::TooLarge)]);
    assert_eq!((copy.figures(), copy.position()), ((0, 0), 0));
    // The same place again takes nothing more.
    copy.attach(&newest, ENTRY_COST + 9, now);
    let entry = stream.entries.values().find(|entry| entry.kind == EntryKind::Place(0)).unwrap();
    let again = ReplayedEntry { number: 9, ..entry.clone() };
    assert_eq!((copy.take(entry, now), copy.take(&again, now)), (Ok(()), Ok(())));
}

#[test]
fn what_was_erased_here_is_begun_anew() {
    let (stream, mut reader) = two();
    reader.copy.clear();
    let last = stream.entries.values().last().unwrap();
    assert_eq!(reader.copy.take(last, stream.time()), Err(CopyEnded::Other), "what comes then is only a part of it");
    let Reader { mut copy, .. } = reader;
    assert_eq!(copy.attach(stream.newest.as_ref().unwrap(), ROOM, stream.time()), Some(1));
}

#[test]
fn an_entry_that_has_run_out_is_said_so() {
    let mut stream = Stream::default();
    let newest = stream.fence(false);
    let mut copy = JournalCopy::default();
    copy.attach(&newest, ROOM, stream.time());
    stream.put(1);
    stream.put(2);
    for (entry, written_s) in stream.entries.values().zip([1, 1, 61]) {
        let headers = match entry.kind {
            EntryKind::Fence => entry.headers.clone(),
            _ => Bytes::from_static(b"NATS/1.0\r\nNats-TTL: 60\r\n\r\n"),
        };
        copy.take(&ReplayedEntry { headers, written_s, ..entry.clone() }, stream.time()).unwrap();
    }
    let run_out: Vec<_> = copy.take_all().map(|(place, _, has_run_out)| (place, has_run_out)).collect();
    assert_eq!(run_out, [(1, true), (2, false)]);
}
