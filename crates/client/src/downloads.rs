//! Files that come: written chunk by chunk beside where they will be, under their names only when
//! they are whole.
//!
//! A chunk leaves the profile's inbox, and is acknowledged, only after it was written and synced.
//! That a file is whole is written to the profile before it gets its name, so that a process may
//! end at any moment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use ephemeral_e2e::core::{ComingView, CoreError};
use ephemeral_e2e::effect::LinkId;
use ephemeral_e2e::payload::{CHUNK, FileChunk};
use sha2::{Digest as _, Sha256};

use crate::engine::{Engine, EngineError};

mod name;

use name::give_name;

/// Says why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The disk.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The folder is none.
    #[error("{} is no folder", .0.display())]
    NotAFolder(PathBuf),
    /// The profile.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl DownloadError {
    fn of(path: &Path) -> impl Fn(io::Error) -> Self {
        |source| Self::Write { path: path.to_owned(), source }
    }
}

/// Says what became of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkFate {
    /// It was written.
    Part,
    /// It was written, and was the last one: [`Downloads::place`].
    Whole,
    /// It is of no file that is wanted.
    Dropped,
    /// It waits until other files are complete.
    Waits,
}

/// Says what became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownloadEnd {
    /// It is whole, and has this path.
    Saved(PathBuf),
    /// It is not what its sender said, and was deleted.
    Damaged,
    /// What was written of it is gone.
    Gone,
    /// Its rest did not come within 17 days, and it was deleted.
    Ended,
}

/// Holds a file that is not coming any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// The file.
    pub file: ComingView,
    /// What became of it.
    pub outcome: DownloadEnd,
}

/// Writes files into a folder.
#[derive(Debug)]
pub struct Downloads {
    folder: PathBuf,
}

impl Downloads {
    /// Writes files into a folder that is there.
    ///
    /// # Errors
    /// [`DownloadError`].
    pub fn new(folder: &Path) -> Result<Self, DownloadError> {
        let full = fs::canonicalize(folder).map_err(DownloadError::of(folder))?;
        if !full.is_dir() || full.to_str().is_none() {
            return Err(DownloadError::NotAFolder(full));
        }
        Ok(Self { folder: full })
    }

    /// Writes a chunk that is the event `event`.
    ///
    /// # Errors
    /// [`DownloadError`]: the chunk comes again with the next start.
    pub fn take(
        &self,
        engine: &mut Engine,
        event: u64,
        link: LinkId,
        chunk: &FileChunk,
    ) -> Result<ChunkFate, DownloadError> {
        let Some(part) = self.part_of(engine, event, link, chunk)? else {
            engine.shown(event);
            return Ok(ChunkFate::Dropped);
        };
        let Some(part) = part else { return Ok(ChunkFate::Waits) };
        match write(&part, u64::from(chunk.index) * CHUNK as u64, &chunk.data) {
            Err(error) if error.kind() == ErrorKind::NotFound && has_folder(&part) => {
                // Somebody deleted it, and what was acknowledged does not come again.
                engine.shown(event);
                return Ok(ChunkFate::Whole);
            }
            written => written.map_err(DownloadError::of(&part))?,
        }
        let whole = engine.act(|core, now| core.wrote_chunk(event, now))?;
        Ok(if whole { ChunkFate::Whole } else { ChunkFate::Part })
    }

    /// Returns where a chunk is written. The outer `None`: it is not wanted; the inner one: there
    /// is no room.
    fn part_of(
        &self,
        engine: &mut Engine,
        event: u64,
        link: LinkId,
        chunk: &FileChunk,
    ) -> Result<Option<Option<PathBuf>>, DownloadError> {
        let known = engine.core().files_coming().into_iter().find(|file| file.link == link && file.id == chunk.id);
        if let Some(file) = known {
            let fits = engine.core().is_of_file(link, chunk);
            return Ok(fits.then(|| Some(PathBuf::from(file.part))));
        }
        // The others follow only the first.
        if chunk.index != 0 {
            return Ok(None);
        }
        let part = self.folder.join(name::part());
        match engine.act(|core, now| core.begin_file(event, part.to_str().unwrap_or_default(), now)) {
            Err(EngineError::Core(CoreError::Full(_))) => return Ok(Some(None)),
            begun => begun?,
        }
        let made = create(&part).and_then(|file| file.set_len(chunk.size));
        if let Err(error) = made {
            let _ = fs::remove_file(&part);
            engine.act(|core, _| {
                core.forget_file(link, &chunk.id);
                Ok(())
            })?;
            return Err(DownloadError::of(&part)(error));
        }
        Ok(Some(Some(part)))
    }

    /// Gives files that are whole their names, ends those that will not become it, and returns
    /// them.
    ///
    /// # Errors
    /// [`DownloadError`].
    pub fn place(engine: &mut Engine) -> Result<Vec<Download>, DownloadError> {
        let over = |file: &ComingView| {
            let part = Path::new(&file.part);
            file.stale || (has_folder(part) && (file.written == file.count || !part.exists()))
        };
        let files: Vec<_> = engine.core().files_coming().into_iter().filter(over).collect();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        // That they are whole has to be known before what was written is gone.
        engine.write()?;
        let mut ended = Vec::new();
        for file in files {
            let outcome = end(&file)?;
            engine.act(|core, _| {
                core.forget_file(file.link, &file.id);
                Ok(())
            })?;
            ended.extend(outcome.map(|outcome| Download { file, outcome }));
        }
        Ok(ended)
    }
}

/// Ends a file. `None`: a process before this one had given it its name already.
fn end(file: &ComingView) -> Result<Option<DownloadEnd>, DownloadError> {
    let part = Path::new(&file.part);
    let failed = DownloadError::of(part);
    let whole = file.written == file.count;
    if !part.exists() {
        return Ok((!whole).then_some(DownloadEnd::Gone));
    }
    if whole && is_genuine(part, file).map_err(&failed)? {
        return Ok(Some(DownloadEnd::Saved(give_name(part, &file.name).map_err(&failed)?)));
    }
    fs::remove_file(part).map_err(&failed)?;
    Ok(Some(if whole { DownloadEnd::Damaged } else { DownloadEnd::Ended }))
}

/// Tells whether the folder is there: a disk may have been taken out.
fn has_folder(part: &Path) -> bool {
    part.parent().is_some_and(Path::is_dir)
}

fn is_genuine(part: &Path, told: &ComingView) -> io::Result<bool> {
    let mut file = File::open(part)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut block)?;
        if length == 0 {
            break;
        }
        hash.update(&block[..length]);
    }
    let sha256: [u8; 32] = hash.finalize().into();
    Ok(file.metadata()?.len() == told.size && sha256 == told.sha256.0)
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    name::sync_folder(path)?;
    Ok(file)
}

fn write(part: &Path, offset: u64, data: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(part)?;
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(data)?;
    file.sync_data()
}
