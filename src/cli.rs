//! The commands of `ephemeral-server`.
