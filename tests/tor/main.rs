//! The server and its clients in a private Tor network on this machine, which the tests of this
//! process share: see `network`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod attacks_over_tor;
mod chat_over_tor;
mod client_over_tor;
mod conversations_over_tor;
mod cost_over_tor;
mod first_minute;
mod hedging;
mod keys_over_tor;
mod limits_over_tor;
mod network;
mod network_trouble;
mod nodes;
mod nothing_stays_over_tor;
mod onion_defences;
mod onion_reach;
mod onion_transport;
mod over_tor;
mod private_tor_network;
mod process_memory;
mod standing_by;
mod three_machines;
mod union;

/// The server.
const SERVER: &str = env!("CARGO_BIN_EXE_ephemeral-server");
/// The client.
const CLIENT: &str = env!("CARGO_BIN_EXE_ephemeral");
