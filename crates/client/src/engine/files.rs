//! Reads what is sent of files, chunk by chunk, as contacts acknowledge what went before.

use std::collections::{BTreeMap, BTreeSet};

use ephemeral_e2e::files::FileId;
use tokio::time::Instant;

use super::{Engine, EngineError, EngineEvent};
use crate::cause::Explanation;
use crate::source;

/// Holds what was told of the files that are sent.
#[derive(Default)]
pub(super) struct Feeding {
    /// How many chunks contacts had.
    told: BTreeMap<FileId, u32>,
    /// Those that cannot be read.
    unreadable: BTreeSet<FileId>,
}

impl Engine {
    /// Puts the chunks that are wanted into the outbox.
    pub(super) fn feed_files(&mut self) -> Result<(), EngineError> {
        for file in self.core().files_sending() {
            if self.feeding.told.insert(file.id, file.arrived) != Some(file.arrived) {
                self.news.push_back(EngineEvent::FileSent { file });
            }
        }
        loop {
            let wants = |file: &ephemeral_e2e::core::SendingView| {
                file.wanted.is_some() && !self.feeding.unreadable.contains(&file.id)
            };
            let Some(file) = self.core().files_sending().into_iter().find(wants) else { return Ok(()) };
            let Some((offset, length)) = file.wanted else { return Ok(()) };
            match source::read(&file.source, offset, length) {
                Ok(data) => {
                    let wall = self.profile.wall_ms();
                    self.profile.core_mut().send_chunk(file.link, &file.id, data, wall)?;
                    self.dirty = true;
                    self.tick_at = Instant::now();
                }
                Err(error) => {
                    self.feeding.unreadable.insert(file.id);
                    self.news.push_back(EngineEvent::FileUnreadable { file, why: Explanation::of(&error) });
                }
            }
        }
    }

    /// Tries again to read the files that could not be read.
    pub fn retry_files(&mut self) {
        self.feeding.unreadable.clear();
    }
}
