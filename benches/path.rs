//! The way of a message without its sockets: what the server's own code costs. `cargo bench`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark; criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::SigningKey;
use ephemeral::clock::Clock;
use ephemeral::hub::{self, Hub, Wakes};
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{Challenge, Fingerprint};
use ephemeral_core::session::{self, Action, Established};
use ephemeral_core::store;

fn fingerprint(number: u8) -> Fingerprint {
    Fingerprint::from(&SigningKey::from_bytes(&[number; 32]).verifying_key())
}

fn established(number: u8) -> Established {
    Established { fingerprint: fingerprint(number), receipts: false, window: 32 }
}

/// Measures the way from the sender's frame to the recipient's acknowledgement: parsed, judged,
/// kept, delivered, erased.
fn message(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("message, from frame to acknowledgement");
    for (size, survives) in [16, 512, 65536].map(|size| [(size, false), (size, true)]).concat() {
        // The ids are remembered for one second: the store stays small, however long this runs.
        let rules = session::Config { default_ttl_s: 1, ..session::Config::default() };
        let bounds = store::Config { sender_bytes: 4 << 30, total_bytes: 4 << 30, ..store::Config::default() };
        let settings = hub::Config { bounds, rate: Rate::new(u32::MAX, u32::MAX), sessions: 10 };
        // As under a service manager: what is accepted is written down, too.
        let hub = if survives {
            Hub::restore(settings, Clock::System, ephemeral::memfd_journal::create().unwrap()).unwrap().0
        } else {
            Hub::new(settings, Clock::System).unwrap()
        };
        let sender = hub.join(fingerprint(1), true, 32).unwrap().session_handle;
        let recipient = hub.join(fingerprint(2), true, 32).unwrap().session_handle;
        let alice = established(1);
        let content = "x".repeat(size);
        let mut number = 0_u64;
        let clocks = hub.clocks();
        recipient.collect(1, &mut Wakes::default(), |delivery| Established::frame(delivery, &clocks)).unwrap();
        group.throughput(Throughput::Bytes(size as u64));
        let name = if survives { format!("{size} B, surviving a restart") } else { format!("{size} B") };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                number += 1;
                let mut wakes = Wakes::default();
                let frame = format!(r#"{{"id":"m{number}","to":"{}","content":"{content}"}}"#, fingerprint_text());
                let clocks = hub.clocks();
                let Action::Submit(submission) = alice.on_text(&frame, &rules, &clocks) else { panic!("{frame}") };
                let outcome = sender.submit(&submission.id, submission.message(), &mut wakes);
                black_box(submission.answer(outcome, &clocks).unwrap());
                let clocks = hub.clocks();
                let frame = |delivery: &store::Delivery<'_>| Established::frame(delivery, &clocks);
                let collected = recipient.collect(usize::MAX, &mut wakes, frame).unwrap();
                let delivered = collected.frames.last().unwrap();
                let seq = delivered.trim_end_matches('}').rsplit(':').next().unwrap().parse().unwrap();
                recipient.acknowledge(seq, &mut wakes).unwrap();
                // The receipt.
                sender.collect(usize::MAX, &mut wakes, frame).unwrap();
            });
        });
    }
}

fn fingerprint_text() -> &'static str {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| fingerprint(2).to_string());
    &TEXT
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

criterion_group!(benches, message, authentication);
criterion_main!(benches);
