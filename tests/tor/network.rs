//! The private Tor network that the tests of this process share, and who uses it when.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use arti_client::{DataStream, ErrorKind, HasKind as _};
use ephemeral_test_support::daemon::PATIENCE;
use ephemeral_test_support::tornet::{self, TorNetwork};
use ephemeral_tor as tor;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

/// How many tests run at once that use the network: more would keep each other, and 15 relays, from
/// the processor until the patience of some of them ends. Most of the time most of them wait.
static TURNS: Semaphore = Semaphore::const_new(4);

/// How long after the end of a time period everybody who comes knows of the next.
const KNOWN: Duration = Duration::from_secs(3);

/// Waits for a test's turn, which lasts as long as the value.
pub(crate) async fn turn() -> SemaphorePermit<'static> {
    take(1, Duration::from_secs(15)).await
}

/// Waits for the turn of a test that floods a service: beside it there is room for one other.
pub(crate) async fn turn_to_flood() -> SemaphorePermit<'static> {
    take(3, Duration::from_secs(30)).await
}

/// Waits for turns, and for a time period that does not end before this one has passed.
async fn take(turns: u32, lasts: Duration) -> SemaphorePermit<'static> {
    let permit = TURNS.acquire_many(turns).await.unwrap();
    let ends_in = tornet::time_period_ends_in();
    if ends_in < lasts {
        sleep(ends_in + KNOWN).await;
    }
    permit
}

/// Connects to an onion service, and waits out what passes: right after its bootstrap a client may
/// not have chosen its guards, and where a time period has just ended a service may not be found.
pub(crate) async fn connect(client: &tor::Client, address: &str, port: u16) -> Result<DataStream, arti_client::Error> {
    let passes = |kind| matches!(kind, ErrorKind::BootstrapRequired | ErrorKind::OnionServiceNotFound);
    let attempts = async {
        loop {
            match client.connect((address, port)).await {
                Err(error) if passes(error.kind()) => sleep(Duration::from_millis(200)).await,
                ended => return ended,
            }
        }
    };
    timeout(PATIENCE, attempts).await.expect("an answer in time")
}

/// Returns the network that all tests share: booted by the first one that asks, gone when the
/// process is.
pub(crate) fn shared() -> Shared {
    static NETWORK: OnceLock<Result<TorNetwork, String>> = OnceLock::new();
    let network = NETWORK.get_or_init(|| TorNetwork::boot(scratch_directory()).map_err(|error| error.to_string()));
    match network {
        Ok(network) => Shared(network),
        Err(error) => panic!("no private Tor network: {error}"),
    }
}

/// One test's use of the [`shared`] network: should the test fail, the logs stay.
#[derive(Debug)]
pub(crate) struct Shared(&'static TorNetwork);

impl Deref for Shared {
    type Target = TorNetwork;

    fn deref(&self) -> &TorNetwork {
        self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.keep_directory();
        }
    }
}

/// Returns a directory for a network that is one test's alone; new with every call.
pub(crate) fn scratch_directory() -> PathBuf {
    tornet::scratch_directory(Path::new(env!("CARGO_TARGET_TMPDIR")))
}
