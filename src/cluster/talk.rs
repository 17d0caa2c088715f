//! What the machines of a cluster ask each other for the operator, sealed under the cluster's
//! secret: how they are, and to stand back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::ClusterRole;
use super::keys::NotOpened;
use super::nats::{Nats, Unanswered};
use super::wipe::WipeSeal;
use ephemeral_core::protocol::WallTime;

/// Where they are asked.
pub(super) const OPERATOR: &str = "ephemeral.ask.operator";
const ASKED: &[u8] = b"ephemeral-messenger/cluster/asked/v1";
const TOLD: &[u8] = b"ephemeral-messenger/cluster/told/v1";
/// How long machines may take with their answers.
const PATIENCE: Duration = Duration::from_millis(1200);
/// Machines that are remembered, at most, and for how long.
const MACHINES: usize = 64;
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// How old a request may be, by both clocks: whoever sees the messages can repeat it only so long.
const FRESH_MS: u64 = 60 * 1000;

/// What one machine says to all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterQuestion {
    /// Which question it is.
    pub id: String,
    /// When it was asked.
    pub at: WallTime,
    /// What it is.
    pub question: Question,
}

/// What is asked, or told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// How are you?
    HowAreYou,
    /// This machine is to stand back, or to take the lease again.
    StandBack(String, bool),
}

/// How a machine is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineReport {
    /// What it is called.
    pub node: String,
    /// What it is.
    pub role: ClusterRole,
    /// For how long it has been that, in seconds.
    pub since_s: u64,
    /// Whether it has the keys of the journal: without them it can take nothing over.
    pub has_keys: bool,
    /// Whether it was told to stand back.
    pub drained: bool,
    /// Its version.
    pub version: String,
    /// What its clock shows.
    pub clock: WallTime,
    /// The NATS server that it is connected to, by name.
    pub nats: Option<String>,
    /// Where it says that the others reach it; `None`: it does not listen for them.
    #[serde(default)]
    pub link: Option<SocketAddr>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Told {
    id: String,
    report: MachineReport,
}

impl ClusterQuestion {
    /// Makes a question.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn new(question: Question, at: WallTime) -> Result<Self, NotOpened> {
        let id = super::jet::batch_id().map_err(|_| NotOpened)?;
        Ok(Self { id, at, question })
    }

    /// Seals it.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn seal(&self, seal: &WipeSeal) -> Result<Vec<u8>, NotOpened> {
        seal.seal(ASKED, &serde_json::to_vec(self).map_err(|_| NotOpened)?)
    }

    /// Opens one.
    ///
    /// # Errors
    /// [`NotOpened`] if nobody of this cluster asks.
    pub fn open(seal: &WipeSeal, sealed: &[u8]) -> Result<Self, NotOpened> {
        serde_json::from_slice(&seal.open(ASKED, sealed)?).map_err(|_| NotOpened)
    }

    /// Returns whether it was asked just now.
    #[must_use]
    pub fn is_fresh(&self, now: WallTime) -> bool {
        now.since(self.at) <= FRESH_MS && self.at.since(now) <= FRESH_MS
    }

    /// Seals the answer to it.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn answer(&self, seal: &WipeSeal, report: MachineReport) -> Result<Vec<u8>, NotOpened> {
        let told = Told { id: self.id.clone(), report };
        seal.seal(TOLD, &serde_json::to_vec(&told).map_err(|_| NotOpened)?)
    }

    /// Returns the answer to it: of this question, and no other.
    fn answered(&self, seal: &WipeSeal, sealed: &[u8]) -> Option<MachineReport> {
        let told: Told = serde_json::from_slice(&seal.open(TOLD, sealed).ok()?).ok()?;
        (told.id == self.id).then_some(told.report)
    }

    /// Asks all machines, and returns the answers of those that are awake.
    ///
    /// # Errors
    /// If there is no connection to a NATS server.
    pub async fn ask_all(&self, nats: &Nats, seal: &WipeSeal) -> Result<Vec<MachineReport>, Unanswered> {
        let sealed = self.seal(seal).map_err(|_| Unanswered::Late)?;
        let (listening, mut messages) = nats.listen().await?;
        nats.ask_everybody(OPERATOR, &listening.subject, &sealed).await?;
        let deadline = Instant::now() + PATIENCE;
        let mut reports = Vec::new();
        while let Ok(Some(message)) = timeout_at(deadline, messages.recv()).await {
            reports.extend(self.answered(seal, &message.payload));
            if reports.len() == MACHINES {
                break;
            }
        }
        Ok(reports)
    }
}

/// The machines that were heard of lately.
#[derive(Debug, Default)]
pub struct HeardMachines(BTreeMap<String, Instant>);

impl HeardMachines {
    /// Notes that a machine is there.
    pub fn note(&mut self, node: String, now: Instant) {
        self.0.retain(|_, at| now.saturating_duration_since(*at) < REMEMBERED);
        if self.0.len() < MACHINES || self.0.contains_key(&node) {
            self.0.insert(node, now);
        }
    }

    /// Returns those that are not among these, and how long ago they were heard, in seconds.
    #[must_use]
    pub fn missing(&self, there: &[MachineReport], now: Instant) -> Vec<(String, u64)> {
        let ago = |at: &Instant| now.saturating_duration_since(*at);
        let known = self
            .0
            .iter()
            .filter(|(node, at)| ago(at) < REMEMBERED && !there.iter().any(|report| report.node == **node));
        known.map(|(node, at)| (node.clone(), ago(at).as_secs())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(node: &str) -> MachineReport {
        MachineReport {
            node: node.to_owned(),
            role: ClusterRole::StandsBy,
            since_s: 3,
            has_keys: true,
            drained: false,
            version: "1".to_owned(),
            clock: WallTime(5),
            nats: None,
            link: None,
        }
    }

    #[test]
    fn only_a_machine_with_the_secret_asks_and_an_answer_is_to_one_question() {
        let [seal, stranger] = [1, 2].map(|secret| WipeSeal::new(&[secret; 32]));
        let asked = ClusterQuestion::new(Question::StandBack("a".to_owned(), true), WallTime(9)).unwrap();
        let sealed = asked.seal(&seal).unwrap();
        assert_eq!(ClusterQuestion::open(&seal, &sealed), Ok(asked.clone()));
        assert_eq!(ClusterQuestion::open(&stranger, &sealed), Err(NotOpened));
        let answer = asked.answer(&seal, report("b")).unwrap();
        assert_eq!(asked.answered(&seal, &answer), Some(report("b")));
        let other = ClusterQuestion::new(Question::HowAreYou, WallTime(9)).unwrap();
        assert_eq!(other.answered(&seal, &answer), None, "it answers another question");
        assert_eq!(ClusterQuestion::open(&seal, &answer), Err(NotOpened), "an answer is no question");
    }

    #[test]
    fn a_request_is_obeyed_for_a_minute_only() {
        let asked = ClusterQuestion::new(Question::HowAreYou, WallTime(1_000_000)).unwrap();
        for (now, fresh) in
            [(1_000_000, true), (1_060_000, true), (1_060_001, false), (940_000, true), (939_999, false)]
        {
            assert_eq!(asked.is_fresh(WallTime(now)), fresh, "{now}");
        }
    }

    #[test]
    fn a_machine_that_was_heard_and_does_not_answer_is_missing_for_a_day() {
        let mut heard = HeardMachines::default();
        let now = Instant::now();
        heard.note("a".to_owned(), now);
        heard.note("b".to_owned(), now);
        let later = now + Duration::from_secs(10);
        assert_eq!(heard.missing(&[report("a")], later), [("b".to_owned(), 10)]);
        assert_eq!(heard.missing(&[], now + REMEMBERED), []);
    }
}
