//! The private Tor network that the tests of this process share.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use ephemeral_test_support::tornet::{self, TorNetwork};

/// The network that all tests share: booted by the first one that asks, gone when the process is.
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

/// A directory for a network that is one test's alone; new with every call.
pub(crate) fn scratch_directory() -> PathBuf {
    tornet::scratch_directory(Path::new(env!("CARGO_TARGET_TMPDIR")))
}
