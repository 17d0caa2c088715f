//! What the simulator looks at and turns inside of a core.

use super::Core;
use crate::group::Group;
use crate::link::Link;
use crate::profile::ProfileState;
use crate::random::CoreJitter;

impl Core {
    /// Makes the moments at which the core acts repeatable.
    pub(crate) fn set_jitter(&mut self, jitter: CoreJitter) {
        self.state.profile.jitter = jitter;
    }

    pub(crate) fn state_mut(&mut self) -> (&mut ProfileState, &mut Vec<Link>) {
        (&mut self.state.profile, &mut self.state.links)
    }

    pub(crate) fn groups_mut(&mut self) -> &mut Vec<Group> {
        &mut self.state.groups
    }

    pub(crate) fn only_link(&self) -> Option<&Link> {
        self.state.links.first()
    }
}
