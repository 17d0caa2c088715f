//! Ephemeral Messenger Server: a Tor onion service that carries messages between people and keeps
//! what waits in RAM only.
//!
//! The map of the crate. Imports point down this list, never up (`tests/layering` holds that):
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`cli`] | the commands of `ephemeral-server`, and what each prints |
//! | [`client_cli`] | the commands of `ephemeral` |
//! | [`daemon`] | the composition root: builds the parts, supervises the tasks, drains |
//! | [`doctor`] | what is wrong with where and how the server runs, and what to do about it |
//! | [`config`] | defaults, file, environment and flags → one validated `Config` |
//! | [`systemd`] | systemd: what the manager is told, and the FD store that keeps a file over a restart |
//! | [`admin`] | the operator's plane: its listeners, its routes, what they do, and the commands' client |
//! | [`erase`] | the identity, gone from the state directory |
//! | [`conn`] | one connection: HTTP/1 with timeouts, then an upgrade to a session |
//! | [`http`] | routes, error bodies, headers, the `Host` rule |
//! | [`metrics`] | the figures of `/stats`, `/metrics` and `status` |
//! | [`pump`] | WebSocket ↔ session ↔ hub: the only place that reads and writes a WebSocket |
//! | [`cluster`] | several machines that are one server: the journal that they share |
//! | [`transport`] | where connections come from: onion service, TCP |
//! | [`admission`] | who may come in, at what rate, and who is blocked; asked at the door |
//! | [`hub`] | who is online; takeover; wakes; the lock around the store |
//! | [`memfd_journal`] | the file in RAM that outlives the process, and what is written in it |
//! | [`events`] | security events: counters, a bounded ring, pseudonyms, their log lines |
//! | [`logging`] | where log lines go, and what never appears in them |
//! | [`hardening`] | no core dumps, locked memory, panics that say nothing |
//! | [`causes`] | errors in one line, and in our own words |
//! | [`clock`] | the only place that asks what time it is |

pub mod admin;
pub mod admission;
pub mod causes;
pub mod cli;
pub mod client_cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod conn;
pub mod daemon;
pub mod doctor;
pub mod erase;
pub mod events;
pub mod hardening;
pub mod http;
pub mod hub;
pub mod logging;
pub mod memfd_journal;
pub mod metrics;
pub mod pump;
pub mod systemd;
pub mod transport;
