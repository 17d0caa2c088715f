//! What is due, bit by bit: senders choose the moment at which their messages expire, and may
//! choose the same for all.

use super::{AccountId, Completion, DueItem, Store};
use crate::protocol::Millis;

/// How much is erased in one call: so many messages without content, or fewer larger ones. It takes
/// a tenth of a millisecond where each is the last of its recipient's (`examples/hold`): everybody
/// waits for that long.
pub const EXPIRED_AT_ONCE: usize = 40;
/// How many of a mailbox's messages that have expired are set aside at once: they move, and are not
/// overwritten yet.
const SET_ASIDE_AT_ONCE: usize = 100;
/// So much content is as much work as a message without any.
pub(super) const BYTES_A_UNIT: usize = 256;
/// The places in a mailbox that are, when they move up, as much work as a message without content.
const PLACES_A_UNIT: usize = 4096;

impl Store {
    /// Erases what is due by `now`, up to [`EXPIRED_AT_ONCE`] of it. Pushes what the senders are to
    /// be told, and those who are online and for whom there may be something to
    /// [`deliver`](Self::deliver) now, because what kept them from it is gone. Returns whether more
    /// is due: it is not delivered and its ids are not known any more, but until it is erased it
    /// takes room.
    pub fn expire(&mut self, now: Millis, ended: &mut Vec<Completion>, freed: &mut Vec<AccountId>) -> bool {
        self.latest = self.latest.max(now);
        self.give_up_waiting();
        let mut work = 0;
        while work < EXPIRED_AT_ONCE {
            let Some((at, due)) = self.due.pop_by(self.latest) else { return false };
            work += match due {
                DueItem::Account(account) => {
                    if let Some(state) = self.accounts.get_mut(account) {
                        state.forget_queued = false;
                        self.forget_if_idle(AccountId(account));
                    }
                    1
                }
                DueItem::Record(record) => self.expire_record(record, at, ended, freed),
            };
        }
        self.is_behind()
    }

    /// Returns when [`expire`](Self::expire) will have something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| at)
    }

    /// Returns whether an expired message may not be erased yet.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        // Whatever is due first: an account that is to be forgotten may stand before a message.
        self.due.first().is_some_and(|(at, _)| at <= self.latest)
    }

    /// Takes a message that waits out of its mailbox. Pushes its recipient if that may be sent
    /// another one now. Returns how much work that was.
    pub(super) fn take_out(&mut self, record: u32, freed: &mut Vec<AccountId>) -> usize {
        let recipient = self.records[record].recipient;
        let seq = self.seq(record);
        let mailbox = &self.accounts[recipient].mailbox;
        let Ok(place) = mailbox.binary_search_by_key(&seq, |&other| self.seq(other)) else { return 0 };
        let account = &mut self.accounts[recipient];
        let moved = place.min(account.mailbox.len() - place);
        account.mailbox.remove(place);
        // There is room in the window, or another message is the next one, or none is and it has
        // caught up.
        if account.online && place <= account.out {
            freed.push(AccountId(recipient));
        }
        account.out -= usize::from(place < account.out);
        if account.mailbox.len() < account.mailbox.capacity() / 8 {
            account.mailbox.shrink_to(2 * account.mailbox.len());
        }
        moved / PLACES_A_UNIT
    }

    /// Takes what has expired out of a mailbox, where it stands in the way of what is to be
    /// delivered next. It is erased when its turn comes.
    pub(super) fn set_aside_expired(&mut self, account: AccountId) {
        if !self.is_behind() {
            return;
        }
        let records = &self.records;
        let latest = self.latest;
        let account = &mut self.accounts[account.0];
        let is_gone = |record: u32| records[record].expires_at <= latest;
        let mut place = 0;
        while place < account.out {
            if is_gone(account.mailbox[place]) {
                account.mailbox.remove(place);
                account.out -= 1;
            } else {
                place += 1;
            }
        }
        let mut left = SET_ASIDE_AT_ONCE;
        while left > 0 && account.mailbox.get(account.out).is_some_and(|&record| is_gone(record)) {
            account.mailbox.remove(account.out);
            left -= 1;
        }
    }

    /// Returns how many messages wait for an account and have not expired.
    pub(super) fn pending(&self, account: AccountId) -> usize {
        let mailbox = &self.accounts[account.0].mailbox;
        if !self.is_behind() {
            return mailbox.len();
        }
        mailbox.iter().filter(|&&record| self.records[record].expires_at > self.latest).count()
    }
}
