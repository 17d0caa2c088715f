//! `ephemeral-server link-key`: what other machines know this one by.

use std::process::ExitCode;

use super::output::{failure, print};
use crate::config::Config;
use crate::transport::link::LinkKey;

/// Prints the public key, and makes it if there is none yet.
pub(super) fn run(config: &Config) -> ExitCode {
    match LinkKey::open(&config.state_dir) {
        Ok(key) => print(&format!("{}\n", key.public())),
        Err(error) => failure(error),
    }
}
