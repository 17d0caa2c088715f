//! The client library that `ephemeral` and the tests use: from a key and a server's URL to messages sent and received.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`identity`] | a key, its fingerprint, and the file it is kept in |
//! | [`discovery_file`] | the key for finding a restricted server |
//! | [`url`] | which server: `http://HOST[:PORT]` |
//! | [`dial`] | how to get there: TCP, a SOCKS proxy, Tor in this process |
//! | [`connection`] | one authenticated connection: frames out, events in, a timeout on everything |
//! | [`session`] | what outlives a connection: reconnecting, sending again, dropping duplicates, acknowledging |
//! | [`moved`] | where servers have moved to: signed notices, checked and followed |
//!
//! It knows the protocol and nothing of the server's side.

pub mod connection;
pub mod dial;
pub mod discovery_file;
mod frames;
pub mod identity;
pub mod inbox;
pub mod key_file;
pub mod moved;
pub mod outbox;
pub mod session;
#[cfg(test)]
mod testing;
pub mod text;
pub mod url;

pub use ephemeral_core::backoff;

pub use connection::{ConnectError, ConnectOptions, Connection, Lost, Timeouts, Welcome};
pub use dial::{Arti, ByteStream, Dial, DialError, Direct, Socks};
pub use identity::Identity;
pub use outbox::Outgoing;
pub use session::{ClientEvent, Session};
pub use url::ServerUrl;
