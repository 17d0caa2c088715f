//! The server and the system that it runs on: a real systemd in namespaces, `strace`, faults, and
//! core dumps. Most of it needs root.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod nothing_stays;
mod rotation;
mod systemd;

/// The server.
const SERVER: &str = env!("CARGO_BIN_EXE_ephemeral-server");
/// The client.
const CLIENT: &str = env!("CARGO_BIN_EXE_ephemeral");
