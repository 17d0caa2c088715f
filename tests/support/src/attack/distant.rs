//! A way that takes its time, in both directions.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex, split};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Pieces of bytes that are on the way in one direction, at most.
const ON_THE_WAY: usize = 1024;

/// A client that is so far away from the server, for as long as this lives.
pub struct Distant {
    /// The client's end.
    pub stream: DuplexStream,
    /// The bytes on their way.
    pub way: JoinSet<()>,
}

impl Distant {
    /// Puts a distance between a stream to the server and its user.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + 'static, one_way: Duration) -> Self {
        let (near, far) = duplex(1 << 16);
        let (from_client, to_client) = split(far);
        let (from_server, to_server) = split(stream);
        let mut way = JoinSet::new();
        carry(&mut way, from_client, to_server, one_way);
        carry(&mut way, from_server, to_client, one_way);
        Self { stream: near, way }
    }
}

/// Carries bytes from here to there, each a while after it was read.
fn carry(
    way: &mut JoinSet<()>,
    mut from: impl AsyncRead + Send + Unpin + 'static,
    mut to: impl AsyncWrite + Send + Unpin + 'static,
    one_way: Duration,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    way.spawn(async move {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(read) = from.read(&mut bytes).await {
            // An empty piece is the end.
            let piece = bytes.get(..read).unwrap_or_default().to_vec();
            if sender.send((Instant::now() + one_way, piece)).await.is_err() || read == 0 {
                return;
            }
        }
    });
    way.spawn(async move {
        while let Some((due, piece)) = receiver.recv().await {
            sleep_until(due).await;
            if piece.is_empty() || to.write_all(&piece).await.is_err() || to.flush().await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    });
}
