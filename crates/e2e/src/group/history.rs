//! The rosters that a group had, so that a member who is behind can be told, and an admin who says
//! two things is noticed.

use serde::{Deserialize, Serialize};

use crate::bytes::{Key, text};
use crate::roster::Roster;
use crate::roster::delta::Delta;

/// How many steps are remembered.
const MAX_STEPS: usize = 64;

#[derive(Serialize, Deserialize)]
struct Step {
    before: Roster,
    after: Key,
    #[serde(with = "text")]
    delta: Vec<u8>,
}

/// Holds the last steps, the oldest first.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct History(Vec<Step>);

impl History {
    pub(crate) fn push(&mut self, before: Roster, after: Key, delta: Vec<u8>) {
        self.0.push(Step { before, after, delta });
        if self.0.len() > MAX_STEPS {
            self.0.remove(0);
        }
    }

    /// Returns the deltas from the roster with a short id to the present one. `None` if it is not a
    /// former one.
    pub(crate) fn since(&self, short: &[u8; 16]) -> Option<Vec<Vec<u8>>> {
        let at = self.0.iter().position(|step| step.before.short_id() == *short)?;
        Some(self.0[at..].iter().map(|step| step.delta.clone()).collect())
    }

    /// Tells whether a delta is a valid step from a former roster to another than the one that
    /// followed it.
    pub(crate) fn contradicts(&self, delta: &Delta) -> bool {
        let steps = self.0.iter().filter(|step| step.after != delta.after);
        steps.into_iter().any(|step| step.before.follow(delta).is_ok())
    }
}
