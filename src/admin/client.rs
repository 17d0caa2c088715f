//! The commands' side of the admin socket: one request, one answer.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::routes::{AdminRefusal, Ask};

/// How long to wait for the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer, at most.
const ANSWER_BYTES: usize = 8 << 20;

/// The running daemon cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminClientError {
    /// None runs there.
    #[error("no ephemeral-server answers on {}: is it running, and with this --state-dir or --admin-socket?", .0.display())]
    NotRunning(PathBuf),
    /// The socket is somebody else's.
    #[error("the socket {} belongs to another user: run this as the user of the daemon, or as root", .0.display())]
    NotYours(PathBuf),
    /// The server refused.
    #[error("{}", .0.error)]
    Refused(AdminRefusal),
    /// Anything else.
    #[error("the daemon at {} did not answer: {why}", path.display())]
    Failed {
        /// The socket.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Asks the daemon, and reads its answer.
///
/// # Errors
/// [`AdminClientError`]: a sentence for the operator.
pub async fn ask<A: Ask>(socket: &Path, request: &A) -> Result<A::Answer, AdminClientError> {
    let failed = |why: String| AdminClientError::Failed { path: socket.to_owned(), why };
    let asking = async {
        let body = if A::METHOD == Method::GET { Vec::new() } else { written(request).map_err(&failed)? };
        let (status, body) = exchange(socket, A::METHOD, A::PATH, body.into()).await?;
        let unreadable =
            |error: serde_json::Error| failed(format!("its answer cannot be read ({error}): is it older?"));
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(unreadable);
        }
        Err(AdminClientError::Refused(serde_json::from_slice(&body).map_err(unreadable)?))
    };
    match timeout(PATIENCE, asking).await {
        Ok(result) => result,
        Err(_) => Err(failed(format!("it took longer than {} s", PATIENCE.as_secs()))),
    }
}

fn written<A: Ask>(request: &A) -> Result<Vec<u8>, String> {
    serde_json::to_vec(request).map_err(|error| error.to_string())
}

async fn exchange(
    socket: &Path,
    method: Method,
    target: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), AdminClientError> {
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
        .header("host", "localhost")
        .header("connection", "close")
        .body(Full::new(body))
        .map_err(|error| failed(&error))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.map_err(|error| failed(&error))?;
        Ok((status, body.to_bytes()))
    };
    let (answer, _) = tokio::join!(answer, connection);
    answer
}
