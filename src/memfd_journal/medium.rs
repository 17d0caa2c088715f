//! The memory itself: a memfd, mapped.
//!
//! Mapped, and not written with `pwrite`, because a message would cost two system calls, which is
//! more than all the rest of its way through the store. The mapping is `vm-memory`'s, which hands
//! out no reference to memory that another process could change: it copies.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, SeekFrom};
use rustix::io::Errno;
use vm_memory::{FileOffset, MmapRegion, VolatileMemory as _};

use super::MemfdJournalError;
use super::layout::{BLOCK, CHUNK};

/// The memory that the file is written to. Chunks without memory are not touched: there the kernel
/// could only kill.
pub trait Medium: Send {
    /// Returns how many chunks the medium can have.
    fn chunks(&self) -> u32;
    /// Returns the chunks in which something was written, in order.
    fn chunks_with_data(&self) -> io::Result<Vec<u32>>;
    /// Gives a chunk memory: what it has already stays, the rest is clear.
    fn back(&mut self, chunk: u32) -> io::Result<()>;
    /// Gives the memory of a chunk back to the kernel. It has been overwritten.
    fn give_back(&mut self, chunk: u32);
    /// Copies from it.
    fn read(&self, at: usize, bytes: &mut [u8]);
    /// Copies to it.
    fn write(&mut self, at: usize, bytes: &[u8]);

    /// Overwrites with zeros: at most a chunk.
    fn clear(&mut self, at: usize, bytes: usize) {
        static ZEROS: [u8; CHUNK] = [0; CHUNK];
        for start in (0..bytes).step_by(CHUNK) {
            self.write(at + start, &ZEROS[..CHUNK.min(bytes - start)]);
        }
    }
}

/// Returns where a block is.
pub(super) const fn offset(block: u32) -> usize {
    block as usize * BLOCK
}

/// Creates a new file without content. It cannot be executed, and nobody who holds it can make it
/// smaller.
///
/// # Errors
/// What the operating system says: no memory, no descriptors, or no such system call.
pub fn create() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let name = "ephemeral-messages";
    // Linux 6.3 has the flag.
    let file = match rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags),
        other => other,
    }?;
    // A mapping of a file that becomes smaller kills the process that touches it.
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(File::from(file))
}

/// Overwrites everything in a file that [`create`] made, and gives its memory back: also where it
/// cannot be mapped.
///
/// # Errors
/// [`MemfdJournalError::Foreign`] if it is not such a file: then it is as it was. Else what the
/// operating system says.
pub fn overwrite(file: &File) -> Result<(), MemfdJournalError> {
    static ZEROS: [u8; CHUNK] = [0; CHUNK];
    is_ours(file)?;
    let refused = |doing| move |source: io::Error| MemfdJournalError::Refused { doing, source };
    let length = file.metadata().map_err(refused("cannot look at it"))?.len();
    for chunk in chunks_with_data(file).map_err(refused("cannot find what is in it"))? {
        let at = u64::from(chunk) * CHUNK as u64;
        let bytes = usize::try_from(length - at).unwrap_or(CHUNK).min(CHUNK);
        file.write_all_at(&ZEROS[..bytes], at).map_err(refused("cannot overwrite it"))?;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // If it fails, the memory is freed with the file.
        let _ = rustix::fs::fallocate(file, flags, at, CHUNK as u64);
    }
    Ok(())
}

/// Checks that the file is this program's: only memory has seals.
///
/// # Errors
/// [`MemfdJournalError::Foreign`] if it is not.
pub fn is_ours(file: &File) -> Result<(), MemfdJournalError> {
    let seals = rustix::fs::fcntl_get_seals(file).map_err(|_| MemfdJournalError::Foreign)?;
    if seals.contains(SealFlags::SHRINK) { Ok(()) } else { Err(MemfdJournalError::Foreign) }
}

/// Returns the chunks in which something was written, in order.
fn chunks_with_data(file: &File) -> io::Result<Vec<u32>> {
    let mut chunks = Vec::new();
    let mut at = 0;
    loop {
        match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(found) => {
                let chunk = found / CHUNK as u64;
                chunks.push(u32::try_from(chunk).unwrap_or(u32::MAX));
                at = (chunk + 1) * CHUNK as u64;
            }
            Err(Errno::NXIO) => return Ok(chunks),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A mapped memfd.
pub struct Mapping {
    file: File,
    region: MmapRegion,
    chunks: u32,
}

impl Mapping {
    /// Maps a file, and makes it as large as `chunks` chunks if it is smaller. That takes
    /// addresses, but no memory.
    pub(super) fn open(file: File, chunks: u32) -> Result<Self, MemfdJournalError> {
        is_ours(&file)?;
        let refused = |doing| move |source: io::Error| MemfdJournalError::Refused { doing, source };
        let length = file.metadata().map_err(refused("cannot look at it"))?.len();
        let chunks = chunks.max(u32::try_from(length / CHUNK as u64).unwrap_or(u32::MAX));
        let wanted = chunks as usize * CHUNK;
        if length < wanted as u64 {
            file.set_len(wanted as u64).map_err(refused("cannot make it larger"))?;
        }
        let map = || MmapRegion::from_file(FileOffset::new(file.try_clone()?, 0), wanted).map_err(io::Error::other);
        let region = map().map_err(refused("cannot map it"))?;
        Ok(Self { file, region, chunks })
    }
}

impl Medium for Mapping {
    fn chunks(&self) -> u32 {
        self.chunks
    }

    fn chunks_with_data(&self) -> io::Result<Vec<u32>> {
        chunks_with_data(&self.file)
    }

    fn back(&mut self, chunk: u32) -> io::Result<()> {
        let at = u64::from(chunk) * CHUNK as u64;
        Ok(rustix::fs::fallocate(&self.file, FallocateFlags::empty(), at, CHUNK as u64)?)
    }

    fn give_back(&mut self, chunk: u32) {
        let at = u64::from(chunk) * CHUNK as u64;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // If it fails, the memory stays in use until the chunk is needed again.
        let _ = rustix::fs::fallocate(&self.file, flags, at, CHUNK as u64);
    }

    fn read(&self, at: usize, bytes: &mut [u8]) {
        let slice = self.region.get_slice(at, bytes.len());
        debug_assert!(slice.is_ok(), "a block beyond the end");
        if let Ok(slice) = slice {
            slice.copy_to(bytes);
        }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let slice = self.region.get_slice(at, bytes.len());
        debug_assert!(slice.is_ok(), "a block beyond the end");
        if let Ok(slice) = slice {
            slice.copy_from(bytes);
        }
    }
}
