//! Tells the machines that share the address from those that do not.

use std::collections::BTreeSet;

use anyhow::anyhow;

use crate::cluster::presence::{LiveMachine, OnionPart};

/// The machines that share the address, and those that do not.
#[derive(Default)]
pub(super) struct Kinship {
    /// What was complained of, by machine.
    pub(super) said: BTreeSet<(String, &'static str)>,
}

impl Kinship {
    /// Returns the machines that share the address, and complains of those that do not. `leads`:
    /// whether this machine holds the lease.
    ///
    /// # Errors
    /// If it is this machine that does not.
    pub(super) fn of(
        &mut self,
        own: &OnionPart,
        others: Vec<LiveMachine>,
        leads: bool,
    ) -> anyhow::Result<Vec<LiveMachine>> {
        let mut kin = Vec::new();
        for machine in others {
            let name = machine.name().to_owned();
            let is_same_service = machine.onion.service == own.service;
            if !is_same_service && machine.leads && !leads {
                return Err(anyhow!(
                    "this machine has another service key than {name}, the active one of its cluster: it would be a second \
                     service. All machines have the same key (docs/several-machines.md, \"The same key\")"
                ));
            }
            let is_as_restricted = machine.onion.restricted == own.restricted;
            let has_same_clients = machine.onion.clients == own.clients;
            self.complain(
                &name,
                !is_same_service,
                "has another service key, and clients of this one are not told of it",
            );
            self.complain(
                &name,
                is_same_service && !is_as_restricted,
                "has another restricted in [onion], and clients are not told of it",
            );
            self.complain(
                &name,
                is_same_service && is_as_restricted && !has_same_clients,
                "has other clients: who was added on one finds all; who is removed, has to be removed on each",
            );
            if is_same_service && is_as_restricted {
                kin.push(machine);
            }
        }
        Ok(kin)
    }

    /// Says once what is wrong with a machine, until it is not any more.
    fn complain(&mut self, name: &str, is_so: bool, what: &'static str) {
        let complaint = (name.to_owned(), what);
        if !is_so {
            self.said.remove(&complaint);
        } else if self.said.insert(complaint) {
            tracing::warn!("the machine {name} {what}");
        }
    }
}
