//! Content that came: whether there is room for it, and how it is acknowledged.

use super::receive::Arrived;
use super::{Link, LinkKind};
use crate::files::UNASKED;
use crate::payload::{Content, Payload};
use crate::profile::ProfileState;

impl Link {
    fn has_room_for(&self, content: &Content, profile: &ProfileState) -> bool {
        let member = match self.kind {
            LinkKind::Contact => None,
            LinkKind::Member(group) => Some((group, self.peer)),
        };
        match content {
            Content::File(_) => profile.has_room_for_chunk(self.id),
            Content::Text(_) | Content::Group(_) => profile.has_room_for_text(self.id, member),
        }
    }

    /// Tells whether nobody is shown anything of some content. Acknowledged at once however often
    /// it comes, it would tell the other side when one is online without leaving a trace.
    fn is_silent(&self, content: &Content, profile: &ProfileState) -> bool {
        match content {
            Content::Text(_) => false,
            Content::Group(group) => group.text.is_none() || self.kind == LinkKind::Contact,
            Content::File(chunk) => chunk.index > 0 && !profile.knows_file(self.id, &chunk.id),
        }
    }

    pub(super) fn note_content(&mut self, payload: Payload, profile: &mut ProfileState) -> Option<Arrived> {
        let content = payload.content?;
        let wait = self.acks.wait(&mut profile.jitter);
        let age = profile.clock.settled_age();
        let elapsed = profile.clock.elapsed;
        let missing = payload.prev != 0 && !self.received.knows(payload.prev);
        let held = matches!(&content, Content::File(chunk) if chunk.size > UNASKED);
        if let Content::File(chunk) = &content
            && self.is_ended(&chunk.id, profile)
        {
            // It came, or what follows would seem to have a gap before it; but nobody has it.
            self.received.note(payload.mid, age, elapsed, None, true);
            return None;
        }
        if !self.received.knows(payload.mid) && !self.has_room_for(&content, profile) {
            // It is not acknowledged, and so it comes again.
            profile.dropped.refused += 1;
            return None;
        }
        let wait = if self.is_silent(&content, profile) { self.received.silently(elapsed, wait) } else { Some(wait) };
        let new = self.received.note(payload.mid, age, elapsed, wait, held);
        new.then_some(Arrived { mid: payload.mid, at: payload.at, burn_s: payload.burn_s, missing, content })
    }
}
