//! Who takes most of the store, and how one of them is put out of it.

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::{AdminRefusal, Ask, RefusalCode};
use crate::admin::Plane;
use crate::cluster::ClusterRole;
use crate::events::Subject;
use ephemeral_core::store::SenderFigures;

/// How many senders are shown.
const SHOWN: usize = 20;
/// Among how many a name is looked for: anyone who takes less is nobody's trouble.
const NAMED: usize = 1_000;

/// Asks who takes most of the store.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendersRequest {}

/// Lists the largest senders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendersAnswer {
    /// The senders, at most 20, the largest first.
    pub senders: Vec<LargeSender>,
}

/// A sender, and what waits of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LargeSender {
    /// The sender, by today's pseudonym.
    pub who: String,
    /// Messages that wait.
    pub messages: usize,
    /// Bytes that the store counts for them.
    pub bytes: u64,
}

/// Drops what waits from one sender.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropRequest {
    /// The pseudonym that [`SendersAnswer`] gives.
    pub who: String,
}

/// Says what was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropAnswer {
    /// How many messages that were.
    pub messages: usize,
}

fn name(plane: &Plane, sender: &SenderFigures) -> String {
    plane.server().admission.pseudonym(&Subject::Fingerprint(&sender.fingerprint)).to_string()
}

impl Ask for SendersRequest {
    type Answer = SendersAnswer;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/senders";

    fn answer(self, plane: &Plane) -> Result<SendersAnswer, AdminRefusal> {
        elsewhere(plane)?;
        let largest = plane.server().sessions.hub.largest_senders(SHOWN);
        let senders = largest.iter().map(|sender| LargeSender {
            who: name(plane, sender),
            messages: sender.messages,
            bytes: u64::try_from(sender.bytes).unwrap_or(u64::MAX),
        });
        Ok(SendersAnswer { senders: senders.collect() })
    }
}

/// Refuses where what waits is on another machine.
fn elsewhere(plane: &Plane) -> Result<(), AdminRefusal> {
    let Some(machine) = plane.actions().cluster().map(|machine| machine.stats()) else { return Ok(()) };
    if machine.role == ClusterRole::Active {
        return Ok(());
    }
    let active = machine.active.map_or("none is known now".to_owned(), |active| format!("that is {active}"));
    let what = format!("{} stands by, and nothing waits there: ask the active machine ({active})", machine.node);
    Err(AdminRefusal::new(RefusalCode::NotDone, what))
}

impl Ask for DropRequest {
    type Answer = DropAnswer;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/drop";

    fn answer(self, plane: &Plane) -> Result<DropAnswer, AdminRefusal> {
        elsewhere(plane)?;
        let server = plane.server();
        let largest = server.sessions.hub.largest_senders(NAMED);
        let found = largest.iter().find(|sender| name(plane, sender) == self.who);
        let unknown = || {
            AdminRefusal::new(
                RefusalCode::NotFound,
                "none of the largest senders has that name today: see `status senders`",
            )
        };
        let sender = found.ok_or_else(unknown)?;
        Ok(DropAnswer { messages: server.sessions.hub.drop_waiting_from(&sender.fingerprint) })
    }
}
