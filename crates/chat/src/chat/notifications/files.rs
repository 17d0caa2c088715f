//! What is told of files.

use ephemeral_client::api::{FileInfo, ListFiles, Notification};

use super::super::calls::PendingCall;
use super::super::{Chat, files};
use crate::layout::{Look, in_sentence};
use crate::words::say;

impl Chat {
    pub(super) fn notified_of_file(&mut self, notification: Notification) {
        let words = &self.words;
        let (contact, text, look) = match notification {
            Notification::FileProgress { file, arrived, size, .. } => {
                return self.file_came_so_far(&file, arrived, size);
            }
            Notification::File { contact, id, name, size } => {
                let waits = FileInfo { file: id, contact, name, size, mine: false, waits: true, arrived: 0 };
                return self.file_waits(waits);
            }
            Notification::FileSaved { contact, name, size, path, .. } => {
                let size = files::size(words, size);
                let name = in_sentence(&name);
                (contact, say!(words, "file-saved", name = name, size = size, path = in_sentence(&path)), Look::Good)
            }
            Notification::FileDamaged { contact, name, .. } => {
                (contact, say!(words, "file-damaged", name = in_sentence(&name)), Look::Warn)
            }
            Notification::FileLost { contact, name, .. } => {
                (contact, say!(words, "file-lost", name = in_sentence(&name)), Look::Warn)
            }
            Notification::FileArrived { contact, name, .. } => {
                (contact, say!(words, "file-arrived", name = in_sentence(&name)), Look::Good)
            }
            Notification::FileDeclined { contact, name, .. } => {
                (contact, say!(words, "file-declined", name = in_sentence(&name)), Look::Warn)
            }
            Notification::FileNotDelivered { contact, name, .. } => {
                (contact, say!(words, "file-not-delivered", name = in_sentence(&name)), Look::Warn)
            }
            Notification::FileWaits { contact, name, .. } => {
                (contact, say!(words, "file-queues", name = in_sentence(&name)), Look::Dim)
            }
            Notification::FolderFailed { folder, why, reason } => {
                let why = self.why(&why, reason.as_ref());
                let sentence = say!(words, "folder-failed", folder = in_sentence(&folder), why = why);
                return self.notify(sentence, Look::Warn);
            }
            Notification::FileUnreadable { why, reason, .. } => {
                let why = self.why(&why, reason.as_ref());
                let sentence = say!(words, "file-unreadable", why = why);
                return self.notify(sentence, Look::Warn);
            }
            _ => return,
        };
        self.note(&contact, false, text, look);
        self.call(&ListFiles {}, PendingCall::Files);
    }
}
