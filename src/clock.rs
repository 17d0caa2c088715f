//! The only place that asks what time it is. Everything else is handed a [`Millis`](ephemeral_core::protocol::Millis).

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use ephemeral_core::protocol::Millis;

/// A source of wall-clock time.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that starts at a given time and follows tokio's, which tests pause.
    Anchored {
        /// What it showed at `instant`.
        start: Millis,
        /// When it was started.
        instant: Instant,
    },
}

impl Clock {
    /// A clock that shows `start` now and follows tokio's clock from here.
    #[must_use]
    pub fn anchored(start: Millis) -> Self {
        Self::Anchored { start, instant: Instant::now() }
    }

    /// The time, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> Millis {
        match self {
            Self::System => {
                let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
            }
            Self::Anchored { start, instant } => {
                let elapsed = u64::try_from(instant.elapsed().as_millis()).unwrap_or(u64::MAX);
                Millis(start.0.saturating_add(elapsed))
            }
        }
    }
}
