//! `files.*`: files that are sent, that come, and that wait to be taken.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ephemeral_e2e::core::{ComingView, CoreError, SendingView};
use ephemeral_e2e::effect::LinkId;
use ephemeral_e2e::files::FileId;
use ephemeral_e2e::payload::{CHUNK, FileChunk};

use super::{Carry, Desk, News};
use crate::api::{
    CancelFile, DeclineFile, FileInfo, ListFiles, MethodError, Nothing, Notification, SendFile, SentFile, TakeFiles,
};
use crate::downloads::{ChunkFate, Download, DownloadEnd, DownloadError, Downloads};
use crate::engine::EngineError;
use crate::names::{self, Recipient};
use crate::service::labels::{hex, name_of};
use crate::service::refusal::Refusal;
use crate::source;
use crate::text::printable;

/// A file of more chunks waits until the contact agrees (`docs/e2e.md`).
const UNASKED_CHUNKS: u32 = 22;

/// A connection that takes files.
struct Taker {
    caller: u64,
    /// From whom; `None`: whoever sends one.
    from: Option<LinkId>,
    folder: String,
    downloads: Downloads,
}

/// Holds who takes files, and the chunks that wait for somebody who does.
#[derive(Default)]
pub(super) struct FileDesk {
    takers: Vec<Taker>,
    chunks: BTreeMap<u64, (LinkId, FileChunk)>,
    /// Those that are not wanted, as long as this process lives.
    declined: BTreeSet<(LinkId, FileId)>,
}

impl FileDesk {
    /// Takes note that a connection is over.
    pub(super) fn gone(&mut self, caller: u64) {
        self.takers.retain(|taker| taker.caller != caller);
    }

    /// Forgets what waits of a contact. Returns the events.
    pub(super) fn forget(&mut self, link: LinkId) -> Vec<u64> {
        let out: Vec<u64> = self.chunks.iter().filter(|(_, (from, _))| *from == link).map(|(id, _)| *id).collect();
        self.chunks.retain(|_, (from, _)| *from != link);
        self.takers.retain(|taker| taker.from != Some(link));
        out
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

impl Desk {
    /// Takes a chunk that came, or keeps it for whoever takes it.
    pub(super) fn chunk(&mut self, event: u64, link: LinkId, chunk: FileChunk) -> Result<(), EngineError> {
        let first = chunk.index == 0;
        let waits = first && self.files.taker(link).is_none();
        if waits && !self.files.declined.contains(&(link, chunk.id)) {
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
        let taker = self.files.taker(link).filter(|_| !self.files.declined.contains(&(link, chunk.id)));
        let Some(taker) = taker.and_then(|taker| self.files.takers.get(taker)) else { return Ok(()) };
        let fate = match taker.downloads.take(&mut self.engine, event, link, &chunk) {
            Ok(fate) => fate,
            // The core has forgotten it meanwhile.
            Err(DownloadError::Engine(EngineError::Core(CoreError::Unknown))) => ChunkFate::Dropped,
            Err(DownloadError::Engine(error)) => return Err(error),
            Err(error) => {
                let folder = taker.folder.clone();
                self.files.takers.retain(|taker| taker.folder != folder);
                self.tell(Notification::FolderFailed { folder, why: printable(&error.to_string()) });
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
                self.tell(Notification::FolderFailed { folder: String::new(), why: printable(&error.to_string()) });
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

    /// Gives up what was begun of the same path and is another file now.
    fn replace_changed(&mut self, link: LinkId, source: &ephemeral_e2e::files::Source) -> Result<bool, EngineError> {
        let changed = |file: &SendingView| {
            file.link == link && file.source.path == source.path && file.source.sha256 != source.sha256
        };
        let changed: Vec<FileId> =
            self.core().files_sending().into_iter().filter(changed).map(|file| file.id).collect();
        for file in &changed {
            self.stop(link, file)?;
        }
        Ok(!changed.is_empty())
    }

    fn stop(&mut self, link: LinkId, file: &FileId) -> Result<(), EngineError> {
        self.engine.act(|core, _| {
            core.stop_file(link, file);
            Ok(())
        })
    }

    fn coming_info(&self, file: &ComingView) -> FileInfo {
        FileInfo {
            file: hex(&file.id),
            contact: name_of(self.core(), file.link),
            name: file.name.clone(),
            size: file.size,
            mine: false,
            waits: false,
            arrived: bytes(file.written, file.size),
        }
    }

    fn sending_info(&self, file: &SendingView) -> FileInfo {
        FileInfo {
            file: hex(&file.id),
            contact: name_of(self.core(), file.link),
            name: file.source.name.clone(),
            size: file.source.size,
            mine: true,
            waits: file.arrived == 0 && file.count > UNASKED_CHUNKS,
            arrived: bytes(file.arrived, file.source.size),
        }
    }

    fn waiting_info(&self, link: LinkId, chunk: &FileChunk) -> FileInfo {
        FileInfo {
            file: hex(&chunk.id),
            contact: name_of(self.core(), link),
            name: chunk.safe_name(),
            size: chunk.size,
            mine: false,
            waits: true,
            arrived: 0,
        }
    }
}

impl Carry<ListFiles> for Desk {
    fn carry(&mut self, ListFiles {}: ListFiles, _: u64) -> Result<Vec<FileInfo>, MethodError> {
        let mut files: Vec<FileInfo> = self.core().files_sending().iter().map(|file| self.sending_info(file)).collect();
        let coming = self.core().files_coming();
        files.extend(coming.iter().map(|file| self.coming_info(file)));
        let waits = |(link, chunk): &&(LinkId, FileChunk)| {
            let begun = coming.iter().any(|file| file.link == *link && file.id == chunk.id);
            chunk.index == 0 && !begun && !self.files.declined.contains(&(*link, chunk.id))
        };
        files.extend(self.files.chunks.values().filter(waits).map(|(link, chunk)| self.waiting_info(*link, chunk)));
        Ok(files)
    }
}

impl Carry<SendFile> for Desk {
    fn carry(&mut self, SendFile { contact, path }: SendFile, caller: u64) -> Result<SentFile, MethodError> {
        let Recipient::Contact(contact) = names::recipient(self.core(), &contact)? else {
            return Err(Refusal::FileToGroup.into());
        };
        if !Path::new(&path).is_absolute() {
            return Err(Refusal::Relative(printable(&path)).into());
        }
        let source = source::describe(Path::new(&path))?;
        let replaced = self.replace_changed(contact.link, &source)?;
        let name = source.name.clone();
        let size = source.size;
        let sha256 = source.sha256.to_hex();
        let file = self.engine.act(|core, now| core.send_file(contact.link, source, now))?;
        // It may be there again.
        self.engine.retry_files();
        self.changed(caller);
        Ok(SentFile { file: hex(&file), name, size, sha256, replaced })
    }
}

impl Carry<TakeFiles> for Desk {
    fn carry(&mut self, TakeFiles { contact, folder }: TakeFiles, caller: u64) -> Result<Nothing, MethodError> {
        let from = match contact.as_str() {
            "" => None,
            name => Some(names::contact(self.core(), name)?.link),
        };
        if !Path::new(&folder).is_absolute() {
            return Err(Refusal::Relative(printable(&folder)).into());
        }
        let failed = |error: DownloadError| Refusal::Folder(printable(&folder), printable(&error.to_string()));
        let downloads = Downloads::new(Path::new(&folder)).map_err(failed)?;
        self.files.takers.retain(|taker| taker.from != from);
        self.files.takers.push(Taker { caller, from, folder, downloads });
        // What a process before this one had not ended, and what waits.
        let taken = self.place().and_then(|()| self.take_waiting());
        self.broken = taken.err();
        Ok(Nothing {})
    }
}

impl Carry<CancelFile> for Desk {
    fn carry(&mut self, CancelFile { file }: CancelFile, caller: u64) -> Result<Nothing, MethodError> {
        let sending = self.core().files_sending();
        let Some(found) = sending.into_iter().find(|known| hex(&known.id) == file) else {
            return Err(Refusal::NoSuchFile(printable(&file)).into());
        };
        self.stop(found.link, &found.id)?;
        self.changed(caller);
        Ok(Nothing {})
    }
}

impl Carry<DeclineFile> for Desk {
    fn carry(&mut self, DeclineFile { file }: DeclineFile, caller: u64) -> Result<Nothing, MethodError> {
        let coming = self.core().files_coming().into_iter().find(|known| hex(&known.id) == file);
        let mut waiting = self.files.chunks.values();
        let waiting = waiting.find(|(_, chunk)| hex(&chunk.id) == file).map(|(link, chunk)| (*link, chunk.id));
        let named = coming.as_ref().map(|file| (file.link, file.id)).or(waiting);
        let Some((link, id)) = named else { return Err(Refusal::NoSuchFile(printable(&file)).into()) };
        if let Some(coming) = coming {
            // What was written of it lies there in the clear.
            let _ = std::fs::remove_file(&coming.part);
            self.engine.act(|core, _| {
                core.forget_file(link, &id);
                Ok(())
            })?;
        }
        // Its chunks are not acknowledged, so that no more are sent.
        self.files.declined.insert((link, id));
        let told: Vec<u64> =
            self.files.chunks.iter().filter(|(_, (_, chunk))| chunk.id == id).map(|(id, _)| *id).collect();
        self.news.extend(told.into_iter().map(|number| News::Withdrawn { number }));
        self.changed(caller);
        Ok(Nothing {})
    }
}
