//! Files: sent by their path, taken into a folder that the person says, never opened.

use ephemeral_client::api::{CancelFile, DeclineFile, FileInfo, Method as _, SentFile};

use super::Chat;
use crate::dialog::{Choice, Dialog, DialogAction, PickDialog};
use crate::layout::{Look, in_sentence};
use crate::words::{Words, say};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Writes a size.
pub(crate) fn size(words: &Words, bytes: u64) -> String {
    match bytes {
        MIB.. => say!(words, "size-mib", n = format!("{}.{}", bytes / MIB, bytes % MIB * 10 / MIB)),
        KIB.. => say!(words, "size-kib", n = bytes / KIB),
        _ => say!(words, "size-bytes", n = bytes),
    }
}

impl Chat {
    /// Adds a file that waits for a yes.
    pub(crate) fn file_waits(&mut self, file: FileInfo) {
        let size = size(&self.words, file.size);
        let name = in_sentence(&file.name);
        let contact = in_sentence(&file.contact);
        let sentence = say!(self.words, "file-waits", contact = contact, name = name, size = size);
        let with = file.contact.clone();
        if !self.files.iter().any(|known| known.file == file.file && known.contact == file.contact) {
            self.files.push(file);
        }
        self.note(&with, false, sentence, Look::Good);
    }

    pub(crate) fn file_is_sent(&mut self, file: SentFile) {
        let size = size(&self.words, file.size);
        let sentence = say!(self.words, "file-offered", name = in_sentence(&file.name), size = size);
        self.notify(sentence, Look::Good);
        self.list_all();
    }

    pub(crate) fn file_came_so_far(&mut self, file: &str, arrived: u64, size: u64) {
        let Some(known) = self.files.iter_mut().find(|known| known.file == file) else { return };
        let part = |bytes: u64| (bytes.min(size) * 10).checked_div(size).unwrap_or_default();
        let more = part(arrived) > part(known.arrived);
        known.arrived = arrived.max(known.arrived);
        known.waits = false;
        let known = known.clone();
        if more {
            let sentence = format!("{}: {}", in_sentence(&known.name), self.progress(&known));
            self.print(sentence);
        }
    }

    /// Says how far a file came.
    pub(crate) fn progress(&self, file: &FileInfo) -> String {
        let words = &self.words;
        let whole = size(words, file.size);
        let arrived = size(words, file.arrived);
        match (file.mine, file.waits) {
            (true, true) => say!(words, "file-waits-theirs", size = whole),
            (false, true) => say!(words, "file-waits-mine", size = whole),
            (true, false) => say!(words, "file-going", arrived = arrived, size = whole),
            (false, false) => say!(words, "file-coming", arrived = arrived, size = whole),
        }
    }

    pub(crate) fn show_files(&mut self) {
        let words = &self.words;
        let mut choices = Vec::new();
        for file in &self.files {
            let label = format!("{} · {}", in_sentence(&file.contact), in_sentence(&file.name));
            let id = file.file.clone();
            let (method, params, text) = if file.mine {
                let params = serde_json::to_value(CancelFile { file: id });
                (CancelFile::NAME, params, say!(words, "file-cancel"))
            } else {
                let params = serde_json::to_value(DeclineFile { file: id });
                (DeclineFile::NAME, params, say!(words, "file-decline"))
            };
            let done = say!(words, "file-ended", name = in_sentence(&file.name));
            let call = DialogAction::Call { method, params: params.unwrap_or_default(), done };
            choices.push(Choice::new(
                &label,
                self.progress(file),
                DialogAction::More(vec![Choice::new(&text, "", call)]),
            ));
        }
        let title = say!(words, "files-title");
        self.show(Dialog::Pick(PickDialog::new(title, choices)));
    }

    /// Returns the whole path of one that was written.
    pub(crate) fn path(&self, written: &str) -> String {
        let home = self.home.trim_end_matches('/');
        match written.strip_prefix('~') {
            Some("") => home.to_owned(),
            Some(rest) if rest.starts_with('/') => format!("{home}{rest}"),
            _ if written.starts_with('/') => written.to_owned(),
            _ => format!("{}/{written}", self.here.trim_end_matches('/')),
        }
    }

    /// Says what files of the open conversation do.
    pub(crate) fn files_of_open(&self) -> Option<String> {
        let open = self.open.as_ref()?;
        let file = self.files.iter().find(|file| file.contact == *open)?;
        Some(format!("{}: {}", in_sentence(&file.name), self.progress(file)))
    }
}
