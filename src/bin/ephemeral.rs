//! `ephemeral`: the client for people and scripts.

use std::process::ExitCode;

fn main() -> ExitCode {
    ephemeral::client::cli::main()
}
