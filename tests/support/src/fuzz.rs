//! What the fuzzer checks: a function for each target, called by `fuzz/` and by the tests.

pub mod client_frame;
#[cfg(feature = "server")]
pub mod configuration;
#[cfg(feature = "e2e")]
pub mod e2e;
#[cfg(feature = "server")]
pub mod http_request;
#[cfg(feature = "server")]
pub mod seat;
#[cfg(feature = "server")]
pub mod session_sequence;
