//! The pure half of the server: what a frame means, where a message waits, who may do how much.
//!
//! Nothing here does I/O, reads a clock or starts a task. The time and the bytes are arguments, and
//! what has to be done is a return value, so that every rule can be driven by a test as it is.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`session`] | the protocol's state machine: frame in, action out |
//! | [`store`] | mailboxes, quotas, expiry, duplicates |
//! | [`dead_man`] | how long nobody has checked in, and whether that is too long |
//! | [`limits`] | rates, strikes and blocks |
//! | [`protocol`] | the wire types |
//! | [`backoff`] | how long to wait before the next attempt |

pub mod backoff;
pub mod dead_man;
pub mod limits;
pub mod protocol;
pub mod session;
pub mod store;
