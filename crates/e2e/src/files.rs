//! Files on their way: what is sent chunk by chunk from a path, and what comes to be written.
//!
//! The data of a file is never here but for the few chunks that are on their way: they wait in the
//! outbox until the other side acknowledges them, and in the inbox until they were written.

use serde::{Deserialize, Serialize};

use crate::bytes::{Key, text};
use crate::clock::DAY;
use crate::effect::LinkId;
use crate::payload::{CHUNK, FileChunk};

/// Names a file on its way: 16 random bytes.
pub type FileId = [u8; 16];

/// The most files that are being sent.
pub const MAX_SENDING: usize = 64;
/// The most files that are coming.
pub const MAX_COMING: usize = 256;
/// The most bytes of files that are coming, complete.
pub const MAX_COMING_BYTES: u64 = 256 << 20;
/// How many chunks of one file are on their way at a time.
pub const MAX_FLYING: usize = 16;
/// Larger files wait for the user's yes: only then their first chunk is acknowledged.
pub(crate) const UNASKED: u64 = 1 << 20;
/// How long a file is kept without any progress: longer than its chunks are repeated.
const LIFE: u64 = 17 * DAY;
/// How long one is that was declined.
const DECLINED_LIFE: u64 = DAY;

/// Holds what is known of a file that is sent. It stays where it is until the other side has all of
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Where it is.
    pub path: String,
    /// What the other side is told that it is called: at most 120 bytes.
    pub name: String,
    /// Its size in bytes, 1 to [`crate::payload::MAX_FILE`].
    pub size: u64,
    /// When it was changed last, in nanoseconds since 1970: a file that changes cannot be sent on.
    pub changed: u64,
    /// Its SHA-256.
    pub sha256: Key,
}

/// Holds a file that is being sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sending {
    pub(crate) id: FileId,
    pub(crate) link: LinkId,
    pub(crate) source: Source,
    /// The first chunk that was not put into the outbox yet.
    pub(crate) next: u32,
    /// When something happened last, by `age`.
    pub(crate) moved: u64,
    /// Whether the other side does not want it. It is kept a day to be seen.
    #[serde(default)]
    pub(crate) declined: bool,
}

/// Holds a file that is coming.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Coming {
    pub(crate) id: FileId,
    pub(crate) link: LinkId,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) sha256: Key,
    pub(crate) part: String,
    /// A bit for each chunk that was written.
    #[serde(with = "text")]
    has: Vec<u8>,
    pub(crate) moved: u64,
    /// Whether the other side sends no more of it.
    #[serde(default)]
    pub(crate) withdrawn: bool,
}

/// Holds all files on their way.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct FilesOnTheWay {
    pub(crate) sending: Vec<Sending>,
    pub(crate) coming: Vec<Coming>,
}

/// Returns how many chunks a file of a size has.
pub(crate) fn count(size: u64) -> u32 {
    u32::try_from(size.div_ceil(CHUNK as u64)).unwrap_or(u32::MAX)
}

impl Sending {
    pub(crate) fn count(&self) -> u32 {
        count(self.source.size)
    }

    /// Makes the next chunk.
    pub(crate) fn chunk(&self, data: Vec<u8>) -> FileChunk {
        let Source { path: _, name, size, changed: _, sha256 } = &self.source;
        FileChunk {
            id: self.id,
            index: self.next,
            count: self.count(),
            size: *size,
            sha256: *sha256,
            name: name.clone(),
            data,
        }
    }
}

impl Coming {
    pub(crate) fn new(link: LinkId, chunk: &FileChunk, part: String, age: u64) -> Self {
        let FileChunk { id, index: _, count, size, sha256, name: _, data: _ } = chunk;
        let has = vec![0; count.div_ceil(8) as usize];
        let name = chunk.safe_name();
        Self { id: *id, link, name, size: *size, sha256: *sha256, part, has, moved: age, withdrawn: false }
    }

    /// Tells whether a chunk belongs to this file.
    pub(crate) fn fits(&self, chunk: &FileChunk) -> bool {
        (self.size, self.sha256) == (chunk.size, chunk.sha256) && self.name == chunk.safe_name()
    }

    pub(crate) fn wrote(&mut self, index: u32, age: u64) {
        if let Some(byte) = self.has.get_mut(index as usize / 8) {
            *byte |= 1 << (index % 8);
        }
        self.moved = age;
    }

    pub(crate) fn written(&self) -> u32 {
        self.has.iter().map(|byte| byte.count_ones()).sum()
    }

    pub(crate) fn count(&self) -> u32 {
        count(self.size)
    }
}

impl FilesOnTheWay {
    pub(crate) fn sending_mut(&mut self, link: LinkId, id: &FileId) -> Option<&mut Sending> {
        self.sending.iter_mut().find(|file| file.link == link && file.id == *id)
    }

    pub(crate) fn coming_mut(&mut self, link: LinkId, id: &FileId) -> Option<&mut Coming> {
        self.coming.iter_mut().find(|file| file.link == link && file.id == *id)
    }

    /// Makes room for one more file to be sent, of those that were declined. Returns whether there
    /// is.
    pub(crate) fn can_send(&mut self) -> bool {
        if self.sending.len() >= MAX_SENDING
            && let Some(at) = self.sending.iter().position(|file| file.declined)
        {
            self.sending.remove(at);
        }
        self.sending.len() < MAX_SENDING
    }

    /// Tells whether there is room for one more file of a size.
    pub(crate) fn has_room(&self, size: u64) -> bool {
        let bytes: u64 = self.coming.iter().map(|file| file.size).sum();
        self.coming.len() < MAX_COMING && bytes.saturating_add(size) <= MAX_COMING_BYTES
    }

    /// Takes out what has not moved for too long, or whose contact is gone: files that were being
    /// sent.
    pub(crate) fn prune(&mut self, age: u64, is_there: impl Fn(LinkId) -> bool) -> Vec<Sending> {
        let life = |file: &Sending| if file.declined { DECLINED_LIFE } else { LIFE };
        let over = |file: &mut Sending| age >= file.moved + life(file) || !is_there(file.link);
        self.sending.extract_if(.., over).filter(|file| !file.declined).collect()
    }
}

/// Tells whether a file that is coming has not moved for so long that the rest will not come.
pub(crate) fn is_stale(file: &Coming, age: u64) -> bool {
    file.withdrawn || age >= file.moved + LIFE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(id: u8, size: u64) -> FileChunk {
        let count = count(size);
        FileChunk { id: [id; 16], index: 0, count, size, sha256: Key([1; 32]), name: "a".to_owned(), data: Vec::new() }
    }

    #[test]
    fn each_chunk_is_counted_once() {
        let size = CHUNK as u64 * 9 + 1;
        let mut file = Coming::new(7, &chunk(1, size), "/".to_owned(), 0);
        assert_eq!((file.count(), file.written()), (10, 0));
        for index in [0, 8, 9, 8] {
            file.wrote(index, 5);
        }
        assert_eq!(file.written(), 3);
        file.wrote(u32::MAX, 5);
        assert_eq!(file.written(), 3, "a chunk that there is not");
    }

    #[test]
    fn a_chunk_that_says_something_else_of_the_file_does_not_belong_to_it() {
        let file = Coming::new(7, &chunk(1, 100), "/".to_owned(), 0);
        assert!(file.fits(&chunk(1, 100)));
        assert!(!file.fits(&chunk(1, 101)));
        assert!(!file.fits(&FileChunk { sha256: Key([2; 32]), ..chunk(1, 100) }));
        assert!(!file.fits(&FileChunk { name: "b".to_owned(), ..chunk(1, 100) }));
    }

    #[test]
    fn what_comes_is_bounded_by_what_it_will_be() {
        let mut files = FilesOnTheWay::default();
        for id in 0..4 {
            assert!(files.has_room(64 << 20));
            files.coming.push(Coming::new(7, &chunk(id, 64 << 20), "/".to_owned(), 0));
        }
        assert!(!files.has_room(1));
    }
}
