//! A new key every hour. It is given to the other nodes before anything is written under it; then
//! everything that counts is written again, and the old key is overwritten.

use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::keys::Keyring;

/// How long a key is used.
const PERIOD: Duration = Duration::from_secs(3600);
/// How long the other nodes have to ask for a new key before it is used: they ask every other
/// second.
const NOTICE: Duration = Duration::from_secs(30);

/// Where the keys are on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rotation {
    /// The current one is used until then.
    Until(Instant),
    /// A new one is used from then on.
    Announced(Instant),
    /// It is used: this place and those behind it are still to be written again.
    Rewriting(u32),
    /// All was written again, up to this position: when that holds, the old key goes.
    Written(u64),
}

impl Rotation {
    /// Begins with the keys that there are. Who takes over goes on with their time: else a key
    /// would be used for ever where the active machine changes more often than the key.
    pub(super) fn begin(keys: &Keyring) -> Self {
        Self::Until(keys.newest_since().unwrap_or_else(Instant::now) + PERIOD)
    }

    /// Returns when there is something to do, if that is a matter of time.
    pub(super) fn due(self) -> Option<Instant> {
        match self {
            Self::Until(at) | Self::Announced(at) => Some(at),
            Self::Rewriting(_) | Self::Written(_) => None,
        }
    }

    /// Goes on, if it is time.
    pub(super) fn tick(self, keys: &Keyring) -> Self {
        match self {
            Self::Until(at) if at <= Instant::now() => match keys.announce() {
                Ok(()) => Self::Announced(Instant::now() + NOTICE),
                Err(_) => Self::Until(Instant::now() + NOTICE),
            },
            Self::Announced(at) if at <= Instant::now() => {
                keys.use_newest();
                Self::Rewriting(0)
            }
            other => other,
        }
    }

    /// Notes that everything holds up to a position.
    pub(super) fn committed(self, position: u64, keys: &Keyring) -> Self {
        match self {
            Self::Written(upto) if upto <= position => {
                keys.forget_older();
                Self::begin(keys)
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::keys::KeyExchange;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_an_hour_old_at_most_however_often_another_machine_takes_over() {
        let secret = zeroize::Zeroizing::new(vec![7; 32]);
        let [first, second] = [Keyring::default(), Keyring::default()];
        first.rotate().unwrap();
        let asks = KeyExchange::new(secret.clone());
        let answers = KeyExchange::new(secret);
        let take = || asks.take(&answers.answer(&asks.question(), &first).unwrap(), &second).unwrap();
        take();
        for _ in 0..6 {
            tokio::time::advance(PERIOD / 6).await;
            // The same key again makes it no younger.
            take();
            assert_eq!(Rotation::begin(&second), Rotation::begin(&first), "both go by the same hour");
        }
        assert!(matches!(Rotation::begin(&second).tick(&second), Rotation::Announced(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_announced_before_it_is_used_and_the_old_one_goes_when_nothing_needs_it() {
        let keys = Keyring::default();
        keys.rotate().unwrap();
        let old = keys.seal(1, b"x").unwrap();
        let mut rotation = Rotation::begin(&keys);
        assert_eq!(rotation.tick(&keys), rotation);
        tokio::time::advance(PERIOD).await;
        rotation = rotation.tick(&keys);
        let still_old = keys.seal(1, b"x").unwrap();
        assert_eq!(old[..8], still_old[..8], "the new one is not used yet");
        tokio::time::advance(NOTICE).await;
        rotation = rotation.tick(&keys);
        assert_eq!(rotation, Rotation::Rewriting(0));
        let new = keys.seal(1, b"x").unwrap();
        assert!(old[..8] != new[..8] && keys.open(1, &old).is_ok());
        rotation = Rotation::Written(7).committed(6, &keys);
        assert!(keys.open(1, &old).is_ok());
        rotation = rotation.committed(7, &keys);
        assert!(matches!(rotation, Rotation::Until(_)));
        assert!(keys.open(1, &old).is_err() && keys.open(1, &new).is_ok());
    }
}
