//! Reaches servers: by TCP, a SOCKS proxy (an existing Tor), or Tor in this process. All end in a
//! byte stream.

mod arti;
mod hedge;
mod socks;

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub use arti::{Arti, TorStage};
pub use socks::Socks;

use super::ServerUrl;
use crate::cause::Explanation;
use ephemeral_tor::TorError;

/// A byte stream in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for T {}

/// A way to reach servers. Tests bring their own.
pub trait Dial: Send + Sync + 'static {
    /// Connects. It ends within the dialer's own time limit.
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>>;
}

/// The reason why there is no byte stream.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// This way never leads there.
    #[error("an onion address is reached through Tor, not directly")]
    OnionDirectly,
    /// There is no way there, and somebody has to mend something first.
    #[error("{0}")]
    NoWay(Explanation),
    /// Nobody answered in time.
    #[error("no connection within {} s", .0.as_secs())]
    Timeout(Duration),
    /// TCP.
    #[error("cannot connect: {0}")]
    Tcp(#[from] std::io::Error),
    /// The proxy, or Tor behind it.
    #[error("the SOCKS proxy {proxy}: {source}")]
    Socks {
        /// The proxy.
        proxy: SocketAddr,
        /// What it said.
        source: tokio_socks::Error,
    },
    /// Tor in this process.
    #[error(transparent)]
    Tor(#[from] TorError),
}

impl DialError {
    /// Returns whether trying again is of no use.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::OnionDirectly | Self::NoWay(_) => true,
            // All but the network's troubles: somebody has to mend a file or a setting.
            Self::Tor(error) => !matches!(error, TorError::Arti { .. }),
            Self::Timeout(_) | Self::Tcp(_) | Self::Socks { .. } => false,
        }
    }
}

/// TCP, with the system's resolver. It refuses onion addresses: their names must not reach a
/// resolver.
#[derive(Debug, Clone, Copy)]
pub struct Direct {
    /// Bounds the time until there is a connection. 10 s by default.
    pub limit: Duration,
}

impl Default for Direct {
    fn default() -> Self {
        Self { limit: Duration::from_secs(10) }
    }
}

impl Dial for Direct {
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        Box::pin(async move {
            if url.is_onion() {
                return Err(DialError::OnionDirectly);
            }
            let connecting = TcpStream::connect((url.bare_host(), url.port()));
            let stream = timeout(self.limit, connecting).await.map_err(|_| DialError::Timeout(self.limit))??;
            // Frames are small and flushed as wholes: waiting to fill a segment only delays them.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn ByteStream>)
        })
    }
}
