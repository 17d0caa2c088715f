//! What the operator wants of the whole cluster, whichever machine is asked: how it is, which
//! machine stands back, and that somebody checked in.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::{ClusterNode, ClusterRole};
use crate::cluster::jet::Jet;
use crate::cluster::nats::Unanswered;
use crate::cluster::nats::wire::NatsMessage;
use crate::cluster::survey::{self, ClusterSurvey, SilentMachine};
use crate::cluster::talk::{ClusterQuestion, HeardMachines, MachineReport, Question};
use crate::cluster::{ClusterStats, machine_name};
use ephemeral_core::protocol::WallTime;

/// How long a drain waits until another machine is the active one.
const HANDING_OVER: Duration = Duration::from_secs(6);
/// Until something is looked at again.
const AGAIN: Duration = Duration::from_millis(100);

/// Why a machine does not stand back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrainError {
    /// NATS is not there.
    #[error("NATS cannot be used ({0}): nothing was done")]
    Nats(String),
    /// There is no such machine, or it does not answer.
    #[error("no machine answers that is called {0:?}: see `cluster status`. Nothing was done")]
    NoMachine(String),
    /// Nobody could take over.
    #[error(
        "no other machine could take over: one has to answer, to have the keys of the journal, and not to be drained \
         itself. Nothing was done"
    )]
    NobodyElse,
    /// Nobody did.
    #[error("no other machine has taken over within {within} s: {node} takes the lease again", within = HANDING_OVER.as_secs(), node = .0)]
    NotTakenOver(String),
}

/// What the operator asked of this machine, and what it knows for the operator.
pub(super) struct OperatorState {
    /// Whether it is to stand back.
    pub(super) drained: watch::Sender<bool>,
    /// When somebody checked in last, on any machine.
    pub(super) checked_in: watch::Sender<Option<WallTime>>,
    heard: parking_lot::Mutex<HeardMachines>,
}

impl OperatorState {
    pub(super) fn new() -> Self {
        let heard = parking_lot::Mutex::default();
        Self { drained: watch::Sender::new(false), checked_in: watch::Sender::new(None), heard }
    }
}

impl ClusterNode {
    /// Returns what it is now, and what it knows.
    #[must_use]
    pub fn stats(&self) -> ClusterStats {
        let node = machine_name(&self.holder).to_owned();
        let active = self.active.borrow().clone();
        let role = *self.standing.borrow();
        let confirmed = *self.announcing.confirmed.borrow();
        let has_twin = self.announcing.twin.borrow().is_some();
        let (journal_entries, journal_bytes) = self.copy.lock().figures();
        let has_keys = !self.keys.is_empty();
        let union = self.union();
        ClusterStats { node, role, has_keys, journal_entries, journal_bytes, active, confirmed, has_twin, union }
    }

    /// Returns when somebody checked in last, as far as any machine has said.
    #[must_use]
    pub fn checked_in(&self) -> watch::Receiver<Option<WallTime>> {
        self.operator.checked_in.subscribe()
    }

    /// Tells the other machines that somebody checked in then: at once, and again and again.
    pub fn tell_check_in(&self, at: WallTime) {
        self.operator.checked_in.send_if_modified(|known| {
            let is_later = known.is_none_or(|known| known < at);
            if is_later {
                *known = Some(at);
            }
            is_later
        });
    }

    /// Takes note that a machine is there, and knows of a check-in at this time.
    pub(super) fn note_heard(&self, node: String, checked_in: Option<WallTime>, now: Instant) {
        self.operator.heard.lock().note(node, now);
        // A time in the future would keep the switch from going off.
        let latest = self.clock.wall();
        checked_in.map(|at| at.min(latest)).into_iter().for_each(|at| self.tell_check_in(at));
    }

    /// Hears what another machine says, and answers it.
    pub(super) async fn hear(&self, message: &NatsMessage) {
        let Ok(asked) = ClusterQuestion::open(&self.wipe_seal, &message.payload) else { return };
        match &asked.question {
            Question::HowAreYou => {}
            Question::StandBack(node, _) if node != machine_name(&self.holder) => return,
            Question::StandBack(_, drained) if asked.is_fresh(self.clock.wall()) => self.stand_back(*drained),
            Question::StandBack(..) => {
                tracing::warn!("a request to stand back is too old, or the machines' clocks differ: it is ignored");
                return;
            }
        }
        let Some(reply) = &message.reply else { return };
        if let Ok(answer) = asked.answer(&self.wipe_seal, self.report()) {
            // Who gets no answer says so.
            let _ = self.nats.publish(reply, &[], &answer).await;
        }
    }

    fn stand_back(&self, drained: bool) {
        if self.operator.drained.send_replace(drained) != drained {
            // Clients do not come here any more; those who are here stay.
            self.withdraw(drained);
            if drained {
                tracing::warn!("the operator drains this machine: it hands the lease over, and takes it no more");
            } else {
                tracing::info!("this machine takes the lease again, when it is free");
            }
        }
    }

    /// Says how this machine is.
    fn report(&self) -> MachineReport {
        let server = self.nats.server().borrow().as_ref().map(|server| server.server_name.clone());
        MachineReport {
            node: machine_name(&self.holder).to_owned(),
            role: *self.standing.borrow(),
            since_s: self.since.lock().elapsed().as_secs(),
            has_keys: !self.keys.is_empty(),
            drained: *self.operator.drained.borrow(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock: self.clock.wall(),
            nats: server,
            link: self.announced(),
        }
    }

    /// Notes what this machine is now.
    pub(super) fn be(&self, role: ClusterRole) {
        if self.standing.send_replace(role) != role {
            *self.since.lock() = Instant::now();
        }
    }

    async fn machines(&self, question: Question) -> Result<Vec<MachineReport>, Unanswered> {
        let asked = ClusterQuestion::new(question, self.clock.wall()).map_err(|_| Unanswered::Late)?;
        asked.ask_all(&self.nats, &self.wipe_seal).await
    }

    /// Looks at the whole cluster, for a bounded time.
    pub async fn survey(&self) -> ClusterSurvey {
        let jet = Jet(&self.nats);
        let (nats, streams, others) = tokio::join!(
            survey::servers(&self.addresses, self.connector.as_ref()),
            survey::streams(jet),
            self.machines(Question::HowAreYou),
        );
        let mut left = others.as_ref().err().map(ToString::to_string);
        let mut machines = vec![self.report()];
        machines.extend(others.unwrap_or_default());
        let missing = self.operator.heard.lock().missing(&machines, Instant::now());
        let silent = missing.into_iter().map(|(node, heard_s)| SilentMachine { node, heard_s }).collect();
        let streams = streams.unwrap_or_else(|error| {
            left = Some(error.to_string());
            Vec::new()
        });
        ClusterSurvey { machines, silent, nats, streams, left }
    }

    /// Has a machine, or this one, hand the lease over and take it no more; or take it again.
    /// Returns the machine that is the active one afterwards, if one is.
    ///
    /// # Errors
    /// [`DrainError`]: then everything is as it was.
    pub async fn drain(&self, node: Option<&str>, undo: bool) -> Result<Option<String>, DrainError> {
        let unanswered = |error: Unanswered| DrainError::Nats(error.to_string());
        let own = machine_name(&self.holder);
        let node = node.unwrap_or(own);
        if undo && node == own {
            self.stand_back(false);
            return Ok(self.active.borrow().clone());
        }
        let mut machines = self.machines(Question::HowAreYou).await.map_err(unanswered)?;
        machines.push(self.report());
        if !machines.iter().any(|machine| machine.node == node) {
            return Err(DrainError::NoMachine(node.to_owned()));
        }
        let can = |machine: &MachineReport| machine.node != node && machine.has_keys && !machine.drained;
        if !undo && !machines.iter().any(can) {
            return Err(DrainError::NobodyElse);
        }
        self.tell_to_stand_back(node, !undo).await?;
        if undo {
            return Ok(self.active.borrow().clone());
        }
        match self.another_is_active(node).await {
            Some(active) => Ok(Some(active)),
            None => {
                self.tell_to_stand_back(node, false).await?;
                Err(DrainError::NotTakenOver(node.to_owned()))
            }
        }
    }

    async fn tell_to_stand_back(&self, node: &str, drained: bool) -> Result<(), DrainError> {
        if node == machine_name(&self.holder) {
            self.stand_back(drained);
            return Ok(());
        }
        let answers = self.machines(Question::StandBack(node.to_owned(), drained)).await;
        let answers = answers.map_err(|error| DrainError::Nats(error.to_string()))?;
        let is_done = answers.iter().any(|answer| answer.node == node && answer.drained == drained);
        if is_done { Ok(()) } else { Err(DrainError::NoMachine(node.to_owned())) }
    }

    /// Waits until another machine than this one is active: holds the lease, and has read the
    /// journal.
    async fn another_is_active(&self, node: &str) -> Option<String> {
        let begun = Instant::now();
        while begun.elapsed() < HANDING_OVER {
            if *self.standing.borrow() == ClusterRole::Active && machine_name(&self.holder) != node {
                return Some(machine_name(&self.holder).to_owned());
            }
            let machines = self.machines(Question::HowAreYou).await.unwrap_or_default();
            let active = |machine: &&MachineReport| machine.node != node && machine.role == ClusterRole::Active;
            if let Some(machine) = machines.iter().find(active) {
                return Some(machine.node.clone());
            }
            sleep(AGAIN).await;
        }
        None
    }
}
