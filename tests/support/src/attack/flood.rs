//! What attackers do, so many times a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;

/// No stranger stays longer than this, if the server lets it.
const STAY: Duration = Duration::from_secs(12);
/// Strangers at a time, at most: there would be more only where the machine is too slow for the
/// flood.
const AT_A_TIME: usize = 8192;

/// Strangers, so many a second, until this is dropped.
pub struct Flood {
    made: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Flood {
    /// Begins. `open` connects as the stranger of that number, who then does `then` with the
    /// connection.
    pub fn start<S, O, D>(
        a_second: u32,
        open: impl Fn(usize) -> O + Send + 'static,
        then: impl Fn(usize, S) -> D + Send + Sync + 'static,
    ) -> Self
    where
        S: Send + 'static,
        O: Future<Output = Option<S>> + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        let made = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&made);
        let then = Arc::new(then);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut tick = interval(Duration::from_secs(1) / a_second);
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut strangers = JoinSet::new();
            for number in 0.. {
                tick.tick().await;
                while strangers.try_join_next().is_some() {}
                if strangers.len() >= AT_A_TIME {
                    continue;
                }
                let opening = open(number);
                let counted = Arc::clone(&counted);
                let then = Arc::clone(&then);
                strangers.spawn(async move {
                    let Some(stream) = opening.await else { return };
                    counted.fetch_add(1, Ordering::Relaxed);
                    let _ = timeout(STAY, then(number, stream)).await;
                });
            }
        });
        Self { made, _tasks: tasks }
    }

    /// Returns how many connections there were.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }
}

/// Says nothing, until the server has had enough.
pub async fn stay_silent(mut stream: impl AsyncRead + Unpin) {
    let _ = stream.read(&mut [0; 64]).await;
}

/// Sends nearly all of the largest message that there may be, masked with zeros, and not its end.
/// Gives up after a while: it may have to wait for room, or give way, meanwhile.
pub async fn begin_message<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>, within: Duration) {
    let mut bytes = vec![0x81, 0x80 | 127];
    bytes.extend(397_000_u64.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.resize(390_000, b' ');
    let stream = socket.get_mut();
    let written = async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    let _ = timeout(within, written).await;
}
