//! Where connections come from. A transport only *produces* [`Incoming`]s: a byte stream and who is
//! on it. Nothing behind it knows whether the bytes came over Tor or TCP; policy differs only as
//! data.

mod circuit;
pub mod clearnet;
pub mod link;
mod listener;
pub mod onion_service;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::admission::Admitted;
pub use crate::admission::Peer;

pub use self::circuit::{CircuitHandle, CircuitRefused, CircuitSession, CircuitStats, OnRefusal};
pub use self::listener::{Listener, host_name, origin};

/// A byte stream in both directions.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// A new connection, as a transport hands it on.
pub struct Incoming {
    /// Who is on it.
    pub peer: Peer,
    /// The bytes.
    pub io: Box<dyn Io>,
    /// What holds for every connection of the listener that accepted it.
    pub listener: Arc<Listener>,
    /// The rendezvous circuit that it is a stream of, on the onion service.
    pub circuit: Option<CircuitHandle>,
    /// The leave to be here, and the slot, given at the door. `None`: on this machine's own socket.
    pub admitted: Option<Admitted>,
    /// Released when the connection has ended: a transport's permit, if it gives any.
    pub permit: Option<tokio::sync::OwnedSemaphorePermit>,
}
