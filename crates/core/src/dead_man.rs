//! The dead-man switch: how long nobody has checked in, and whether that is too long. It is told
//! the time.
//!
//! Time is counted twice, and the longer count holds: by the machine's clock since the last
//! check-in, which goes on while the machine is off; and by how long the process has run since,
//! which no clock that is set back can shorten. A clock that goes forward by more than a day at
//! once (or a machine that was off for longer) leaves at least one day of running time to check in.

use serde::{Deserialize, Serialize};

use crate::protocol::WallTime;

/// A day, in milliseconds: what a clock may be set forward by at once, what is left to check in
/// after a larger jump, and the time between two wipes when nobody comes back.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// `[panic]` of the configuration, and serialized as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Config {
    /// Days without a check-in that are too long; 0: there is no such switch.
    #[serde(rename = "panic.after_days")]
    pub after_days: u32,
    /// Whether the onion service's identity goes, too.
    #[serde(rename = "panic.keys")]
    pub keys: bool,
}

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time by the machine's clock, which may be set.
    pub wall: WallTime,
    /// How long the process has run, in milliseconds.
    pub running_ms: u64,
}

/// The marks that are kept over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// The last check-in.
    pub checked_in: WallTime,
    /// When the clock was last known to be right: a jump is counted from here.
    pub seen: WallTime,
}

impl Marks {
    /// Bytes that they take as text, at most.
    pub const BYTES: usize = 128;

    /// Returns the marks as text: two lines, RFC 3339.
    #[must_use]
    pub fn write(&self) -> String {
        format!("{}\n{}\n", self.checked_in, self.seen)
    }

    /// Reads what [`write`](Self::write) wrote; `None` for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(WallTime::parse);
        match (lines.next(), lines.next(), lines.next()) {
            (Some(Some(checked_in)), Some(Some(seen)), None) => Some(Self { checked_in, seen }),
            _ => None,
        }
    }
}

/// The state of the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is time.
    Quiet,
    /// Less than a quarter of the time is left.
    Low,
    /// It is time to wipe. Say so with [`DeadMan::wiped`] when it is done.
    Due,
    /// It was wiped, and nobody has checked in since.
    Wiped,
}

/// The switch as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadManStats {
    /// The last check-in.
    pub checked_in: WallTime,
    /// Days without one that are too long.
    pub after_days: u32,
    /// Whether the identity is erased, too.
    pub keys: bool,
    /// What is left until then, in seconds.
    pub left_s: u64,
    /// Whether that is less than a quarter.
    pub low: bool,
}

/// The switch.
#[derive(Debug)]
pub struct DeadMan {
    settings: Config,
    limit_ms: u64,
    checked_in: Moment,
    looked: Moment,
    /// When the clock was last known to be right.
    settled: WallTime,
    /// After a jump of the clock, how long the process has to run before anything happens.
    held_until_ms: Option<u64>,
    wiped_at_ms: Option<u64>,
}

impl DeadMan {
    /// Returns the switch, or `None` if the settings have none. Without marks, this is the first
    /// check-in.
    #[must_use]
    pub fn new(settings: Config, marks: Option<Marks>, now: Moment) -> Option<Self> {
        let marks = marks.unwrap_or(Marks { checked_in: now.wall, seen: now.wall });
        (settings.after_days > 0).then(|| Self {
            settings,
            limit_ms: u64::from(settings.after_days).saturating_mul(DAY_MS),
            checked_in: Moment { wall: marks.checked_in, ..now },
            looked: Moment { wall: marks.seen, ..now },
            settled: marks.seen,
            held_until_ms: None,
            wiped_at_ms: None,
        })
    }

    /// Notes a check-in.
    pub fn check_in(&mut self, now: Moment) {
        self.checked_in = now;
        self.looked = now;
        self.settled = now.wall;
        self.held_until_ms = None;
        self.wiped_at_ms = None;
    }

    /// Notes a check-in elsewhere, at this time by another machine's clock. Returns whether it is
    /// later than the one that was known; one in the future counts as one of now.
    pub fn checked_in_at(&mut self, at: WallTime, now: Moment) -> bool {
        let ago = now.wall.since(at);
        if at <= self.checked_in.wall {
            return false;
        }
        if ago == 0 {
            self.check_in(now);
            return true;
        }
        let running_ms = now.running_ms.saturating_sub(ago);
        self.check_in(now);
        self.checked_in = Moment { wall: at, running_ms };
        true
    }

    /// Looks at the time. Call it about once a minute: what it takes for a jump is what happened
    /// between two looks.
    pub fn look(&mut self, now: Moment) -> Verdict {
        let ran = now.running_ms.saturating_sub(self.looked.running_ms);
        if now.wall.since(self.looked.wall) > ran.saturating_add(DAY_MS) {
            self.held_until_ms = Some(now.running_ms.saturating_add(DAY_MS));
        }
        self.looked = now;
        self.held_until_ms = self.held_until_ms.filter(|&until| until > now.running_ms);
        if self.held_until_ms.is_none() {
            self.settled = now.wall;
        }
        let again = |at: u64| now.running_ms.saturating_sub(at) >= DAY_MS;
        match self.left_ms() {
            0 if self.wiped_at_ms.is_none_or(again) => Verdict::Due,
            0 => Verdict::Wiped,
            left if left < self.limit_ms / 4 => Verdict::Low,
            _ => Verdict::Quiet,
        }
    }

    /// Notes that the wipe was done. A day later it is due again, unless somebody checks in.
    pub fn wiped(&mut self) {
        self.wiped_at_ms = Some(self.looked.running_ms);
    }

    /// Returns whether the identity is erased, too.
    #[must_use]
    pub fn takes_keys(&self) -> bool {
        self.settings.keys
    }

    /// Returns the marks to remember over a restart.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks { checked_in: self.checked_in.wall, seen: self.settled }
    }

    /// Returns the figures as of the last look.
    #[must_use]
    pub fn figures(&self) -> DeadManStats {
        let left_ms = self.left_ms();
        DeadManStats {
            checked_in: self.checked_in.wall,
            after_days: self.settings.after_days,
            keys: self.settings.keys,
            left_s: left_ms.div_ceil(1000),
            low: left_ms < self.limit_ms / 4,
        }
    }

    fn left_ms(&self) -> u64 {
        let by_clock = self.looked.wall.since(self.checked_in.wall);
        let by_running = self.looked.running_ms.saturating_sub(self.checked_in.running_ms);
        let held = self.held_until_ms.map_or(0, |until| until.saturating_sub(self.looked.running_ms));
        self.limit_ms.saturating_sub(by_clock.max(by_running)).max(held)
    }
}

#[cfg(test)]
mod tests;
