//! The way of a message without its sockets: what the server's own code costs. `cargo bench`.
//!
//! `cargo bench --bench path -- --rounds 1000 NAME` only does something so often, by a clock that
//! stands still but for what it is moved on: for `benches/check`, which counts instructions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark; criterion's macros make undocumented items"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group};
use ed25519_dalek::SigningKey;
use ephemeral::clock::Clock;
use ephemeral::hub::{self, CollectBounds, Hub, SessionHandle, Wakes};
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{Challenge, Fingerprint, WallTime};
use ephemeral_core::session::{self, Action, Established};
use ephemeral_core::store;

/// As in the server: what is freed is overwritten, which is a part of the cost.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// What is measured: bytes of content, messages in a turn, and whether they are written down, as
/// under a service manager.
const SHAPES: [(&str, usize, usize, bool); 8] = [
    ("16 B", 16, 1, false),
    ("16 B, surviving a restart", 16, 1, true),
    ("512 B", 512, 1, false),
    ("512 B, surviving a restart", 512, 1, true),
    ("512 B, 16 in a turn", 512, 16, false),
    ("512 B, 16 in a turn, surviving a restart", 512, 16, true),
    ("64 KiB", 65_536, 1, false),
    ("64 KiB, surviving a restart", 65_536, 1, true),
];

fn fingerprint(number: u8) -> Fingerprint {
    Fingerprint::from(&SigningKey::from_bytes(&[number; 32]).verifying_key())
}

fn established(number: u8) -> Established {
    Established { fingerprint: fingerprint(number), receipts: false, window: 32 }
}

/// A sender and a recipient.
struct Path {
    hub: std::sync::Arc<Hub>,
    sender: SessionHandle,
    recipient: SessionHandle,
    alice: Established,
    rules: session::Config,
    /// All of a message frame but its number.
    rest: String,
    in_a_turn: usize,
    number: u64,
}

impl Path {
    fn new(clock: Clock, size: usize, in_a_turn: usize, survives: bool) -> Self {
        let bounds = store::Config { sender_bytes: 4 << 30, total_bytes: 4 << 30, ..store::Config::default() };
        let settings = hub::Config { bounds, rate: Rate::new(u32::MAX, u32::MAX), sessions: 10 };
        let hub = if survives {
            Hub::restore(settings, clock, ephemeral::memfd_journal::create().unwrap()).unwrap().0
        } else {
            Hub::new(settings, clock).unwrap()
        };
        let sender = hub.join(fingerprint(1), true, 32).unwrap().session_handle;
        let recipient = hub.join(fingerprint(2), true, 32).unwrap().session_handle;
        let clocks = hub.clocks();
        recipient.collect(1, &mut Wakes::default(), |delivery| Established::frame(delivery, &clocks)).unwrap();
        // The ids are remembered for one second: the store stays small, however long this runs.
        let rules = session::Config { default_ttl_s: 1, ..session::Config::default() };
        let rest = format!(r#"","to":"{}","content":"{}"}}"#, fingerprint(2), "x".repeat(size));
        Self { hub, sender, recipient, alice: established(1), rules, rest, in_a_turn, number: 0 }
    }

    /// Takes the way from the sender's frames to the recipient's acknowledgement and the receipts:
    /// parsed, judged, kept, delivered, erased.
    fn round(&mut self) {
        let numbers = self.number..self.number + self.in_a_turn as u64;
        self.number = numbers.end;
        let frames: Vec<String> = numbers.map(|number| format!(r#"{{"id":"m{number}{}"#, self.rest)).collect();
        let clocks = self.hub.clocks();
        let actions: Vec<Action<'_>> =
            frames.iter().map(|frame| self.alice.on_text(frame, &self.rules, &clocks)).collect();
        let mut wakes = Wakes::default();
        let mut turn = self.sender.turn(clocks.steady, &mut wakes).unwrap();
        let mut outcomes = Vec::with_capacity(actions.len());
        for action in &actions {
            let Action::Submit(submission) = action else { panic!("{action:?}") };
            outcomes.push((submission, turn.submit(&submission.id, submission.message())));
        }
        drop(turn);
        for (submission, outcome) in outcomes {
            black_box(submission.answer(outcome.map(|submitted| submitted.parts().0), &clocks).unwrap());
        }
        drop(wakes);
        let delivered = self.collect(&self.recipient, None);
        let seq = delivered.last().unwrap().trim_end_matches('}').rsplit(':').next().unwrap().parse().unwrap();
        self.collect(&self.recipient, Some(seq));
        self.collect(&self.sender, None);
    }

    fn collect(&self, session: &SessionHandle, acknowledge: Option<u64>) -> Vec<String> {
        let clocks = self.hub.clocks();
        let mut wakes = Wakes::default();
        let mut turn = session.turn(clocks.steady, &mut wakes).unwrap();
        if let Some(seq) = acknowledge {
            turn.acknowledge(seq).unwrap();
        }
        let all = CollectBounds::any_length(usize::MAX);
        turn.collect(all, |delivery| Established::frame(delivery, &clocks)).unwrap().frames
    }
}

fn message(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("message, from frame to acknowledgement");
    for (name, size, in_a_turn, survives) in SHAPES {
        let mut path = Path::new(Clock::System, size, in_a_turn, survives);
        group.throughput(Throughput::Elements(in_a_turn as u64));
        group.bench_function(name, |bencher| bencher.iter(|| path.round()));
    }
}

fn authentication(criterion: &mut Criterion) {
    let key = SigningKey::from_bytes(&[1; 32]);
    let fingerprint = fingerprint(1).to_string();
    let challenge = Challenge { nonce: [7; 32] };
    let signature = challenge.sign("example.onion", &key);
    criterion.bench_function("a fingerprint is read and checked", |bencher| {
        bencher.iter(|| black_box(&fingerprint).parse::<Fingerprint>().unwrap());
    });
    criterion.bench_function("a signature is verified", |bencher| {
        bencher.iter(|| challenge.verify("example.onion", &key.verifying_key(), black_box(&signature)).unwrap());
    });
}

/// Takes the way of a shape so often, by a clock that stands still but for what it is moved on.
fn rounds(count: u64, name: &str) {
    let (_, size, in_a_turn, survives) =
        SHAPES.into_iter().find(|shape| shape.0 == name).expect("a shape of this name");
    let paused = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    paused.block_on(async {
        let mut path = Path::new(Clock::anchored(WallTime(1_790_000_000_000)), size, in_a_turn, survives);
        for _ in 0..count {
            path.round();
            // An id is remembered for a second: those of a thousand rounds.
            tokio::time::advance(Duration::from_millis(1)).await;
        }
    });
}

criterion_group!(benches, message, authentication);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--rounds") {
        Some(place) => rounds(arguments[place + 1].parse().expect("a number of rounds"), &arguments[place + 2]),
        None => {
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}
