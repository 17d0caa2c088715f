//! The file with the settings. It says nothing of conversations.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::super::directories::directories;
use super::super::exit::Failure;
use super::super::words::{self, files, fl};
use ephemeral_chat::{Settings, SettingsProblem, Words};

fn path() -> Result<PathBuf, Failure> {
    Ok(directories()?.config_dir().join("chat.toml"))
}

/// Reads the settings; without a file, they are as usual. What is wrong with them is said in these
/// words.
pub(super) fn read(words: &Words) -> Result<Settings, Failure> {
    let path = path()?;
    let wrong = |problem: SettingsProblem| Failure::usage(format!("{}: {}", words::path(&path), problem.said(words)));
    match std::fs::read_to_string(&path) {
        Ok(text) => Settings::read(&text).map_err(wrong),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Settings::default()),
        Err(error) => Err(Failure::local(fl!("source-unread", path = words::path(&path), why = files::system(&error)))),
    }
}

/// Writes the settings.
pub(super) fn write(settings: &str) -> Result<(), Failure> {
    let path = path()?;
    let failed = |error: std::io::Error| {
        Failure::local(fl!("download-unwritten", path = words::path(&path), why = files::system(&error)))
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(&path, settings).map_err(failed)
}
