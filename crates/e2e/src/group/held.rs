//! Messages that go by a roster which is not known yet.
//!
//! They are acknowledged when they are shown. What finds no room, or waits for too long, is
//! forgotten, so that it comes again.

use serde::{Deserialize, Serialize};

use super::Group;
use crate::clock::DAY;
use crate::effect::LinkId;
use crate::payload::GroupContent;

/// How many texts wait for a roster that is not known yet, of all members and of one, and for how
/// long.
const MAX_HELD: (usize, usize) = (64, 16);
const HELD_LIFE: u64 = DAY;

/// Says in which message something came: whose, its name, and when it was written.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) link: LinkId,
    /// 0 in states of before it was kept.
    #[serde(default)]
    pub(crate) mid: u64,
    pub(crate) at: u32,
}

/// Holds a message that goes by a roster that is not known yet.
#[derive(Serialize, Deserialize)]
pub(crate) struct Held {
    #[serde(flatten)]
    pub(crate) from: Origin,
    pub(crate) content: GroupContent,
    pub(crate) came: u64,
}

impl Group {
    /// Keeps a message until its roster is known, if there is room: one member leaves some to the
    /// others.
    pub(crate) fn hold(&mut self, from: Origin, content: GroupContent, age: u64) -> bool {
        let own = self.held.iter().filter(|held| held.from.link == from.link).count();
        let room = self.held.len() < MAX_HELD.0 && own < MAX_HELD.1;
        if room {
            self.held.push(Held { from, content, came: age });
        }
        room
    }

    /// Says when a message came that is held on.
    pub(crate) fn date(&mut self, from: Origin, came: u64) {
        let same = |held: &&mut Held| (held.from.link, held.from.mid) == (from.link, from.mid);
        if let Some(held) = self.held.iter_mut().find(same) {
            held.came = came;
        }
    }

    /// Takes out what was held for too long.
    pub(crate) fn overdue(&mut self, age: u64) -> Vec<Origin> {
        let out = self.held.extract_if(.., |held| age >= held.came + HELD_LIFE);
        out.map(|held| held.from).collect()
    }
}
