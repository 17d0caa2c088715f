//! The two programs as processes of their own, over TCP, their command lines and their files: no
//! Tor network, no systemd.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod abuse;
mod administration;
mod attacks;
mod chat_engines;
mod chat_hostile;
mod chat_plain;
mod chat_screen;
mod chat_together;
mod chatters;
mod clearnet;
mod client_carries_on;
mod client_cli;
mod client_contacts;
mod client_end;
mod client_examples;
mod client_exec;
mod client_files;
mod client_groups;
mod client_languages;
mod client_memory;
mod client_profile;
mod client_rpc;
mod client_rpc_files;
mod client_serve;
mod client_transcripts;
mod cluster;
mod configuration;
mod doctor;
mod emergency;
mod first_minute;
mod first_moments;
mod keys;
mod keys_kept;
mod link;
mod panic;
mod running;
mod server_end;
mod stuck;
mod surviving;
mod wall_clock;

/// The server.
const SERVER: &str = env!("CARGO_BIN_EXE_ephemeral-server");
/// The client.
const CLIENT: &str = env!("CARGO_BIN_EXE_ephemeral");
