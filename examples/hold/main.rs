//! How long the hub's lock is held, whatever happens to a full store at once: everything expires, a
//! window is acknowledged, a sender is dropped, all of it is wiped; what another session waits
//! meanwhile; and how long it takes to restore it.
//!
//! `cargo run --release --example hold` prints the figures of `docs/performance.md`; with a word,
//! those parts that have it in their title. A hold is measured by the CPU time of the thread that
//! has it, beside the wall time: on a machine that does other things as well, a thread is
//! interrupted while it holds the lock, and that is not the store's work.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it is a program that reports, and fails by panicking")]

mod full;
mod spans;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ephemeral::hub::{Hub, Wakes};

use full::{Full, FullShape, LONG_LIFE, SHAPES, content, fingerprint, settings};
use spans::{Spans, thread_cpu};

/// As in the server: what is freed is overwritten, which takes a part of the time.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// How long messages live that expire while another session is timed.
const SHORT_LIFE: Duration = Duration::from_secs(90);

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let wanted = |part: &str| part.contains(&wanted);
    let paused = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    for shape in SHAPES.iter().filter(|shape| wanted(&shape.to_string())) {
        println!("\n{shape}");
        paused.block_on(async {
            expiry(shape).await;
            wipe(shape);
            dropped_sender(shape);
            restored(shape);
        });
    }
    if wanted("a window") {
        println!("\na window of 32 messages of 64 KiB is acknowledged");
        paused.block_on(async { acknowledged() });
    }
    let running = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    for shape in SHAPES.iter().filter(|shape| wanted(&format!("another session, {shape}"))) {
        println!("\nanother session while a store full of {shape} expires");
        running.block_on(others(shape));
    }
}

/// Measures the expiry of everything at one instant.
async fn expiry(shape: &FullShape) {
    let full = Full::of(shape, LONG_LIFE);
    let what = full.to_string();
    tokio::time::advance(LONG_LIFE + Duration::from_secs(1)).await;
    let mut holds = Spans::default();
    while holds.time(|| full.hub.expire_part()).more {}
    println!("  {what}, all expired: {holds}");
    assert_eq!(full.hub.figures().1.messages, 0);
}

/// Measures the operator's `panic`. The lock is asked for all the time.
fn wipe(shape: &FullShape) {
    let full = Full::of(shape, LONG_LIFE);
    let began = Instant::now();
    let waits = waiting_for(&full.hub, || full.hub.wipe().unwrap());
    println!("  wiped in {:.0?}; the lock could be had after {waits}", began.elapsed());
}

/// Measures how the operator drops what the largest sender has.
fn dropped_sender(shape: &FullShape) {
    let full = Full::of(shape, LONG_LIFE);
    let largest = full.hub.largest_senders(1)[0];
    let began = Instant::now();
    let mut dropped = 0;
    let waits = waiting_for(&full.hub, || dropped = full.hub.drop_waiting_from(&largest.fingerprint));
    println!("  {dropped} of one sender dropped in {:.0?}; the lock could be had after {waits}", began.elapsed());
}

/// Measures how another process takes over.
fn restored(shape: &FullShape) {
    let full = Full::of(shape, LONG_LIFE);
    let file = full.file.try_clone().unwrap();
    let figures = full.hub.figures().1;
    full.hub.release();
    drop(full);
    let began = Instant::now();
    let cpu = thread_cpu();
    let (hub, _) = Hub::restore(settings(), full::clock(), file).unwrap();
    println!("  restored in {:.2?} ({:.2?} of CPU)", began.elapsed(), thread_cpu() - cpu);
    assert_eq!(hub.figures().1.messages, figures.messages);
}

/// Measures the largest acknowledgement that a recipient can send in one frame.
fn acknowledged() {
    let hub = Full::empty();
    let recipient = hub.join(fingerprint(2), true, 32).unwrap().session_handle;
    let mut wakes = Wakes::default();
    let content = content(65_536);
    // No sender has room for all of them.
    for number in 0..40 {
        let sender = hub.join(fingerprint(10 + number / 10), false, 32).unwrap().session_handle;
        let message = full::message(fingerprint(2), &content, hub.now().plus(60_000));
        sender.submit(&format!("m{number}"), Some(&message), &mut wakes).unwrap();
    }
    let seqs = std::cell::RefCell::new(Vec::new());
    recipient
        .collect(usize::MAX, &mut wakes, |delivery| {
            if let ephemeral_core::store::Delivery::Mailbox(ephemeral_core::store::Next::Message(message)) = delivery {
                seqs.borrow_mut().push(message.seq);
            }
            String::new()
        })
        .unwrap();
    let last = *seqs.borrow().last().unwrap();
    let mut all = Spans::default();
    let waits = waiting_for(&hub, || all.time(|| recipient.acknowledge(last, &mut wakes).unwrap()));
    println!("  {} messages: {all}; the lock could be had after {waits}", seqs.borrow().len());
}

/// Measures what two people who write to each other notice of it.
async fn others(shape: &FullShape) {
    let full = Full::of(shape, SHORT_LIFE);
    let hub = Arc::clone(&full.hub);
    let alice = hub.join(fingerprint(1), false, 32).unwrap().session_handle;
    let bob = hub.join(fingerprint(2), true, 32).unwrap().session_handle;
    let left = full.expires_at.since(hub.now());
    assert!(left > 1000, "filling took longer than the messages live");
    let expiring = tokio::spawn(async move { hub.keep_expiring().await });
    let hub = Arc::clone(&full.hub);
    let messages = full.hub.figures().1.messages;
    let (calm, busy) = tokio::task::spawn_blocking(move || {
        let mut wakes = Wakes::default();
        let mut calm = Spans::default();
        let mut busy = Spans::default();
        let mut number = 0;
        while hub.figures().1.messages > 0 || busy.is_empty() {
            let began = hub.now() >= full.expires_at;
            let spans = if began { &mut busy } else { &mut calm };
            spans.time(|| full::exchange((&alice, &bob), &mut number, hub.now(), &mut wakes));
            std::thread::sleep(Duration::from_millis(1));
        }
        (calm, busy)
    })
    .await
    .unwrap();
    println!("  before {calm}");
    println!("  while {messages} expire {busy}");
    expiring.abort();
}

/// Measures how long others wait for the lock while something is done: asked for all the time by
/// another thread.
fn waiting_for(hub: &Arc<Hub>, what: impl FnOnce()) -> Spans {
    let over = Arc::new(AtomicBool::new(false));
    let asking = Arc::clone(hub);
    let stop = Arc::clone(&over);
    let asked = std::thread::spawn(move || {
        let mut waits = Spans::default();
        while !stop.load(Ordering::Relaxed) {
            waits.time(|| asking.figures());
        }
        waits
    });
    // It has begun.
    std::thread::sleep(Duration::from_millis(5));
    what();
    over.store(true, Ordering::Relaxed);
    asked.join().unwrap()
}
