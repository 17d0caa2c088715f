//! End-to-end encryption of Ephemeral Messenger.
//!
//! Every pair of people has an Olm session; each of its messages travels in a padded HPKE envelope
//! that is sealed to a post-quantum key which changes about once an hour. `docs/e2e.md` is the
//! protocol in full.

pub mod authority;
pub mod bytes;
pub mod card;
mod clock;
pub mod core;
pub mod effect;
pub mod envelope;
pub mod files;
mod group;
pub mod identity;
pub mod invite;
mod label;
pub mod link;
mod mailbox;
pub mod payload;
mod profile;
mod random;
pub mod roster;
pub mod safety;
pub mod servers;
pub mod text;
pub mod vault;

#[cfg(test)]
mod interop;
#[cfg(test)]
mod simulator;
#[cfg(test)]
mod vectors;

pub use profile::Dropped;
