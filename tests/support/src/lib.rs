//! What the tests share with each other, with the fuzz targets and with the examples.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`rig`] | the server in this process, over in-memory streams, and clients of it |
//! | [`daemon`] | the server as a process of its own, a service manager around it, and people who use it |
//! | [`tornet`] | a private Tor network on this machine |
//! | [`nats`], [`cable`] | three NATS servers, for a server of several machines; connections that can be cut |
//! | [`private_network`], [`packets`] | networks of their own on this machine; what goes over one |
//! | [`ports`] | ports that nobody else is given |
//! | [`slow_disk`] | a disk that is slow for one process |
//! | [`tls`] | a TLS client |
//! | [`session_rules`] | what a session has to make of a frame |
//! | [`fuzz`] | the bodies of the fuzz targets |
//! | [`client`], [`follower`] | people who use `ephemeral`, and a server on loopback for them; what runs on and on |
//! | [`tmux`] | a real terminal |
//! | [`serving`] | an `ephemeral serve`, and programs that use it |
//! | [`client`], [`follower`], [`program`] | people and programs who use `ephemeral`, and a server on loopback for them |
//! | [`acquainted`] | two of these people who know each other |
//! | [`attack`] | clients that are far away, and floods |
//! | [`canary`], [`memory`] | what is planted, and looked for in files and in a process |
//!
//! What only one of `tests/` needs lives there. Everything here fails by panicking, as a test does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what fails here is a test")]

#[cfg(feature = "server")]
pub mod acquainted;
#[cfg(feature = "server")]
pub mod attack;
#[cfg(feature = "server")]
pub mod cable;
#[cfg(feature = "server")]
pub mod canary;
#[cfg(feature = "server")]
pub mod client;
#[cfg(feature = "server")]
pub mod daemon;
#[cfg(feature = "server")]
pub mod follower;
pub mod fuzz;
#[cfg(feature = "server")]
pub mod held;
#[cfg(feature = "server")]
pub mod memory;
#[cfg(feature = "server")]
pub mod nats;
#[cfg(feature = "server")]
pub mod packets;
#[cfg(feature = "server")]
pub mod ports;
#[cfg(feature = "server")]
pub mod private_network;
#[cfg(feature = "server")]
pub mod program;
#[cfg(feature = "server")]
pub mod rig;
#[cfg(feature = "server")]
pub mod serving;
pub mod session_rules;
#[cfg(feature = "server")]
pub mod slow_disk;
#[cfg(feature = "server")]
pub mod tls;
pub mod tmux;
#[cfg(feature = "server")]
pub mod tornet;
