//! What stands in an entry, before it is sealed. All numbers are little-endian; times are
//! the wall clock's, since another machine may read them.

use ephemeral_core::protocol::{ClockReading, Fingerprint, Millis, WallTime};
use ephemeral_core::store::{EndedEntry, JournalEntry, Remembered, Seed, WaitingMessage};
use zeroize::Zeroizing;

const MESSAGE: u8 = 1;
const ENDED: u8 = 2;
/// Sender, id hash, expiry.
const COMMON: usize = 1 + 32 + 8 + 8;
/// Recipient, number, lifetime, length of the id.
const MORE: usize = 32 + 8 + 4 + 1;
const META_BYTES: usize = 16 + 16 + 8 + 1 + 8;
/// How much longer than its own time an entry stays on the NATS servers, in seconds, if no server
/// erases it: more than clocks differ.
const SLACK_S: u64 = 600;

/// What is known of a journal as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalMeta {
    /// The epoch.
    pub epoch: [u8; 16],
    /// The key of the store's hashes: ids are found by it.
    pub hash_key: [u64; 2],
    /// All sequence numbers are below it.
    pub promised: u64,
    /// Whether the journal has everything. While it is written anew, it does not.
    pub whole: bool,
    /// The number of the wipe of the whole cluster after which it began; 0: there was none.
    pub wiped: u64,
}

impl JournalMeta {
    /// Returns that of an empty store, which begins after this wipe.
    #[must_use]
    pub fn new(epoch: [u8; 16], seed: &Seed, wiped: u64) -> Self {
        Self { epoch, hash_key: seed.hash_key, promised: seed.first_seq, whole: true, wiped }
    }

    /// Returns what the store goes on with.
    #[must_use]
    pub const fn seed(&self) -> Seed {
        Seed { hash_key: self.hash_key, first_seq: self.promised }
    }

    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let [one, other] = self.hash_key.map(u64::to_le_bytes);
        let whole = [u8::from(self.whole)];
        let promised = self.promised.to_le_bytes();
        let wiped = self.wiped.to_le_bytes();
        let parts = [&self.epoch[..], &one, &other, &promised, &whole, &wiped];
        Zeroizing::new(parts.concat())
    }

    /// Reads one; `None` if it is none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; META_BYTES] = bytes.try_into().ok()?;
        let mut reader = Reader(bytes);
        Some(Self {
            epoch: reader.take()?,
            hash_key: [reader.number()?, reader.number()?],
            promised: reader.number()?,
            whole: reader.take::<1>()? == [1],
            wiped: reader.number()?,
        })
    }
}

/// Returns for how many seconds an entry stays on the NATS servers if no server ever comes back.
pub(super) fn backstop(expires_at: Millis, now: &ClockReading) -> u64 {
    expires_at.since(now.steady) / 1000 + SLACK_S
}

pub(super) fn encode_message(entry: &JournalEntry<'_>, now: &ClockReading) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(COMMON + MORE + entry.id.len() + entry.escaped_content.len()));
    common(&mut bytes, MESSAGE, &entry.sender, entry.id_hash, now.wall_at(entry.expires_at).0);
    bytes.extend_from_slice(entry.recipient.as_bytes());
    bytes.extend_from_slice(&entry.seq.to_le_bytes());
    bytes.extend_from_slice(&entry.lifetime.to_le_bytes());
    bytes.push(u8::try_from(entry.id.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(entry.id.as_bytes());
    bytes.extend_from_slice(entry.escaped_content.as_bytes());
    bytes
}

pub(super) fn encode_ended(left: &EndedEntry<'_>, now: &ClockReading) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(COMMON));
    common(&mut bytes, ENDED, left.sender, left.id_hash, now.wall_at(left.expires_at).0);
    bytes
}

fn common(bytes: &mut Vec<u8>, kind: u8, sender: &Fingerprint, id_hash: u64, expires_at: u64) {
    bytes.push(kind);
    bytes.extend_from_slice(sender.as_bytes());
    bytes.extend_from_slice(&id_hash.to_le_bytes());
    bytes.extend_from_slice(&expires_at.to_le_bytes());
}

/// Reads an entry of another machine, or of this one; `None` if it is none.
#[must_use]
pub fn decode(bytes: &[u8], now: &ClockReading) -> Option<Remembered> {
    let mut reader = Reader(bytes);
    let [kind] = reader.take()?;
    let sender = Fingerprint::from_bytes(reader.take()?);
    let id_hash = reader.number()?;
    let expires_at = now.steady_at(WallTime(reader.number()?));
    let waiting = match kind {
        ENDED if reader.0.is_empty() => None,
        MESSAGE => Some(decode_waiting(reader)?),
        _ => return None,
    };
    Some(Remembered { sender, id_hash, expires_at, waiting })
}

fn decode_waiting(mut reader: Reader<'_>) -> Option<WaitingMessage> {
    let recipient = Fingerprint::from_bytes(reader.take()?);
    let seq = reader.number()?;
    let lifetime = u32::from_le_bytes(reader.take()?);
    let [id_bytes] = reader.take()?;
    let body = std::str::from_utf8(reader.0).ok()?;
    if !body.is_char_boundary(usize::from(id_bytes)) {
        return None;
    }
    Some(WaitingMessage { recipient, seq, lifetime, body: Zeroizing::new(body.into()), id_bytes })
}

struct Reader<'bytes>(&'bytes [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}
