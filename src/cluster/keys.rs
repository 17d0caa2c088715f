//! The keys under which the journal is written: random, new every hour, in RAM only.
//!
//! NATS does not overwrite what it erases. So it is given ciphertext only, and what was erased is
//! gone for good when its key is: everything that still counts is written again under the new key,
//! and then the old one is overwritten. A node is given the keys over NATS, sealed to a key pair
//! that its process made when it began; only a node that has the cluster's secret can ask, and only
//! one that has it can answer.

use std::collections::BTreeMap;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, PskBundle, Serializable as _};
use parking_lot::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::kept::KeptKeys;

/// On the heap, where it stays: what moves leaves a copy where it was.
type KeyBytes = Box<Zeroizing<[u8; 32]>>;
type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

const NONCE: usize = 24;
const NUMBER: usize = 8;
const PUBLIC: usize = 32;
/// Keys that there may be at once: the current one, the one before it, and one to come.
const MOST: usize = 8;
const PSK_ID: &[u8] = b"ephemeral-messenger/cluster/secret/v1";
const INFO: &[u8] = b"ephemeral-messenger/cluster/keys/v1";

/// Something cannot be opened: it is of another cluster, damaged, or its key is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be opened with the keys that there are")]
pub struct NotOpened;

/// The keys that a node knows.
#[derive(Default)]
pub struct Keyring(Mutex<Keys>);

#[derive(Default)]
struct Keys {
    current: u64,
    keys: BTreeMap<u64, KeyBytes>,
    /// The number of the last wipe of the whole cluster: these keys are newer.
    wiped: u64,
    /// Where they are for the next process, if they are to be.
    kept: Option<KeptKeys>,
    /// The newest of them, and since when it is here.
    newest: Option<(u64, Instant)>,
}

impl Keys {
    /// Notes when the newest key came.
    fn note_newest(&mut self) {
        let newest = self.keys.keys().next_back().copied();
        if newest != self.newest.map(|(number, _)| number) {
            self.newest = newest.map(|number| (number, Instant::now()));
        }
    }

    /// Leaves them to the next process, as they are now.
    fn keep(&self) {
        if let Some(kept) = &self.kept
            && let Err(error) = kept.write(&self.written())
        {
            tracing::error!("the keys of the journal do not survive a restart of this machine: {error}");
        }
    }

    /// Writes all keys down.
    fn written(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * NUMBER + MOST * (NUMBER + 32)));
        bytes.extend_from_slice(&self.wiped.to_le_bytes());
        bytes.extend_from_slice(&self.current.to_le_bytes());
        for (number, key) in self.keys.iter().rev().take(MOST) {
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.extend_from_slice(&***key);
        }
        bytes
    }

    /// Reads what [`written`](Self::written) wrote.
    fn read(bytes: &[u8]) -> Result<Self, NotOpened> {
        let (wiped, bytes) = bytes.split_first_chunk::<NUMBER>().ok_or(NotOpened)?;
        let (current, rest) = bytes.split_first_chunk::<NUMBER>().ok_or(NotOpened)?;
        let mut keys = BTreeMap::new();
        let (entries, rest) = rest.as_chunks::<{ NUMBER + 32 }>();
        if !rest.is_empty() || entries.len() > MOST {
            return Err(NotOpened);
        }
        for entry in entries {
            let (number, bytes) = entry.split_first_chunk::<NUMBER>().ok_or(NotOpened)?;
            let mut key = KeyBytes::default();
            key.copy_from_slice(bytes);
            keys.insert(u64::from_le_bytes(*number), key);
        }
        Ok(Self {
            current: u64::from_le_bytes(*current),
            keys,
            wiped: u64::from_le_bytes(*wiped),
            kept: None,
            newest: None,
        })
    }
}

impl Keyring {
    /// Takes over the keys that an earlier process left, and leaves its own to the next one.
    #[must_use]
    pub fn kept_in(kept: KeptKeys) -> Self {
        let left = kept.read().and_then(|bytes| Keys::read(&bytes).ok());
        let mut keys = Keys { kept: Some(kept), ..left.unwrap_or_default() };
        keys.note_newest();
        Self(Mutex::new(keys))
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.lock().keys.is_empty()
    }

    /// Returns since when this machine has the newest key: the others have it since then, too, but
    /// for the time that a machine was away.
    pub fn newest_since(&self) -> Option<Instant> {
        self.0.lock().newest.map(|(_, since)| since)
    }

    /// Makes a new key, under which everything is written from now on. The others stay.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn rotate(&self) -> Result<(), getrandom::Error> {
        let mut key = KeyBytes::default();
        getrandom::fill(&mut **key)?;
        let mut ring = self.0.lock();
        let newest = ring.keys.last_key_value().map_or(0, |(last, _)| *last);
        let number = newest.max(ring.current) + 1;
        ring.keys.insert(number, key);
        ring.current = number;
        ring.note_newest();
        ring.keep();
        Ok(())
    }

    /// Makes a new key, and goes on with the current one: the other nodes are given both.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn announce(&self) -> Result<(), getrandom::Error> {
        let current = self.0.lock().current;
        self.rotate()?;
        let mut ring = self.0.lock();
        ring.current = current;
        ring.keep();
        Ok(())
    }

    /// Uses the newest key from now on.
    pub fn use_newest(&self) {
        let mut ring = self.0.lock();
        if let Some((newest, _)) = ring.keys.last_key_value() {
            ring.current = *newest;
            ring.keep();
        }
    }

    /// Overwrites all but the current key: nothing that was written under them can be read any
    /// more.
    pub fn forget_older(&self) {
        let mut ring = self.0.lock();
        let current = ring.current;
        ring.keys.retain(|number, _| *number == current);
        ring.keep();
    }

    /// Overwrites all keys for a wipe of the whole cluster, and takes none again that is older.
    /// Returns whether the wipe is newer than the last one: else nothing is done.
    pub fn wipe(&self, number: u64) -> bool {
        let mut ring = self.0.lock();
        if number <= ring.wiped {
            return false;
        }
        ring.keys.clear();
        ring.wiped = number;
        ring.keep();
        true
    }

    /// Returns the number of the last wipe of the whole cluster; 0: none is known.
    pub fn wiped(&self) -> u64 {
        self.0.lock().wiped
    }

    /// Seals something for a place, under the current key.
    ///
    /// # Errors
    /// If there is no key, or the operating system has no random numbers.
    pub fn seal(&self, place: u32, plain: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let ring = self.0.lock();
        let key = ring.keys.get(&ring.current).ok_or(NotOpened)?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| NotOpened)?;
        let aad = associated(place, ring.current);
        let cipher = XChaCha20Poly1305::new((&***key).into());
        let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad }).map_err(|_| NotOpened)?;
        Ok([&ring.current.to_le_bytes()[..], &nonce, &sealed].concat())
    }

    /// Opens what was sealed for a place.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub fn open(&self, place: u32, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let (number, rest) = sealed.split_first_chunk::<NUMBER>().ok_or(NotOpened)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(NotOpened)?;
        let number = u64::from_le_bytes(*number);
        let ring = self.0.lock();
        let key = ring.keys.get(&number).ok_or(NotOpened)?;
        let aad = associated(place, number);
        let cipher = XChaCha20Poly1305::new((&***key).into());
        let plain = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad }).map_err(|_| NotOpened)?;
        Ok(Zeroizing::new(plain))
    }

    /// Overwrites keys that open nothing any more: those of another machine are taken instead.
    pub fn forget(&self) {
        let mut ring = self.0.lock();
        ring.keys.clear();
        ring.keep();
    }

    /// Takes the keys of another node in place of the own ones, unless that one is behind: so keys
    /// of before a wipe do not come back.
    fn read(&self, bytes: &[u8]) -> Result<(), NotOpened> {
        let Keys { current, keys, wiped, .. } = Keys::read(bytes)?;
        let mut ring = self.0.lock();
        let is_newer = wiped > ring.wiped || ring.keys.is_empty() || current >= ring.current;
        if keys.contains_key(&current) && wiped >= ring.wiped && is_newer {
            let kept = ring.kept.take();
            let newest = ring.newest;
            *ring = Keys { current, keys, wiped, kept, newest };
            ring.note_newest();
            ring.keep();
        }
        Ok(())
    }
}

fn associated(place: u32, number: u64) -> [u8; 32] {
    let mut bytes = *b"ephemeral journal 1 ............";
    bytes[20..24].copy_from_slice(&place.to_le_bytes());
    bytes[24..].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// What every node of a cluster has on its disk, and what its process made when it began.
pub struct KeyExchange {
    secret: Zeroizing<Vec<u8>>,
    private: Private,
    public: Public,
}

impl KeyExchange {
    /// Makes the key pair of this process.
    #[must_use]
    pub fn new(secret: Zeroizing<Vec<u8>>) -> Self {
        let (private, public) = X25519HkdfSha256::gen_keypair();
        Self { secret, private, public }
    }

    /// Returns the question for the keys.
    #[must_use]
    pub fn question(&self) -> Vec<u8> {
        self.public.to_bytes().to_vec()
    }

    /// Answers another node's question. Only one that has the cluster's secret can read it.
    ///
    /// # Errors
    /// [`NotOpened`] if that is no question.
    pub fn answer(&self, question: &[u8], keys: &Keyring) -> Result<Vec<u8>, NotOpened> {
        let public = Public::from_bytes(question).map_err(|_| NotOpened)?;
        let psk = PskBundle::new(&self.secret, PSK_ID).map_err(|_| NotOpened)?;
        let (encapsulated, sealed) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Psk(psk),
            &public,
            INFO,
            &keys.0.lock().written(),
            question,
        )
        .map_err(|_| NotOpened)?;
        Ok([&encapsulated.to_bytes()[..], &sealed].concat())
    }

    /// Takes the keys out of an answer to the own question.
    ///
    /// # Errors
    /// [`NotOpened`] if it is of a node without the cluster's secret, or not to this process.
    pub fn take(&self, answer: &[u8], keys: &Keyring) -> Result<(), NotOpened> {
        let (encapsulated, sealed) = answer.split_at_checked(PUBLIC).ok_or(NotOpened)?;
        let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| NotOpened)?;
        let psk = PskBundle::new(&self.secret, PSK_ID).map_err(|_| NotOpened)?;
        let plain = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Psk(psk),
            &self.private,
            &encapsulated,
            INFO,
            sealed,
            &self.question(),
        )
        .map_err(|_| NotOpened)?;
        keys.read(&Zeroizing::new(plain))
    }
}

#[cfg(test)]
mod tests;
