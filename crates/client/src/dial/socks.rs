//! Reaches servers by a SOCKS proxy: a Tor that runs already.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_socks::tcp::Socks5Stream;

use super::hedge::{Finish, Hedge, race};
use super::{ByteStream, Dial, DialError};
use crate::ServerUrl;

/// A SOCKS5 proxy, such as an existing Tor. It resolves the name; this machine's resolver never
/// sees it.
#[derive(Clone)]
pub struct Socks {
    proxy: SocketAddr,
    limit: Duration,
    attempts: Arc<Mutex<Attempts>>,
}

/// The settings of the next attempt.
struct Attempts {
    /// Tor keeps connections with different passwords on different circuits (`IsolateSOCKSAuth`, on
    /// by default).
    password: String,
    hedge: Hedge,
}

impl Socks {
    /// Bounds the time until there is a circuit to an onion service: a descriptor to fetch, a
    /// rendezvous, a few attempts.
    pub const LIMIT: Duration = Duration::from_secs(120);

    /// Makes a way through this proxy, on circuits of its own. Two identities that share one could
    /// be linked: make two.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn new(proxy: SocketAddr) -> Result<Self, getrandom::Error> {
        let attempts = Attempts { password: password()?, hedge: Hedge::default() };
        Ok(Self { proxy, limit: Self::LIMIT, attempts: Arc::new(Mutex::new(attempts)) })
    }

    async fn connect(&self, url: &ServerUrl) -> Result<Box<dyn ByteStream>, DialError> {
        let (first, delay) = {
            let attempts = self.attempts();
            (attempts.password.clone(), attempts.hedge.delay())
        };
        // Without random numbers there is no other circuit, and the first one goes on alone.
        let other = password().unwrap_or_else(|_| first.clone());
        let racing = race(self.attempt(url, &first), delay, || self.attempt(url, &other));
        let Ok((outcome, finish, took)) = timeout(self.limit, racing).await else {
            let mut attempts = self.attempts();
            attempts.hedge.ended(Finish::InVain, self.limit);
            attempts.password = other;
            return Err(DialError::Timeout(self.limit));
        };
        let mut attempts = self.attempts();
        attempts.hedge.ended(finish, took);
        if finish == Finish::Won {
            attempts.password = other;
        }
        let stream = outcome?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }

    async fn attempt(&self, url: &ServerUrl, password: &str) -> Result<TcpStream, DialError> {
        let target = (url.bare_host(), url.port());
        let connecting = Socks5Stream::connect_with_password(self.proxy, target, "ephemeral", password);
        let stream = connecting.await.map_err(|source| DialError::Socks { proxy: self.proxy, source })?;
        Ok(stream.into_inner())
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a password that nobody else has.
fn password() -> Result<String, getrandom::Error> {
    let mut password = [0; 16];
    getrandom::fill(&mut password)?;
    Ok(HEXLOWER.encode(&password))
}

impl Dial for Socks {
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        Box::pin(self.connect(url))
    }
}

impl fmt::Debug for Socks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Socks").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Reads what a SOCKS5 client says, answers it, and returns the password that it gave.
    async fn greeted(stream: &mut TcpStream) -> Vec<u8> {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await.unwrap();
        stream.read_exact(&mut vec![0; usize::from(head[1])]).await.unwrap();
        stream.write_all(&[5, 2]).await.unwrap();
        stream.read_exact(&mut head).await.unwrap();
        stream.read_exact(&mut vec![0; usize::from(head[1])]).await.unwrap();
        let length = stream.read_u8().await.unwrap();
        let mut password = vec![0; usize::from(length)];
        stream.read_exact(&mut password).await.unwrap();
        stream.write_all(&[1, 0]).await.unwrap();
        // CONNECT, to a name of so many bytes, and a port.
        let mut request = [0; 5];
        stream.read_exact(&mut request).await.unwrap();
        stream.read_exact(&mut vec![0; usize::from(request[4]) + 2]).await.unwrap();
        password
    }

    async fn answered(stream: &mut TcpStream) {
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_circuit_is_tried_beside_one_that_hangs_and_kept_if_it_wins() {
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socks = Socks::new(proxy.local_addr().unwrap()).unwrap();
        let url: ServerUrl = "http://example.test".parse().unwrap();
        let serving = async {
            let (mut hangs, _) = proxy.accept().await.unwrap();
            let first = greeted(&mut hangs).await;
            let (mut works, _) = proxy.accept().await.unwrap();
            let second = greeted(&mut works).await;
            answered(&mut works).await;
            // The one that lost is given up.
            assert_eq!(hangs.read(&mut [0]).await.unwrap(), 0);
            let (mut again, _) = proxy.accept().await.unwrap();
            let third = greeted(&mut again).await;
            answered(&mut again).await;
            (first, second, third)
        };
        let dialling = async {
            socks.dial(&url).await.unwrap();
            socks.dial(&url).await.unwrap();
        };
        let ((first, second, third), ()) = tokio::join!(serving, dialling);
        assert_ne!(first, second, "Tor would put both on one circuit");
        assert_eq!(second, third, "the circuit that works is used again");
    }

    #[test]
    fn each_way_has_circuits_of_its_own() {
        let proxy = "127.0.0.1:9050".parse().unwrap();
        let ways: Vec<_> = (0..8).map(|_| Socks::new(proxy).unwrap()).collect();
        let passwords: BTreeSet<_> = ways.iter().map(|way| way.attempts().password.clone()).collect();
        assert_eq!(passwords.len(), 8);
        let copied = ways[0].clone().attempts().password.clone();
        assert_eq!(copied, ways[0].attempts().password, "a copy is the same way");
    }
}
