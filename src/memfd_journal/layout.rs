//! Which byte means what. All numbers are little-endian.
//!
//! | the header | at | |
//! | --- | --- | --- |
//! | magic | 0 | written last |
//! | version of the layout | 8 | |
//! | checksum | 12 | of all that stands here but the promises and the attempts |
//! | epoch | 16 | |
//! | hash key | 32 | |
//! | promise, twice | 64, 96 | all sequence numbers are below it; and its checksum. The higher valid one counts |
//! | attempts | 120 | how many processes in a row began to read it, and did not come to its end |
//!
//! | a head | at | |
//! | --- | --- | --- |
//! | tag | 0 | [`Tag`] |
//! | checksum | 4 | of what the id's memory needs: the three that follow |
//! | sender, id hash, expiry | 8, 40, 48 | |
//! | checksum | 56 | of the rest and the body. From here on it is overwritten at the message's end |
//! | next block | 60 | 0: none |
//! | length, lifetime, seq | 64, 68, 72 | of the body: id and content |
//! | recipient | 80 | |
//! | length of the id | 112 | |
//! | body | 113 | its first 15 bytes |
//!
//! A further block: its tag, at 1 the next one, and at 5 another 123 bytes of the body.

use crc32fast::Hasher;

use super::Unreadable;
use ephemeral_core::protocol::{Fingerprint, Millis};
use ephemeral_core::store::{JournalEntry, RECORD_COST};

/// Bytes of a block.
pub(super) const BLOCK: usize = 128;
/// Blocks that get their memory together.
pub(super) const CHUNK_BLOCKS: usize = 512;
/// Bytes of these.
pub(super) const CHUNK: usize = BLOCK * CHUNK_BLOCKS;
/// Raise it with every change of the layout: what another version wrote is not read.
pub(super) const VERSION: u32 = 2;
/// How the file begins.
pub(super) const MAGIC: [u8; 8] = *b"EPHEMEM\0";
/// Where the promises are.
pub(super) const PROMISES: [usize; 2] = [64, 96];
/// Where the attempts to read it are counted. It is 0 where a version wrote that does not count
/// them.
pub(super) const ATTEMPTS: usize = 120;
/// Where a head names the next block.
const HEAD_NEXT: usize = 60;
/// Where a further block does.
const LINK_NEXT: usize = 1;
/// Where the part of a head begins that is overwritten at the message's end.
pub(super) const UNTIL_END: usize = 56;
/// Where a head's own checked part begins, behind the checksum.
const CHECKED: usize = 60;
const INLINE: usize = 113;
const LINKED: usize = 5;

/// The kind of a block. Nothing that somebody sends ever stands where the tag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    /// The block holds nothing, or not yet something.
    Free = 0,
    /// The head of a message that waits.
    WaitingMessage = 1,
    /// The head of a message that met its end, and whose id is remembered.
    Completion = 2,
    /// More of a body.
    Link = 3,
}

/// Blocks for a body of `bytes`.
pub(super) const fn blocks(bytes: usize) -> usize {
    1 + bytes.saturating_sub(BLOCK - INLINE).div_ceil(BLOCK - LINKED)
}

/// Returns bytes of memory that a body takes: its blocks, and what is known of them on the heap.
pub(super) const fn cost(bytes: usize) -> usize {
    blocks(bytes) * (BLOCK + size_of::<u32>() + 1) + size_of::<u32>()
}

/// Chunks that a store of `total_bytes` can need at most, and one for the header. No more than 32
/// bits can count the blocks of: half a tebibyte.
pub(super) fn chunks(total_bytes: usize) -> u32 {
    // The body that wastes most is one byte too long for its head. It is counted with its
    // bookkeeping.
    const WORST: usize = 2 * BLOCK;
    const COUNTED: usize = RECORD_COST + BLOCK - INLINE + 1;
    let bytes = (total_bytes / COUNTED + 1).saturating_mul(WORST);
    let most = u32::MAX / CHUNK_BLOCKS as u32;
    u32::try_from(bytes.div_ceil(CHUNK) + 1).map_or(most, |chunks| chunks.min(most))
}

/// Id and content, taken bit by bit.
pub(super) struct Body<'body> {
    id: &'body [u8],
    content: &'body [u8],
}

impl<'body> Body<'body> {
    pub(super) fn new(id: &'body str, content: &'body str) -> Self {
        Self { id: id.as_bytes(), content: content.as_bytes() }
    }

    pub(super) fn len(&self) -> usize {
        self.id.len() + self.content.len()
    }

    /// Fills `room` as far as there is something, and clears the rest.
    fn fill<const N: usize>(&mut self, room: &mut [u8; N]) {
        // Most blocks of a long message.
        if self.id.is_empty()
            && let Some((now, rest)) = self.content.split_first_chunk()
        {
            *room = *now;
            self.content = rest;
            return;
        }
        let (first, rest) = room.split_at_mut(self.id.len().min(N));
        let id = self.id.split_off(..first.len()).unwrap_or_default();
        first.copy_from_slice(id);
        let content = self.content.split_off(..rest.len().min(self.content.len())).unwrap_or_default();
        rest[..content.len()].copy_from_slice(content);
        rest[content.len()..].fill(0);
    }
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

fn get<const N: usize>(image: &[u8; BLOCK], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&image[at..at + N]);
    bytes
}

fn checksum(parts: &[&[u8]]) -> [u8; 4] {
    let mut hasher = Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().to_le_bytes()
}

/// The head of a message, as it was read.
pub(super) struct BlockHead {
    pub(super) sender: Fingerprint,
    pub(super) id_hash: u64,
    pub(super) expires_at: Millis,
    pub(super) bytes: usize,
    pub(super) lifetime: u32,
    pub(super) seq: u64,
    pub(super) recipient: Fingerprint,
    pub(super) id_bytes: u8,
}

impl BlockHead {
    /// Writes a head, but for its tag, and takes the first bytes of `body`, which is still whole
    /// and `bytes` long.
    pub(super) fn write(
        image: &mut [u8; BLOCK],
        entry: &JournalEntry<'_>,
        bytes: u32,
        next: Option<u32>,
        body: &mut Body<'_>,
    ) {
        *image = [0; BLOCK];
        put(image, 8, entry.sender.as_bytes());
        put(image, 40, &entry.id_hash.to_le_bytes());
        put(image, 48, &entry.expires_at.0.to_le_bytes());
        let remembered = checksum(&[&image[8..UNTIL_END]]);
        put(image, 4, &remembered);
        put(image, HEAD_NEXT, &next.unwrap_or(0).to_le_bytes());
        put(image, 64, &bytes.to_le_bytes());
        put(image, 68, &entry.lifetime.to_le_bytes());
        put(image, 72, &entry.seq.to_le_bytes());
        put(image, 80, entry.recipient.as_bytes());
        image[112] = u8::try_from(entry.id.len()).unwrap_or(u8::MAX);
        if let Some(room) = image.last_chunk_mut::<{ BLOCK - INLINE }>() {
            body.fill(room);
        }
        let waiting = checksum(&[&image[CHECKED..], body.id, body.content]);
        put(image, UNTIL_END, &waiting);
    }

    /// Reads what the memory of the id needs, if that is whole.
    pub(super) fn read(image: &[u8; BLOCK]) -> Option<Self> {
        (checksum(&[&image[8..UNTIL_END]]) == get(image, 4)).then(|| Self {
            sender: Fingerprint::from_bytes(get(image, 8)),
            id_hash: u64::from_le_bytes(get(image, 40)),
            expires_at: Millis(u64::from_le_bytes(get(image, 48))),
            bytes: u32::from_le_bytes(get(image, 64)) as usize,
            lifetime: u32::from_le_bytes(get(image, 68)),
            seq: u64::from_le_bytes(get(image, 72)),
            recipient: Fingerprint::from_bytes(get(image, 80)),
            id_bytes: image[112],
        })
    }

    /// Returns the block in which the body goes on; 0: none.
    pub(super) fn next(image: &[u8; BLOCK]) -> u32 {
        u32::from_le_bytes(get(image, HEAD_NEXT))
    }

    /// Returns the body's bytes in the head.
    pub(super) fn inline(image: &[u8; BLOCK], bytes: usize) -> &[u8] {
        &image[INLINE..BLOCK.min(INLINE + bytes)]
    }

    /// Returns whether the message is whole, `rest` being the body's bytes in further blocks.
    pub(super) fn is_whole(image: &[u8; BLOCK], rest: &[u8]) -> bool {
        checksum(&[&image[CHECKED..], rest]) == get(image, UNTIL_END)
    }
}

/// Writes a further block: the next bytes of `body`.
pub(super) fn write_link(image: &mut [u8; BLOCK], next: Option<u32>, body: &mut Body<'_>) {
    image[0] = Tag::Link as u8;
    put(image, LINK_NEXT, &next.unwrap_or(0).to_le_bytes());
    if let Some(room) = image.last_chunk_mut::<{ BLOCK - LINKED }>() {
        body.fill(room);
    }
}

/// Reads the next block and `bytes` bytes of the body, at most as many as there are; `None` if it
/// is no further block.
pub(super) fn read_link(image: &[u8; BLOCK], bytes: usize) -> Option<(u32, &[u8])> {
    let rest = &image[LINKED..BLOCK.min(LINKED + bytes)];
    (image[0] == Tag::Link as u8).then(|| (u32::from_le_bytes(get(image, LINK_NEXT)), rest))
}

/// Returns a promise with its checksum.
pub(super) fn promise(below: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    put(&mut bytes, 0, &below.to_le_bytes());
    put(&mut bytes, 8, &checksum(&[&below.to_le_bytes()]));
    bytes
}

/// The values that hold for the lifetime of a store.
pub(super) struct Header {
    pub(super) epoch: [u8; 16],
    pub(super) hash_key: [u64; 2],
    /// The number below which all sequence numbers are, and which of the two places has it.
    pub(super) promised: (u64, usize),
    pub(super) attempts: u32,
}

impl Header {
    /// Returns the header up to the promises, without the magic.
    pub(super) fn write(epoch: &[u8; 16], hash_key: [u64; 2]) -> [u8; 48] {
        let mut bytes = [0; 48];
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 16, epoch);
        put(&mut bytes, 32, &hash_key[0].to_le_bytes());
        put(&mut bytes, 40, &hash_key[1].to_le_bytes());
        let sum = checksum(&[&bytes[16..]]);
        put(&mut bytes, 12, &sum);
        bytes
    }

    /// Reads the header; `None` if there is none.
    pub(super) fn read(image: &[u8; BLOCK]) -> Result<Option<Self>, Unreadable> {
        if get(image, 0) != MAGIC {
            return Ok(None);
        }
        match u32::from_le_bytes(get(image, 8)) {
            VERSION => {}
            other => return Err(Unreadable::Version(other)),
        }
        let promises = PROMISES.iter().enumerate().filter_map(|(place, &at)| {
            let below = u64::from_le_bytes(get(image, at));
            (promise(below)[..] == image[at..at + 12] && below > 0).then_some((below, place))
        });
        let is_whole = checksum(&[&image[16..48]]) == get(image, 12);
        let promised = promises.max().filter(|_| is_whole).ok_or(Unreadable::Header)?;
        let hash_key = [u64::from_le_bytes(get(image, 32)), u64::from_le_bytes(get(image, 40))];
        let attempts = u32::from_le_bytes(get(image, ATTEMPTS));
        Ok(Some(Self { epoch: get(image, 16), hash_key, promised, attempts }))
    }
}
