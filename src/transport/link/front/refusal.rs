//! What a client is told while there is no hub.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::transport::{Io, Listener};

/// How long the answer may take to leave, and the client to hang up.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a request that are read, so that the answer is not lost with what is left unread.
const REQUEST_BYTES: u64 = 16 * 1024;

/// Answers whatever is asked: this front is well, and has nobody to pass it on to.
pub(super) async fn no_hub(mut io: Box<dyn Io>, listener: &Listener) {
    let body =
        r#"{"error":"this machine cannot reach the one that holds the messages: try again soon","code":"no_hub"}"#;
    let hsts = if listener.tls { "Strict-Transport-Security: max-age=63072000\r\n" } else { "" };
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nRetry-After: 2\r\n\
         Cache-Control: no-store\r\nVary: Origin\r\n{hsts}Connection: close\r\n\r\n{body}",
        body.len()
    );
    let told = async {
        io.write_all(answer.as_bytes()).await?;
        io.flush().await?;
        io.shutdown().await?;
        tokio::io::copy(&mut io.take(REQUEST_BYTES), &mut tokio::io::sink()).await
    };
    // A client that does not listen has missed it.
    let _ = timeout(PATIENCE, told).await;
}
