//! Leads from a byte stream to `welcome`: the WebSocket upgrade, the challenge, and the signature
//! over the host that was
//! **dialled**, whatever the server claims to be.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response, generate_key};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::super::frames::Auth;
use super::super::text::printable;
use super::super::{ByteStream, Identity, ServerUrl};
use super::{ConnectError, ConnectOptions, Connection, Lost};
use ephemeral_core::protocol::{Challenge, Fingerprint, ServerEvent, SessionLimits, VERSION};

/// The server's greeting: what it says about itself and the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The random id of the store's lifetime. Another one means that the messages that waited are
    /// gone.
    pub epoch: String,
    /// The number of messages that wait.
    pub pending: usize,
    /// The server's time, RFC 3339.
    pub server_time: String,
    /// The bounds that hold for this session.
    pub limits: SessionLimits,
    /// The service's list of its nodes, not checked: see [`ephemeral_tor::NodeList::read`].
    pub nodes: Option<serde_json::Value>,
}

/// Content of 64 KiB may double in JSON; servers may be set to more. Past this, a server is up to
/// no good.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// Several times what [`Connection::is_clogged`] allows, so that what was allowed always fits.
const MAX_WRITE_BYTES: usize = 16 * 1024 * 1024;

/// Upgrades the stream to a WebSocket.
pub(super) async fn upgrade(
    stream: Box<dyn ByteStream>,
    url: &ServerUrl,
    limit: Duration,
) -> Result<WebSocketStream<Box<dyn ByteStream>>, ConnectError> {
    let request = request(url).map_err(|_| Lost::Protocol("nothing: the request could not be built"))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(8 * 1024)
        .max_write_buffer_size(MAX_WRITE_BYTES)
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    match timeout(limit, client_async_with_config(request, stream, Some(config))).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(WsError::Http(response))) => Err(refusal(&response)),
        Ok(Err(error)) => Err(Lost::from(error).into()),
        Err(_) => Err(ConnectError::Timeout("answer")),
    }
}

/// Builds the request for the upgrade. No `Origin`: this is not a browser. No `User-Agent`: the
/// server need not know what this is. No identity either, which belongs in `auth`: the access logs
/// of proxies have the URL.
fn request(url: &ServerUrl) -> Result<Request, http::Error> {
    let authority = url.authority();
    http::Request::builder()
        .uri(format!("ws://{authority}/ws"))
        .header("Host", authority)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", generate_key())
        .body(())
}

fn refusal(response: &Response) -> ConnectError {
    #[derive(Deserialize)]
    struct Body {
        code: String,
    }
    // The body is what came with the head: all of it, where the server writes both at once. It may
    // be missing.
    let body = response.body().as_deref().unwrap_or_default();
    let code = serde_json::from_slice::<Body>(body).map(|body| printable(&body.code)).unwrap_or_default();
    let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
    ConnectError::Refused {
        status: response.status().as_u16(),
        code,
        retry_after: retry_after.map(Duration::from_secs),
    }
}

/// Answers the challenge, and waits for `welcome`.
pub(super) async fn authenticate(
    connection: &mut Connection,
    url: &ServerUrl,
    identity: &Identity,
    options: &ConnectOptions,
) -> Result<Welcome, ConnectError> {
    let challenge = match answer(connection, "challenge").await? {
        ServerEvent::Challenge { version, .. } if version != VERSION => {
            return Err(Lost::Protocol("a challenge of another version of the protocol").into());
        }
        ServerEvent::Challenge { nonce, .. } => Challenge::from_nonce_text(&nonce),
        _ => return Err(Lost::Protocol("something else than a challenge").into()),
    };
    let challenge = challenge.ok_or(Lost::Protocol("a nonce that is not 32 bytes"))?;
    let signature = identity.sign(&challenge, url.host());
    let auth = Auth {
        fingerprint: identity.fingerprint(),
        signature: &signature,
        receipts: options.receipts,
        window: options.window,
    };
    connection.send(&auth).await?;
    match answer(connection, "welcome").await? {
        ServerEvent::Welcome { fingerprint, epoch, pending, server_time, limits, nodes } => {
            if Fingerprint::from_hex(&fingerprint) != Ok(identity.fingerprint()) {
                return Err(Lost::Protocol("a welcome for somebody else").into());
            }
            Ok(Welcome { epoch, pending, server_time, limits, nodes })
        }
        _ => Err(Lost::Protocol("something else than a welcome").into()),
    }
}

/// Returns the next frame, in the time that the whole step has: pings and unknown frames do not
/// stretch it.
async fn answer(connection: &mut Connection, what: &'static str) -> Result<ServerEvent, ConnectError> {
    let deadline = Instant::now() + connection.timing.answer;
    match timeout_at(deadline, connection.next_event()).await {
        Ok(event) => Ok(event?),
        Err(_) => Err(ConnectError::Timeout(what)),
    }
}
