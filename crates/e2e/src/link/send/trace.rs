//! What a test wants to know of all that was sent: keys that encrypt two plaintexts, resets, nudges.

use std::cell::RefCell;
use std::collections::HashMap;

use vodozemac::olm::OlmMessage;

use crate::envelope::to_text;
use crate::payload::Payload;

type Use = (String, [u8; 32], u64);

#[derive(Default)]
struct Trace {
    /// What was encrypted, by the content of the frame. It counts only once that leaves.
    encrypted: HashMap<String, (Use, Vec<u8>)>,
    released: HashMap<Use, String>,
    figures: Figures,
}

/// Counts what happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) envelopes: u64,
    pub(crate) reused: u64,
    pub(crate) resets: u64,
    pub(crate) nudges: u64,
}

thread_local! {
    static TRACE: RefCell<Trace> = RefCell::default();
}

pub(crate) fn encrypted(session: &str, message: &OlmMessage, payload: &Payload, envelope: &[u8]) {
    let inner = match message {
        OlmMessage::Normal(message) => message,
        OlmMessage::PreKey(first) => first.message(),
    };
    let key = (session.to_owned(), inner.ratchet_key().to_bytes(), inner.chain_index());
    let plain = payload.to_bytes().to_vec();
    TRACE.with_borrow_mut(|trace| trace.encrypted.insert(to_text(envelope), (key, plain)));
}

/// Takes note that a frame leaves. The same frame may leave again; another one under its key may not.
pub(crate) fn released(content: &str) {
    TRACE.with_borrow_mut(|trace| {
        trace.figures.envelopes += 1;
        let Some((key, _)) = trace.encrypted.get(content) else { return };
        let before = trace.released.insert(key.clone(), content.to_owned());
        if before.is_some_and(|before| before != content) {
            trace.figures.reused += 1;
        }
    });
}

pub(crate) fn reset() {
    TRACE.with_borrow_mut(|trace| trace.figures.resets += 1);
}

pub(crate) fn nudge() {
    TRACE.with_borrow_mut(|trace| trace.figures.nudges += 1);
}

/// Returns what happened since it was asked last.
pub(crate) fn take() -> Figures {
    TRACE.with_borrow_mut(std::mem::take).figures
}
