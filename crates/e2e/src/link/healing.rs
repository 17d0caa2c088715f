//! How a link heals after one side lost state: nudges and resets.
//!
//! A *nudge* is a control message with a new card, sealed to the other side's root. A *reset* is a
//! new session made with the root's prekey. A server can bring about a nudge, by inventing an
//! envelope; a reset needs an envelope that opens, is newer than all that were decrypted, and does
//! not decrypt.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::cards::Attach;
use super::delivery::lost_gap;
use super::send::{Letter, To};
use super::sessions::Known;
use super::{Link, LinkKind};
use crate::clock::{DAY, HOUR, SECOND};
use crate::effect::Event;
use crate::mailbox::Owner;
use crate::profile::ProfileState;

/// How often one link is nudged or reset at most: once an hour and five times a day.
const PER_DAY: usize = 5;
/// How many resets of the other side are answered within a day: twice what it may send.
const ANSWERS: usize = 2 * PER_DAY;
/// When an unanswered reset is repeated: after so much time since the one before, then daily.
const REPEATS: [u64; 3] = [HOUR, 4 * HOUR, DAY];
/// How long an unanswered reset is repeated.
const RESET_LIFE: u64 = 16 * DAY;

/// Counts what may be done a few times only.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Budget(VecDeque<u64>);

impl Budget {
    fn hour_allows(&self, elapsed: u64) -> bool {
        self.0.back().is_none_or(|last| elapsed >= last + HOUR)
    }

    fn day_allows(&mut self, elapsed: u64, count: usize) -> bool {
        while self.0.front().is_some_and(|first| elapsed >= first + DAY) {
            self.0.pop_front();
        }
        self.0.len() < count
    }

    fn spend(&mut self, elapsed: u64) {
        self.0.push_back(elapsed);
    }
}

/// Holds a reset that was not answered.
#[derive(Debug, Serialize, Deserialize)]
struct Unanswered {
    /// The sessions made for it: the first to the newest root, the second to the one before.
    sessions: Vec<String>,
    born: u64,
    repeats: usize,
    last: u64,
    next: u64,
    since: u64,
}

/// How long an answer is waited for before the user is told that a new invite is needed.
pub(crate) const ANSWER_PATIENCE: u64 = 7 * DAY;

/// Holds since when an answer is waited for after a conversation began anew.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AwaitedAnswer {
    since: u64,
    told: bool,
}

/// Holds what is to be done to heal a link.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Healing {
    nudge_at: Option<u64>,
    nudges: Budget,
    reset_at: Option<u64>,
    /// The number of the envelope that made a reset wanted.
    reset_for: u64,
    resets: Budget,
    unanswered: Option<Unanswered>,
    told_at: Option<u64>,
    /// The resets of the other side that were answered.
    #[serde(default)]
    answers: Budget,
    /// Whether the reset that is wanted is not for a message that could not be read: then one that
    /// can be read does not make it needless.
    #[serde(default)]
    in_any_case: bool,
}

impl Healing {
    /// Tells whether texts wait for the answer to a reset.
    pub(crate) fn waits(&self) -> bool {
        self.unanswered.is_some()
    }

    /// Takes note that a message with a number decrypted in a session born at `born`.
    pub(crate) fn decrypted(&mut self, id: &str, born: u64, number: u64) {
        let answered = |reset: &Unanswered| born >= reset.born || reset.sessions.iter().any(|made| made == id);
        if self.unanswered.as_ref().is_some_and(answered) {
            self.unanswered = None;
        }
        // An older one that was late does not say that the newer ones can be read.
        if number > self.reset_for && !self.in_any_case {
            self.reset_at = None;
        }
    }

    /// Takes note that the other side made a session: whatever was wanted, it has done.
    pub(crate) fn reset_came(&mut self) {
        self.unanswered = None;
        self.reset_at = None;
        self.in_any_case = false;
        self.nudge_at = None;
    }

    /// Tells whether one more reset of the other side is answered: more of them than anybody needs
    /// would tell it at any time whether one is online. Its next text is acknowledged all the same.
    pub(crate) fn may_answer(&mut self, elapsed: u64) -> bool {
        let may = self.answers.day_allows(elapsed, ANSWERS);
        if may {
            self.answers.spend(elapsed);
        }
        may
    }

    /// Asks for a reset at a moment, whatever comes until then.
    fn in_any_case(at: u64) -> Self {
        Self { reset_at: Some(at), in_any_case: true, ..Self::default() }
    }

    /// Repeats an unanswered reset soon, since the server forgot it.
    pub(crate) fn prompt(&mut self, profile: &mut ProfileState) {
        let wait = profile.jitter.uniform(5 * SECOND, 60 * SECOND);
        if let Some(reset) = &mut self.unanswered {
            let sends = u32::try_from(reset.repeats).unwrap_or(u32::MAX).saturating_add(1);
            let soon = profile.clock.elapsed.max(reset.last + lost_gap(sends)) + wait;
            reset.next = reset.next.min(soon);
        }
    }
}

impl Link {
    /// Asks for a nudge after the usual wait.
    pub(crate) fn want_nudge(&mut self, profile: &mut ProfileState) {
        let wait = profile.jitter.uniform(2 * SECOND, 60 * SECOND);
        self.healing.nudge_at.get_or_insert(profile.clock.elapsed + wait);
    }

    /// Asks for a reset after the usual wait, because of the envelope with a number.
    pub(crate) fn want_reset(&mut self, number: u64, profile: &mut ProfileState) {
        self.healing.reset_for = self.healing.reset_for.max(number);
        let wait = profile.jitter.uniform(2 * SECOND, 60 * SECOND);
        self.healing.reset_at.get_or_insert(profile.clock.elapsed + wait);
    }

    /// Makes the first session with another member of a group, some time within ten minutes.
    pub(crate) fn begin_pair(&mut self, profile: &mut ProfileState) {
        self.healing.reset_at = Some(profile.clock.elapsed + profile.jitter.uniform(0, 600 * SECOND));
    }

    /// Begins anew after a backup was restored: no ratchet of the backup encrypts anything.
    pub(crate) fn restored(&mut self, profile: &mut ProfileState) {
        self.begin_anew_at(profile.clock.elapsed, profile);
        let Some(prekey) = self.first.as_ref().map(|first| first.prekey) else { return };
        let born = self.numbers.upcoming(profile.clock.wall);
        if let Ok(olm) = profile.identity.outbound(&self.peer, &prekey) {
            self.sessions.add(Known::new(olm, born, true));
        }
    }

    /// Begins anew on a new mailbox, since somebody may have copied all that is known of this
    /// conversation. The old mailbox is fetched from for a day.
    pub(crate) fn leave_everything_behind(&mut self, profile: &mut ProfileState) {
        let owner = Owner::Contact(self.id);
        profile.retire_owned_by(owner, profile.clock.settled_age() + DAY);
        let authority = profile.authority.clone();
        self.mailbox = profile.open_mailbox(owner, &authority);
        self.begin_anew_at(profile.clock.elapsed, profile);
    }

    /// Begins anew with another member of a group, whose mailbox was replaced, some time within ten
    /// minutes.
    pub(crate) fn begin_pair_anew(&mut self, profile: &mut ProfileState) {
        let at = profile.clock.elapsed + profile.jitter.uniform(0, 600 * SECOND);
        self.begin_anew_at(at, profile);
    }

    fn begin_anew_at(&mut self, at: u64, profile: &ProfileState) {
        self.frames.clear();
        self.sessions.only_decrypt();
        self.healing = Healing::in_any_case(at);
        if self.kind == LinkKind::Contact && self.left.is_none() && self.first.is_none() {
            self.awaited = Some(AwaitedAnswer { since: profile.clock.settled_age(), told: false });
        }
    }

    /// Begins anew if the only sessions left are ones in which nothing may be encrypted: the other
    /// side answered a first message of before a backup was restored.
    pub(super) fn want_session(&mut self, profile: &ProfileState) {
        let under_way = self.healing.waits() || self.healing.reset_at.is_some();
        if self.sessions.front().is_none() && !under_way {
            self.healing = Healing::in_any_case(profile.clock.elapsed);
        }
    }

    /// Tells whether content waits for the other side's answer, since nothing can be encrypted
    /// before.
    pub(crate) fn begins_anew(&self) -> bool {
        self.first.is_none() && (self.healing.waits() || self.sessions.front().is_none())
    }

    /// Takes note that the other side wrote in a session that it can only have from now.
    pub(super) fn welcome_back(&mut self, profile: &mut ProfileState) {
        if self.awaited.take().is_some() {
            profile.tell(Event::Resumed { link: self.id });
        }
    }

    /// Tells once that nobody answered for a week.
    pub(super) fn miss(&mut self, profile: &mut ProfileState) {
        let age = profile.clock.age;
        let Some(awaited) = self.awaited.as_mut().filter(|awaited| age >= awaited.since + ANSWER_PATIENCE) else {
            return;
        };
        if !std::mem::replace(&mut awaited.told, true) {
            profile.tell(Event::NeedsInvite { link: self.id });
        }
    }

    pub(crate) fn heal(&mut self, profile: &mut ProfileState) {
        let elapsed = profile.clock.elapsed;
        if self.healing.nudge_at.is_some_and(|at| at <= elapsed) {
            self.healing.nudge_at = None;
            self.nudge(profile);
        }
        if let Some(reset) = &self.healing.unanswered {
            if profile.clock.age >= reset.since + RESET_LIFE {
                self.healing.unanswered = None;
            } else if reset.next <= elapsed {
                self.repeat_reset(profile);
            }
        } else if self.healing.reset_at.is_some_and(|at| at <= elapsed) {
            self.try_reset(profile);
        }
    }

    fn nudge(&mut self, profile: &mut ProfileState) {
        let elapsed = profile.clock.elapsed;
        let budget = &mut self.healing.nudges;
        let allowed = budget.hour_allows(elapsed) && budget.day_allows(elapsed, PER_DAY);
        let pending = self.sessions.front().is_none_or(|front| front.pending);
        if allowed && !pending && self.theirs.root.is_some() {
            self.healing.nudges.spend(elapsed);
            #[cfg(test)]
            super::send::trace::nudge(self.id);
            let nudge = Letter { to: To::Root, attach: Attach::FreshPlain, ..Letter::control() };
            self.transmit(nudge, profile);
        }
    }

    fn try_reset(&mut self, profile: &mut ProfileState) {
        let elapsed = profile.clock.elapsed;
        if !self.healing.resets.hour_allows(elapsed) {
            return;
        }
        if self.healing.resets.day_allows(elapsed, PER_DAY) {
            self.healing.reset_at = None;
            self.healing.in_any_case = false;
            self.reset(profile);
        } else if self.healing.told_at.is_none_or(|told| elapsed >= told + DAY) {
            self.healing.told_at = Some(elapsed);
            profile.tell(Event::Unstable { link: self.id });
        }
    }

    /// Makes a new session with the other side's root, and tells it with a new root of one's own.
    pub(crate) fn reset(&mut self, profile: &mut ProfileState) {
        let now = (profile.clock.elapsed, profile.clock.settled_age());
        let Some((id, born)) = self.new_session(false, profile) else { return };
        self.healing.resets.spend(now.0);
        #[cfg(test)]
        super::send::trace::reset();
        self.own.renew_root(self.mailbox, profile);
        let next = now.0 + REPEATS[0];
        let sessions = vec![id.clone()];
        self.healing.unanswered = Some(Unanswered { sessions, born, repeats: 0, last: now.0, next, since: now.1 });
        self.send_reset(id, To::Root, profile);
    }

    fn new_session(&mut self, previous: bool, profile: &mut ProfileState) -> Option<(String, u64)> {
        let root = if previous { self.theirs.previous.as_ref() } else { self.theirs.root.as_ref() }?;
        let olm = profile.identity.outbound(&self.peer, root.prekey.as_ref()?).ok()?;
        let born = self.numbers.upcoming(profile.clock.wall);
        let session = Known::new(olm, born, true);
        let id = session.id.clone();
        self.sessions.add(session);
        Some((id, born))
    }

    fn send_reset(&mut self, session: String, to: To, profile: &mut ProfileState) {
        let letter = Letter { to, attach: Attach::Root, session: Some(session), reset: true, ..Letter::control() };
        self.transmit(letter, profile);
    }

    /// Repeats a reset in the same session; every second time to the root before the newest, if the
    /// other side lost that.
    fn repeat_reset(&mut self, profile: &mut ProfileState) {
        let elapsed = profile.clock.elapsed;
        let Some(reset) = &mut self.healing.unanswered else { return };
        reset.repeats += 1;
        reset.last = elapsed;
        reset.next = elapsed + REPEATS.get(reset.repeats).copied().unwrap_or(DAY);
        let other = reset.repeats % 2 == 1 && self.theirs.previous.is_some();
        let (to, at) = if other { (To::Previous, 1) } else { (To::Root, 0) };
        let known = reset.sessions.get(at).cloned().filter(|id| self.sessions.get(id).is_some());
        let session = known.or_else(|| self.new_session(other, profile).map(|(id, _)| id));
        let Some(session) = session else { return };
        if let Some(reset) = &mut self.healing.unanswered
            && reset.sessions.get(at).is_none()
        {
            reset.sessions.push(session.clone());
        }
        self.send_reset(session, to, profile);
    }
}
