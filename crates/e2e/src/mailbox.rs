//! Mailboxes: the pseudonyms under which a profile fetches.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::bytes::{Key, Secret};
use crate::card::Hint;
use crate::clock::{DAY, MINUTE, ProfileClock};
use crate::effect::{InviteId, LinkId, MailboxAccess};
use crate::envelope::Digest;
use crate::random::CoreJitter;
use crate::roster::GroupId;

/// Bounds the digests of one mailbox.
const MAX_DIGESTS: usize = 4_096;
/// How long a digest is kept: longer than any server keeps a message.
const DIGEST_LIFE: u64 = 8 * DAY;
/// Bounds the hints of deleted cards that one mailbox remembers.
const MAX_RETIRED: usize = 1_024;
/// The mean wait before a new mailbox connects for the first time, and the longest.
const FIRST_CONNECTION: (u64, u64) = (2 * MINUTE, 10 * MINUTE);
/// For how long after an invite was made the person is likely to be waiting for its use.
const AWAITED: u64 = 30 * MINUTE;

/// Tells whose a mailbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owner {
    Door(InviteId),
    Contact(LinkId),
    Group(GroupId),
}

/// Holds a mailbox of one's own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Mailbox {
    pub(crate) seed: Secret,
    pub(crate) key: Key,
    pub(crate) authority: Authority,
    pub(crate) owner: Owner,
    pub(crate) made: u64,
    /// When it connects for the first time, by `elapsed`.
    pub(crate) connect_at: u64,
    /// When something last came or went, by `elapsed`.
    #[serde(default)]
    pub(crate) active_at: u64,
    /// When it is given up, by `age`.
    pub(crate) retire_at: Option<u64>,
    digests: VecDeque<(Digest, u64)>,
    retired_hints: VecDeque<Hint>,
}

/// Returns the name of a pseudonym at its server.
pub(crate) fn public_key(seed: &Secret) -> Key {
    Key(*vodozemac::Ed25519SecretKey::from_slice(seed.expose()).public_key().as_bytes())
}

impl Mailbox {
    pub(crate) fn generate(owner: Owner, authority: &Authority, clock: &ProfileClock, jitter: &mut CoreJitter) -> Self {
        let seed = Secret::random();
        let wait = jitter.exponential(FIRST_CONNECTION.0, FIRST_CONNECTION.1);
        Self {
            key: public_key(&seed),
            seed,
            authority: authority.clone(),
            owner,
            made: clock.age,
            connect_at: clock.elapsed + wait,
            active_at: clock.elapsed,
            retire_at: None,
            digests: VecDeque::new(),
            retired_hints: VecDeque::new(),
        }
    }

    pub(crate) fn access(&self, clock: &ProfileClock) -> MailboxAccess {
        let door = matches!(self.owner, Owner::Door(_));
        let awaited_ms = if door { (self.made + AWAITED).saturating_sub(clock.age) } else { 0 };
        // No server sees when an invite is made, as it sees when a contact answers.
        let first = if awaited_ms > 0 { clock.elapsed } else { self.connect_at };
        MailboxAccess {
            key: self.key,
            seed: self.seed.clone(),
            authority: self.authority.clone(),
            after_ms: first.saturating_sub(clock.elapsed),
            active_at: self.active_at,
            door,
            awaited_ms,
        }
    }

    pub(crate) fn knows(&self, digest: Digest) -> bool {
        self.digests.iter().any(|(known, _)| *known == digest)
    }

    /// Remembers an envelope that opened. Others are not remembered: a flood of them would push
    /// these out.
    pub(crate) fn remember(&mut self, digest: Digest, clock: &ProfileClock) {
        self.active_at = clock.elapsed;
        self.digests.push_back((digest, clock.settled_age()));
        if self.digests.len() > MAX_DIGESTS {
            self.digests.pop_front();
        }
    }

    pub(crate) fn retire_hint(&mut self, hint: Hint) {
        self.retired_hints.push_back(hint);
        if self.retired_hints.len() > MAX_RETIRED {
            self.retired_hints.pop_front();
        }
    }

    pub(crate) fn is_retired(&self, hint: Hint) -> bool {
        self.retired_hints.contains(&hint)
    }

    pub(crate) fn prune(&mut self, clock: &ProfileClock) {
        while self.digests.front().is_some_and(|(_, age)| age + DIGEST_LIFE <= clock.age) {
            self.digests.pop_front();
        }
    }
}
