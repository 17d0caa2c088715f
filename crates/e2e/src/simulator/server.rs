//! The server of the simulator. It keeps what it is given, or does not.

use std::collections::HashMap;

use super::Dice;
use crate::authority::Authority;
use crate::bytes::Key;
use crate::clock::DAY;
use crate::envelope::{SIZES, from_text, to_text};

/// Says how often a server does something else than it should, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Malice {
    /// Accept a frame and drop it.
    pub(crate) lose: u64,
    /// Deliver a frame twice.
    pub(crate) duplicate: u64,
    /// Deliver what waits in any order. Otherwise it is delivered in the order in which it came.
    pub(crate) reorder: u64,
    /// Hold a frame back.
    pub(crate) hold: u64,
    /// Invent an envelope.
    pub(crate) inject: u64,
    /// Deliver an old envelope again.
    pub(crate) replay: u64,
    /// Forget everything and begin a new epoch.
    pub(crate) forget: u64,
    /// Say at a connection that there is a new epoch, though nothing was forgotten.
    pub(crate) pretend: u64,
}

struct Kept {
    to: Key,
    content: String,
    since: u64,
    visible: u64,
    seq: u64,
}

pub(crate) struct HostileServer {
    pub(crate) authority: Authority,
    pub(crate) epoch: u64,
    kept: Vec<Kept>,
    /// All that ever came, to be replayed.
    past: HashMap<Key, Vec<String>>,
    next_seq: u64,
}

impl HostileServer {
    pub(crate) fn new(authority: Authority) -> Self {
        Self { authority, epoch: 1, kept: Vec::new(), past: HashMap::new(), next_seq: 1 }
    }

    fn keep(&mut self, to: Key, content: String, since: u64, visible: u64) {
        self.next_seq += 1;
        self.kept.push(Kept { to, content, since, visible, seq: self.next_seq });
    }

    /// Accepts a frame.
    pub(crate) fn submit(&mut self, to: Key, content: &str, malice: Malice, now: u64, dice: &mut Dice) {
        let past = self.past.entry(to).or_default();
        if past.len() < 100 {
            past.push(content.to_owned());
        }
        if dice.percent(malice.lose) {
            return;
        }
        let copies = if dice.percent(malice.duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            let held = if dice.percent(malice.hold) { dice.below(6 * DAY) } else { 0 };
            self.keep(to, content.to_owned(), now, now + held);
        }
    }

    /// Does what a server should not.
    pub(crate) fn misbehave(&mut self, malice: Malice, now: u64, dice: &mut Dice) {
        self.kept.retain(|kept| now < kept.since + 7 * DAY);
        if dice.percent(malice.forget) {
            self.kept.clear();
            self.epoch += 1;
        }
        let mut mailboxes: Vec<Key> = self.past.keys().copied().collect();
        mailboxes.sort_unstable();
        for to in mailboxes {
            let past = self.past[&to].clone();
            let chosen = &past[usize::try_from(dice.below(past.len() as u64)).unwrap()];
            if dice.percent(malice.inject) {
                let mut noise = from_text(chosen).unwrap();
                noise.truncate(SIZES[0]);
                // With a hint that is known, or not.
                let from = if dice.percent(50) { 0 } else { 4 };
                noise[from..from + 64].iter_mut().for_each(|byte| *byte = dice.next().to_be_bytes()[0]);
                self.keep(to, to_text(&noise), now, now);
            }
            if dice.percent(malice.replay) {
                self.keep(to, chosen.clone(), now, now);
            }
        }
    }

    /// Holds nothing back any more.
    pub(crate) fn release(&mut self) {
        for kept in &mut self.kept {
            kept.visible = 0;
        }
    }

    /// Returns what can be fetched from a mailbox.
    pub(crate) fn fetch(&self, mailbox: &Key, malice: Malice, now: u64, dice: &mut Dice) -> Vec<(String, u64)> {
        let visible = self.kept.iter().filter(|kept| kept.to == *mailbox && kept.visible <= now);
        let mut frames: Vec<_> = visible.map(|kept| (kept.content.clone(), kept.seq)).collect();
        if !dice.percent(malice.reorder) {
            return frames;
        }
        for at in (1..frames.len()).rev() {
            let other = usize::try_from(dice.below(at as u64 + 1)).unwrap();
            frames.swap(at, other);
        }
        frames
    }

    /// Returns the epoch that is told at a connection.
    pub(crate) fn welcome(&mut self, malice: Malice, dice: &mut Dice) -> String {
        if dice.percent(malice.pretend) {
            self.epoch += 1;
        }
        self.epoch.to_string()
    }

    /// Delivers again all that ever came.
    pub(crate) fn replay_everything(&mut self, now: u64) {
        for (to, contents) in self.past.clone() {
            for content in contents {
                self.keep(to, content, now, now);
            }
        }
    }

    pub(crate) fn acknowledge(&mut self, seq: u64) {
        self.kept.retain(|kept| kept.seq != seq);
    }

    /// Drops what waits in some mailboxes.
    pub(crate) fn forget_for(&mut self, mailboxes: &[Key]) {
        self.kept.retain(|kept| !mailboxes.contains(&kept.to));
    }

    /// Returns what ever came for a mailbox.
    pub(crate) fn past_of(&self, mailbox: &Key) -> Vec<String> {
        self.past.get(mailbox).cloned().unwrap_or_default()
    }
}
