//! `--clearnet` may have an address behind it, or nothing: what follows is its address unless it is
//! a flag or a command.

use std::ffi::{OsStr, OsString};

/// Returns the arguments, with `--clearnet ADDR` as `--clearnet=ADDR`, which is the only form that
/// is not ambiguous.
pub(super) fn with_joined_address(arguments: impl IntoIterator<Item = OsString>, cli: &clap::Command) -> Vec<OsString> {
    let is_command =
        |argument: &OsStr| argument == "help" || cli.get_subcommands().any(|one| argument == one.get_name());
    let is_flag = |argument: &OsStr| argument.as_encoded_bytes().starts_with(b"-");
    let mut joined: Vec<OsString> = Vec::new();
    for argument in arguments {
        match joined.last_mut() {
            Some(last) if last == "--clearnet" && !is_command(&argument) && !is_flag(&argument) => {
                last.push("=");
                last.push(argument);
            }
            _ => joined.push(argument),
        }
    }
    joined
}
