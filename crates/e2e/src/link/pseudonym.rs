//! The pseudonym that a link writes to a server as, and what that server told it.

use super::Link;
use crate::authority::Authority;
use crate::bytes::Key;
use crate::card::sender_seed;
use crate::clock::{DAY, MINUTE, SECOND};
use crate::effect::Lookout;
use crate::mailbox::{Mailbox, public_key};
use crate::profile::ProfileState;

/// The wait before a first message goes again that a server forgot: the mean and the longest, as
/// for the first connection of a mailbox.
const FIRST_AGAIN: (u64, u64) = (2 * MINUTE, 10 * MINUTE);

/// Holds what a server told one of the profile's pseudonyms.
pub(crate) struct ToldEpoch<'a> {
    pub(crate) pseudonym: &'a Key,
    pub(crate) authority: &'a Authority,
    pub(crate) epoch: &'a str,
}

impl Link {
    /// Takes note of the epoch that a server told one of the profile's pseudonyms. It counts for
    /// what this link sends as that pseudonym only: a server that told each another epoch could
    /// otherwise see by what goes again which of them are one person's.
    pub(crate) fn epoch(&mut self, told: &ToldEpoch<'_>, profile: &mut ProfileState) {
        let Some(authority) = self.other_server() else { return };
        let ours = profile.moves.same(authority, told.authority) && self.sends_by(told.pseudonym, authority, profile);
        if !ours {
            return;
        }
        let elapsed = profile.clock.elapsed;
        if let Some(first) = &mut self.first {
            // It leaves as somebody else, and so not because of what was just told.
            let wait = profile.jitter.exponential(FIRST_AGAIN.0, FIRST_AGAIN.1);
            first.delivery.epoch(told.epoch, elapsed, wait);
        }
        for delivery in self.outbox.deliveries() {
            delivery.epoch(told.epoch, elapsed, profile.jitter.uniform(5 * SECOND, 60 * SECOND));
        }
        let before = self.epoch.replace(told.epoch.to_owned());
        if before.is_some_and(|before| before != told.epoch) {
            self.healing.prompt(profile);
            self.received.acknowledge_anew();
            self.ended.say_anew();
            self.root_receipt_last = None;
        }
    }

    /// Returns the server that the other side is written to at.
    fn other_server(&self) -> Option<&Authority> {
        let first = self.first.as_ref().map(|first| &first.authority);
        first.or_else(|| self.theirs.for_texts().map(|card| &card.route.authority))
    }

    /// Returns the pseudonym that sends to a server of somebody else, as long as something is there
    /// that the other side has not confirmed. At one's own server the mailbox is told the epoch.
    pub(crate) fn lookout(&self, profile: &ProfileState) -> Option<Lookout> {
        let first = self.first.as_ref().is_some_and(|first| first.delivery.is_accepted());
        let waits = first || self.healing.waits() || self.outbox.items().any(|item| item.delivery.is_accepted());
        if !waits || self.left.is_some() || self.contested {
            return None;
        }
        let authority = self.other_server()?;
        let own = self.writes_as(profile).filter(|own| own.connect_at <= profile.clock.elapsed)?;
        if profile.moves.same(&own.authority, authority) {
            return None;
        }
        let seed = sender_seed(&own.seed, authority);
        Some(Lookout { key: public_key(&seed), seed, authority: profile.moves.present(authority) })
    }

    /// Returns the mailbox that this link writes as: until a new one may connect for the first
    /// time, the one before, unless somebody else may have the keys of that and it is kept for a
    /// day only. A server sees no more by that than by the other side's, which goes on.
    pub(super) fn writes_as<'a>(&self, profile: &'a ProfileState) -> Option<&'a Mailbox> {
        let now = &profile.clock;
        let present = profile.mailbox(&self.mailbox)?;
        if present.connect_at <= now.elapsed {
            return Some(present);
        }
        let kept = |own: &&Mailbox| own.retire_at.is_none_or(|at| at > now.settled_age() + DAY);
        let before = |own: &&Mailbox| own.owner == present.owner && own.connect_at <= now.elapsed;
        profile.mailboxes.iter().rev().filter(before).find(kept).or(Some(present))
    }

    /// Tells whether a pseudonym is the one that this link writes to a server as. Who has not
    /// answered is written to by random ones, so that the own mailbox stands for those.
    fn sends_by(&self, pseudonym: &Key, authority: &Authority, profile: &ProfileState) -> bool {
        let Some(own) = self.writes_as(profile) else { return false };
        if profile.moves.same(&own.authority, authority) {
            return own.key == *pseudonym;
        }
        public_key(&sender_seed(&own.seed, authority)) == *pseudonym
    }
}
