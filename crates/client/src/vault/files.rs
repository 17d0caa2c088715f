//! The files of one directory, in the steps in which they are written. The tests have a second
//! implementation: a disk that forgets what was not synced.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use ephemeral_tor::private_file::{self, Doomed, FileError};
use zeroize::Zeroizing;

/// Does what a commit consists of. A name is that of a file in the one directory; a link is not
/// followed.
pub(super) trait StateFiles {
    /// A file that is open for writing, whatever becomes of its name.
    type Handle;

    /// Returns the path of a file, for an error.
    fn path(&self, name: &str) -> PathBuf;
    /// Returns whether there is anything of that name.
    fn has(&self, name: &str) -> bool;
    /// Returns all of a file of at most `most` bytes, or `None` if there is none.
    fn read(&self, name: &str, most: usize) -> Result<Option<Zeroizing<Vec<u8>>>, FileError>;
    /// Makes an empty file that was not there.
    fn create(&mut self, name: &str) -> Result<Self::Handle, FileError>;
    /// Appends to a file.
    fn write(&mut self, file: &mut Self::Handle, bytes: &[u8]) -> Result<(), FileError>;
    /// Waits until the bytes of a file are on the disk.
    fn sync(&mut self, file: &mut Self::Handle) -> Result<(), FileError>;
    /// Opens a file that is to be overwritten once its name is another's; `None` if there is none.
    fn open(&mut self, name: &str) -> Result<Option<Self::Handle>, FileError>;
    /// Gives a file another name, which the one that had it loses.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError>;
    /// Waits until the names are on the disk.
    fn sync_directory(&mut self) -> Result<(), FileError>;
    /// Overwrites a file with zeros, and waits until they are on the disk.
    fn overwrite(&mut self, file: Self::Handle) -> Result<(), FileError>;
    /// Overwrites and removes a file. If there is none, there is nothing to do.
    fn discard(&mut self, name: &str) -> Result<(), FileError>;
    /// Gives up a file that was made with [`Self::create`], and has not got its final name. What
    /// fails is left.
    fn abandon(&mut self, file: Self::Handle, name: &str);
}

/// A directory of the real disk.
pub(super) struct Folder(PathBuf);

/// A file of a [`Folder`].
pub(super) struct OpenFile {
    file: File,
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    pub(super) fn directory(&self) -> &Path {
        &self.0
    }
}

impl StateFiles for Folder {
    type Handle = OpenFile;

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    fn read(&self, name: &str, most: usize) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        match private_file::read_own(&self.path(name), most) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    fn create(&mut self, name: &str) -> Result<OpenFile, FileError> {
        let path = self.path(name);
        Ok(OpenFile { file: private_file::open_new(&path)?, path })
    }

    fn write(&mut self, file: &mut OpenFile, bytes: &[u8]) -> Result<(), FileError> {
        file.file.write_all(bytes).map_err(FileError::of("write", &file.path))
    }

    fn sync(&mut self, file: &mut OpenFile) -> Result<(), FileError> {
        file.file.sync_all().map_err(FileError::of("write", &file.path))
    }

    fn open(&mut self, name: &str) -> Result<Option<OpenFile>, FileError> {
        let path = self.path(name);
        Ok(Doomed::open(&path)?.map(|doomed| OpenFile { file: doomed.into_file(), path }))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        let to = self.path(to);
        std::fs::rename(self.path(from), &to).map_err(FileError::of("replace", &to))
    }

    fn sync_directory(&mut self) -> Result<(), FileError> {
        private_file::sync_directory(&self.0)
    }

    fn overwrite(&mut self, file: OpenFile) -> Result<(), FileError> {
        Doomed::opened(file.file, &file.path).overwrite()
    }

    fn discard(&mut self, name: &str) -> Result<(), FileError> {
        match self.has(name) {
            true => private_file::erase(&self.path(name)),
            false => Ok(()),
        }
    }

    fn abandon(&mut self, file: OpenFile, name: &str) {
        // One without a name was removed by another process, and is overwritten here. One that
        // still has its name is overwritten under it: after a rename of which nobody knows whether
        // it happened, the open file may be the state.
        if is_nameless(&file.file) {
            let _ = self.overwrite(file);
        }
        let _ = self.discard(name);
    }
}

/// Returns whether a file that is open was removed.
#[cfg(unix)]
pub(super) fn is_nameless(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| std::os::unix::fs::MetadataExt::nlink(&metadata) == 0)
}

/// Returns whether a file that is open was removed.
#[cfg(not(unix))]
pub(super) fn is_nameless(_: &File) -> bool {
    false
}
