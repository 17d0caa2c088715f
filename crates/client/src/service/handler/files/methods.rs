//! `files.*`: sends, lists, takes, cancels and declines files.

use std::path::Path;

use ephemeral_e2e::core::{ComingView, SendingView, WaitingView};
use ephemeral_e2e::effect::LinkId;
use ephemeral_e2e::files::{FileId, Source};

use super::{Taker, bytes};
use crate::api::{CancelFile, DeclineFile, FileInfo, ListFiles, MethodError, Nothing, SendFile, SentFile, TakeFiles};
use crate::cause::Explanation;
use crate::downloads::{DownloadError, Downloads};
use crate::engine::EngineError;
use crate::names::{self, Recipient};
use crate::service::describing::FileToSend;
use crate::service::handler::{Handle, MethodHandler};
use crate::service::labels::{hex, name_of};
use crate::service::refusal::MethodRefusal;

/// A file of more chunks waits until the contact agrees (`docs/e2e.md`).
const UNASKED_CHUNKS: u32 = 22;

impl MethodHandler {
    /// Gives up what was begun of the same path and is another file now.
    fn replace_changed(&mut self, link: LinkId, source: &Source) -> Result<bool, EngineError> {
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

    /// Finds to whom a file is to be sent.
    pub(in crate::service) fn file_to_send(&self, asked: SendFile) -> Result<FileToSend, MethodError> {
        let SendFile { contact, path } = asked;
        let Recipient::Contact(contact) = names::recipient(self.core(), &contact)? else {
            return Err(MethodRefusal::FileToGroup.into());
        };
        if !Path::new(&path).is_absolute() {
            return Err(MethodRefusal::Relative(path).into());
        }
        Ok(FileToSend { link: contact.link, path: path.into() })
    }

    /// Sends a file that was read.
    pub(in crate::service) fn send_file(
        &mut self,
        link: LinkId,
        source: Source,
        connection: u64,
    ) -> Result<SentFile, MethodError> {
        let replaced = self.replace_changed(link, &source)?;
        let name = source.name.clone();
        let size = source.size;
        let sha256 = source.sha256.to_hex();
        let file = self.engine.act(|core, now| core.send_file(link, source, now))?;
        // It may be there again.
        self.engine.retry_files();
        self.changed(connection);
        Ok(SentFile { file: hex(&file), name, size, sha256, replaced })
    }

    fn stop(&mut self, link: LinkId, file: &FileId) -> Result<(), EngineError> {
        self.engine.act(|core, now| core.stop_file(link, file, now))
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

    fn waiting_info(&self, file: &WaitingView) -> FileInfo {
        FileInfo {
            file: hex(&file.id),
            contact: name_of(self.core(), file.link),
            name: file.name.clone(),
            size: file.size,
            mine: false,
            waits: true,
            arrived: 0,
        }
    }
}

impl Handle<ListFiles> for MethodHandler {
    fn handle(&mut self, ListFiles {}: ListFiles, _: u64) -> Result<Vec<FileInfo>, MethodError> {
        let sending = self.core().files_sending();
        let sending = sending.iter().filter(|file| !file.declined);
        let mut files: Vec<FileInfo> = sending.map(|file| self.sending_info(file)).collect();
        let coming = self.core().files_coming();
        files.extend(coming.iter().map(|file| self.coming_info(file)));
        files.extend(self.core().files_waiting().iter().map(|file| self.waiting_info(file)));
        Ok(files)
    }
}

impl Handle<TakeFiles> for MethodHandler {
    fn handle(&mut self, TakeFiles { contact, folder }: TakeFiles, connection: u64) -> Result<Nothing, MethodError> {
        let from = match contact.as_str() {
            "" => None,
            name => Some(names::contact(self.core(), name)?.link),
        };
        if !Path::new(&folder).is_absolute() {
            return Err(MethodRefusal::Relative(folder).into());
        }
        let failed = |error: DownloadError| MethodRefusal::Folder(folder.clone(), Explanation::of(&error));
        let downloads = Downloads::new(Path::new(&folder)).map_err(failed)?;
        self.files.takers.retain(|taker| taker.from != from);
        self.files.takers.push(Taker { connection, from, folder, downloads });
        // What a process before this one had not ended, and what waits.
        let taken = self.place().and_then(|()| self.take_waiting());
        self.broken = taken.err();
        Ok(Nothing {})
    }
}

impl Handle<CancelFile> for MethodHandler {
    fn handle(&mut self, CancelFile { file }: CancelFile, connection: u64) -> Result<Nothing, MethodError> {
        let sending = self.core().files_sending();
        let Some(found) = sending.into_iter().find(|known| hex(&known.id) == file) else {
            return Err(MethodRefusal::NoSuchFile(file).into());
        };
        self.stop(found.link, &found.id)?;
        self.changed(connection);
        Ok(Nothing {})
    }
}

impl Handle<DeclineFile> for MethodHandler {
    fn handle(&mut self, DeclineFile { file }: DeclineFile, connection: u64) -> Result<Nothing, MethodError> {
        let coming = self.core().files_coming().into_iter().find(|known| hex(&known.id) == file);
        let waiting = self.core().files_waiting().into_iter().find(|known| hex(&known.id) == file);
        let waiting = waiting.map(|file| (file.link, file.id));
        let named = coming.as_ref().map(|file| (file.link, file.id)).or(waiting);
        let Some((link, id)) = named else { return Err(MethodRefusal::NoSuchFile(file).into()) };
        if let Some(coming) = coming {
            // What was written of it lies there in the clear.
            let _ = std::fs::remove_file(&coming.part);
        }
        self.engine.act(|core, now| core.decline_file(link, &id, now))?;
        self.withdraw(link, &id);
        self.changed(connection);
        Ok(Nothing {})
    }
}
