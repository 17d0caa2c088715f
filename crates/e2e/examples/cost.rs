//! What the encryption costs: processor time to seal, open, meet and write down, and bytes of
//! state.
//! `cargo run --release -p ephemeral-e2e --example cost`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::time::{Duration, Instant};

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::card::CardKeys;
use ephemeral_e2e::core::{Accept, Core, IncomingFrame, InviteOptions};
use ephemeral_e2e::effect::{Effect, Event, Frame};
use ephemeral_e2e::envelope::{Address, open, seal};

/// 2026-01-01.
const START: u64 = 1_767_225_600_000;
const MINUTE: u64 = 60_000;
const ROUNDS: usize = 200;

/// Prints the median of what a thing took.
fn report(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    println!("{what:<44} {:>9.3} ms", took[took.len() / 2].as_secs_f64() * 1e3);
}

fn timed<T>(took: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    took.push(start.elapsed());
    result
}

fn envelopes() {
    let keys = CardKeys::generate();
    let kem = keys.kem();
    let mailbox = Key([3; 32]);
    let address = Address { mailbox: &mailbox, psk: keys.psk(), id: keys.id(), kem: &kem };
    let mut sealing = Vec::new();
    let mut opening = Vec::new();
    for number in 0..ROUNDS as u64 {
        let envelope = timed(&mut sealing, || seal(address, number, &[0; 500], 0).unwrap());
        timed(&mut opening, || open(&keys, &mailbox, &envelope).unwrap());
    }
    report("an envelope of 3,072 bytes, sealed", sealing);
    report("the same, opened", opening);
}

/// Commits, and returns the effects with the length of the state.
fn commit(core: &mut Core) -> (Vec<Effect>, usize) {
    let mut length = 0;
    let effects = core.commit(|state| {
        length = state.len();
        Ok::<(), ()>(())
    });
    (effects.unwrap().into_iter().collect(), length)
}

fn frames(core: &mut Core) -> Vec<Frame> {
    let effects = commit(core).0.into_iter();
    effects
        .filter_map(|effect| match effect {
            Effect::Send { frame, .. } => Some(frame),
            Effect::Show { id, .. } => {
                core.shown(id);
                None
            }
            _ => None,
        })
        .collect()
}

fn deliver(from: &mut Core, to: &mut Core, now: u64) {
    from.tick(now).unwrap();
    for frame in frames(from) {
        let incoming = IncomingFrame { mailbox: &frame.to, content: &frame.content, seq: 1, from: None };
        to.receive(incoming, now).unwrap();
        from.accepted(frame.id, "epoch", now).unwrap();
    }
}

/// Lets two meet by a new invite, and returns what that took both together.
fn meet(alice: &mut Core, bob: &mut Core, now: u64, took: &mut Vec<Duration>) {
    timed(took, || {
        alice.invite(InviteOptions { name: "bob".to_owned(), ..InviteOptions::default() }, now).unwrap();
        let effects = commit(alice).0;
        let invite = effects.into_iter().find_map(|effect| match effect {
            Effect::Show { event: Event::Invite { text, .. }, .. } => Some(text),
            _ => None,
        });
        let text = invite.unwrap();
        bob.accept(&text, Accept { name: "alice".to_owned(), ..Accept::default() }, now).unwrap();
        deliver(bob, alice, now);
    });
}

/// Sends a text to a contact, by its place among all.
fn talk(from: &mut Core, to: &mut Core, contact: usize, now: u64) {
    let link = from.contacts()[contact].link;
    from.send(link, "a text as people write it".to_owned(), 0, now).unwrap();
    deliver(from, to, now);
    frames(to);
}

fn first_contacts() {
    let own = Authority::loopback("localhost").unwrap();
    let mut took = Vec::new();
    for _ in 0..ROUNDS / 4 {
        let mut alice = Core::create(own.clone(), "alice", START).unwrap();
        let mut bob = Core::create(own.clone(), "bob", START).unwrap();
        meet(&mut alice, &mut bob, START, &mut took);
    }
    report("an invite, and its first message, both sides", took);
}

/// Meets so many people, talks with each, and returns the core and the length of its state.
fn with_contacts(count: usize) -> (Core, usize) {
    let own = Authority::loopback("localhost").unwrap();
    let mut alice = Core::create(own.clone(), "alice", START).unwrap();
    let mut now = START;
    for at in 0..count {
        let mut bob = Core::create(own.clone(), "bob", now).unwrap();
        meet(&mut alice, &mut bob, now, &mut Vec::new());
        frames(&mut alice);
        for _ in 0..6 {
            now += 11 * MINUTE;
            deliver(&mut alice, &mut bob, now);
            deliver(&mut bob, &mut alice, now);
            talk(&mut bob, &mut alice, 0, now);
            talk(&mut alice, &mut bob, at, now);
        }
        // The doors of invites that were used are given up later; there are sixteen at a time.
        for invite in alice.invites() {
            let _ = alice.revoke(invite.invite, now);
        }
    }
    let length = commit(&mut alice).1;
    (alice, length)
}

fn states() {
    let (mut one, first) = with_contacts(1);
    let (mut many, last) = with_contacts(21);
    println!("{:<44} {:>9} bytes", "the state with one contact", first);
    println!("{:<44} {:>9} bytes", "each further contact", (last - first) / 20);
    for (core, what) in [(&mut one, "one contact"), (&mut many, "21 contacts")] {
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            timed(&mut took, || commit(core));
        }
        report(&format!("a state of {what}, made to be written"), took);
    }
}

fn main() {
    envelopes();
    first_contacts();
    states();
}
