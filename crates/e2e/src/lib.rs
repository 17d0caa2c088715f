//! End-to-end encryption of Ephemeral Messenger.
//!
//! Every pair of people has an Olm session; each of its messages travels in a padded HPKE envelope that is sealed to a
//! post-quantum key which changes about once an hour. `docs/e2e.md` is the protocol in full.

pub mod authority;
pub mod bytes;
pub mod card;
pub mod envelope;
pub mod identity;
pub mod invite;
mod label;
mod random;
pub mod safety;
