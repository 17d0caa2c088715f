//! How every run ends: everybody gets what is theirs, and then nothing is left.

use ephemeral_core::store::StoreStats;
use proptest::prelude::*;

use super::{Ack, Check, Model, PEOPLE};

impl Model {
    /// Checks that what has not expired reaches those who come online and stay.
    pub(crate) fn everybody_fetches_everything(&mut self) -> Check {
        self.expire()?;
        for who in 0..PEOPLE {
            self.attach(who, true)?;
            // One step more than messages: for `caught_up`.
            for _ in 0..=self.mailbox(who).count() {
                self.deliver(who, usize::MAX)?;
                self.acknowledge(who, &Ack::Sent(u8::MAX))?;
                let sent = self.sessions[&who].sent.len();
                if let Some(last) = sent.checked_sub(1).and_then(|last| u8::try_from(last).ok()) {
                    self.acknowledge(who, &Ack::Sent(last))?;
                }
            }
            prop_assert!(self.sessions[&who].caught_up);
            prop_assert_eq!(self.mailbox(who).count(), 0, "messages that never arrive");
        }
        self.check()
    }

    /// Checks that nothing is left of those who left, and that a mailbox made again goes on with
    /// higher numbers.
    pub(crate) fn everybody_leaves_for_good(&mut self) -> Check {
        for again in [true, false] {
            for who in 0..PEOPLE {
                self.detach(who);
            }
            self.pass(86_400);
            self.expire()?;
            self.check()?;
            prop_assert_eq!(self.store.figures(), StoreStats::default());
            prop_assert_eq!(self.store.next_due(), None);
            for who in (0..PEOPLE).filter(|_| again) {
                self.attach(who, true)?;
                self.send(who, who, 0, 0, 1)?;
                self.deliver(who, 1)?;
                self.deliver(who, 1)?;
            }
        }
        Ok(())
    }
}
