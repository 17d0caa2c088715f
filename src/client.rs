//! The client library that `ephemeral` and the tests use.
