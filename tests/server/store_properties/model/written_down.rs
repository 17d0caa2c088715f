//! A store that is written down in a file, and what is found there by the process that goes on.

use std::collections::BTreeSet;
use std::os::unix::fs::FileExt as _;

use ephemeral::memfd_journal::{self, Found, Loaded, MemfdJournal};
use ephemeral_core::store::{self, Journal as _, Restoring, Store};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::{Check, EPOCH, Model, SEED, START};

impl Model {
    /// Returns a store that is written down.
    pub(crate) fn written_down(bounds: store::Config) -> Self {
        let file = memfd_journal::create().unwrap();
        let (mut memory, _) = MemfdJournal::open(file.try_clone().unwrap(), bounds.total_bytes).unwrap();
        memory.begin(EPOCH, &SEED);
        let file_cost = Some(memory.cost());
        let store = Store::with_journal(bounds, SEED, START, Box::new(memory));
        Self { file_cost, ..Self::with(bounds, store, Some(file)) }
    }

    /// Restarts. The old store is not told: that it is dropped changes nothing in the file.
    pub(super) fn restart(&mut self) -> Check {
        let Some(file) = &self.file else { return Ok(()) };
        let (mut memory, found) = MemfdJournal::open(file.try_clone().unwrap(), self.bounds.total_bytes).unwrap();
        let Found::Leftover(left) = found else { return Err(TestCaseError::fail("it cannot be read")) };
        // The machine's clock does not go back (see `clock`): only a thread may be late with what
        // it read.
        self.now = self.now.max(self.seen);
        let mut restoring = Restoring::begin(self.bounds, left.seed, self.now, memory.cost());
        let loaded = memory.load(&left, |message| restoring.recall(message));
        prop_assert_eq!((left.epoch, loaded), (EPOCH, Loaded::default()));
        self.store = restoring.finish(Box::new(memory));
        self.seen = self.now;
        self.restarted = true;
        self.sessions.clear();
        self.acknowledged.clear();
        self.forgotten_by.clear();
        self.expired_up_to = self.expired_up_to.max(self.now);
        self.kept.retain(|message| message.expires_at > self.now);
        for message in &mut self.kept {
            // Nothing of what was taken is written down, but that its id is known.
            message.taken = false;
            message.to_is_known &= message.waits;
        }
        self.nothing_else_is_written_down()
    }

    /// Checks that the file has the messages that wait, and of no other one anything that somebody
    /// sent.
    fn nothing_else_is_written_down(&self) -> Check {
        let Some(file) = &self.file else { return Ok(()) };
        // All that 200 messages can need.
        let mut bytes = vec![0; 128 << 10];
        file.read_exact_at(&mut bytes, 0).unwrap();
        let blocks = bytes.chunks(128).filter(|block| **block != [0; 128]);
        let ids = blocks
            .flat_map(|block| (0..block.len()).map(|place| &block[place..]))
            .filter(|rest| rest.starts_with(b"id-"));
        // Id and the content's number stand together, and are shorter than the part of a body that
        // is in one block.
        let found: BTreeSet<_> = ids.map(|rest| rest.split(|byte| *byte == b'.').next().unwrap_or_default()).collect();
        let waiting = self.kept.iter().filter(|message| message.waits);
        let expected: Vec<_> = waiting.map(|kept| format!("{}#{}", kept.id, kept.number)).collect();
        let expected: BTreeSet<_> = expected.iter().map(String::as_bytes).collect();
        prop_assert_eq!(found, expected, "what is written down");
        Ok(())
    }

    /// Restarts after the process was killed, and checks everything again.
    pub(crate) fn restarts(&mut self) -> Check {
        self.restart()?;
        self.check()
    }
}
