//! What a test wants to know of all that was sent: keys that encrypt two plaintexts, texts under a
//! root, resets, nudges.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use vodozemac::olm::OlmMessage;

use crate::clock::DAY;
use crate::effect::LinkId;
use crate::envelope::to_text;
use crate::payload::Payload;

type Use = (String, [u8; 32], u64);
/// A person of the simulator, and one of its links.
type End = (usize, LinkId);

struct Sent {
    key: Use,
    link: LinkId,
    /// Whether it holds content and is sealed to a root.
    content: Option<Seal>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seal {
    Root,
    Plain,
}

#[derive(Default)]
struct Trace {
    /// Who acts, and when.
    who: usize,
    now: u64,
    /// What was encrypted, by the content of the frame. It counts only once that leaves.
    encrypted: HashMap<String, Sent>,
    released: HashMap<Use, String>,
    /// The ends that sent content under a plain card, since a session was opened to them.
    past_roots: HashSet<End>,
    nudged: HashMap<End, Vec<u64>>,
    figures: TraceFigures,
}

/// Counts what happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TraceFigures {
    pub(crate) envelopes: u64,
    pub(crate) reused: u64,
    pub(crate) resets: u64,
    pub(crate) nudges: u64,
    /// The most nudges that one end sent within a day.
    pub(crate) nudges_a_day: usize,
    /// Texts under a root although a plain card was known.
    pub(crate) under_root: u64,
}

thread_local! {
    static TRACE: RefCell<Trace> = RefCell::default();
}

/// Says who acts from now on, and when.
pub(crate) fn at(who: usize, now: u64) {
    TRACE.with_borrow_mut(|trace| {
        trace.who = who;
        trace.now = now;
    });
}

pub(crate) fn encrypted(session: &str, message: &OlmMessage, sent: (&Payload, &[u8]), to: (LinkId, bool)) {
    let inner = match message {
        OlmMessage::Normal(message) => message,
        OlmMessage::PreKey(first) => first.message(),
    };
    let key = (session.to_owned(), inner.ratchet_key().to_bytes(), inner.chain_index());
    let (payload, envelope) = sent;
    let (link, root) = to;
    let seal = if root { Seal::Root } else { Seal::Plain };
    let content = payload.content.as_ref().map(|_| seal);
    TRACE.with_borrow_mut(|trace| trace.encrypted.insert(to_text(envelope), Sent { key, link, content }));
}

/// Takes note that a session was opened by the other side: content may be sealed to its root again.
pub(crate) fn opened(link: LinkId) {
    TRACE.with_borrow_mut(|trace| {
        let end = (trace.who, link);
        trace.past_roots.remove(&end)
    });
}

/// Takes note that a frame leaves. The same frame may leave again; another one under its key may
/// not.
pub(crate) fn released(content: &str) {
    TRACE.with_borrow_mut(|trace| {
        trace.figures.envelopes += 1;
        let Some(sent) = trace.encrypted.get(content) else { return };
        let end = (trace.who, sent.link);
        let seal = sent.content;
        let before = trace.released.insert(sent.key.clone(), content.to_owned());
        match seal {
            Some(Seal::Plain) => drop(trace.past_roots.insert(end)),
            // A frame that leaves again was sealed before a plain card was known.
            Some(Seal::Root) if before.is_none() => {
                trace.figures.under_root += u64::from(trace.past_roots.contains(&end));
            }
            Some(Seal::Root) | None => {}
        }
        if before.is_some_and(|before| before != content) {
            trace.figures.reused += 1;
        }
    });
}

pub(crate) fn reset() {
    TRACE.with_borrow_mut(|trace| trace.figures.resets += 1);
}

pub(crate) fn nudge(link: LinkId) {
    TRACE.with_borrow_mut(|trace| {
        let now = trace.now;
        let nudged = trace.nudged.entry((trace.who, link)).or_default();
        nudged.retain(|at| now < at + DAY);
        nudged.push(now);
        let count = nudged.len();
        trace.figures.nudges += 1;
        trace.figures.nudges_a_day = trace.figures.nudges_a_day.max(count);
    });
}

/// Returns what happened so far, since [`take`].
pub(crate) fn figures() -> TraceFigures {
    TRACE.with_borrow(|trace| trace.figures)
}

/// Returns what happened since it was asked last.
pub(crate) fn take() -> TraceFigures {
    TRACE.with_borrow_mut(std::mem::take).figures
}
