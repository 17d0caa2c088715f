//! The lanes that run: their tasks, the orders to them, and what they report.

use std::collections::HashMap;

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::{Key, Secret};
use ephemeral_e2e::effect::{Frame, FrameId, Lookout, MailboxAccess};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::dispatch::{LaneId, Order, Plan, Report};
use super::lane::Lane;
use super::mailboxes::Fetching;
use super::{EngineError, Isolate, route};
use crate::Identity;
use crate::moved::Book;

/// How many orders wait for a lane, and how many reports for the engine.
const QUEUE: usize = 128;

struct Running {
    orders: mpsc::Sender<Order>,
    task: AbortHandle,
    stays: bool,
    /// What no server accepted yet. If the lane ends, it leaves by another one.
    frames: HashMap<FrameId, Frame>,
}

/// Holds the lanes.
pub(super) struct Lanes {
    running: HashMap<LaneId, Running>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<(LaneId, Report)>,
    reports: mpsc::Receiver<(LaneId, Report)>,
}

impl Default for Lanes {
    fn default() -> Self {
        let (sender, reports) = mpsc::channel(QUEUE);
        Self { running: HashMap::new(), tasks: JoinSet::new(), sender, reports }
    }
}

impl Lanes {
    pub(super) fn has(&self, id: &LaneId) -> bool {
        self.running.contains_key(id)
    }

    /// Tells whether a lane has something that no server accepted yet.
    pub(super) fn has_frames(&self, id: &LaneId) -> bool {
        self.running.get(id).is_some_and(|running| !running.frames.is_empty())
    }

    /// Tells whether a lane runs that ends by itself.
    pub(super) fn has_visits(&self) -> bool {
        self.running.values().any(|running| !running.stays)
    }

    pub(super) fn start(&mut self, plan: Plan) {
        let (orders, inbox) = mpsc::channel(QUEUE);
        let id = plan.id.clone();
        let stays = plan.stays;
        let lane = Lane::new(plan, self.sender.clone());
        let task = self.tasks.spawn(lane.run(inbox));
        self.running.insert(id, Running { orders, task, stays, frames: HashMap::new() });
    }

    /// Gives a lane something to do. It comes back if there is no such lane, or too much waits
    /// there.
    pub(super) fn order(&mut self, id: &LaneId, order: Order) -> Result<(), Order> {
        let Some(running) = self.running.get_mut(id) else { return Err(order) };
        if let Order::Stay(stays) = order {
            running.stays = stays;
        }
        let frame = match &order {
            Order::Send(frame) => Some(Frame::clone(frame)),
            _ => None,
        };
        running.orders.try_send(order).map_err(mpsc::error::TrySendError::into_inner)?;
        running.frames.extend(frame.map(|frame| (frame.id, frame)));
        Ok(())
    }

    /// Takes note that a server accepted a frame, or will not.
    pub(super) fn done(&mut self, id: &LaneId, frame: FrameId) {
        if let Some(running) = self.running.get_mut(id) {
            running.frames.remove(&frame);
        }
    }

    /// Ends all lanes of a pseudonym, without a goodbye, and forgets what they had to send.
    pub(super) fn close(&mut self, pseudonym: &Key) {
        let of_it: Vec<LaneId> = self.running.keys().filter(|id| id.pseudonym == *pseudonym).cloned().collect();
        for id in of_it {
            drop(self.stop(&id));
        }
    }

    /// Ends a lane, without a goodbye. Returns what it had to send.
    pub(super) fn stop(&mut self, id: &LaneId) -> Vec<Frame> {
        let Some(running) = self.running.remove(id) else { return Vec::new() };
        running.task.abort();
        running.frames.into_values().collect()
    }

    pub(super) fn staying(&self, stays: impl Fn(&Key) -> bool) -> Vec<LaneId> {
        self.running.keys().filter(|id| stays(&id.pseudonym)).cloned().collect()
    }

    /// Returns what a lane reports next.
    pub(super) async fn report(&mut self) -> Result<(LaneId, Report), EngineError> {
        loop {
            tokio::select! {
                report = self.reports.recv() => match report {
                    Some(report) => return Ok(report),
                    // This engine holds a sender.
                    None => std::future::pending().await,
                },
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => match ended {
                    Err(error) if error.is_panic() => return Err(EngineError::Task(error.to_string())),
                    _ => {}
                },
            }
        }
    }

    pub(super) fn report_now(&mut self) -> Option<(LaneId, Report)> {
        self.reports.try_recv().ok()
    }
}

/// Returns the lane that a frame leaves by.
pub(super) fn sender(frame: &Frame) -> LaneId {
    let authority = frame.authority.as_str().to_owned();
    let pseudonym = match &frame.sender {
        Some(seed) => Key(*Identity::from_seed(seed.expose()).fingerprint().as_bytes()),
        // Used once: what it is called here is seen by nobody.
        None => Key(Sha256::digest(frame.content.as_bytes()).into()),
    };
    LaneId { pseudonym, authority }
}

/// Plans a lane for a frame.
pub(super) fn to_send(
    frame: &Frame,
    id: &LaneId,
    route: &dyn Isolate,
    moves: &Book,
    fetching: &Fetching,
) -> Result<Plan, EngineError> {
    let once = Secret::random();
    let seed = frame.sender.as_ref().unwrap_or(&once);
    let linger = if frame.sender.is_some() { fetching.linger() } else { std::time::Duration::ZERO };
    plan(id, seed, &frame.authority, false, route, moves).map(|plan| Plan { linger, ..plan })
}

/// Plans a lane that has nothing to send, and ends when it was told the epoch.
pub(super) fn to_look(
    lookout: &Lookout,
    id: &LaneId,
    route: &dyn Isolate,
    moves: &Book,
    fetching: &Fetching,
) -> Result<Plan, EngineError> {
    let plan = plan(id, &lookout.seed, &lookout.authority, false, route, moves)?;
    Ok(Plan { linger: fetching.linger(), ..plan })
}

/// Plans a lane for a mailbox.
pub(super) fn to_fetch(
    access: &MailboxAccess,
    id: &LaneId,
    stays: bool,
    route: &dyn Isolate,
    moves: &Book,
    fetching: &Fetching,
    now: Instant,
) -> Result<Plan, EngineError> {
    let plan = plan(id, &access.seed, &access.authority, stays, route, moves)?;
    Ok(Plan { linger: fetching.linger(), start: now, ..plan })
}

fn plan(
    id: &LaneId,
    seed: &Secret,
    authority: &Authority,
    stays: bool,
    isolate: &dyn Isolate,
    moves: &Book,
) -> Result<Plan, EngineError> {
    let named = |error| EngineError::Address(authority.as_str().to_owned(), error);
    let url = route::address(authority, moves).map_err(named)?;
    Ok(Plan {
        id: id.clone(),
        identity: Identity::from_seed(seed.expose()),
        dialer: isolate.isolated(&url)?,
        url,
        stays,
        linger: std::time::Duration::ZERO,
        start: Instant::now(),
    })
}
