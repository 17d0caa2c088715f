//! The commands of `ephemeral`.
