//! What is said on the link: the first frame of each connection, and the notices of a control
//! connection.
//!
//! A connection begins with one frame of the front: two bytes of length, and JSON. What is said on
//! a seat after that is the matter of the session. On a control connection the hub answers with the
//! name that it gives it; then both sides send notices of ten bytes.

use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Bytes of a first frame, at most.
const MOST_BYTES: usize = 256;
/// Bytes of a notice.
const NOTICE_BYTES: usize = 10;

/// The frame with which a front begins a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FirstFrame {
    /// The control connection.
    Control,
    /// The seat of a session.
    Seat {
        /// The name of the control connection that it belongs to.
        link: u64,
    },
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl FirstFrame {
    /// Writes it.
    pub(super) async fn write(&self, io: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let length = u16::try_from(text.len()).map_err(|_| invalid("a first frame that is too long"))?;
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

/// A notice from one side of a control connection to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkNotice {
    /// Here I am.
    Beat,
    /// The name of this control connection. `in_cluster`: what the hub is comes with the next
    /// notice; else it is the only one, and serves.
    Name { name: u64, in_cluster: bool },
    /// The hub serves in this term of the cluster's lease; 0: it stands by.
    Standing(u64),
}

impl LinkNotice {
    fn encode(self) -> [u8; NOTICE_BYTES] {
        let (kind, flag, number) = match self {
            Self::Beat => (0, 0, 0),
            Self::Name { name, in_cluster } => (1, u8::from(in_cluster), name),
            Self::Standing(term) => (2, 0, term),
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
            2 => Ok(Self::Standing(number)),
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
        for hello in [FirstFrame::Control, FirstFrame::Seat { link: u64::MAX }] {
            let mut bytes = Vec::new();
            hello.write(&mut bytes).await.unwrap();
            assert_eq!(FirstFrame::read(&mut bytes.as_slice()).await.unwrap(), hello);
        }
        let number = u64::MAX - 3;
        for notice in [
            LinkNotice::Beat,
            LinkNotice::Name { name: number, in_cluster: false },
            LinkNotice::Name { name: number, in_cluster: true },
            LinkNotice::Standing(number),
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
        assert!(LinkNotice::read(&mut [9; 10].as_slice()).await.is_err());
    }
}
