//! Who has how much of the budget, who waits, and who gives way. No clock: time is passed in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::task::AtomicWaker;

use super::super::PeerKey;
use super::super::slots::Tally;

/// A message that has had its bytes for less than this makes room for nobody: it may well be on its
/// way.
pub(super) const GRACE: Duration = Duration::from_secs(10);
/// Peers that have left messages unfinished and have none now, at most.
const REMEMBERED: usize = 4096;

/// The messages that are not complete.
pub(super) struct Ledger {
    total: usize,
    used: usize,
    /// The bytes of complete messages that are kept: nobody's fault, so they make no room.
    held: usize,
    /// The bytes of the messages that gave way, and have not ended yet.
    leaving: usize,
    next: u64,
    messages: BTreeMap<u64, Incomplete>,
    peers: HashMap<PeerKey, Share>,
}

struct Incomplete {
    peer: PeerKey,
    /// What it has.
    bytes: usize,
    /// What it waits for, in all.
    wants: Option<usize>,
    /// When it was given what it has.
    since: Duration,
    gave_way: bool,
    woken: Arc<AtomicWaker>,
}

/// The share of a peer.
#[derive(Default)]
struct Share {
    messages: usize,
    bytes: usize,
    /// What it has left unfinished lately.
    unfinished: Tally,
}

impl Share {
    #[allow(clippy::cast_precision_loss, reason = "it is compared only")]
    fn weight(&self, now: Duration) -> f64 {
        self.bytes as f64 + self.unfinished.log2(now).exp2()
    }
}

impl Ledger {
    pub(super) fn new(total: usize) -> Self {
        Self { total, used: 0, held: 0, leaving: 0, next: 0, messages: BTreeMap::new(), peers: HashMap::new() }
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.used >= self.total
    }

    /// Counts the bytes of a complete message that is kept, whether there is room or not.
    pub(super) fn hold(&mut self, peer: PeerKey, bytes: usize) {
        self.used += bytes;
        self.held += bytes;
        self.peers.entry(peer).or_default().bytes += bytes;
    }

    /// Gives the bytes of such a message back.
    pub(super) fn release(&mut self, now: Duration, peer: PeerKey, bytes: usize) {
        self.used -= bytes;
        self.held -= bytes;
        if let Some(share) = self.peers.get_mut(&peer) {
            share.bytes -= bytes;
        }
        self.forget(now, peer);
        self.serve(now);
    }

    /// Enters a message, with nothing yet.
    pub(super) fn begin(&mut self, peer: PeerKey, woken: &Arc<AtomicWaker>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.peers.entry(peer).or_default().messages += 1;
        let woken = Arc::clone(woken);
        self.messages
            .insert(number, Incomplete { peer, bytes: 0, wants: None, since: Duration::ZERO, gave_way: false, woken });
        number
    }

    pub(super) fn gave_way(&self, message: u64) -> bool {
        self.messages.get(&message).is_some_and(|message| message.gave_way)
    }

    /// Gives a message so many bytes in all, or has it wait for them. Returns whether it has them.
    pub(super) fn grow(&mut self, now: Duration, message: u64, bytes: usize) -> bool {
        let Some(incomplete) = self.messages.get_mut(&message) else { return false };
        if incomplete.bytes >= bytes {
            return true;
        }
        incomplete.wants = Some(bytes);
        self.serve(now);
        let has = self.messages.get(&message).is_some_and(|message| message.bytes >= bytes);
        if !has {
            self.make_room(now, message);
        }
        has
    }

    /// Ends a message, complete or not.
    pub(super) fn end(&mut self, now: Duration, message: u64, complete: bool) {
        let Some(Incomplete { peer, bytes, gave_way, .. }) = self.messages.remove(&message) else { return };
        self.used -= bytes;
        if gave_way {
            self.leaving -= bytes;
        }
        if let Some(share) = self.peers.get_mut(&peer) {
            share.messages -= 1;
            share.bytes -= bytes;
            if !complete && bytes > 0 {
                share.unfinished.add(now, amount(bytes));
            }
        }
        self.forget(now, peer);
        self.serve(now);
    }

    /// Gives those that wait what there is, the lightest peer's first, and the oldest of those.
    fn serve(&mut self, now: Duration) {
        loop {
            let waiting = self.messages.iter().filter(|(_, message)| message.wants.is_some() && !message.gave_way);
            let next = waiting
                .min_by(|(_, one), (_, other)| self.weight(now, one.peer).total_cmp(&self.weight(now, other.peer)));
            let Some((&number, next)) = next else { return };
            let more = next.wants.unwrap_or_default().saturating_sub(next.bytes);
            // One that is larger than all there is gets it when nobody else has anything.
            if self.used + more > self.total && self.used > next.bytes {
                return;
            }
            let Some(next) = self.messages.get_mut(&number) else { return };
            next.bytes += more;
            next.wants = None;
            next.since = now;
            next.woken.wake();
            self.used += more;
            if let Some(share) = self.peers.get_mut(&next.peer) {
                share.bytes += more;
            }
        }
    }

    /// Has as many messages give way as a message needs that waits; but none of a peer that is
    /// lighter than its own.
    fn make_room(&mut self, now: Duration, message: u64) {
        let Some(waiting) = self.messages.get(&message) else { return };
        let peer = waiting.peer;
        let wants = waiting.wants.unwrap_or_default().saturating_sub(waiting.bytes);
        let own = self.weight(now, peer);
        if self.held + wants > self.total {
            return;
        }
        while self.used.saturating_sub(self.leaving) + wants > self.total {
            let candidates = self.messages.iter().filter(|(number, other)| {
                let may = other.peer == peer || self.weight(now, other.peer) > own;
                let is_old = now.saturating_sub(other.since) >= GRACE;
                **number != message && other.bytes > 0 && !other.gave_way && is_old && may
            });
            // Of several that are equally heavy, the oldest gives way.
            let heaviest = candidates
                .rev()
                .max_by(|(_, one), (_, other)| self.weight(now, one.peer).total_cmp(&self.weight(now, other.peer)));
            let Some((&number, _)) = heaviest else { return };
            let Some(victim) = self.messages.get_mut(&number) else { return };
            victim.gave_way = true;
            victim.woken.wake();
            self.leaving += victim.bytes;
        }
    }

    fn weight(&self, now: Duration, peer: PeerKey) -> f64 {
        self.peers.get(&peer).map_or(0.0, |share| share.weight(now))
    }

    fn forget(&mut self, now: Duration, peer: PeerKey) {
        let is_idle = |share: &Share| share.messages == 0 && share.bytes == 0 && share.unfinished.is_forgettable(now);
        if self.peers.get(&peer).is_some_and(is_idle) {
            self.peers.remove(&peer);
        }
        if self.peers.len() > REMEMBERED + self.messages.len() {
            // What was left unfinished longest ago counts least.
            self.peers.retain(|_, share| !is_idle(share));
            if self.peers.len() > REMEMBERED + self.messages.len() {
                self.peers.retain(|_, share| share.messages > 0 || share.bytes > 0);
            }
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "it is compared only")]
fn amount(bytes: usize) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests;
