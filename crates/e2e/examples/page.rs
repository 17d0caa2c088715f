//! All that a page in a browser asks of the core, once: how large it is then, `tests/wasm.rs` says.
//! It asks for no time, which a page hands in.

#![allow(clippy::print_stdout, reason = "what it did")]

use std::error::Error;
use std::hint::black_box;

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::core::{Accept, Core, CoreError, IncomingFrame, InviteOptions};
use ephemeral_e2e::effect::{Effect, Event};

/// 2026-01-01.
const NOW: u64 = 1_767_225_600_000;

/// Writes the state, and returns it with what is to be done.
fn commit(core: &mut Core) -> Result<(Vec<u8>, Vec<Effect>), CoreError> {
    let mut written = Vec::new();
    let effects = core.commit(|state| {
        written.extend_from_slice(state);
        Ok::<(), CoreError>(())
    });
    Ok((written, effects.map_err(|_| CoreError::Stopped)?.into_iter().collect()))
}

fn invited(core: &mut Core) -> Result<String, Box<dyn Error>> {
    core.invite(InviteOptions::default(), NOW)?;
    let invite = commit(core)?.1.into_iter().find_map(|effect| match effect {
        Effect::Show { event: Event::Invite { text, .. }, .. } => Some(text),
        _ => None,
    });
    Ok(invite.ok_or("no invite")?)
}

/// Hands what the one sends to the other.
fn deliver(from: &mut Core, to: &mut Core, now: u64) -> Result<usize, Box<dyn Error>> {
    from.tick(now)?;
    let mut delivered = 0;
    for effect in commit(from)?.1 {
        if let Effect::Send { frame, .. } = effect {
            let incoming = IncomingFrame { mailbox: &frame.to, content: &frame.content, seq: 1, from: None };
            to.receive(incoming, now)?;
            from.accepted(frame.id, "epoch", now)?;
            delivered += 1;
        }
    }
    Ok(delivered)
}

fn main() -> Result<(), Box<dyn Error>> {
    let own = Authority::loopback("localhost")?;
    let mut alice = Core::create(own.clone(), "alice", NOW)?;
    let mut bob = Core::create(own.clone(), "bob", NOW)?;
    let accept = Accept { text: Some("hello".to_owned()), ..Accept::default() };
    bob.accept(&invited(&mut alice)?, accept, NOW)?;
    let mut delivered = 0;
    for minute in 0..120 {
        let now = NOW + minute * 60_000;
        delivered += deliver(&mut bob, &mut alice, now)? + deliver(&mut alice, &mut bob, now)?;
        if let (60, Some(contact)) = (minute, alice.contacts().first()) {
            let contact = contact.link;
            alice.send(contact, "text".to_owned(), 0, now)?;
            alice.verify(contact)?;
            let number = alice.safety_number(contact)?;
            black_box((number.digits(), number.words(), number.qr_text()));
            let group = alice.found("group", now)?;
            alice.add_member(group, contact, now)?;
            alice.send_group(group, "text".to_owned(), now)?;
            alice.welcomed(&Key::default(), &own, "epoch", now, now)?;
            alice.heal_contact(contact, now)?;
        }
    }
    let (state, _) = commit(&mut alice)?;
    let again = Core::open(&state, NOW)?;
    let restored = Core::restore(&state, NOW)?;
    black_box((again.groups(), again.invites(), again.dropped(), restored.contacts(), Key::default()));
    println!("{delivered} envelopes, {} bytes of state", state.len());
    Ok(())
}
