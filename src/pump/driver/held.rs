//! Answers that wait: for what they say to hold on other machines, and behind those that do.
//!
//! Where there is one machine, none ever waits, and an idle session has no more than a pointer.

use std::collections::VecDeque;

use crate::hub::Ticket;

/// So many answers wait, at most: then nothing more is read. A turn may add to them.
const MOST: usize = 256;

/// Answers in the order of the frames that they are to.
#[derive(Default)]
#[expect(clippy::box_collection, reason = "nearly always there is none: a pointer is all that it takes then")]
pub(super) struct HeldAnswers(Option<Box<VecDeque<(Ticket, String)>>>);

impl HeldAnswers {
    /// Returns whether no more is to be read.
    pub(super) fn is_full(&self) -> bool {
        self.0.as_ref().is_some_and(|held| held.len() >= MOST)
    }

    /// Takes an answer. Returns it if it can be given now.
    pub(super) fn hold(&mut self, ticket: Ticket, settled: Ticket, frame: String) -> Option<String> {
        if self.0.is_none() && ticket <= settled {
            return Some(frame);
        }
        self.0.get_or_insert_default().push_back((ticket, frame));
        None
    }

    /// Returns the next answer that can be given.
    pub(super) fn next(&mut self, settled: Ticket) -> Option<String> {
        let held = self.0.as_mut()?;
        let is_settled = held.front().is_some_and(|(ticket, _)| *ticket <= settled);
        let next = if is_settled { held.pop_front() } else { None };
        if held.is_empty() {
            self.0 = None;
        }
        next.map(|(_, frame)| frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(held: &mut HeldAnswers, settled: Ticket) -> Vec<String> {
        std::iter::from_fn(|| held.next(settled)).collect()
    }

    #[test]
    fn answers_come_in_the_order_of_the_frames_whatever_holds_first() {
        let now = Ticket::now();
        let [first, second] = [5, 9].map(Ticket::at);
        let mut held = HeldAnswers::default();
        assert_eq!(held.hold(now, now, "at once".into()), Some("at once".into()));
        for (ticket, frame) in [(first, "first"), (now, "an error"), (second, "second"), (now, "another")] {
            assert_eq!(held.hold(ticket, now, frame.into()), None, "{frame}");
        }
        assert_eq!(ticket(&mut held, now), [""; 0]);
        assert_eq!(ticket(&mut held, first), ["first", "an error"]);
        assert_eq!(ticket(&mut held, second), ["second", "another"]);
        assert_eq!(held.hold(first, second, "late".into()), Some("late".into()));
        assert_eq!(size_of::<HeldAnswers>(), size_of::<usize>(), "an idle session has no more than that");
    }

    #[test]
    fn so_many_answers_wait_and_no_more_is_read() {
        let mut held = HeldAnswers::default();
        for _ in 0..MOST {
            assert!(!held.is_full());
            held.hold(Ticket::at(1), Ticket::now(), String::new());
        }
        assert!(held.is_full());
        held.next(Ticket::at(1));
        assert!(!held.is_full());
    }
}
