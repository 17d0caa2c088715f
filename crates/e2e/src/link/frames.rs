//! When the frames of a link leave, which no server accepted yet.

use super::{GROUP_SPREAD, Link, LinkKind, MAX_FRAMES, SPREAD};
use crate::effect::{Effect, Frame};
use crate::profile::ProfileState;

impl Link {
    /// Returns how long to wait with what no user waits for: what was sent first leaves first, or a
    /// reader would see the second text before the first.
    fn after_those_before(&mut self, wait: u64, elapsed: u64) -> u64 {
        self.leaves_at = self.leaves_at.max(elapsed + wait);
        self.leaves_at - elapsed
    }

    /// Hands out again what no server accepted before the process ended, in the same order.
    pub(crate) fn reopen(&mut self, profile: &mut ProfileState) {
        for frame in self.frames.clone() {
            let wait = profile.jitter.uniform(0, SPREAD);
            let after_ms = self.after_those_before(wait, profile.clock.elapsed);
            profile.effects.push(Effect::Send { frame, after_ms });
        }
    }

    /// Keeps a frame until a server has it, and sends it. `prompt`: a user waits for it.
    pub(super) fn push_frame(&mut self, frame: Frame, prompt: bool, profile: &mut ProfileState) {
        let after_ms = match (prompt, self.kind) {
            (true, LinkKind::Contact) => 0,
            // In random order, and some tenths of a second apart.
            (true, LinkKind::Member(_)) => profile.jitter.uniform(0, GROUP_SPREAD),
            (false, _) => self.after_those_before(profile.jitter.uniform(0, SPREAD), profile.clock.elapsed),
        };
        let elapsed = profile.clock.elapsed;
        if let Some(own) = profile.mailbox_mut(&self.mailbox).filter(|_| prompt) {
            own.active_at = elapsed;
        }
        profile.effects.push(Effect::Send { frame: frame.clone(), after_ms });
        self.frames.push(frame);
        if self.frames.len() > MAX_FRAMES {
            self.frames.remove(0);
        }
    }
}
