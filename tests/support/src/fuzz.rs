//! What the fuzzer checks: a function for each target, called by `fuzz/` and by the tests.

pub mod client_frame;
pub mod configuration;
pub mod http_request;
pub mod session_sequence;
