//! `ephemeral-server address`: the onion address, without a network.

use std::process::ExitCode;

use super::{EXIT_CONFIG, complain, failure, print};
use crate::config::Config;
use crate::transport;

pub(super) fn run(config: &Config) -> ExitCode {
    let Some(onion) = &config.onion else {
        complain("the onion service is off in this configuration, so it has no address");
        return EXIT_CONFIG.into();
    };
    match transport::onion_service::address(&config.state_dir, &onion.nickname) {
        Ok(address) => print(&format!("{address}\n")),
        Err(error) => failure(error),
    }
}
