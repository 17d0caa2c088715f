//! Files that are their owner's alone: keys, notices, the times of the dead-man switch. The one
//! place that reads, makes, replaces and erases them, for the server and for the client.
//!
//! Whatever is written here is 0600, and is on the disk when the function returns: the file *and*
//! its directory. No file is ever half written under its name. An error says which file it was, and
//! what can be done about it, once.
//!
//! Erasing overwrites the place where a file is *now*. A file system that journals or copies on
//! write, a flash disk that moves blocks around, a snapshot or a backup may keep an earlier copy,
//! and no program can know.

mod error;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use error::{FileError, NoAccess, explain};

/// Bytes that are overwritten at once.
const CHUNK: usize = 64 << 10;
/// What the name of a file ends with that is to replace another.
const STAGED: &str = ".new";

/// Returns all of a file that has at most `most` bytes.
///
/// # Errors
/// [`FileError`]; of the kind [`ErrorKind::FileTooLarge`] if it has more.
pub fn read(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let file = File::open(path).map_err(FileError::of("read", path))?;
    read_open(file, path, most)
}

/// Returns all of a file that has at most `most` bytes, and that is its owner's alone: a link is
/// not followed, and one that others may read or write is refused.
///
/// # Errors
/// As [`read`]; of the kind [`ErrorKind::InvalidInput`] if it is no file, or others may read or
/// write it.
pub fn read_own(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let failed = FileError::of("read", path);
    let mut options = OpenOptions::new();
    options.read(true);
    // Without waiting: a pipe that somebody has put there would never be opened.
    #[cfg(unix)]
    custom_flags(&mut options, rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK);
    let file = options.open(path).map_err(&failed)?;
    // Of the open file, not of the path: what is checked is what is read.
    let metadata = file.metadata().map_err(&failed)?;
    let refused = |why: String| failed(io::Error::new(ErrorKind::InvalidInput, why));
    if !metadata.is_file() {
        return Err(refused("it is no file".to_owned()));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
        return Err(refused(format!("others have access to it: chmod 600 {}", path.display())));
    }
    read_open(file, path, most)
}

fn read_open(file: File, path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let length = file.metadata().ok().filter(fs::Metadata::is_file).and_then(|file| usize::try_from(file.len()).ok());
    // With the capacity from the start, no reallocation leaves a copy behind. A pipe does not say
    // how much will come.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.unwrap_or(most).min(most).saturating_add(2)));
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(FileError::of("read", path))?;
    if bytes.len() > most {
        let too_large = io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes"));
        return Err(FileError::of("read", path)(too_large));
    }
    Ok(bytes)
}

/// Returns all of a text file that has at most `most` bytes.
///
/// # Errors
/// As [`read`]; of the kind [`ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read_text(path: &Path, most: usize) -> Result<Zeroizing<String>, FileError> {
    let file = File::open(path).map_err(FileError::of("read", path))?;
    read_open_text(file, path, most)
}

/// Returns all of a text file that is open already.
///
/// # Errors
/// As [`read_text`].
pub fn read_open_text(file: File, path: &Path, most: usize) -> Result<Zeroizing<String>, FileError> {
    let bytes = read_open(file, path, most)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(error) => Err(FileError::of("read", path)(io::Error::new(ErrorKind::InvalidData, error))),
    }
}

/// Writes a file that was not there. Nobody sees half of it: it gets its name when it is whole.
///
/// # Errors
/// [`FileError`], of the kind [`ErrorKind::AlreadyExists`] if there is one, also if it is a link to
/// nowhere. Nothing is left behind then.
pub fn create_new(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = FileError::of("create", path);
    if path.symlink_metadata().is_ok() {
        return Err(failed(ErrorKind::AlreadyExists.into()));
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(name);
    discard(&beside)?;
    write_whole(&beside, bytes)?;
    // A link is made only if there is nothing of its name.
    let linked = fs::hard_link(&beside, path);
    let removed = fs::remove_file(&beside);
    match linked {
        Ok(()) => removed.map_err(FileError::of("remove", &beside))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(failed(error)),
        // A USB stick's file system knows no links.
        Err(_) => write_whole(path, bytes)?,
    }
    sync_directory_of(path)
}

/// Replaces a file as a whole, or makes it. Who has the old one open keeps it.
///
/// # Errors
/// [`FileError`]; what was there is still there then.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    put_in_place(&stage(path, bytes)?, path)
}

/// Replaces a file as a whole, and overwrites the bytes of the one that was there.
///
/// # Errors
/// [`FileError`]; if the new file is there already, the message says that the old bytes are left.
pub fn replace_and_erase(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let old = Doomed::open(path)?;
    replace(path, bytes)?;
    old.map_or(Ok(()), Doomed::overwrite)
}

/// Writes what is to replace a file beside it: what can fail, fails here.
///
/// # Errors
/// [`FileError`].
pub fn stage(path: &Path, bytes: &[u8]) -> Result<PathBuf, FileError> {
    let beside = staged(path);
    discard(&beside)?;
    write_whole(&beside, bytes)?;
    sync_directory_of(&beside)?;
    Ok(beside)
}

/// Returns the name that a file has while it is [staged](stage).
#[must_use]
pub fn staged(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(STAGED);
    path.with_file_name(name)
}

/// Gives a staged file its name.
///
/// # Errors
/// [`FileError`].
pub fn put_in_place(staged: &Path, path: &Path) -> Result<(), FileError> {
    fs::rename(staged, path).map_err(FileError::of("replace", path))?;
    sync_directory_of(path)
}

/// Makes a directory, 0700, and those above it where they are missing.
///
/// # Errors
/// [`FileError`].
pub fn create_directory(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path).map_err(FileError::of("create", path))?;
    sync_directory_of(path)
}

/// Removes a file, whose content is no secret.
///
/// # Errors
/// [`FileError`], also if there is none.
pub fn remove(path: &Path) -> Result<(), FileError> {
    fs::remove_file(path).map_err(FileError::of("remove", path))?;
    sync_directory_of(path)
}

/// Overwrites a file, and removes it. A link is removed, and not followed. No file, nothing to do.
///
/// # Errors
/// [`FileError`]. What cannot be overwritten is removed all the same.
pub fn erase(path: &Path) -> Result<(), FileError> {
    let overwritten = Doomed::open(path).and_then(|old| old.map_or(Ok(()), Doomed::overwrite));
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return overwritten,
        removed => removed.map_err(FileError::of("erase", path))?,
    }
    sync_directory_of(path)?;
    overwritten
}

/// Sees to it that a file, which another library has written, is on the disk with its name.
///
/// # Errors
/// [`FileError`].
pub fn sync(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(FileError::of("write", path))?;
    sync_directory_of(path)
}

/// Sees to it that what was done to the entries of a directory is on the disk.
///
/// # Errors
/// [`FileError`].
pub fn sync_directory(path: &Path) -> Result<(), FileError> {
    match File::open(path).and_then(|directory| directory.sync_all()) {
        // Some file systems cannot.
        Err(error) if error.kind() != ErrorKind::InvalidInput => Err(FileError::of("write", path)(error)),
        _ => Ok(()),
    }
}

/// A file whose bytes are to go, whatever becomes of its name in the meantime.
pub struct Doomed {
    file: File,
    path: PathBuf,
}

impl Doomed {
    /// Opens the file of that name; `None` if there is none, or if it is no file: a link is not
    /// followed.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(path: &Path) -> Result<Option<Self>, FileError> {
        let mut options = OpenOptions::new();
        options.write(true);
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::of("erase", path)(error)),
        }
        #[cfg(unix)]
        custom_flags(&mut options, rustix::fs::OFlags::NOFOLLOW);
        match options.open(path) {
            Ok(file) => Ok(Some(Self { file, path: path.to_owned() })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::of("erase", path)(error)),
        }
    }

    /// Dooms a file that is open for writing, and which had that name.
    #[must_use]
    pub fn opened(file: File, path: &Path) -> Self {
        Self { file, path: path.to_owned() }
    }

    /// Returns the file, open for writing.
    #[must_use]
    pub fn into_file(self) -> File {
        self.file
    }

    /// Overwrites the bytes with zeros, and waits until they are on the disk.
    ///
    /// # Errors
    /// [`FileError`]: some of the old bytes are left.
    pub fn overwrite(mut self) -> Result<(), FileError> {
        let failed = FileError::of("overwrite", &self.path);
        overwrite(&mut self.file).map_err(failed)
    }
}

fn overwrite(file: &mut File) -> io::Result<()> {
    let mut left = file.metadata()?.len();
    file.rewind()?;
    let zeros = vec![0; CHUNK];
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        file.write_all(zeros.get(..now).unwrap_or(&zeros))?;
        left -= now as u64;
    }
    file.sync_all()
}

/// Makes an empty file, 0600, that was not there.
///
/// # Errors
/// [`FileError`], of the kind [`ErrorKind::AlreadyExists`] if there is one, also if it is a link to
/// nowhere.
pub fn open_new(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    // `create_new` is O_EXCL: also a link to nowhere is refused.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(FileError::of("create", path))
}

/// Opens a file for reading and writing, or makes an empty one, 0600. A link is not followed.
///
/// # Errors
/// [`FileError`].
pub fn open_or_create(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    #[cfg(unix)]
    custom_flags(&mut options, rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK);
    options.open(path).map_err(FileError::of("open", path))
}

#[cfg(unix)]
fn custom_flags(options: &mut OpenOptions, flags: rustix::fs::OFlags) {
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
}

/// Writes a new file, 0600, to the disk. If it could not be written to the end, it is removed.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = open_new(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        let _ = fs::remove_file(path);
        FileError::of("write", path)(error)
    })
}

/// Removes what an interrupted change has left, which may be a secret.
fn discard(leftover: &Path) -> Result<(), FileError> {
    match leftover.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        _ => erase(leftover),
    }
}

/// Syncs the directory of a file. A file that was written is found again after a power failure only
/// if its directory was written, too.
fn sync_directory_of(path: &Path) -> Result<(), FileError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

#[cfg(test)]
mod tests;
