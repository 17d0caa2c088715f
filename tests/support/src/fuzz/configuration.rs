//! Fuzzing: a configuration file. Lines such as `#!PORT=8080` are the environment.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use ephemeral::config::{Config, ConfigError, Flags};
use tempfile::TempDir;

/// Panics where a configuration is accepted that is not the one it says it is, or is refused
/// without a reason.
pub fn check(data: &[u8]) {
    thread_local!(static DIRECTORY: TempDir = tempfile::tempdir().unwrap());
    DIRECTORY.with(|directory| check_in(directory.path(), data));
}

fn check_in(directory: &Path, data: &[u8]) {
    let file = directory.join("configuration.toml");
    let text = String::from_utf8_lossy(data);
    let variables: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#!")?.split_once('=')).collect();
    let environment = |name: &str| match name {
        "EPHEMERAL_CONFIG" => Some(OsString::from(&file)),
        _ => variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value)),
    };
    // What the machine that this runs on would say.
    let flags = Flags { state_dir: Some("/var/lib/test".into()), ..Flags::default() };
    let load = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        Config::load(&flags, &environment)
    };
    match load(data) {
        Ok(config) => {
            let shown = config.to_toml();
            let again =
                load(shown.as_bytes()).unwrap_or_else(|error| panic!("what it shows it does not read: {error}"));
            // Not by `==`: a table of Arti's may have numbers that are not equal to themselves.
            assert_eq!(format!("{again:?}"), format!("{config:?}"), "read again, it is another one");
            assert_eq!(again.to_toml(), shown, "read again, it shows something else");
        }
        Err(ConfigError::Invalid(problems)) => {
            assert!(!problems.is_empty(), "refused without a reason");
            assert!(problems.iter().all(|problem| problem.to_string().contains(' ')), "not a sentence");
        }
        Err(error @ ConfigError::Unreadable { .. }) => {
            assert!(std::str::from_utf8(data).is_err(), "{error}");
        }
    }
}
