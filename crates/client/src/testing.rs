//! A server that does what a test tells it, over in-memory streams, so that time can be paused.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

use super::{ByteStream, Dial, DialError, Identity, ServerUrl};
use ephemeral_core::protocol::{Challenge, Fingerprint};

pub(crate) const NONCE: [u8; 32] = [9; 32];

pub(crate) fn alice() -> Identity {
    Identity::from_seed(&[1; 32])
}

pub(crate) fn bob() -> Identity {
    Identity::from_seed(&[2; 32])
}

pub(crate) fn url() -> ServerUrl {
    "http://Example.test:8443".parse().unwrap()
}

/// Hands the server's end of each connection to the test. `None` in place of a server: the dial
/// fails.
pub(crate) struct Wire(mpsc::UnboundedSender<DuplexStream>);

/// The channel by which the connections of a [`Wire`] arrive.
pub(crate) type Arrivals = mpsc::UnboundedReceiver<DuplexStream>;

pub(crate) fn wire() -> (Arc<Wire>, Arrivals) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Arc::new(Wire(sender)), receiver)
}

impl Dial for Wire {
    fn dial<'a>(&'a self, _: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        Box::pin(async move {
            let (ours, theirs) = duplex(64 * 1024);
            let refused = || DialError::Tcp(std::io::ErrorKind::ConnectionRefused.into());
            self.0.send(theirs).map_err(|_| refused())?;
            Ok(Box::new(ours) as Box<dyn ByteStream>)
        })
    }
}

/// The server's end of a connection.
pub(crate) struct TestServer(pub(crate) WebSocketStream<DuplexStream>);

impl TestServer {
    /// Answers the upgrade.
    pub(crate) async fn accept(arrivals: &mut Arrivals) -> Self {
        let stream = arrivals.recv().await.expect("a connection");
        let config = WebSocketConfig::default().max_write_buffer_size(usize::MAX);
        Self(accept_async_with_config(stream, Some(config)).await.unwrap())
    }

    /// Answers the upgrade and goes as far as `welcome`; checks that the signature is over the host
    /// that was dialled.
    pub(crate) async fn login(arrivals: &mut Arrivals, identity: &Identity, epoch: &str) -> Self {
        let mut peer = Self::accept(arrivals).await;
        peer.send(challenge("whatever.it.claims")).await;
        let auth = peer.next().await.expect("an answer");
        assert_eq!(auth["type"], "auth");
        assert_eq!(auth["fingerprint"], identity.fingerprint().to_string());
        assert!(is_signed(&auth, "example.test", identity));
        peer.send(welcome(identity.fingerprint(), epoch)).await;
        peer
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Returns the client's next frame; `None` when it closed or is gone.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                // A close is answered by reading on.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => {}
                _ => return None,
            }
        }
    }

    pub(crate) async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.0.send(Message::Close(Some(frame))).await.unwrap();
        // Until the client has answered.
        while self.next().await.is_some() {}
    }
}

pub(crate) fn challenge(claims: &str) -> Value {
    let nonce = Challenge { nonce: NONCE }.nonce_text();
    json!({"type": "challenge", "nonce": nonce, "server": claims, "version": 1, "timeout_ms": 10_000})
}

pub(crate) fn is_signed(auth: &Value, host: &str, identity: &Identity) -> bool {
    let key = identity.fingerprint().verifying_key().unwrap();
    Challenge { nonce: NONCE }.verify(host, &key, auth["signature"].as_str().unwrap()).is_ok()
}

pub(crate) fn welcome(fingerprint: Fingerprint, epoch: &str) -> Value {
    json!({
        "type": "welcome", "fingerprint": fingerprint, "epoch": epoch, "pending": 0,
        "server_time": "2026-01-02T12:00:00.000Z",
        "limits": {
            "content_bytes": 1000, "ttl_s": 86400, "max_ttl_s": 604_800, "messages_per_minute": 100, "burst": 10,
            "window": 32, "mailbox_messages": 1000, "mailbox_bytes": 8_388_608
        }
    })
}

pub(crate) fn accepted(id: &Value) -> Value {
    json!({"type": "accepted", "id": id, "expires_at": "2026-01-03T12:00:00.000Z", "duplicate": false})
}

pub(crate) fn message(id: &str, seq: u64, content: &str) -> Value {
    json!({
        "type": "message", "id": id, "from": bob().fingerprint(), "to": alice().fingerprint(), "content": content,
        "timestamp": "2026-01-02T12:00:00.000Z", "expires_at": "2026-01-03T12:00:00.000Z",
        "delivery_type": "stored", "seq": seq
    })
}
