//! A wipe of the whole cluster, which any machine may ask for.
//!
//! Its number is written down beside the lease: a machine that slept through it finds it there
//! before it takes a journal over, and the active one within a second. So nothing of an earlier
//! time is written again. The machines that are awake are asked, too, and answer what they erased.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{ClusterNode, ClusterRole, WIPE};
use crate::cluster::jet::{Jet, JetError};
use crate::cluster::log::META;
use crate::cluster::log::entry::JournalMeta;
use crate::cluster::machine_name as name;
use crate::cluster::nats::Unanswered;
use crate::cluster::nats::wire::NatsMessage;
use crate::cluster::wipe::WipeAnswer;

/// How long all of it may take before what is left is said.
pub const WIPE_PATIENCE: Duration = Duration::from_secs(6);
/// How often a machine looks for one that it was not told of.
const LOOK: Duration = Duration::from_secs(1);
/// How long the active machine may take with its answer.
const ANSWER: Duration = Duration::from_millis(2500);
/// How long the others may take.
const OTHERS: Duration = Duration::from_millis(300);
/// How long the active machine waits for its new journal before it answers.
const JOURNAL: Duration = Duration::from_secs(2);
/// Until something is tried or looked at again.
const AGAIN: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_millis(20);

/// What of the other machines a wipe did not reach.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WipeLeft {
    /// The NATS servers: nothing but this machine is erased.
    #[error(
        "NATS cannot be used ({0}): the active machine still has what waits, if it is another one, and the NATS servers \
         have the journal, sealed. Run `panic` on the active machine; this one tries again for as long as it runs"
    )]
    Nats(String),
    /// The machine that was the active one.
    #[error(
        "the active machine {0} does not answer: what waited may be in its memory, until it goes on. \
         End it there (`kill -9`)"
    )]
    Active(String),
}

/// What a wipe of the whole cluster has reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterWipe {
    /// How many messages waited on the other machines.
    pub messages: u64,
    /// The other machines that answered that they erased what they had, by name.
    pub machines: Vec<String>,
    /// What it did not reach.
    pub left: Option<WipeLeft>,
}

/// Where the last wipe that was asked for here is.
#[derive(Debug, Clone, Default)]
pub(super) struct WipeProgress {
    number: u64,
    reached: Option<ClusterWipe>,
    /// Nothing more is to be done.
    is_over: bool,
}

impl ClusterNode {
    /// Begins a wipe of the whole cluster: the keys of the journal are overwritten here, and
    /// the other machines are to follow, for as long as this process runs. What waits here is the
    /// caller's to erase, next.
    pub fn begin_wipe(&self) {
        let number = self.clock.read().wall.0.max(self.keys.wiped() + 1);
        self.keys.wipe(number);
        self.copy.lock().clear();
        // Nobody is let in any more either.
        self.door.close();
        self.progress.send_replace(WipeProgress { number, ..WipeProgress::default() });
    }

    /// Waits until the last wipe that began here is over, for a bounded time, and returns what it
    /// has reached; `None` if none did begin.
    pub async fn wiped(&self) -> Option<ClusterWipe> {
        let mut progress = self.progress.subscribe();
        // Where it is not over, what it has reached until now counts.
        let _ = timeout(WIPE_PATIENCE, progress.wait_for(|progress| progress.number == 0 || progress.is_over)).await;
        let WipeProgress { number, reached, .. } = progress.borrow().clone();
        let silent = || ClusterWipe { left: Some(unanswered(&Unanswered::Late)), ..ClusterWipe::default() };
        (number != 0).then(|| reached.unwrap_or_else(silent))
    }

    /// Returns whether a wipe that began here has not reached the NATS servers yet.
    #[must_use]
    pub fn owes_wipe(&self) -> bool {
        let progress = self.progress.borrow();
        progress.number != 0 && !progress.is_over
    }

    /// Carries the wipes that begin here to the other machines, for ever.
    pub(super) async fn keep_wiping(&self) {
        let mut progress = self.progress.subscribe();
        loop {
            let waited = progress.wait_for(|progress| progress.number != 0 && !progress.is_over).await;
            let Ok(number) = waited.map(|progress| progress.number) else { return };
            let reached = match self.wipe_others(number).await {
                Ok(reached) => reached,
                Err(error) => ClusterWipe { left: Some(unanswered(&error)), ..ClusterWipe::default() },
            };
            let is_over = !matches!(reached.left, Some(WipeLeft::Nats(_)));
            self.note_progress(number, reached, is_over);
            if !is_over {
                sleep(AGAIN).await;
            }
        }
    }

    fn note_progress(&self, number: u64, reached: ClusterWipe, is_over: bool) {
        self.progress.send_if_modified(|progress| {
            // Another one may have begun meanwhile.
            let is_same = progress.number == number;
            if is_same && progress.reached.as_ref() != Some(&reached) {
                match &reached.left {
                    None => tracing::warn!("the whole cluster is wiped"),
                    Some(left) => tracing::error!("not the whole cluster is wiped: {left}"),
                }
            }
            if is_same {
                progress.reached = Some(reached);
                progress.is_over = is_over;
            }
            is_same
        });
    }

    async fn wipe_others(&self, number: u64) -> Result<ClusterWipe, JetError> {
        let jet = Jet(&self.nats);
        let sealed = self.wipe_seal.ask(number).map_err(|_| Unanswered::Late)?;
        let newest = jet.newest_wipe().await?.and_then(|sealed| self.wipe_seal.asked(&sealed).ok());
        if let Some(newer) = newest.filter(|newest| *newest > number) {
            return Err(self.begin_wipe_again(newer));
        }
        let holder = jet.lease().await?.node;
        let last = jet.state().await?.last;
        // From now on, nobody goes on with what was written before.
        jet.write_wipe(&sealed).await?;
        let is_active = *self.standing.borrow() == ClusterRole::Active;
        let wanted = if is_active || holder == self.holder { "" } else { &holder };
        let answers = self.ask_to_wipe((&sealed, number), wanted).await?;
        if let Some(newer) = answers.iter().map(|answer| answer.number).max().filter(|newest| *newest > number) {
            return Err(self.begin_wipe_again(newer));
        }
        if is_active {
            if !self.journal_is_new(number).await {
                return Err(Unanswered::Late.into());
            }
        } else if !answers.iter().any(|answer| answer.active) {
            jet.purge_before(last + 1).await?;
        }
        let is_reached = wanted.is_empty() || answers.iter().any(|answer| answer.holder == wanted);
        let left = (!is_reached).then(|| WipeLeft::Active(name(wanted).to_owned()));
        let machines = answers.iter().map(|answer| name(&answer.holder).to_owned()).collect();
        Ok(ClusterWipe { messages: answers.iter().map(|answer| answer.messages).sum(), machines, left })
    }

    /// Begins it again where another machine had one of a greater number before: this one was not
    /// carried out.
    fn begin_wipe_again(&self, newer: u64) -> JetError {
        let number = newer + 1;
        self.honour(number);
        self.progress.send_replace(WipeProgress { number, ..WipeProgress::default() });
        Unanswered::Late.into()
    }

    /// Asks all machines, and returns the answers of those that are awake. It waits for that of
    /// `wanted`, unless it is empty, and a moment for the others.
    async fn ask_to_wipe(&self, (sealed, number): (&[u8], u64), wanted: &str) -> Result<Vec<WipeAnswer>, Unanswered> {
        let (listening, mut messages) = self.nats.listen().await?;
        self.nats.ask_everybody(WIPE, &listening.subject, sealed).await?;
        let mut deadline = Instant::now() + if wanted.is_empty() { OTHERS } else { ANSWER };
        let mut answers: Vec<WipeAnswer> = Vec::new();
        while let Ok(Some(message)) = timeout_at(deadline, messages.recv()).await {
            let Ok(answer) = self.wipe_seal.answered(&message.payload) else { continue };
            let is_known = answers.iter().any(|known| known.holder == answer.holder);
            if answer.number < number || is_known {
                continue;
            }
            if answer.holder == wanted {
                deadline = deadline.min(Instant::now() + OTHERS);
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Answers another machine's question for a wipe, once it is carried out here.
    pub(super) async fn answer_wipe(&self, question: &NatsMessage) {
        let Some(reply) = &question.reply else { return };
        let Ok(number) = self.wipe_seal.asked(&question.payload) else { return };
        self.honour(number);
        let active = *self.standing.borrow() == ClusterRole::Active;
        if active && !self.journal_is_new(number).await {
            return;
        }
        let messages = self.erased.load(std::sync::atomic::Ordering::Relaxed);
        let answer = WipeAnswer { number: self.keys.wiped(), holder: self.holder.clone(), active, messages };
        if let Ok(answer) = self.wipe_seal.answer(&answer) {
            // Who gets no answer says so.
            let _ = self.nats.publish(reply, &[], &answer).await;
        }
    }

    /// Erases what there is here, unless this wipe was carried out already.
    fn honour(&self, number: u64) {
        let (_, waiting) = self.hub.figures();
        if !self.keys.wipe(number) {
            return;
        }
        self.copy.lock().clear();
        self.door.close();
        let messages = u64::try_from(waiting.messages).unwrap_or(u64::MAX);
        self.erased.store(messages, std::sync::atomic::Ordering::Relaxed);
        self.hub.end_elsewhere();
        let wiped = if *self.standing.borrow() == ClusterRole::Active { self.hub.wipe() } else { Ok(()) };
        match wiped {
            Ok(()) => tracing::warn!(
                "another machine wiped the whole cluster: what waited here and the keys of the journal are erased"
            ),
            Err(error) => tracing::error!(
                "another machine wiped the whole cluster: what waited here is erased, and there are no random numbers for \
                 a new epoch: {error}"
            ),
        }
    }

    /// Waits a moment for the journal of after a wipe, and returns whether it is there: then
    /// nothing of before is.
    async fn journal_is_new(&self, number: u64) -> bool {
        let looking = async {
            loop {
                if let Ok(Some(sealed)) = Jet(&self.nats).meta().await {
                    let meta = self.keys.open(META, &sealed).ok().and_then(|plain| JournalMeta::decode(&plain));
                    if meta.is_some_and(|meta| meta.wiped >= number) {
                        return;
                    }
                }
                sleep(SOON).await;
            }
        };
        timeout(JOURNAL, looking).await.is_ok()
    }

    /// Looks for a wipe that another machine asked for.
    pub(super) async fn look_for_wipe(&self) -> Result<(), JetError> {
        let Some(sealed) = Jet(&self.nats).newest_wipe().await? else { return Ok(()) };
        if let Ok(number) = self.wipe_seal.asked(&sealed) {
            self.honour(number);
        }
        Ok(())
    }

    /// Looks for one again and again, what the cluster is, and who the active machine is.
    pub(super) async fn keep_looking(&self) {
        loop {
            // Without an answer nothing is known, and it is looked again.
            let _ = self.look_for_wipe().await;
            let _ = self.look_at_charter().await;
            let lease = Jet(&self.nats).lease().await;
            let active = lease.ok().map(|lease| name(&lease.node).to_owned()).filter(|name| !name.is_empty());
            self.active.send_replace(active);
            sleep(LOOK).await;
        }
    }
}

/// Makes where a node notes its wipes.
pub(super) fn progress() -> watch::Sender<WipeProgress> {
    watch::Sender::new(WipeProgress::default())
}

fn unanswered(error: &impl ToString) -> WipeLeft {
    WipeLeft::Nats(error.to_string())
}
