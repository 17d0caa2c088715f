//! The keys of the journal in a file in RAM, which the service manager holds while this process is
//! started again: so all machines may be restarted at once, and none forgets how to read it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use zeroize::Zeroizing;

use crate::memfd_journal::{self, MemfdJournalError};

/// Bytes that are written at a time: one page, so that a process that is killed meanwhile leaves
/// the keys of before or those of afterwards.
const PAGE: usize = 4096;
/// What stands at its beginning; a file with messages begins with something else.
const MAGIC: &[u8; 16] = b"ephemeral keys 1";
/// Where the keys begin: behind their length.
const START: usize = MAGIC.len() + 4;

/// A file in RAM with keys.
#[derive(Debug)]
pub struct KeptKeys(File);

impl KeptKeys {
    /// Makes a file without keys.
    ///
    /// # Errors
    /// What the operating system says: no memory, no descriptors.
    pub fn create() -> io::Result<Self> {
        let kept = Self(memfd_journal::create()?);
        kept.write(&[])?;
        Ok(kept)
    }

    /// Takes over a file that an earlier process made; `None`: it is no file with keys.
    #[must_use]
    pub fn take_over(file: &File) -> Option<Self> {
        memfd_journal::is_ours(file).ok()?;
        let kept = Self(file.try_clone().ok()?);
        kept.read().is_some().then_some(kept)
    }

    /// Returns the file, for the service manager.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.0
    }

    /// Returns another handle on the same file.
    ///
    /// # Errors
    /// If there is no descriptor.
    pub fn again(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Overwrites everything in it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn erase(&self) -> Result<(), MemfdJournalError> {
        memfd_journal::overwrite(&self.0)
    }

    /// Returns what was written last; `None`: it is no file with keys.
    pub(super) fn read(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut page = Zeroizing::new(vec![0; PAGE]);
        self.0.read_exact_at(&mut page, 0).ok()?;
        let rest = page.strip_prefix(MAGIC)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        rest.get(..length).map(|bytes| Zeroizing::new(bytes.to_vec()))
    }

    /// Writes this in place of what was there, and zeros behind it.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let mut page = Zeroizing::new(vec![0; PAGE]);
        let room = page.get_mut(START..START + bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        room.copy_from_slice(bytes);
        page[..MAGIC.len()].copy_from_slice(MAGIC);
        page[MAGIC.len()..START].copy_from_slice(&length.to_le_bytes());
        self.0.write_all_at(&page, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_of_before_is_left() {
        let kept = KeptKeys::create().unwrap();
        assert_eq!(kept.read().unwrap().len(), 0);
        kept.write(&[7; 300]).unwrap();
        let next = KeptKeys::take_over(kept.file()).expect("a file with keys");
        assert_eq!(**next.read().unwrap(), [7; 300]);
        next.write(b"short").unwrap();
        assert_eq!(**kept.read().unwrap(), *b"short");
        let mut all = Vec::new();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(kept.file()));
        io::Read::read_to_end(&mut File::open(path).unwrap(), &mut all).unwrap();
        assert!(!all.contains(&7), "the old keys are overwritten");
        assert!(kept.write(&[0; PAGE]).is_err(), "it is larger than a page");
        kept.erase().unwrap();
        assert!(KeptKeys::take_over(kept.file()).is_none(), "nothing is left");
    }

    #[test]
    fn a_file_with_messages_and_one_on_a_disk_are_none_with_keys() {
        assert!(KeptKeys::take_over(&memfd_journal::create().unwrap()).is_none());
        let disk = tempfile::tempfile().unwrap();
        KeptKeys(disk.try_clone().unwrap()).write(b"x").unwrap();
        assert!(KeptKeys::take_over(&disk).is_none());
    }
}
