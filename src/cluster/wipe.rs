//! What machines tell each other about a wipe of the whole cluster. It is sealed under the
//! cluster's secret: nobody else can ask for one, or say that it was carried out.
//!
//! Each wipe has a number, and a machine carries out only one that is greater than the last: so
//! nobody who sees the messages can use one of them again.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};

use super::keys::NotOpened;
use super::seal::{NONCE, derived};

/// The nonce under which the secret gives the key of these messages, and no other message.
const DERIVE: &[u8; NONCE] = b"ephemeral cluster wipe 1";
const ASKED: &[u8] = b"ephemeral-messenger/cluster/wipe/v1";
const ANSWERED: &[u8] = b"ephemeral-messenger/cluster/wiped/v1";

/// What a machine has erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WipeAnswer {
    /// The number of the wipe.
    pub number: u64,
    /// The process that answers, as the lease names it.
    pub holder: String,
    /// Whether it is the active one: then the journal is erased, too.
    pub active: bool,
    /// How many messages waited in its memory.
    pub messages: u64,
}

/// The key of these messages.
pub struct WipeSeal(XChaCha20Poly1305);

impl WipeSeal {
    /// Derives the key of a cluster's secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(derived(secret, DERIVE))
    }

    /// Asks for the wipe with this number.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn ask(&self, number: u64) -> Result<Vec<u8>, NotOpened> {
        self.seal(ASKED, &number.to_le_bytes())
    }

    /// Returns the number of the wipe that is asked for.
    ///
    /// # Errors
    /// [`NotOpened`] if nobody of this cluster asks.
    pub fn asked(&self, sealed: &[u8]) -> Result<u64, NotOpened> {
        let plain = self.open(ASKED, sealed)?;
        plain.try_into().map(u64::from_le_bytes).map_err(|_| NotOpened)
    }

    /// Says what was erased.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn answer(&self, answer: &WipeAnswer) -> Result<Vec<u8>, NotOpened> {
        self.seal(ANSWERED, &serde_json::to_vec(answer).map_err(|_| NotOpened)?)
    }

    /// Returns what was erased.
    ///
    /// # Errors
    /// [`NotOpened`] if nobody of this cluster says so.
    pub fn answered(&self, sealed: &[u8]) -> Result<WipeAnswer, NotOpened> {
        serde_json::from_slice(&self.open(ANSWERED, sealed)?).map_err(|_| NotOpened)
    }

    /// Seals a message for the machines of the cluster; `aad` says what it is.
    pub(super) fn seal(&self, aad: &[u8], msg: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| NotOpened)?;
        let sealed = self.0.encrypt(&XNonce::from(nonce), Payload { msg, aad }).map_err(|_| NotOpened)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens one that says it is this.
    pub(super) fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let (nonce, msg) = sealed.split_first_chunk::<NONCE>().ok_or(NotOpened)?;
        self.0.decrypt(&XNonce::from(*nonce), Payload { msg, aad }).map_err(|_| NotOpened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20poly1305::KeyInit as _;

    #[test]
    fn only_a_machine_with_the_secret_asks_for_a_wipe_and_says_that_it_was_carried_out() {
        let [one, other, stranger] = [1, 1, 2].map(|secret| WipeSeal::new(&[secret; 32]));
        let asked = one.ask(7).unwrap();
        assert_eq!(other.asked(&asked), Ok(7));
        assert_eq!(stranger.asked(&asked), Err(NotOpened));
        let answer = WipeAnswer { number: 7, holder: "m/1".to_owned(), active: true, messages: 3 };
        let answered = other.answer(&answer).unwrap();
        assert_eq!(one.answered(&answered).as_ref(), Ok(&answer));
        assert_eq!(stranger.answered(&answered), Err(NotOpened));
        assert_eq!(one.answered(&asked), Err(NotOpened), "a question is no answer");
        assert_eq!(one.asked(&answered), Err(NotOpened));
        for cut in 0..asked.len() {
            assert_eq!(other.asked(&asked[..cut]), Err(NotOpened));
        }
        // The secret itself opens nothing of it.
        let raw = WipeSeal(XChaCha20Poly1305::new((&[1; 32]).into()));
        assert_eq!(raw.asked(&asked), Err(NotOpened));
    }
}
