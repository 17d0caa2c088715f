//! Where the client keeps its files when it is not told: the platform's folders.

use directories::ProjectDirs;

use super::exit::Failure;

/// Returns the platform's folders for this user.
pub(super) fn directories() -> Result<ProjectDirs, Failure> {
    ProjectDirs::from("", "", "ephemeral")
        .ok_or_else(|| Failure::local("there is no home directory: say where with --key and --state-dir"))
}
