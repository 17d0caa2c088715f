//! What is known of one fingerprint, and when it is forgotten.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{ACCOUNT_COST, AccountId, DueItem, LINGER_MS, Receipt, Store};
use crate::limits::Bucket;
use crate::protocol::{Fingerprint, Millis};

/// Numbers from which the first one of a mailbox is drawn, less than those of the time for which a
/// mailbox is remembered after its last session: so it does not go back when it is made again.
const SPREAD: u64 = (LINGER_MS - 10_000) * 1000;

/// The account of one fingerprint: all that is known of it.
pub(super) struct Account {
    pub(super) fingerprint: Fingerprint,
    /// The keyed hash of that.
    hash: u64,
    /// The records that wait for it, in the order of their sequence numbers. The first `out` have
    /// been delivered.
    pub(super) mailbox: VecDeque<u32>,
    pub(super) out: usize,
    /// Bytes of content that wait for it, those included that have expired and are not erased yet.
    pub(super) bytes: usize,
    /// Messages that count against the bounds of its mailbox: those that wait, and those that it
    /// took without letting their senders know.
    pub(super) charged_messages: usize,
    /// Their bytes of content.
    pub(super) charged_bytes: usize,
    /// Messages to it that are remembered.
    pub(super) inbound: usize,
    pub(super) next_seq: u64,
    /// The first sequence number that did not wait for the session to begin.
    pub(super) began_at: u64,
    /// Below it, a message had to wait for the recipient to come online, or has been delivered
    /// before.
    pub(super) stored_below: u64,
    /// The last sequence number that was delivered in this session.
    pub(super) delivered_up_to: u64,
    /// The last sequence number that was acknowledged in any session.
    pub(super) acknowledged_up_to: u64,
    /// Messages from it that are remembered.
    pub(super) outbound: usize,
    /// How many of them wait.
    pub(super) sent_waiting: usize,
    /// What it sent counts for so many bytes of `sender_bytes`: content, and what is remembered.
    pub(super) sent_bytes: usize,
    /// What that takes of the store: the part of the file in it as well, if there is one.
    pub(super) sent_cost: usize,
    pub(super) rate: Bucket,
    /// The time since which the fingerprint is known.
    pub(super) known_since: Millis,
    /// The time before which the account is not forgotten.
    pub(super) keep_until: Millis,
    pub(super) online: bool,
    pub(super) wants_receipts: bool,
    pub(super) caught_up: bool,
    /// Messages that have a number, and come into the mailbox when they hold: those with the
    /// highest ones.
    pub(super) unplaced: u32,
    /// Whether a look at `keep_until` is due.
    pub(super) forget_queued: bool,
}

impl Account {
    fn new(fingerprint: Fingerprint, hash: u64, next_seq: u64, known_since: Millis) -> Self {
        Self {
            fingerprint,
            hash,
            mailbox: VecDeque::new(),
            out: 0,
            bytes: 0,
            charged_messages: 0,
            charged_bytes: 0,
            inbound: 0,
            next_seq,
            began_at: next_seq,
            stored_below: next_seq,
            delivered_up_to: 0,
            acknowledged_up_to: 0,
            outbound: 0,
            sent_waiting: 0,
            sent_bytes: 0,
            sent_cost: 0,
            rate: Bucket::default(),
            known_since,
            keep_until: Millis(0),
            online: false,
            wants_receipts: true,
            caught_up: false,
            unplaced: 0,
            forget_queued: false,
        }
    }

    /// Begins a session: everything in the mailbox has waited for it.
    pub(super) fn begin_session(&mut self, wants_receipts: bool) {
        // Where this session takes over from another, the recipient has been online all the time.
        let placed_below = self.next_seq - u64::from(self.unplaced);
        self.stored_below = if self.online { self.stored_below.max(self.delivered_up_to + 1) } else { placed_below };
        self.online = true;
        self.wants_receipts = wants_receipts;
        self.out = 0;
        self.began_at = placed_below;
        self.delivered_up_to = 0;
        self.caught_up = false;
    }

    /// Returns whether the account holds nothing, and no record refers to it.
    const fn is_idle(&self) -> bool {
        !self.online && self.inbound == 0 && self.outbound == 0
    }
}

/// The progress of a session that goes on in another store of the same epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SessionProgress {
    /// The first sequence number that did not wait for the session to begin.
    pub began_at: u64,
    /// The last one that its client was sent; 0: none.
    pub sent_up_to: u64,
    /// Whether its client was told that it has caught up.
    pub caught_up: bool,
}

impl Store {
    /// Returns the first sequence number that did not wait for the session of `account` to begin.
    #[must_use]
    pub fn began_at(&self, account: AccountId) -> u64 {
        self.accounts[account.0].began_at
    }

    /// Has a session that has just [begun](Self::attach) go on where it was: what its client was
    /// sent is out, and is not delivered again. Returns the receipts that came for it meanwhile.
    pub fn go_on(&mut self, account: AccountId, progress: &SessionProgress) -> Vec<Receipt> {
        let state = &self.accounts[account.0];
        // Nobody was sent what has no number yet.
        let sent_up_to = progress.sent_up_to.min(state.next_seq.saturating_sub(1));
        let out = state.mailbox.iter().take_while(|&&record| self.seq(record) <= sent_up_to).count();
        let state = &mut self.accounts[account.0];
        state.out = out;
        state.delivered_up_to = sent_up_to;
        state.caught_up = progress.caught_up;
        state.began_at = progress.began_at;
        // Its recipient has been online all the time.
        state.stored_below = progress.began_at;
        self.kept_receipts(account)
    }

    /// Returns a sequence number that no mailbox has reached that was forgotten: one a microsecond,
    /// so that a mailbox which is made again does not go back, and tells nothing about any other.
    fn least_seq(&self) -> u64 {
        let elapsed = self.latest.since(self.opened).saturating_mul(1000);
        self.seq_floor.max(self.first_seq.saturating_add(elapsed))
    }

    /// Returns the first sequence number of a new mailbox, drawn from those of nearly a minute.
    /// Else two new mailboxes would show how fast this machine's clock runs.
    fn fresh_seq(&self, fingerprint: &Fingerprint) -> u64 {
        let draw = [&fingerprint.as_bytes()[..], &self.latest.0.to_le_bytes()].concat();
        self.least_seq().saturating_add(self.hasher.hash(&draw) % SPREAD)
    }

    pub(super) fn insert_account(&mut self, fingerprint: Fingerprint) -> AccountId {
        let hash = self.hasher.hash(fingerprint.as_bytes());
        let mut account = Account::new(fingerprint, hash, self.fresh_seq(&fingerprint), self.latest);
        if self.latest < self.forgotten_until {
            account.acknowledged_up_to = self.forgotten_below - 1;
        }
        let account = self.accounts.insert(account);
        self.by_fingerprint.insert(hash, account);
        self.bytes += ACCOUNT_COST;
        AccountId(account)
    }

    /// Forgets an account of which nothing needs to be known any more, or notes when to look again.
    pub(super) fn forget_if_idle(&mut self, id: AccountId) {
        let Some(account) = self.accounts.get_mut(id.0).filter(|account| account.is_idle()) else { return };
        if account.keep_until > self.latest {
            if !account.forget_queued {
                account.forget_queued = true;
                self.due.insert(account.keep_until, DueItem::Account(id.0));
            }
            return;
        }
        let reached = account.next_seq;
        let was_seen = account.keep_until > Millis(0);
        self.by_fingerprint.remove(account.hash, id.0);
        self.accounts.remove(id.0);
        // Only a mailbox that was filled faster than one a microsecond is ahead of what a new one
        // begins with; or one whose numbers nobody has seen.
        if was_seen && reached > self.least_seq() {
            self.seq_floor = reached;
        }
        self.bytes -= ACCOUNT_COST;
    }
}
