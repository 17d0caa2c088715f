//! Where the client keeps its files when it is not told: the platform's folders.

use directories::ProjectDirs;

use super::exit::Failure;
use super::words::fl;

/// Returns the platform's folders for this user.
pub(super) fn directories() -> Result<ProjectDirs, Failure> {
    ProjectDirs::from("", "", "ephemeral").ok_or_else(|| Failure::local(fl!("no-home")))
}
