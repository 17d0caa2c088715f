//! Randomness: keys from the operating system, moments of time from a stream that a test can
//! repeat.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bytes::Secret;

/// Fills a buffer with random bytes of the operating system.
///
/// # Panics
///
/// Panics if the operating system has none to give: nothing of this crate may go on then.
#[allow(clippy::expect_used, reason = "without randomness there is nothing to answer with")]
pub(crate) fn fill(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives random bytes");
}

/// Returns random bytes of the operating system. See [`fill`].
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Returns a random number that is not zero: zero stands for "none" in every identifier of this
/// crate.
pub(crate) fn identifier() -> u64 {
    u64::from_be_bytes(bytes()).max(1)
}

/// How many times shorter waits are in haste.
const HASTE: u64 = 60;

/// Chooses the moments at which the core acts on its own.
///
/// The stream is SHA-256 in counter mode over a secret seed. Moments need not be unpredictable
/// forever, but whoever sees some of them must not be able to tell the others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CoreJitter {
    seed: Secret,
    count: u64,
    /// Whether waits are a sixtieth of what they are for those who hide when they do something.
    #[serde(skip)]
    pub(crate) hasty: bool,
}

impl CoreJitter {
    pub(crate) fn new(seed: Secret) -> Self {
        Self { seed, count: 0, hasty: false }
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        let mut state = Sha256::new();
        state.update(self.seed.expose());
        state.update(self.count.to_be_bytes());
        let digest: [u8; 32] = state.finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        u64::from_be_bytes(first)
    }

    /// Returns a moment from `low` to `high` milliseconds, both included, all equally likely.
    pub(crate) fn uniform(&mut self, low: u64, high: u64) -> u64 {
        // The modulo's bias is below 2^-28 for spans of less than a year.
        let moment = low + self.next() % (high.saturating_sub(low) + 1);
        if self.hasty { moment / HASTE } else { moment }
    }

    /// Returns a wait in milliseconds, exponentially distributed, cut off at `most`.
    pub(crate) fn exponential(&mut self, mean: u64, most: u64) -> u64 {
        // 53 bits are what a double holds exactly; the shift by half a step keeps the logarithm
        // finite.
        let unit = ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let wait = -unit.ln() * mean as f64;
        let wait = (wait as u64).min(most);
        if self.hasty { wait / HASTE } else { wait }
    }
}
