//! What can happen to a cluster, by name.

use std::fmt;

/// Whom something happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Active,
    Standby,
    Front,
    NatsLeader,
    NatsFollower,
    AllNats,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// `kill -9`.
    Dies,
    /// SIGTERM: a service manager stops it.
    Ends,
    /// SIGSTOP, and SIGCONT when it is mended.
    StandsStill,
    /// It dies, and its disk is lost; of a machine, what its service manager kept.
    IsErased,
    /// It is stopped and started again, and so is the next one, without waiting for anything.
    IsRolled,
    /// From everybody who is not cut off with it, but for people.
    IsCutOff,
    /// From other machines: NATS stays within its reach.
    LosesLinks,
    HasSlowDisk,
}

use What::{Dies, Ends, HasSlowDisk, IsCutOff, IsErased, IsRolled, LosesLinks, StandsStill};
use Who::{Active, AllNats, Front, NatsFollower, NatsLeader, Standby};

/// What happens at once to a cluster of which everything is well.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault(pub(super) &'static [(What, Who)]);

pub(super) const KILLED: [Fault; 6] = [
    Fault(&[(Dies, Active)]),
    Fault(&[(Dies, NatsLeader)]),
    Fault(&[(Dies, Front)]),
    Fault(&[(Dies, NatsFollower)]),
    Fault(&[(Dies, Standby)]),
    Fault(&[(Dies, AllNats)]),
];

pub(super) const STOPPED: [Fault; 5] = [
    Fault(&[(Ends, Active)]),
    Fault(&[(Ends, NatsLeader)]),
    Fault(&[(Ends, Front)]),
    Fault(&[(Ends, NatsFollower)]),
    Fault(&[(Ends, Standby)]),
];

pub(super) const PAUSED: [Fault; 5] = [
    Fault(&[(StandsStill, Active)]),
    Fault(&[(StandsStill, NatsLeader)]),
    Fault(&[(StandsStill, Front)]),
    Fault(&[(StandsStill, NatsFollower)]),
    Fault(&[(StandsStill, Standby)]),
];

pub(super) const PAIRS: [Fault; 7] = [
    Fault(&[(Dies, Active), (Dies, NatsLeader)]),
    Fault(&[(Dies, Active), (Dies, NatsFollower)]),
    Fault(&[(Dies, Standby), (Dies, NatsFollower)]),
    Fault(&[(Dies, Front), (Dies, NatsLeader)]),
    Fault(&[(Dies, Active), (StandsStill, Front)]),
    Fault(&[(StandsStill, Active), (Dies, NatsLeader)]),
    Fault(&[(Dies, Active), (Dies, Standby)]),
];

/// A hasty rolling restart, of the NATS servers and of the machines.
pub(super) const ROLLED: [Fault; 2] =
    [Fault(&[(IsRolled, AllNats)]), Fault(&[(IsRolled, Active), (IsRolled, Standby)])];

/// A wiped `store_dir`, and a host that was started again.
pub(super) const ERASED: [Fault; 4] = [
    Fault(&[(IsErased, NatsFollower)]),
    Fault(&[(IsErased, NatsLeader)]),
    Fault(&[(IsErased, Active)]),
    Fault(&[(IsErased, Standby), (IsErased, NatsFollower)]),
];

pub(super) const CUT: [Fault; 8] = [
    Fault(&[(IsCutOff, Active)]),
    Fault(&[(IsCutOff, NatsLeader)]),
    Fault(&[(LosesLinks, Standby)]),
    Fault(&[(IsCutOff, Active), (IsCutOff, NatsFollower)]),
    Fault(&[(IsCutOff, Standby)]),
    Fault(&[(IsCutOff, Active), (IsCutOff, NatsLeader)]),
    Fault(&[(IsCutOff, Front)]),
    Fault(&[(LosesLinks, Active)]),
];

pub(super) const SLOW: [Fault; 5] = [
    Fault(&[(HasSlowDisk, NatsFollower)]),
    Fault(&[(HasSlowDisk, NatsLeader)]),
    Fault(&[(HasSlowDisk, NatsFollower), (Dies, NatsLeader)]),
    Fault(&[(HasSlowDisk, NatsLeader), (Dies, Active)]),
    Fault(&[(HasSlowDisk, AllNats), (Dies, NatsLeader)]),
];

impl Fault {
    /// Returns all that there are.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let struck = KILLED.into_iter().chain(STOPPED).chain(PAUSED).chain(PAIRS);
        struck.chain(ROLLED).chain(ERASED).chain(CUT).chain(SLOW)
    }

    /// Returns whether the active machine may be another one because of it, or hear nothing of NATS
    /// for so long that it gives the lease up.
    pub(super) fn is_of_hub(self) -> bool {
        self.0.iter().any(|(what, who)| match who {
            Active => true,
            AllNats => *what != HasSlowDisk,
            Standby | Front | NatsLeader | NatsFollower => false,
        })
    }

    /// Returns whether nobody is left who could accept anything before it is mended, or nobody who
    /// could soon: servers whose disks are slow may take minutes to find a leader.
    pub(super) fn leaves_nobody(self) -> bool {
        let has = |fault| self.0.contains(&fault);
        let slow = has((HasSlowDisk, AllNats)) && has((Dies, NatsLeader));
        slow || has((Dies, AllNats)) || (has((Dies, Active)) && has((Dies, Standby)))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (what, who)) in self.0.iter().enumerate() {
            let and = if number == 0 { "" } else { ", " };
            write!(formatter, "{and}{who:?} {what:?}")?;
        }
        Ok(())
    }
}
