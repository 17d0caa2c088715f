//! Logins, and how many of those of honest clients succeed.

use ed25519_dalek::SigningKey;
use ephemeral_core::protocol::{Challenge, Fingerprint};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;
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
    let logging_in = async {
        let (mut socket, _) = client_async(format!("ws://{host}/ws"), stream).await.ok()?;
        let challenge: Value = serde_json::from_str(socket.next().await?.ok()?.to_text().ok()?).ok()?;
        let nonce = Challenge::from_nonce_text(challenge["nonce"].as_str()?)?;
        let signature = nonce.sign(challenge["server"].as_str()?, &key(number));
        let auth = json!({"type": "auth", "fingerprint": fingerprint(number), "signature": signature});
        socket.send(Message::text(auth.to_string())).await.ok()?;
        let welcome = socket.next().await?.ok()?;
        welcome.to_text().is_ok_and(|text| text.contains("welcome")).then_some(socket)
    };
    timeout(PATIENCE, logging_in).await.ok()?
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
}

impl Logins {
    /// Has so many clients log in at the same time, each up to three times. `try_once` is a login
    /// of a client's.
    pub async fn measure<F>(clients: usize, try_once: impl Fn(usize) -> F) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let mut trying = JoinSet::new();
        for client in 0..clients {
            let tries = [(); 3].map(|()| try_once(client));
            trying.spawn(async move {
                for (number, login) in tries.into_iter().enumerate() {
                    if login.await {
                        return Some(number);
                    }
                }
                None
            });
        }
        let tries: Vec<_> = trying.join_all().await;
        let within = |most| tries.iter().filter(|tried| tried.is_some_and(|number| number < most)).count();
        Self { clients, first: within(1), third: within(3) }
    }

    /// Asserts what is promised: 95 % at the first try, and all at the third.
    #[track_caller]
    #[allow(clippy::print_stderr, reason = "the figure is worth reading")]
    pub fn assert_promised(&self, attack: &str) {
        eprintln!("{attack}: {} of {} logins at the first try, {} at the third", self.first, self.clients, self.third);
        assert!(self.first * 100 >= self.clients * 95 && self.third == self.clients, "{attack}: {self:?}");
    }
}
