//! Whether a client can connect: by being one. "Bootstrapped" and "published" are not the same as
//! reachable.

use std::time::Duration;

use arti_client::StreamPrefs;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tor_config::BoolOrAuto;

use ephemeral_tor::Client;

/// How long the descriptor, a rendezvous, a stream and an answer may take. On the Tor network it
/// takes a few seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Connects to `address` like a client that has never been here: on circuits of its own, with a
/// descriptor of its own. True when the service answered a request, whatever the answer is.
pub(super) async fn probe(client: &Client, address: &str, port: u16, haste: u32) -> bool {
    matches!(timeout(TIMEOUT / haste, Box::pin(exchange(client, address, port))).await, Ok(Some(())))
}

async fn exchange(client: &Client, address: &str, port: u16) -> Option<()> {
    let mut prefs = StreamPrefs::new();
    // Whatever `[tor] address_filter` says about other people's services.
    prefs.connect_to_onion_services(BoolOrAuto::Explicit(true));
    let mut stream = client.isolated_client().connect_with_prefs((address, port), &prefs).await.ok()?;
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    stream.read_u8().await.ok().map(drop)
}
