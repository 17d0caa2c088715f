//! Whether this machine is of the cluster that is there, and alone under its name: else it leads
//! nothing, and ends.

use tokio::sync::watch;

use super::{ClusterNode, machine_name};
use crate::cluster::ClusterRole;
use crate::cluster::charter::{Belonging, Charter, OwnService};
use crate::cluster::jet::{Jet, JetError};
use crate::cluster::nats::Unanswered;
use crate::cluster::presence::Twin;

/// Why a machine cannot be one of its cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterRefusal {
    /// It has another secret.
    #[error(
        "secret_file in [cluster] is another one than that of the cluster which these NATS servers hold{led}: all machines have the \
         same file. If it is the others that are wrong, stop them, and run `ephemeral-server cluster set-key` here",
        led = led_by(.0)
    )]
    OtherSecret(Option<String>),
    /// It has another key.
    #[error(
        "this machine has another service key than its cluster, as {0} wrote it down: it would be a second service. All \
         machines have the same key (docs/several-machines.md, \"The same key\"). If it is the others that are wrong, stop them, \
         and run `ephemeral-server cluster set-key` here"
    )]
    OtherService(String),
    /// Another process has its name.
    #[error(
        "another process of this cluster is called {0}, and was there before: node in [cluster] is another name on each \
         machine. Was its configuration copied?"
    )]
    Twin(String),
}

fn led_by(active: &Option<String>) -> String {
    active.as_ref().map(|name| format!(", and {name} leads")).unwrap_or_default()
}

/// What is known of it.
pub(super) struct Membership {
    pub(super) belonging: watch::Sender<Belonging>,
    /// Whether it was a member once: then it does not end, whatever is written down later.
    was_member: watch::Sender<bool>,
}

impl Membership {
    pub(super) fn new() -> Self {
        Self { belonging: watch::Sender::new(Belonging::NotKnown), was_member: watch::Sender::new(false) }
    }
}

impl ClusterNode {
    /// Returns whether it is not to take the lease: the operator wants that, or it has not been
    /// there for long enough, or does not belong here.
    pub(super) fn is_to_rest(&self) -> bool {
        let is_new = self.others().borrow().is_none();
        *self.operator.drained.borrow() || is_new || !self.membership.belonging.borrow().may_lead()
    }

    /// Waits until that is not so any more.
    pub(super) async fn rest_changed(&self, was: bool) {
        let mut drained = self.operator.drained.subscribe();
        let mut others = self.others();
        let mut belonging = self.membership.belonging.subscribe();
        while self.is_to_rest() == was {
            tokio::select! {
                // They end only with their senders, which are this value's.
                _ = drained.changed() => {}
                _ = others.changed() => {}
                _ = belonging.changed() => {}
            }
        }
    }

    /// Waits until this machine cannot be one of the cluster, and says why.
    pub async fn refused(&self) -> ClusterRefusal {
        let mut belonging = self.membership.belonging.subscribe();
        let mut twin = self.announcing.twin.subscribe();
        let mut others = self.others();
        loop {
            let node = machine_name(&self.holder).to_owned();
            if *twin.borrow_and_update() == Some(Twin::GoesFirst) {
                return ClusterRefusal::Twin(node);
            }
            let was_member = *self.membership.was_member.borrow();
            // The others have heard of it by then, and say so in their logs, too.
            let is_heard = others.borrow_and_update().is_some();
            let now = belonging.borrow_and_update().clone();
            match now {
                Belonging::OtherSecret if !was_member => {
                    let lease = Jet(&self.nats).lease().await;
                    let active = lease.ok().map(|lease| machine_name(&lease.node).to_owned());
                    return ClusterRefusal::OtherSecret(active.filter(|name| !name.is_empty()));
                }
                Belonging::OtherService(by) if !was_member && is_heard => return ClusterRefusal::OtherService(by),
                _ => {}
            }
            tokio::select! {
                // They end only with their senders, which are this value's.
                _ = belonging.changed() => {}
                _ = twin.changed() => {}
                _ = others.changed() => {}
            }
        }
    }

    /// Returns what this machine has of the onion service.
    pub(super) fn own_service(&self) -> OwnService {
        if self.home.is_none() {
            return OwnService::Off;
        }
        let onion = self.announcing.onion.borrow();
        onion.as_ref().map_or(OwnService::NotYet, |onion| OwnService::Has(onion.service.clone()))
    }

    /// Looks at what the cluster is. The active machine writes it again, where NATS has lost it.
    pub(super) async fn look_at_charter(&self) -> Result<(), JetError> {
        let (revision, written) = Jet(&self.nats).charter().await?.unzip();
        let own = self.own_service();
        let belonging = Belonging::of(written.as_deref(), &self.wipe_seal, &own);
        if *self.standing.borrow() == ClusterRole::Active && belonging != Belonging::Member && own != OwnService::NotYet
        {
            self.write_charter(&own, revision.unwrap_or(0)).await?;
            return Ok(());
        }
        if belonging == Belonging::Member {
            self.membership.was_member.send_replace(true);
        }
        let before = self.membership.belonging.send_replace(belonging.clone());
        // Where NATS has lost it, it is written again.
        let is_other = matches!(belonging, Belonging::OtherSecret | Belonging::OtherService(_));
        if before == Belonging::Member && is_other {
            tracing::error!(
                "what the cluster is was written anew, and this machine is not of it: it takes nothing over"
            );
        }
        Ok(())
    }

    async fn write_charter(&self, own: &OwnService, revision: u64) -> Result<bool, JetError> {
        let charter = Charter::new(own, machine_name(&self.holder));
        let sealed = charter.sealed(&self.wipe_seal).ok_or(Unanswered::Late)?;
        let is_written = Jet(&self.nats).write_charter(&sealed, revision).await?;
        if is_written {
            self.membership.was_member.send_replace(true);
            self.membership.belonging.send_replace(Belonging::Member);
        }
        Ok(is_written)
    }

    /// Makes sure, before this machine takes anything over, that it belongs to what is written
    /// down, or that it is the first to write it. Returns whether it does.
    pub(super) async fn joins_charter(&self) -> Result<bool, JetError> {
        self.look_at_charter().await?;
        if *self.membership.belonging.borrow() != Belonging::Unwritten {
            return Ok(self.membership.belonging.borrow().may_lead());
        }
        let revision = Jet(&self.nats).charter().await?.map_or(0, |(revision, _)| revision);
        let own = self.own_service();
        if self.write_charter(&own, revision).await? {
            return Ok(true);
        }
        self.look_at_charter().await?;
        Ok(self.membership.belonging.borrow().may_lead())
    }
}
