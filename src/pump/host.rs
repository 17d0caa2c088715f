//! The hub's end of a seat: a session whose client is connected to another machine.
//!
//! Its texts are judged here, by the rules and the clock of this machine, and its answers made
//! here: the front passes them on.

mod guest;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, split};
use tokio::time::timeout;

use self::guest::Guest;
use super::SessionContext;
use super::seat_wire::{SeatFrame, SeatReader};
use crate::admission::Admission;
use crate::hub::ResumeError;
use crate::transport::Io;
use ephemeral_core::protocol::CloseReason;
use ephemeral_core::store::{JoinError, SessionEnd};

/// How long a front may take to say whose seat it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Why a seat is given up.
#[derive(Debug, Clone, Copy)]
struct End {
    reason: CloseReason,
    for_good: bool,
}

impl From<CloseReason> for End {
    /// Keeps the session where only this hub ends: there may be another one.
    fn from(reason: CloseReason) -> Self {
        Self { reason, for_good: reason != CloseReason::Draining }
    }
}

impl From<SessionEnd> for End {
    fn from(end: SessionEnd) -> Self {
        CloseReason::from(end).into()
    }
}

impl From<ResumeError> for End {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::NotNow(error) => Self { reason: error.into(), for_good: false },
            ResumeError::Ended(end) => Self { reason: end.into(), for_good: true },
        }
    }
}

impl From<JoinError> for End {
    fn from(error: JoinError) -> Self {
        CloseReason::from(error).into()
    }
}

/// Serves a session until its seat is given up, or the front is gone. It waits for the front
/// without a bound of its own: that is the front's business with its client, and the link's.
pub async fn host(context: Arc<SessionContext>, admission: Arc<Admission>, io: Box<dyn Io>) {
    // The front tries again.
    let Some(asking) = context.hub.count_asking() else { return };
    let (reader, mut writer) = split(io);
    let mut reader = SeatReader::new(reader, Some(context.rules.frame_bytes()));
    let Ok(Ok(SeatFrame::Request(request))) = timeout(PATIENCE, reader.next()).await else { return };
    drop(asking);
    let begun = Guest::begin(context, &admission, &request);
    let mut out = Vec::new();
    let frame = match &begun {
        Ok((_, welcome)) => SeatFrame::Welcome(Box::new(welcome.clone())),
        Err(End { reason, for_good }) => SeatFrame::End { reason: *reason, for_good: *for_good },
    };
    let sent = async {
        frame.put(&mut out)?;
        writer.write_all(&out).await?;
        writer.flush().await
    };
    let sent = sent.await;
    match begun {
        Ok((mut guest, _)) => {
            if sent.is_err() || guest.run(reader, &mut writer).await.is_err() {
                // The front is gone, or only the connection.
                guest.leave_for_a_while();
            }
        }
        Err(_) => drop(writer.shutdown().await),
    }
}
