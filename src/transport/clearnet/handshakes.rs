//! What comes before the first byte of HTTP: the PROXY header of a trusted proxy, then the TLS
//! handshake. It reads from a peer that has proven nothing, so it is bounded in bytes, in time and
//! in number.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::Io;

/// A header of version 1, at most, and the least of one (PROXY protocol, section 2.1).
const V1_BYTES: usize = 107;
const V1_LEAST: usize = b"PROXY UNKNOWN\r\n".len();
/// What a header of version 2 begins with; its last two bytes say how much follows (section 2.2).
const V2_START: usize = 16;
/// A header of version 2, at most: the addresses take 216 bytes at most, and proxies add little.
const V2_BYTES: usize = 4096;

/// The steps that a connection needs before it can be handed on.
#[derive(Clone)]
pub(super) struct Handshake {
    /// The handshake.
    pub(super) tls: Option<TlsAcceptor>,
    /// Whether it begins with a PROXY header.
    pub(super) header: bool,
    /// How long all of it may take.
    pub(super) time: Duration,
}

impl Handshake {
    /// Returns whether there is anything to do.
    pub(super) fn is_needed(&self) -> bool {
        self.header || self.tls.is_some()
    }

    /// Prepares a connection from `peer`. Once it is known who is really on it, `named` is asked
    /// for the leave to go on. Returns who that is, and the leave. An error has nobody to be told:
    /// the peer is.
    pub(super) async fn run<S: Io, T>(
        self,
        mut stream: S,
        peer: IpAddr,
        named: impl FnOnce(IpAddr) -> Option<T>,
    ) -> io::Result<(IpAddr, Box<dyn Io>, T)> {
        let prepared = async {
            let client = if self.header { proxied(&mut stream).await?.unwrap_or(peer) } else { peer };
            let client = client.to_canonical();
            let leave = named(client).ok_or(ErrorKind::PermissionDenied)?;
            let io: Box<dyn Io> = match self.tls {
                Some(acceptor) => Box::new(acceptor.accept(stream).await?),
                None => Box::new(stream),
            };
            Ok((client, io, leave))
        };
        timeout(self.time, prepared).await?
    }
}

/// Reads a PROXY header of either version and not a byte more; returns whom it names. `None`: the
/// proxy itself (`LOCAL`, `UNKNOWN`), or what has no IP address.
async fn proxied<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<IpAddr>> {
    let mut header = vec![0; V1_LEAST];
    stream.read_exact(&mut header).await?;
    if header.starts_with(b"PROXY") {
        // It ends with its line, whose length nothing says.
        while !header.ends_with(b"\n") && header.len() < V1_BYTES {
            header.push(stream.read_u8().await?);
        }
    } else {
        header.push(stream.read_u8().await?);
        let length = match header.as_slice() {
            [start @ .., high, low] if start.starts_with(b"\r\n\r\n\0\r\nQUIT\n") => u16::from_be_bytes([*high, *low]),
            _ => return Err(ErrorKind::InvalidData.into()),
        };
        if V2_START + usize::from(length) > V2_BYTES {
            return Err(ErrorKind::InvalidData.into());
        }
        header.resize(V2_START + usize::from(length), 0);
        stream.read_exact(header.get_mut(V2_START..).unwrap_or_default()).await?;
    }
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    let (parsed, length) = ProxyHeader::parse(&header, config).map_err(|_| ErrorKind::InvalidData)?;
    if length != header.len() {
        return Err(ErrorKind::InvalidData.into());
    }
    let named = parsed.proxied_address().filter(|named| named.protocol == Protocol::Stream);
    Ok(named.map(|named| named.source.ip()))
}

/// Owns the tasks of the connections that are being prepared. Each holds a slot, which bounds them.
#[derive(Default)]
pub(super) struct Handshakes(JoinSet<()>);

impl Handshakes {
    /// Starts one.
    pub(super) fn spawn(&mut self, preparation: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(preparation);
    }

    /// Waits until one has ended. `None`: there is none.
    pub(super) async fn ended(&mut self) -> Option<()> {
        if self.0.join_next().await?.is_err_and(|error| error.is_panic()) {
            tracing::error!("a connection was ended by a bug in this program; the others go on");
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
