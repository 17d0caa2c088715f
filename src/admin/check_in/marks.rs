//! The times of the dead-man switch, kept in the state directory: two of them, and nothing else.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::erase::CHECK_IN;
use ephemeral_core::dead_man::{Marks, Moment};
use ephemeral_tor::private_file::{self, FileError};

/// The shortest time between two writes: a program that asks for the figures every second is no
/// reason to write every second.
const OFTEN_MS: u64 = 60 * 1000;
/// How often it is written that the clock goes on, if nothing else happens.
const SELDOM_MS: u64 = 60 * 60 * 1000;

/// The file, and what is in it.
pub(super) struct MarksFile {
    path: PathBuf,
    marks: Option<Marks>,
    /// How long the process had run when it was last written.
    written_ms: Option<u64>,
}

impl MarksFile {
    /// Reads it. One that cannot be read is as if there were none: that is a check-in.
    pub(super) fn open(state_dir: &Path) -> (Self, Option<Marks>) {
        let path = state_dir.join(CHECK_IN);
        let marks = match read(&path) {
            Ok(marks) => Some(marks),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                tracing::error!("{error}. The dead-man switch begins anew");
                None
            }
        };
        (Self { path, marks, written_ms: None }, marks)
    }

    /// Writes it, if that is worth it.
    pub(super) fn keep(&mut self, marks: Marks, now: Moment) {
        let since = self.written_ms.map(|at| now.running_ms.saturating_sub(at));
        let checked_in = self.marks.is_none_or(|kept| kept.checked_in != marks.checked_in);
        let patience = if checked_in { OFTEN_MS } else { SELDOM_MS };
        if since.is_some_and(|since| since < patience) || self.marks == Some(marks) {
            return;
        }
        self.written_ms = Some(now.running_ms);
        match write(&self.path, &marks.write()) {
            Ok(()) => self.marks = Some(marks),
            Err(error) => {
                tracing::error!("{error}. After a restart, the dead-man switch counts from an earlier check-in",)
            }
        }
    }
}

fn read(path: &Path) -> Result<Marks, FileError> {
    let text = private_file::read_text(path, Marks::BYTES)?;
    let wrong = || io::Error::new(ErrorKind::InvalidData, "these are not the times of a check-in");
    Marks::read(&text).ok_or_else(|| FileError::of("read", path)(wrong()))
}

fn write(path: &Path, text: &str) -> Result<(), FileError> {
    if let Some(directory) = path.parent() {
        private_file::create_directory(directory)?;
    }
    private_file::replace(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ephemeral_core::protocol::WallTime;

    fn marks(checked_in: u64, seen: u64) -> Marks {
        Marks { checked_in: WallTime(checked_in), seen: WallTime(seen) }
    }

    fn at(running_ms: u64) -> Moment {
        Moment { wall: WallTime(running_ms), running_ms }
    }

    #[test]
    fn it_is_written_once_a_minute_for_check_ins_and_once_an_hour_for_the_clock() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = directory.path().join("state");
        let (mut kept, none) = MarksFile::open(&state);
        assert_eq!(none, None);
        let in_file = || MarksFile::open(&state).1;
        kept.keep(marks(1000, 1000), at(0));
        assert_eq!(in_file(), Some(marks(1000, 1000)));
        kept.keep(marks(2000, 2000), at(OFTEN_MS - 1));
        assert_eq!(in_file(), Some(marks(1000, 1000)), "too soon");
        kept.keep(marks(2000, 3000), at(OFTEN_MS));
        assert_eq!(in_file(), Some(marks(2000, 3000)));
        kept.keep(marks(2000, 4000), at(OFTEN_MS + SELDOM_MS - 1));
        assert_eq!(in_file(), Some(marks(2000, 3000)), "nobody has checked in");
        kept.keep(marks(2000, 4000), at(OFTEN_MS + SELDOM_MS));
        assert_eq!(in_file(), Some(marks(2000, 4000)));
        assert!(!state.join("check-in.new").exists());
    }

    #[test]
    fn what_cannot_be_read_is_as_if_there_were_none() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join(CHECK_IN), "yesterday").expect("to write");
        assert_eq!(MarksFile::open(directory.path()).1, None);
    }
}
