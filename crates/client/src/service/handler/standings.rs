//! How far what is on its way came, where a server has forgotten it since: it is sent again, and
//! still does not stand worse than it stood.

use std::collections::BTreeSet;

use ephemeral_e2e::core::{Core, Standing};
use ephemeral_e2e::effect::LinkId;

use crate::api::StandingName;

/// From so many on, those are forgotten that are no longer on their way.
const MANY: usize = 4_096;

/// Holds the texts that a server had, by their links and names.
#[derive(Default)]
pub(super) struct Standings {
    at_server: BTreeSet<(LinkId, u64)>,
    prune_at: usize,
}

impl Standings {
    /// Takes note that a server has a text. Returns whether that is new.
    pub(super) fn at_server(&mut self, core: &Core, link: LinkId, mid: u64) -> bool {
        if self.at_server.len() >= self.prune_at.max(MANY) {
            self.prune(core);
        }
        self.at_server.insert((link, mid))
    }

    fn prune(&mut self, core: &Core) {
        let contacts = core.contacts();
        let mut going: BTreeSet<(LinkId, u64)> = BTreeSet::new();
        for contact in &contacts {
            going.extend(core.outgoing(contact.link).iter().map(|item| (contact.link, item.mid)));
        }
        for group in core.groups() {
            going.extend(core.group_outgoing(group.group).iter().map(|part| (part.link, part.mid)));
        }
        self.at_server.retain(|one| going.contains(one));
        self.prune_at = self.at_server.len() * 2;
    }

    /// Returns how a text stands that was not acknowledged. `waits`: nothing is sent yet.
    pub(super) fn of(&self, link: LinkId, mid: u64, standing: Standing, waits: bool) -> StandingName {
        match standing {
            Standing::AtServer => StandingName::AtServer,
            Standing::Sending if self.at_server.contains(&(link, mid)) => StandingName::AtServer,
            Standing::Sending if waits => StandingName::Kept,
            Standing::Sending => StandingName::Sending,
        }
    }
}

#[cfg(test)]
mod tests {
    use ephemeral_e2e::authority::Authority;

    use super::*;

    #[test]
    fn what_a_server_has_forgotten_stands_as_before() {
        let core = Core::create(Authority::loopback("localhost").unwrap(), "", 0).unwrap();
        let mut standings = Standings::default();
        assert_eq!(standings.of(1, 2, Standing::Sending, false), StandingName::Sending);
        assert_eq!(standings.of(1, 2, Standing::Sending, true), StandingName::Kept);
        assert!(standings.at_server(&core, 1, 2));
        assert!(!standings.at_server(&core, 1, 2), "told once");
        assert_eq!(standings.of(1, 2, Standing::Sending, false), StandingName::AtServer);
        (0..MANY as u64 + 1).for_each(|mid| assert!(standings.at_server(&core, 2, mid)));
        assert!(standings.at_server.len() < MANY, "what is not on its way is forgotten");
    }
}
