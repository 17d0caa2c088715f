//! A session's seat with another machine's hub, as the front has it.
//!
//! What the client sends is kept until the hub has answered it. Where the connection is lost, the
//! session waits for a hub, takes a seat there, and sends again what has no answer: the client
//! notices nothing but the time that it takes. All of it is done in the session's own task, when
//! that is polled.

mod link;
mod queues;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;

use self::link::SeatLink;
pub(super) use self::queues::FromHub;
use self::queues::Queues;
use super::SessionContext;
use super::seat_wire::{Before, Proof, SeatWelcome};
use crate::admission::PeerConnection;
use crate::hub::{Elsewhere, Signal};
use crate::transport::link::front::HubWay;
use ephemeral_core::protocol::{CloseReason, Fingerprint};
use ephemeral_core::store::Acquaintance;

/// A seat with another machine's hub. Dropping it gives the seat up.
pub(super) struct Away {
    queues: Arc<Mutex<Queues>>,
    /// Moves bytes, and ends with the reason for which the session does.
    link: Pin<Box<dyn Future<Output = CloseReason> + Send>>,
    entry: Elsewhere,
}

/// Who wants a seat, and with what.
pub(super) struct SeatSeeker {
    pub(super) fingerprint: Fingerprint,
    pub(super) proof: Proof,
    /// How well the hub has to know somebody for whom this machine has room.
    pub(super) least: Acquaintance,
}

impl Away {
    /// Takes a seat, and returns what the hub says of it. It waits for a hub for a short time.
    ///
    /// # Errors
    /// The reason for which the session is closed instead.
    pub(super) async fn join(
        settings: Arc<SessionContext>,
        connection: &PeerConnection,
        way: HubWay,
        seeker: SeatSeeker,
    ) -> Result<(Self, SeatWelcome), CloseReason> {
        let SeatSeeker { fingerprint, proof, least } = seeker;
        let entry = settings.hub.enter_elsewhere(fingerprint).ok_or(CloseReason::Overloaded)?;
        let admission = Arc::clone(connection.admission());
        let link = SeatLink { settings, admission, way, proof, least };
        let (seated, welcome) = link.first().await?;
        let queues = Arc::new(Mutex::new(Queues::new(connection.frames(), welcome.resumption.progress)));
        let SeatWelcome { resumption, limits, .. } = &welcome;
        let at_first = Before { resumption: resumption.clone(), acknowledged: 0, limits: limits.clone() };
        let link = Box::pin(link.keep(seated, at_first, Arc::clone(&queues)));
        Ok((Self { queues, link, entry }, welcome))
    }

    pub(super) fn signal(&self) -> &Arc<Signal> {
        self.entry.signal()
    }

    /// Moves the bytes that there are, and has the task woken when there are more.
    ///
    /// # Errors
    /// The reason for which the session ends.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        let signal = self.entry.signal();
        signal.poll(cx.waker());
        if signal.is_evicted() {
            return Err(CloseReason::Blocked);
        }
        if signal.is_ended() {
            return Err(CloseReason::Draining);
        }
        match self.link.as_mut().poll(cx) {
            Poll::Ready(reason) => Err(reason),
            Poll::Pending => Ok(()),
        }
    }

    /// Returns whether no more is to be read from the client, of whom so many bytes were read and
    /// not sent yet.
    pub(super) fn is_full(&self, read: usize) -> bool {
        self.queues.lock().is_full(read)
    }

    /// Takes a text of the client, which goes to the hub when this is polled.
    pub(super) fn send(&self, text: &str) {
        self.queues.lock().send(text);
    }

    /// Returns the next thing that has come for the client.
    pub(super) fn next(&self) -> Option<FromHub> {
        self.queues.lock().next()
    }

    /// Returns whether there is one.
    pub(super) fn has_more(&self) -> bool {
        self.queues.lock().has_arrived()
    }
}
