//! What goes between an engine and its lanes.

use std::sync::Arc;
use std::time::Duration;

use ephemeral_core::protocol::{ErrorCode, SessionLimits, WallTime};
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::effect::{Frame, FrameId};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::cause::Explanation;
use crate::{ConnectError, Dial, Identity, ServerUrl};

/// Names a lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LaneId {
    pub(super) pseudonym: Key,
    pub(super) authority: String,
}

/// An order to a lane.
pub(super) enum Order {
    /// Send a frame.
    Send(Box<Frame>),
    /// Tell the server that a message was taken.
    Acknowledge(u64),
    /// Stay connected, or end when there is nothing to do.
    Stay(bool),
    /// Do nothing for a while, and then connect anew if there is no connection.
    Rest(Duration),
}

/// A report of what happened in a lane.
#[derive(Debug)]
pub(super) enum Report {
    Connecting,
    Online {
        epoch: String,
        server_time: Option<WallTime>,
        limits: SessionLimits,
    },
    Lost {
        why: Explanation,
        close_code: Option<u16>,
        retry_in: Duration,
    },
    /// Trying again is of no use.
    Failed(ConnectError),
    Message {
        seq: u64,
        from: Option<Key>,
        content: Zeroizing<String>,
    },
    Accepted {
        frame: FrameId,
        epoch: String,
    },
    /// The server did not take it, or its time ran out there.
    Dropped {
        frame: FrameId,
        full: Option<ErrorCode>,
    },
    /// What had waited has come.
    CaughtUp,
    /// The lane is over.
    Ended,
}

/// The values that a lane begins with.
pub(super) struct Plan {
    pub(super) id: LaneId,
    pub(super) identity: Identity,
    pub(super) dialer: Arc<dyn Dial>,
    pub(super) url: ServerUrl,
    /// Whether it stays connected.
    pub(super) stays: bool,
    /// How long a visit stays after everything was fetched.
    pub(super) linger: Duration,
    /// When it connects.
    pub(super) start: Instant,
}
