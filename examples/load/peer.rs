//! One client connection of the driver, to the server or to the floor.

use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Result, anyhow, bail};
use ed25519_dalek::SigningKey;
use ephemeral_client::ServerUrl;
use ephemeral_client::dial::{Arti, ByteStream, Dial as _, Direct};
use ephemeral_core::protocol::{Challenge, Fingerprint};
use futures::{Sink, SinkExt, Stream, StreamExt};
use serde_json::{Value, json};
use std::pin::Pin;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// A WebSocket, authenticated where the server wants that.
pub(crate) struct LoadClient {
    socket: WebSocketStream<Box<dyn ByteStream>>,
}

/// How to get to a server, and whether it is one that asks who is there.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) url: ServerUrl,
    pub(crate) tor: Option<Arc<Arti>>,
    pub(crate) is_floor: bool,
}

impl Target {
    /// Connects; over Tor, by circuits of its own.
    async fn dial(&self) -> Result<Box<dyn ByteStream>> {
        match &self.tor {
            Some(tor) => Ok(tor.isolated().dial(&self.url).await?),
            None => Ok(Direct::default().dial(&self.url).await?),
        }
    }
}

/// Returns the key of that number.
pub(crate) fn key(number: usize) -> SigningKey {
    let mut seed = [0x5e; 32];
    for (place, byte) in seed.iter_mut().zip(number.to_le_bytes()) {
        *place = byte;
    }
    SigningKey::from_bytes(&seed)
}

/// Returns its fingerprint.
pub(crate) fn fingerprint(number: usize) -> String {
    Fingerprint::from(&key(number).verifying_key()).to_string()
}

impl LoadClient {
    /// Connects as `number`; up to and including `caught_up`, if nothing waits.
    pub(crate) async fn connect(target: &Target, number: usize, receipts: bool) -> Result<Self> {
        Self::over(target, target.dial().await?, number, receipts).await
    }

    /// Does the same over a connection that is there already.
    pub(crate) async fn on(target: &Target, stream: impl ByteStream, number: usize) -> Result<Self> {
        Self::over(target, Box::new(stream), number, false).await
    }

    async fn over(target: &Target, stream: Box<dyn ByteStream>, number: usize, receipts: bool) -> Result<Self> {
        let key = key(number);
        let name = if target.is_floor { number.to_string() } else { fingerprint(number) };
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(64 * 1024);
        let url = format!("ws://{}/ws?fingerprint={name}", target.url.authority());
        let (socket, _) = client_async_with_config(url, stream, Some(config)).await?;
        let mut peer = Self { socket };
        if !target.is_floor {
            let challenge = peer.next().await?;
            let nonce = challenge["nonce"].as_str().and_then(Challenge::from_nonce_text);
            let signature = nonce.ok_or_else(|| anyhow!("no challenge: {challenge}"))?.sign(target.url.host(), &key);
            let auth = json!({"type": "auth", "signature": signature, "receipts": receipts, "window": 32});
            peer.socket.send(Message::text(auth.to_string())).await?;
            let welcome = peer.next().await?;
            if welcome["type"] != "welcome" || peer.next().await?["type"] != "caught_up" {
                bail!("not welcome: {welcome}");
            }
        }
        Ok(peer)
    }

    /// Returns the next text frame, as JSON.
    pub(crate) async fn next(&mut self) -> Result<Value> {
        loop {
            match self.socket.next().await.ok_or_else(|| anyhow!("the server closed the connection"))?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Ping(_) | Message::Pong(_) => {}
                other => bail!("instead of a frame: {other:?}"),
            }
        }
    }

    /// Returns the next text frame, if one is there.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message>> {
        match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Ready(Some(message)) => Poll::Ready(message.map_err(Into::into)),
            Poll::Ready(None) => Poll::Ready(Err(anyhow!("the server closed the connection"))),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Queues a frame.
    pub(crate) fn feed(&mut self, text: String) -> Result<()> {
        Ok(Pin::new(&mut self.socket).start_send(Message::text(text))?)
    }

    /// Writes what is queued.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(Into::into)
    }
}
