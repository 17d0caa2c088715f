//! `ephemeral-server`: the daemon.
fn main() {}
