//! Files of which one side wants no more: who takes one declines it, or who sends one withdraws it.
//!
//! A control message says so, and says it again whenever more of a declined file comes: until then
//! the other side has not heard of it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Link, LinkKind};
use crate::clock::{DAY, HOUR};
use crate::files::FileId;
use crate::payload::MAX_ENDED;
use crate::profile::ProfileState;

/// Bounds the files that one link remembers.
const MAX_KNOWN: usize = 256;
/// How long they are: a day longer than a chunk is repeated.
const LIFE: u64 = 17 * DAY;
/// How long nothing is said again: or somebody could ask every minute whether one is online.
const SAY_AGAIN: u64 = HOUR;

#[derive(Debug, Serialize, Deserialize)]
struct EndedFile {
    id: FileId,
    since: u64,
    /// Whether the other side ended it, which is not to be told of it.
    theirs: bool,
    /// When the other side was told last, by `elapsed`.
    said: Option<u64>,
}

/// Remembers the files of which no more is wanted, the oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct EndedFiles(VecDeque<EndedFile>);

impl EndedFiles {
    fn put(&mut self, id: FileId, theirs: bool, age: u64) {
        if self.0.iter().any(|file| file.id == id) {
            return;
        }
        self.0.push_back(EndedFile { id, since: age, theirs, said: None });
        if self.0.len() > MAX_KNOWN {
            self.0.pop_front();
        }
    }

    fn knows(&self, id: &FileId) -> bool {
        self.0.iter().any(|file| file.id == *id)
    }

    fn has_due(&self) -> bool {
        self.0.iter().any(|file| !file.theirs && file.said.is_none())
    }

    /// Says again what the other side has not heard of, since more of it came.
    fn came_again(&mut self, id: &FileId, elapsed: u64) {
        let file = self.0.iter_mut().find(|file| file.id == *id);
        if let Some(file) = file.filter(|file| file.said.is_some_and(|said| elapsed >= said + SAY_AGAIN)) {
            file.said = None;
        }
    }

    /// Takes note that what was said may be gone.
    pub(super) fn say_anew(&mut self) {
        for file in &mut self.0 {
            file.said = None;
        }
    }

    /// Takes what goes with the next payload.
    pub(super) fn take(&mut self, elapsed: u64) -> Vec<FileId> {
        let due = self.0.iter_mut().filter(|file| !file.theirs && file.said.is_none());
        let said = due.take(MAX_ENDED).map(|file| {
            file.said = Some(elapsed);
            file.id
        });
        said.collect()
    }

    pub(super) fn prune(&mut self, age: u64) {
        while self.0.front().is_some_and(|file| file.since + LIFE <= age) {
            self.0.pop_front();
        }
    }
}

impl Link {
    /// Wants no more of a file that comes, or sends no more of one, and tells the other side.
    pub(crate) fn end_file(&mut self, file: FileId, profile: &mut ProfileState) {
        self.ended.put(file, false, profile.clock.settled_age());
        self.outbox.drop_file(&file);
        self.want_control(profile);
    }

    /// Asks for another message if not everything went with the last one.
    pub(super) fn say_the_rest(&mut self, profile: &mut ProfileState) {
        if self.ended.has_due() {
            self.want_control(profile);
        }
    }

    /// Takes note that the other side wants no more of files, or sends no more of them.
    pub(super) fn other_ended(&mut self, files: &[FileId], profile: &mut ProfileState) {
        if self.kind != LinkKind::Contact {
            return;
        }
        for file in files {
            // What comes of it later was overtaken.
            self.ended.put(*file, true, profile.clock.settled_age());
            let flying = self.outbox.of_file(file).count();
            self.outbox.drop_file(file);
            profile.other_ended_file(self.id, file, u32::try_from(flying).unwrap_or(u32::MAX));
        }
    }

    /// Tells whether a chunk is of a file of which no more is wanted.
    pub(super) fn is_ended(&mut self, file: &FileId, profile: &mut ProfileState) -> bool {
        let ended = self.ended.knows(file);
        if ended {
            self.ended.came_again(file, profile.clock.elapsed);
            self.say_the_rest(profile);
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declined_file_is_told_once_and_again_after_an_hour_if_more_of_it_comes() {
        let mut ended = EndedFiles::default();
        ended.put([1; 16], false, 0);
        ended.put([2; 16], true, 0);
        assert_eq!(ended.take(10), [[1; 16]], "what the other side ended is not told");
        ended.came_again(&[1; 16], HOUR);
        assert!(!ended.has_due());
        ended.came_again(&[1; 16], 10 + HOUR);
        assert_eq!(ended.take(10 + HOUR), [[1; 16]]);
        ended.say_anew();
        assert_eq!(ended.take(20 + HOUR), [[1; 16]], "a server forgot it");
    }

    #[test]
    fn what_is_remembered_is_bounded_in_number_and_time_and_so_is_what_goes_at_once() {
        let mut ended = EndedFiles::default();
        for id in 0..=u16::try_from(MAX_KNOWN).unwrap() {
            let mut file = [0; 16];
            file[..2].copy_from_slice(&id.to_be_bytes());
            ended.put(file, false, 0);
        }
        assert_eq!((ended.0.len(), ended.take(1).len(), ended.has_due()), (MAX_KNOWN, MAX_ENDED, true));
        ended.prune(LIFE);
        assert_eq!(ended.0.len(), 0);
    }
}
