//! How long the store has known somebody: a message waits for them, or one of theirs is remembered,
//! or they are here.
//!
//! Keys are free, and so is a message that somebody leaves for each of them. The time that they
//! have been known is not: nobody who has made up their mind just now can buy it.

use serde::{Deserialize, Serialize};

use super::{AccountId, Store};
use crate::protocol::{Fingerprint, Millis};

/// Who is known for so long, in milliseconds, is known [well](Acquaintance::Old).
pub const OLD_MS: u64 = 12 * 3_600_000;

/// How well the store knows somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Acquaintance {
    /// Not at all.
    Stranger,
    /// For less than [`OLD_MS`].
    Recent,
    /// For longer.
    Old,
}

impl Store {
    /// Returns how well `fingerprint` is known.
    #[must_use]
    pub fn acquaintance(&self, now: Millis, fingerprint: &Fingerprint) -> Acquaintance {
        match self.find(fingerprint) {
            None => Acquaintance::Stranger,
            Some(account) if now.since(self.accounts[account.0].known_since) >= OLD_MS => Acquaintance::Old,
            Some(_) => Acquaintance::Recent,
        }
    }

    /// Takes note that an account was known at that time already.
    pub(super) fn known_at(&mut self, account: AccountId, at: Millis) {
        let known_since = &mut self.accounts[account.0].known_since;
        *known_since = (*known_since).min(at);
    }
}
