//! The commands' side of the administrator's socket: one request, one answer.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::transport::admin::HOST;

/// Where the daemon of a system's service has its socket.
const SERVICE: &str = "/run/ephemeral-server/admin.sock";
/// For the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer, at most.
const ANSWER_BYTES: usize = 8 << 20;

/// The running daemon cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminClientError {
    /// None runs there.
    #[error("no ephemeral-server answers on {}: is it running, and with this --state-dir or --admin-socket?", .0.display())]
    NotRunning(PathBuf),
    /// The socket is somebody else's.
    #[error("the socket {} belongs to another user: run this as the user of the daemon, or as root", .0.display())]
    NotYours(PathBuf),
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// Anything else.
    #[error("the daemon at {} did not answer: {why}", path.display())]
    Failed {
        /// The socket.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// The socket to ask: the one of the settings or, if there is none, that of the system's service.
pub(super) fn socket(configured: &Path) -> PathBuf {
    let service = Path::new(SERVICE);
    if !configured.exists() && service.exists() { service.to_owned() } else { configured.to_owned() }
}

/// Asks the daemon, and reads its answer, which is JSON.
pub(super) async fn ask(socket: &Path, method: Method, target: &str) -> Result<Value, AdminClientError> {
    let failed = |why: String| AdminClientError::Failed { path: socket.to_owned(), why };
    match timeout(PATIENCE, exchange(socket, method, target)).await {
        Ok(result) => result,
        Err(_) => Err(failed(format!("it took longer than {} s", PATIENCE.as_secs()))),
    }
}

async fn exchange(socket: &Path, method: Method, target: &str) -> Result<Value, AdminClientError> {
    let failed =
        |why: &dyn std::fmt::Display| AdminClientError::Failed { path: socket.to_owned(), why: why.to_string() };
    let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => AdminClientError::NotRunning(socket.to_owned()),
        ErrorKind::PermissionDenied => AdminClientError::NotYours(socket.to_owned()),
        _ => failed(&error),
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", HOST)
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(&error))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.map_err(|error| failed(&error))?;
        Ok((status, body.to_bytes()))
    };
    let (answer, _) = tokio::join!(answer, connection);
    let (status, body) = answer?;
    let value: Value = serde_json::from_slice(&body).map_err(|error| failed(&error))?;
    if status == StatusCode::OK {
        return Ok(value);
    }
    let says = value.get("error").and_then(Value::as_str).unwrap_or("the daemon refused");
    Err(AdminClientError::Refused(format!("{says} ({})", status.as_u16())))
}
