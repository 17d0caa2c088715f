//! A file that is sent: what is told of it, and its chunks, as long as nobody changes it.

use std::fs::{File, Metadata};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::files::Source;
use ephemeral_e2e::payload::{MAX_FILE, MAX_FILE_NAME};
use sha2::{Digest as _, Sha256};

/// How much is hashed at a time, in bytes.
const BLOCK: usize = 1 << 16;

/// Says why a file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// It is a folder, a device or the like.
    #[error("{} is no file", .0.display())]
    NotAFile(PathBuf),
    /// It has no bytes, or too many.
    #[error("{} has {size} bytes: 1 to {MAX_FILE} can be sent", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// Its path cannot be kept.
    #[error("the path {} is not UTF-8", .0.display())]
    Path(PathBuf),
    /// It is another one than the one that was begun to be sent.
    #[error("{} has changed since it was sent: send it again", .0.display())]
    Changed(PathBuf),
}

impl SourceError {
    fn of(path: &Path) -> impl Fn(std::io::Error) -> Self {
        |source| Self::Read { path: path.to_owned(), source }
    }
}

/// Reads a whole file, and returns what is told of it. It takes seconds where the file is large;
/// `stop` ends it between two blocks.
///
/// # Errors
/// [`SourceError`].
pub fn describe(path: &Path, stop: &AtomicBool) -> Result<Source, SourceError> {
    let full = std::fs::canonicalize(path).map_err(SourceError::of(path))?;
    let (mut file, metadata) = open(&full)?;
    if !(1..=MAX_FILE).contains(&metadata.len()) {
        return Err(SourceError::Size { path: full, size: metadata.len() });
    }
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK];
    let mut size = 0;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(SourceError::of(&full)(std::io::ErrorKind::Interrupted.into()));
        }
        let length = file.read(&mut block).map_err(SourceError::of(&full))?;
        if length == 0 {
            break;
        }
        size += length as u64;
        hash.update(&block[..length]);
    }
    let changed = changed(&metadata);
    if size != metadata.len() {
        return Err(SourceError::Changed(full));
    }
    let name = path.file_name().or(full.file_name()).unwrap_or_default().to_string_lossy();
    let name = cut(&name);
    let Some(text) = full.to_str() else { return Err(SourceError::Path(full)) };
    Ok(Source { path: text.to_owned(), name, size, changed, sha256: Key(hash.finalize().into()) })
}

/// Reads a part of a file that is still what it was.
///
/// # Errors
/// [`SourceError`].
pub fn read(source: &Source, offset: u64, length: usize) -> Result<Vec<u8>, SourceError> {
    let path = Path::new(&source.path);
    let (mut file, metadata) = open(path)?;
    if (metadata.len(), changed(&metadata)) != (source.size, source.changed) {
        return Err(SourceError::Changed(path.to_owned()));
    }
    let mut data = vec![0; length];
    let done = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut data));
    done.map_err(SourceError::of(path))?;
    Ok(data)
}

fn open(path: &Path) -> Result<(File, Metadata), SourceError> {
    // Before it is opened: that would wait for ever for who writes to a pipe.
    if !std::fs::metadata(path).map_err(SourceError::of(path))?.is_file() {
        return Err(SourceError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(SourceError::of(path))?;
    let metadata = file.metadata().map_err(SourceError::of(path))?;
    Ok((file, metadata))
}

fn changed(metadata: &Metadata) -> u64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns a name that is no longer than a file's may be, with the end that says what kind of file
/// it is if that is short.
fn cut(name: &str) -> String {
    if name.len() <= MAX_FILE_NAME {
        return name.to_owned();
    }
    let kind = name.rfind('.').and_then(|dot| name.get(dot..)).filter(|kind| kind.len() <= 16).unwrap_or_default();
    let mut end = MAX_FILE_NAME - kind.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{kind}", name.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    static GO_ON: AtomicBool = AtomicBool::new(false);

    #[test]
    fn reading_a_file_ends_when_nobody_wants_it_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "hello, world").unwrap();
        let stopped = describe(&path, &AtomicBool::new(true));
        assert!(matches!(stopped, Err(SourceError::Read { .. })), "{stopped:?}");
    }

    #[test]
    fn a_file_is_read_in_parts_until_somebody_changes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "hello, world").unwrap();
        let source = describe(&path, &GO_ON).unwrap();
        assert_eq!((source.name.as_str(), source.size), ("notes.txt", 12));
        assert_eq!(source.sha256.to_hex(), "09ca7e4eaa6e8ae9c7d261167129184883644d07dfba7cbfbc4c8a2e08360d5b");
        assert_eq!(read(&source, 7, 5).unwrap(), b"world");
        std::fs::write(&path, "hello, world!").unwrap();
        assert!(matches!(read(&source, 7, 5), Err(SourceError::Changed(_))));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read(&source, 7, 5), Err(SourceError::Read { .. })));
    }

    #[test]
    fn what_is_no_file_or_too_large_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        assert!(matches!(describe(folder.path(), &GO_ON), Err(SourceError::NotAFile(_))));
        File::create(&path).unwrap();
        assert!(matches!(describe(&path, &GO_ON), Err(SourceError::Size { size: 0, .. })));
        File::create(&path).unwrap().set_len(MAX_FILE + 1).unwrap();
        let error = describe(&path, &GO_ON).unwrap_err().to_string();
        assert!(error.contains("x has 67108865 bytes"), "{error}");
    }

    #[test]
    fn a_long_name_keeps_its_end() {
        let name = cut(&format!("{}.pdf", "ü".repeat(100)));
        assert!(name.len() <= MAX_FILE_NAME && name.ends_with("ü.pdf"), "{name}");
        assert_eq!(cut(&format!("a.{}", "b".repeat(200))).len(), MAX_FILE_NAME);
    }
}
