//! What is said on the link: the first frame of each connection, and the notices of a control
//! connection.
//!
//! A connection begins with one frame of the front: two bytes of length, and JSON. After that a
//! stream is the client's bytes and nothing else. On a control connection the hub answers with the
//! name that it gives it; then both sides send notices of ten bytes.

use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::transport::{Listener, Peer};

/// Bytes of a first frame, at most.
const MOST_BYTES: usize = 16 * 1024;
/// Bytes of a notice.
const NOTICE_BYTES: usize = 10;

/// What a front begins a connection with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FirstFrame {
    /// The control connection.
    Control,
    /// A client's stream.
    Stream(Box<StreamHello>),
}

/// The stream of a client, and who that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StreamHello {
    /// The name of the control connection that it belongs to.
    pub(super) link: u64,
    /// Its number there: notices name it.
    pub(super) stream: u64,
    pub(super) peer: WirePeer,
    pub(super) listener: WireListener,
}

/// Who a front saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WirePeer {
    /// The number of a circuit at the front.
    Circuit(u64),
    Address(IpAddr),
}

impl From<Peer> for WirePeer {
    fn from(peer: Peer) -> Self {
        match peer {
            Peer::Circuit(number) => Self::Circuit(number),
            Peer::Address(address) => Self::Address(address),
        }
    }
}

/// What holds for the front's listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireListener {
    names: Vec<String>,
    answers_to_loopback: bool,
    tls: bool,
    /// As networks are written.
    trusted_proxies: Vec<String>,
    allowed_origins: Vec<String>,
}

impl From<&Listener> for WireListener {
    fn from(listener: &Listener) -> Self {
        let Listener { names, answers_to_loopback, tls, trusted_proxies, allowed_origins } = listener.clone();
        let trusted_proxies = trusted_proxies.iter().map(IpNet::to_string).collect();
        Self { names, answers_to_loopback, tls, trusted_proxies, allowed_origins }
    }
}

impl WireListener {
    /// Returns what it stands for; `None` if a network in it is none.
    pub(super) fn listener(self) -> Option<Listener> {
        let Self { names, answers_to_loopback, tls, trusted_proxies, allowed_origins } = self;
        let trusted_proxies = trusted_proxies.iter().map(|network| network.parse().ok()).collect::<Option<_>>()?;
        Some(Listener { names, answers_to_loopback, tls, trusted_proxies, allowed_origins })
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl FirstFrame {
    /// Writes it.
    pub(super) async fn write(&self, io: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let length = u16::try_from(text.len()).ok().filter(|length| usize::from(*length) <= MOST_BYTES);
        let length = length.ok_or_else(|| invalid("the names of this listener are too long for the link"))?;
        let mut frame = length.to_be_bytes().to_vec();
        frame.extend(text);
        io.write_all(&frame).await?;
        io.flush().await
    }

    /// Reads one.
    pub(super) async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let length = usize::from(io.read_u16().await?);
        if length > MOST_BYTES {
            return Err(invalid("a first frame that is too long"));
        }
        let mut text = vec![0; length];
        io.read_exact(&mut text).await?;
        Ok(serde_json::from_slice(&text)?)
    }
}

/// What each side of a control connection tells the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkNotice {
    /// Here I am.
    Beat,
    /// The name of this control connection. `in_cluster`: what the hub is comes with the next
    /// notice; else it is the only one, and serves.
    Name { name: u64, in_cluster: bool },
    /// The hub serves in this term of the cluster's lease; 0: it stands by.
    Standing(u64),
    /// The client of a stream has authenticated. `stranger`: the store knows nothing of who it is.
    Authenticated { stream: u64, stranger: bool },
    /// The circuit of a stream has to be closed.
    CloseCircuit { stream: u64 },
}

impl LinkNotice {
    fn encode(self) -> [u8; NOTICE_BYTES] {
        let (kind, flag, number) = match self {
            Self::Beat => (0, 0, 0),
            Self::Name { name, in_cluster } => (1, u8::from(in_cluster), name),
            Self::Standing(term) => (4, 0, term),
            Self::Authenticated { stream, stranger } => (2, u8::from(stranger), stream),
            Self::CloseCircuit { stream } => (3, 0, stream),
        };
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        [kind, flag, a, b, c, d, e, f, g, h]
    }

    /// Writes it, and what stands before it.
    pub(super) async fn write(self, io: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        io.write_all(&self.encode()).await?;
        io.flush().await
    }

    /// Reads one. Not to be dropped before it has ended: half a notice would be lost.
    pub(super) async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut bytes = [0; NOTICE_BYTES];
        io.read_exact(&mut bytes).await?;
        let [kind, flag, a, b, c, d, e, f, g, h] = bytes;
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        match kind {
            0 => Ok(Self::Beat),
            1 => Ok(Self::Name { name: number, in_cluster: flag != 0 }),
            2 => Ok(Self::Authenticated { stream: number, stranger: flag != 0 }),
            3 => Ok(Self::CloseCircuit { stream: number }),
            4 => Ok(Self::Standing(number)),
            _ => Err(invalid("a notice of another version")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_again() {
        let listener = Listener {
            names: vec!["a.example".into()],
            answers_to_loopback: true,
            tls: true,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            allowed_origins: vec!["*".into()],
        };
        let wire = WireListener::from(&listener);
        assert_eq!(wire.clone().listener(), Some(listener));
        let stream = StreamHello { link: 7, stream: 8, peer: WirePeer::Circuit(9), listener: wire };
        for hello in [FirstFrame::Control, FirstFrame::Stream(Box::new(stream))] {
            let mut bytes = Vec::new();
            hello.write(&mut bytes).await.unwrap();
            assert_eq!(FirstFrame::read(&mut bytes.as_slice()).await.unwrap(), hello);
        }
        let stream = u64::MAX - 3;
        for notice in [
            LinkNotice::Beat,
            LinkNotice::Name { name: stream, in_cluster: false },
            LinkNotice::Name { name: stream, in_cluster: true },
            LinkNotice::Standing(stream),
            LinkNotice::Authenticated { stream, stranger: true },
            LinkNotice::Authenticated { stream, stranger: false },
            LinkNotice::CloseCircuit { stream },
        ] {
            let mut bytes = Vec::new();
            notice.write(&mut bytes).await.unwrap();
            assert_eq!(LinkNotice::read(&mut bytes.as_slice()).await.unwrap(), notice);
        }
    }

    #[tokio::test]
    async fn what_is_too_long_or_of_another_version_is_refused() {
        let mut long = Vec::from(u16::MAX.to_be_bytes());
        long.extend([b' '; 65_535]);
        assert!(FirstFrame::read(&mut long.as_slice()).await.is_err());
        let mut names = Listener { names: vec!["n".repeat(MOST_BYTES)], ..Listener::default() };
        let hello = |listener: &Listener| {
            let listener = WireListener::from(listener);
            FirstFrame::Stream(Box::new(StreamHello { link: 0, stream: 0, peer: WirePeer::Circuit(0), listener }))
        };
        assert!(hello(&names).write(&mut Vec::new()).await.is_err());
        names.names.clear();
        assert!(hello(&names).write(&mut Vec::new()).await.is_ok());
        assert!(LinkNotice::read(&mut [9; 10].as_slice()).await.is_err());
    }
}
