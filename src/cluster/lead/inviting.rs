//! Lets one new machine have the service's key, for a code that the operator carries there.

use zeroize::Zeroizing;

use super::ClusterNode;
use crate::cluster::joining::JoinAsked;
use crate::cluster::joining::parcel::{NoParcel, ServiceHome};
use crate::cluster::nats::Unanswered;
use crate::cluster::nats::wire::NatsMessage;

/// Why no machine can be invited.
#[derive(Debug, thiserror::Error)]
pub enum NotInvited {
    /// There is no onion service.
    #[error("the onion service is off on this machine: there is no key that another one could be given")]
    NoOnion,
    /// There is no key, or it cannot be read.
    #[error(transparent)]
    NoParcel(#[from] NoParcel),
    /// Nobody could ask.
    #[error("{0}: another machine could not ask for the key now")]
    Nats(Unanswered),
    /// There are no random numbers.
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// A code, and whose key it is good for.
pub struct Invited {
    /// The code, as it is typed.
    pub code: Zeroizing<String>,
    /// The service's address.
    pub address: String,
}

impl ClusterNode {
    /// Makes a code for which one machine is given the service's key, for ten minutes. An earlier
    /// one is no good any more. It reads files: call it where that may wait.
    ///
    /// # Errors
    /// [`NotInvited`].
    pub fn invite(&self) -> Result<Invited, NotInvited> {
        let parcel = self.home.as_ref().ok_or(NotInvited::NoOnion)?.parcel()?;
        if self.nats.server().borrow().is_none() {
            return Err(NotInvited::Nats(Unanswered::Disconnected));
        }
        let code = self.door.open(self.clock.now())?;
        tracing::info!("the operator invites one machine: for ten minutes, it is given the service's key for a code");
        Ok(Invited { code, address: parcel.key.address().to_owned() })
    }

    /// Hands the key to who proves the code.
    pub(super) async fn answer_join(&self, question: &NatsMessage) {
        let Some(reply) = &question.reply else { return };
        let joiner = match self.door.asked(&question.payload, self.clock.now()) {
            JoinAsked::Nothing => return,
            JoinAsked::Wrong { spent: false } => {
                tracing::warn!("a machine asks for the service's key with a wrong code");
                return;
            }
            JoinAsked::Wrong { spent: true } => {
                tracing::warn!("there were too many wrong codes: the one that `cluster invite` made is good no more");
                return;
            }
            JoinAsked::Proven(joiner) => joiner,
        };
        let Some(home) = self.home.clone() else { return };
        let answer = match tokio::task::spawn_blocking(move || sealed(&home, &joiner)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::error!("a machine that was invited is not given the service's key: {error}");
                return;
            }
            Err(error) => {
                tracing::error!("a machine that was invited is not given the service's key: {error}");
                return;
            }
        };
        match self.nats.publish(reply, &[], &answer).await {
            Ok(()) => tracing::warn!("a machine that was invited is given the service's key: the code is spent"),
            Err(error) => tracing::error!("a machine that was invited is not given the service's key: {error}"),
        }
    }
}

fn sealed(home: &ServiceHome, joiner: &crate::cluster::joining::ProvenJoiner) -> Result<Vec<u8>, String> {
    let parcel = home.parcel().map_err(|error| error.to_string())?;
    let written = parcel.written().map_err(|error| error.to_string())?;
    joiner.answer(&written).map_err(|error| error.to_string())
}
