//! The client library that `ephemeral` and the tests use: from a key and a server's address to
//! messages sent and received.
//!
//! | module | contents |
//! | --- | --- |
//! | [`api`] | the methods and notifications of a running engine, for programs and commands |
//! | [`engine`] | a running profile: mailboxes, connections, events |
//! | [`service`] | an engine for several at a time: carries out the methods, tells what happens |
//! | [`vault`] | the one encrypted file that keeps a profile |
//! | [`secret_file`] | small secrets in files and pipes |
//! | [`names`] | what contacts are called |
//! | [`identity`] | a key and its fingerprint |
//! | [`discovery_file`] | the key for finding a restricted server |
//! | [`url`] | the server's address: `NAME.onion` or `http://HOST[:PORT]` |
//! | [`dial`] | the ways to a server: TCP, a SOCKS proxy, Tor in this process |
//! | [`connection`] | one authenticated connection: frames out, events in, a timeout on everything |
//! | [`session`] | outlives a connection: reconnects, sends again, drops duplicates, acknowledges |
//! | [`outbox`], [`inbox`] | messages to send, and messages that came: pure |
//! | [`moved`] | where servers have moved to: signed notices, checked and followed |
//! | [`vault`] | the state of a profile on the disk, encrypted: written whole, or not at all |
//! | [`source`], [`downloads`] | files that are sent; files that come, written into a folder |
//! | [`text`] | makes texts of strangers fit for a terminal |
//!
//! It knows the protocol, and nothing of the server's side. An end of a connection, at whatever
//! byte, is an interruption: [`Session::next`] reports it, waits, and tries again. It fails only
//! where trying again is of no use.

pub mod api;
pub mod cause;
pub mod connection;
pub mod dial;
pub mod discovery_file;
pub mod downloads;
pub mod engine;
mod frames;
pub mod identity;
pub mod inbox;
pub mod moved;
pub mod names;
pub mod outbox;
pub mod secret_file;
pub mod service;
pub mod session;
pub mod source;
#[cfg(test)]
mod testing;
pub mod text;
pub mod url;
pub mod vault;
mod wall_clock;

pub use ephemeral_core::backoff;

pub use connection::{ConnectError, ConnectOptions, Connection, Lost, Timeouts, Welcome};
pub use dial::{Arti, ByteStream, Dial, DialError, Direct, Socks, TorStage};
pub use identity::Identity;
pub use outbox::Outgoing;
pub use session::{ClientEvent, Session};
pub use url::ServerUrl;
pub use vault::{Passphrase, Vault, VaultError};
