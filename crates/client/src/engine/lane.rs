//! A lane: one pseudonym at one server, on circuits of its own. It fetches what waits for the
//! pseudonym, and sends what the pseudonym has to send.
//!
//! A lane stays connected, or visits: then it ends a while after everything was fetched, sent and
//! acknowledged. It is a task that its engine owns, and ends with it.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use ephemeral_core::protocol::{ErrorCode, Fingerprint, ReceiptStatus, ReceivedMessage, WallTime};
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::effect::{Frame, FrameId};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

use super::dispatch::{LaneId, Order, Plan, Report};
use crate::cause::Explanation;
use crate::inbox::{Inbox, MessageKey};
use crate::{ClientEvent, ConnectError, ConnectOptions, Outgoing, Session};

/// The longest time to live that is asked for, in seconds: what a message is must not show in it.
const LONGEST_TTL_S: u64 = 604_800;
/// How many frames may be out without the server's answer.
const IN_FLIGHT: usize = 16;
/// How many messages a server may have out to one pseudonym, so that no mailbox keeps the others
/// from their turn.
pub(super) const WINDOW: u32 = 8;
/// How many frames are remembered after a server accepted them. What expires later is repeated
/// after a day all the same.
const MAX_ACCEPTED: usize = 1_024;
/// How long a visit waits for acknowledgements that do not come.
const LONGEST_LINGER: Duration = Duration::from_secs(60);

pub(super) struct Lane {
    id: LaneId,
    session: Session,
    stays: bool,
    linger: Duration,
    resting_until: Option<Instant>,
    /// The frames that no server accepted yet, by the name that the server knows them by.
    frames: HashMap<String, FrameId>,
    /// The frames that a server accepted last, whose time may run out there.
    accepted: VecDeque<(String, FrameId)>,
    /// Frames that wait for the server's limits.
    early: Vec<Frame>,
    /// What the server is to be told of, by `seq`.
    taken: VecDeque<(u64, MessageKey)>,
    ttl_s: Option<u64>,
    epoch: String,
    /// When everything had been fetched.
    caught_up: Option<Instant>,
    reports: mpsc::Sender<(LaneId, Report)>,
}

/// The engine is gone.
#[derive(Debug)]
pub(super) struct Over;

impl Lane {
    pub(super) fn new(plan: Plan, reports: mpsc::Sender<(LaneId, Report)>) -> Self {
        let Plan { id, identity, dialer, url, stays, linger, start } = plan;
        let options = ConnectOptions { window: Some(WINDOW), ..ConnectOptions::default() };
        Self {
            id,
            session: Session::new(dialer, url, identity, options).with_in_flight(IN_FLIGHT),
            stays,
            linger,
            resting_until: Some(start),
            frames: HashMap::new(),
            accepted: VecDeque::new(),
            early: Vec::new(),
            taken: VecDeque::new(),
            ttl_s: None,
            epoch: String::new(),
            caught_up: None,
            reports,
        }
    }

    /// Works until the engine drops the other end, or the visit is over.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            let wake_at = self.wake_at();
            let wake = async {
                match wake_at {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            let go_on = tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => {
                        self.obey(order);
                        Ok(())
                    }
                    None => return,
                },
                event = self.session.next(), if self.resting_until.is_none() => match event {
                    Ok(event) => self.handle(event).await,
                    Err(error) => self.report(Report::Failed(error)).await,
                },
                () = wake => {
                    self.resting_until = self.resting_until.filter(|until| *until > Instant::now());
                    Ok(())
                }
            };
            if go_on.is_err() {
                return;
            }
            if self.is_over(&orders) {
                // From here on nothing more can be asked of it.
                orders.close();
                self.session.close().await;
                let _ = self.reports.send((self.id, Report::Ended)).await;
                return;
            }
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let over = self.caught_up.map(|at| at + if self.has_work() { LONGEST_LINGER } else { self.linger });
        let over = over.filter(|_| !self.stays);
        self.resting_until.into_iter().chain(over).min()
    }

    /// Tells whether something is still to be sent or acknowledged.
    fn has_work(&self) -> bool {
        !self.frames.is_empty() || !self.early.is_empty() || !self.taken.is_empty()
    }

    fn is_over(&self, orders: &mpsc::Receiver<Order>) -> bool {
        let since = match self.caught_up {
            Some(at) if !self.stays && orders.is_empty() => at.elapsed(),
            _ => return false,
        };
        let sending = !self.frames.is_empty() || !self.early.is_empty();
        (since >= self.linger && !self.has_work()) || (since >= LONGEST_LINGER && !sending)
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Send(frame) => self.send(*frame),
            Order::Acknowledge(seq) => self.acknowledge(seq),
            Order::Stay(stays) => self.stays = stays,
            Order::Rest(time) => self.resting_until = Some(Instant::now() + time),
        }
    }

    fn acknowledge(&mut self, seq: u64) {
        let Some(at) = self.taken.iter().position(|(known, _)| *known == seq) else { return };
        if let Some((_, key)) = self.taken.remove(at) {
            self.session.confirm(&key);
        }
    }

    fn send(&mut self, frame: Frame) {
        let Some(ttl_s) = self.ttl_s else {
            if self.early.iter().all(|known| known.id != frame.id) {
                self.early.push(frame);
            }
            return;
        };
        let id = wire_id(&frame.content);
        let to = Fingerprint::from_bytes(frame.to.0);
        let content = Zeroizing::new(frame.content);
        let outgoing = Outgoing { to, content, id: Some(id.clone()), ttl_s: Some(ttl_s), until_receipt: false };
        // The core bounds what is on its way; what does not fit now is sent again by it, or is here
        // already.
        if self.session.send(&outgoing).is_ok() {
            self.frames.insert(id, frame.id);
        }
    }

    async fn report(&mut self, report: Report) -> Result<(), Over> {
        self.reports.send((self.id.clone(), report)).await.map_err(|_| Over)
    }

    async fn handle(&mut self, event: ClientEvent) -> Result<(), Over> {
        match event {
            ClientEvent::Connecting => self.report(Report::Connecting).await,
            ClientEvent::Connected { welcome, new_epoch: _ } => {
                self.ttl_s = Some(welcome.limits.max_ttl_s.min(LONGEST_TTL_S));
                self.epoch.clone_from(&welcome.epoch);
                let server_time = WallTime::parse(&welcome.server_time);
                let online = Report::Online { epoch: welcome.epoch, server_time, limits: welcome.limits };
                self.report(online).await?;
                for frame in std::mem::take(&mut self.early) {
                    self.send(frame);
                }
                Ok(())
            }
            ClientEvent::Disconnected { why, retry_in } => {
                self.caught_up = None;
                let close_code = match &why {
                    ConnectError::Lost(lost) => lost.close_code(),
                    _ => None,
                };
                self.report(Report::Lost { why: Explanation::of(&why), close_code, retry_in }).await
            }
            ClientEvent::Accepted { id, .. } => self.accepted(id).await,
            ClientEvent::Refused { id, code, .. } => self.dropped(&id, Some(code)).await,
            ClientEvent::Receipt { id, status: ReceiptStatus::Expired } => self.dropped(&id, None).await,
            ClientEvent::Message(message) => self.message(message).await,
            ClientEvent::CaughtUp => {
                self.caught_up.get_or_insert_with(Instant::now);
                self.report(Report::CaughtUp).await
            }
            ClientEvent::Receipt { status: ReceiptStatus::Delivered, .. }
            | ClientEvent::Delayed { .. }
            | ClientEvent::Forgotten { .. }
            | ClientEvent::Complaint { .. } => Ok(()),
        }
    }

    async fn accepted(&mut self, id: String) -> Result<(), Over> {
        let Some(frame) = self.frames.remove(&id) else { return Ok(()) };
        if self.accepted.len() >= MAX_ACCEPTED {
            self.accepted.pop_front();
        }
        self.accepted.push_back((id, frame));
        self.report(Report::Accepted { frame, epoch: self.epoch.clone() }).await
    }

    async fn dropped(&mut self, id: &str, full: Option<ErrorCode>) -> Result<(), Over> {
        let accepted = self.accepted.iter().position(|(known, _)| known == id);
        let accepted = accepted.and_then(|at| self.accepted.remove(at)).map(|(_, frame)| frame);
        match self.frames.remove(id).or(accepted) {
            Some(frame) => self.report(Report::Dropped { frame, full }).await,
            None => Ok(()),
        }
    }

    pub(super) async fn message(&mut self, message: ReceivedMessage) -> Result<(), Over> {
        let Some(key) = MessageKey::of(&message) else { return Ok(()) };
        let from = Some(Key(*key.from.as_bytes()));
        if self.taken.len() >= Inbox::MAX_UNACKNOWLEDGED {
            // Only a server that goes beyond every window, in one connection after another, gets
            // here.
            self.taken.pop_front();
        }
        self.taken.push_back((message.seq, key));
        let content = Zeroizing::new(message.content);
        self.report(Report::Message { seq: message.seq, from, content }).await
    }
}

#[cfg(test)]
impl Lane {
    /// Returns of how many messages the server is still to be told.
    pub(super) fn remembered(&self) -> usize {
        self.taken.len()
    }
}

/// Returns the id of a frame at its server: 22 characters that say nothing, and are the same after
/// a restart.
fn wire_id(content: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    BASE64URL_NOPAD.encode(digest.get(..16).unwrap_or_default())
}
