//! First messages of people who are not on the roster that is known: the change that lets them in
//! may come after them. Their sender would repeat them only an hour later.

use serde::{Deserialize, Serialize};

use crate::bytes::{Key, text};
use crate::clock::DAY;

/// The most that wait, and for how long.
const MAX: usize = 8;
const LIFE: u64 = DAY;

/// Holds an envelope as it came.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WaitingNewcomer {
    pub(crate) mailbox: Key,
    #[serde(with = "text")]
    pub(crate) envelope: Vec<u8>,
    /// By `age`.
    pub(crate) came: u64,
}

/// Holds those of one group.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Newcomers(Vec<WaitingNewcomer>);

impl Newcomers {
    /// Keeps an envelope. Beyond the bound it is forgotten, and repeated by its sender.
    pub(crate) fn keep(&mut self, mailbox: Key, envelope: &[u8], age: u64) {
        if self.0.len() < MAX && self.0.iter().all(|known| known.envelope != envelope) {
            self.0.push(WaitingNewcomer { mailbox, envelope: envelope.to_vec(), came: age });
        }
    }

    /// Takes all of them, to be looked at again.
    pub(crate) fn take(&mut self) -> Vec<WaitingNewcomer> {
        std::mem::take(&mut self.0)
    }

    /// Says when an envelope came that is still here.
    pub(crate) fn date(&mut self, envelope: &[u8], came: u64) {
        if let Some(known) = self.0.iter_mut().find(|known| known.envelope == envelope) {
            known.came = came;
        }
    }

    /// Forgets what waited for too long.
    pub(crate) fn prune(&mut self, age: u64) {
        self.0.retain(|known| age < known.came + LIFE);
    }
}
