//! Files that come: the chunks that wait for somebody who takes them, and what becomes of them.

mod methods;

use std::collections::BTreeMap;

use ephemeral_e2e::core::CoreError;
use ephemeral_e2e::effect::LinkId;
use ephemeral_e2e::files::FileId;
use ephemeral_e2e::payload::{CHUNK, FileChunk};

use super::{MethodHandler, News};
use crate::api::Notification;
use crate::downloads::{ChunkFate, Download, DownloadEnd, DownloadError, Downloads};
use crate::engine::EngineError;
use crate::service::labels::{hex, name_of};
use crate::text::printable;

/// A connection that takes files.
struct Taker {
    connection: u64,
    /// The sender; `None`: any sender.
    from: Option<LinkId>,
    folder: String,
    downloads: Downloads,
}

/// Holds who takes files, and the chunks that wait for somebody who does.
#[derive(Default)]
pub(super) struct IncomingFiles {
    takers: Vec<Taker>,
    chunks: BTreeMap<u64, (LinkId, FileChunk)>,
}

impl IncomingFiles {
    /// Takes note that a connection is over.
    pub(super) fn gone(&mut self, connection: u64) {
        self.takers.retain(|taker| taker.connection != connection);
    }

    /// Forgets what waits of a contact. Returns the events.
    pub(super) fn forget(&mut self, link: LinkId) -> Vec<u64> {
        let out: Vec<u64> = self.chunks.iter().filter(|(_, (from, _))| *from == link).map(|(id, _)| *id).collect();
        self.chunks.retain(|_, (from, _)| *from != link);
        self.takers.retain(|taker| taker.from != Some(link));
        out
    }

    /// Forgets what waits of a file. Returns the events.
    fn forget_file(&mut self, link: LinkId, file: &FileId) -> Vec<u64> {
        let of_it = |(from, chunk): &(LinkId, FileChunk)| *from == link && chunk.id == *file;
        let out = self.chunks.extract_if(.., |_, waiting| of_it(waiting));
        out.map(|(event, _)| event).collect()
    }

    fn taker(&self, link: LinkId) -> Option<usize> {
        let own = self.takers.iter().rposition(|taker| taker.from == Some(link));
        own.or_else(|| self.takers.iter().rposition(|taker| taker.from.is_none()))
    }
}

/// Returns how many bytes so many chunks are.
pub(super) fn bytes(chunks: u32, size: u64) -> u64 {
    size.min(u64::from(chunks) * CHUNK as u64)
}

/// Tells that files cannot be written.
fn folder_failed(folder: String, error: &DownloadError) -> Notification {
    Notification::FolderFailed { folder, why: printable(&error.to_string()), reason: Some(error.into()) }
}

impl MethodHandler {
    /// Takes a chunk that came, or keeps it for the subscriber that takes it.
    pub(super) fn chunk(&mut self, event: u64, link: LinkId, chunk: FileChunk) -> Result<(), EngineError> {
        let first = chunk.index == 0;
        if first && self.files.taker(link).is_none() {
            let contact = name_of(self.core(), link);
            let name = chunk.safe_name();
            let notification = Notification::File { contact, id: hex(&chunk.id), name, size: chunk.size };
            self.news.push_back(News::Standing { number: event, notification });
        }
        self.files.chunks.insert(event, (link, chunk));
        self.take_chunk(event)
    }

    fn take_chunk(&mut self, event: u64) -> Result<(), EngineError> {
        let Some((link, chunk)) = self.files.chunks.get(&event).cloned() else { return Ok(()) };
        let taker = self.files.taker(link).and_then(|taker| self.files.takers.get(taker));
        let Some(taker) = taker else { return Ok(()) };
        let fate = match taker.downloads.take(&mut self.engine, event, link, &chunk) {
            Ok(fate) => fate,
            // The core has forgotten it meanwhile.
            Err(DownloadError::Engine(EngineError::Core(CoreError::Unknown))) => ChunkFate::Dropped,
            Err(DownloadError::Engine(error)) => return Err(error),
            Err(error) => {
                let folder = taker.folder.clone();
                self.files.takers.retain(|taker| taker.folder != folder);
                self.tell(folder_failed(folder, &error));
                return Ok(());
            }
        };
        if fate == ChunkFate::Waits {
            let contact = name_of(self.core(), link);
            self.tell(Notification::FileWaits { contact, name: chunk.safe_name(), size: chunk.size });
            return Ok(());
        }
        self.files.chunks.remove(&event);
        self.news.push_back(News::Withdrawn { number: event });
        self.came(link, &chunk);
        if fate == ChunkFate::Whole { self.place() } else { Ok(()) }
    }

    /// Forgets what waits of a file of which no more is wanted, or comes.
    fn withdraw(&mut self, link: LinkId, file: &FileId) {
        let told = self.files.forget_file(link, file);
        self.news.extend(told.into_iter().map(|number| News::Withdrawn { number }));
    }

    /// Ends a file that its sender withdrew. Of one that was begun, that is told when what was
    /// written of it is deleted.
    pub(super) fn withdrawn(&mut self, link: LinkId, file: &FileId, begun: bool) -> Result<(), EngineError> {
        self.withdraw(link, file);
        if begun { self.place() } else { Ok(()) }
    }

    /// Tells how much of a file has come.
    fn came(&mut self, link: LinkId, chunk: &FileChunk) {
        let coming = self.core().files_coming();
        let Some(file) = coming.iter().find(|file| file.link == link && file.id == chunk.id) else { return };
        let contact = name_of(self.core(), link);
        let notification = Notification::FileProgress {
            contact,
            file: hex(&file.id),
            name: file.name.clone(),
            arrived: bytes(file.written, file.size),
            size: file.size,
            mine: false,
        };
        self.tell(notification);
    }

    /// Ends the files that are whole, or that will not become it; then there may be room for those
    /// that wait.
    fn place(&mut self) -> Result<(), EngineError> {
        let ended = match Downloads::place(&mut self.engine) {
            Ok(ended) => ended,
            Err(DownloadError::Engine(error)) => return Err(error),
            Err(error) => {
                self.tell(folder_failed(String::new(), &error));
                return Ok(());
            }
        };
        for download in &ended {
            let notification = self.ended(download);
            self.tell(notification);
        }
        if ended.is_empty() { Ok(()) } else { self.take_waiting() }
    }

    fn take_waiting(&mut self) -> Result<(), EngineError> {
        let waiting: Vec<u64> = self.files.chunks.keys().copied().collect();
        waiting.into_iter().try_for_each(|event| self.take_chunk(event))
    }

    fn ended(&self, Download { file, outcome }: &Download) -> Notification {
        let contact = name_of(self.core(), file.link);
        let name = file.name.clone();
        let size = file.size;
        let sha256 = file.sha256.to_hex();
        match outcome {
            DownloadEnd::Saved(path) => {
                Notification::FileSaved { contact, name, size, sha256, path: path.display().to_string() }
            }
            DownloadEnd::Damaged => Notification::FileDamaged { contact, name, size, sha256 },
            DownloadEnd::Gone => Notification::FileLost { contact, name, size, sha256, gone: true },
            DownloadEnd::Ended => Notification::FileLost { contact, name, size, sha256, gone: false },
        }
    }
}
