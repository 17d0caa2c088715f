//! How the store's times go over the wire.

use super::{Record, Store};
use crate::protocol::{Millis, WallTime, WireTime};

impl Store {
    /// Returns `at` as it goes over the wire. Of what it is the time, `about` says: the same time
    /// of the same thing is always rounded in the same way.
    #[must_use]
    pub fn on_wire(&self, at: Millis, about: u64) -> WireTime {
        WireTime::Own { at, draw: self.draws(at, about).0 }
    }

    /// Returns two random numbers that are always the same for the same time of the same thing.
    fn draws(&self, at: Millis, about: u64) -> (u32, u32) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&at.0.to_le_bytes());
        bytes[8..].copy_from_slice(&about.to_le_bytes());
        let [a, b, c, d, e, f, g, h] = self.hasher.hash(&bytes).to_le_bytes();
        (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
    }

    /// Returns when a message will be gone: as its sender wrote it, where it did.
    pub(super) fn expiry_on_wire(&self, record: &Record) -> WireTime {
        self.given(record).unwrap_or_else(|| self.on_wire(record.expires_at, record.id_hash))
    }

    /// Returns when a message was accepted, and when it will be gone.
    pub(super) fn times_on_wire(&self, record: &Record, lifetime: u32) -> (WireTime, WireTime) {
        let at = Millis(record.expires_at.0.saturating_sub(u64::from(lifetime)));
        let (expiry, acceptance) = self.draws(record.expires_at, record.id_hash);
        let expires_at = self.given(record).unwrap_or(WireTime::Own { at: record.expires_at, draw: expiry });
        (WireTime::Own { at, draw: acceptance }, expires_at)
    }

    /// Returns when a message will be gone as its sender wrote it, where it did.
    fn given(&self, record: &Record) -> Option<WireTime> {
        let ahead = *self.given_ahead.get(usize::from(record.given).checked_sub(1)?)?;
        Some(WireTime::Given(WallTime(record.expires_at.0.saturating_add_signed(ahead))))
    }

    /// Remembers by how much the time that the sender wrote is ahead of the one that counts. That
    /// is the same for all messages until the wall clock is set: should it be set too often, the
    /// later ones are written like any other.
    pub(super) fn note_given(&mut self, given: Option<WallTime>, expires_at: Millis) -> u8 {
        let Some(given) = given else { return 0 };
        let ahead = i128::from(given.0) - i128::from(expires_at.0);
        let Ok(ahead) = i64::try_from(ahead) else { return 0 };
        if let Some(place) = self.given_ahead.iter().rposition(|&known| known == ahead) {
            return u8::try_from(place + 1).unwrap_or(0);
        }
        let Ok(place) = u8::try_from(self.given_ahead.len() + 1) else { return 0 };
        self.given_ahead.push(ahead);
        place
    }
}
