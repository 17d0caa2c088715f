//! What happened in the last minute, from samples of what happened in all.

use std::collections::VecDeque;
use std::time::Duration;

use crate::hub::Totals;
use ephemeral_core::protocol::Millis;

/// The time between two samples.
pub const SAMPLE: Duration = Duration::from_secs(5);
/// The time that is looked back, in milliseconds.
const MINUTE_MS: u64 = 60_000;

/// Samples of the last minute, the oldest first; one of them may be older.
#[derive(Default)]
pub(super) struct Rates(VecDeque<(Millis, Totals)>);

impl Rates {
    pub(super) fn sample(&mut self, now: Millis, totals: Totals) {
        // The oldest that is kept is the youngest that is a minute old.
        while self.0.get(1).is_some_and(|(at, _)| at.plus(MINUTE_MS) <= now) {
            self.0.pop_front();
        }
        self.0.push_back((now, totals));
    }

    /// Returns what was added since a minute ago or, before there is a minute to look back at,
    /// since the start.
    pub(super) fn last_minute(&self, now: Millis, totals: &Totals) -> Totals {
        let old = self.0.iter().rev().find(|(at, _)| at.plus(MINUTE_MS) <= now).map(|(_, totals)| *totals);
        let old = old.unwrap_or_default();
        // Totals do not go back; if they did, nothing happened since.
        Totals {
            accepted: totals.accepted.saturating_sub(old.accepted),
            duplicates: totals.duplicates.saturating_sub(old.duplicates),
            rejected: totals.rejected.saturating_sub(old.rejected),
            delivered: totals.delivered.saturating_sub(old.delivered),
            expired: totals.expired.saturating_sub(old.expired),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accepted: u64) -> Totals {
        Totals { accepted, ..Totals::default() }
    }

    #[test]
    fn what_is_older_than_a_minute_does_not_count() {
        let mut rates = Rates::default();
        let start = Millis(1_000_000);
        for second in 0..=200 {
            // One a second.
            if second % 5 == 0 {
                rates.sample(start.plus(second * 1000), accepted(second));
            }
            let last = rates.last_minute(start.plus(second * 1000), &accepted(second)).accepted;
            assert!((second.min(60)..=second.min(65)).contains(&last), "{last} after {second} s");
        }
        assert!(rates.0.len() <= 14, "{} samples", rates.0.len());
    }
}
