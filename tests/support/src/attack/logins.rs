//! Logins, and how many of those of honest clients succeed.

use ed25519_dalek::SigningKey;
use ephemeral_core::protocol::{Challenge, Fingerprint};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::PATIENCE;

/// Returns the key of that number.
pub fn key(number: usize) -> SigningKey {
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    SigningKey::from_bytes(&seed)
}

/// Returns the fingerprint of that key.
pub fn fingerprint(number: usize) -> String {
    Fingerprint::from(&key(number).verifying_key()).to_string()
}

/// Logs in over a stream; `None` if the server ends it before `welcome`.
pub async fn login<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    number: usize,
) -> Option<WebSocketStream<S>> {
    log_in(stream, host, number).await.ok()
}

/// Does the same, and says what did not come, and after how long.
pub async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    number: usize,
) -> Result<WebSocketStream<S>, String> {
    let begun = Instant::now();
    let mut missing = "an upgrade";
    let logged_in = timeout(PATIENCE, logging_in(stream, host, number, &mut missing)).await;
    logged_in.ok().flatten().ok_or_else(|| format!("{missing} did not come, after {:.1?}", begun.elapsed()))
}

async fn logging_in<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    number: usize,
    missing: &mut &'static str,
) -> Option<WebSocketStream<S>> {
    let (mut socket, _) = client_async(format!("ws://{host}/ws"), stream).await.ok()?;
    *missing = "a challenge";
    let challenge: Value = serde_json::from_str(socket.next().await?.ok()?.to_text().ok()?).ok()?;
    *missing = "a welcome";
    let nonce = Challenge::from_nonce_text(challenge["nonce"].as_str()?)?;
    let signature = nonce.sign(challenge["server"].as_str()?, &key(number));
    let auth = json!({"type": "auth", "fingerprint": fingerprint(number), "signature": signature});
    socket.send(Message::text(auth.to_string())).await.ok()?;
    let welcome = socket.next().await?.ok()?;
    welcome.to_text().is_ok_and(|text| text.contains("welcome")).then_some(socket)
}

/// How the logins of honest clients went.
#[derive(Debug, Default)]
pub struct Logins {
    /// How many clients there were.
    pub clients: usize,
    /// How many got in at the first try.
    pub first: usize,
    /// How many did within three.
    pub third: usize,
    /// Why the others did not.
    pub failures: Vec<String>,
}

impl Logins {
    /// Has so many clients log in at the same time, each up to three times. `try_once` is a login
    /// of a client's.
    pub async fn measure<F>(clients: usize, try_once: impl Fn(usize) -> F) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let mut trying = JoinSet::new();
        for client in 0..clients {
            let tries = [(); 3].map(|()| try_once(client));
            trying.spawn(async move {
                let mut failures = Vec::new();
                for login in tries {
                    match login.await {
                        Ok(()) => return (true, failures),
                        Err(why) => failures.push(why),
                    }
                }
                (false, failures)
            });
        }
        let tries = trying.join_all().await;
        let within = |most| tries.iter().filter(|(is_in, failures)| *is_in && failures.len() < most).count();
        let first = within(1);
        let third = within(3);
        Self { clients, first, third, failures: tries.into_iter().flat_map(|(_, failures)| failures).collect() }
    }

    /// Asserts what is promised: 95 % at the first try, and all at the third.
    #[track_caller]
    #[allow(clippy::print_stderr, reason = "the figure is worth reading")]
    pub fn assert_promised(&self, attack: &str) {
        eprintln!("{attack}: {} of {} logins at the first try, {} at the third", self.first, self.clients, self.third);
        assert!(self.first * 100 >= self.clients * 95 && self.third == self.clients, "{attack}: {self:?}");
    }
}
