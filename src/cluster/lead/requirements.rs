//! What a NATS server has to be for the journal to be safe there.

use super::{ClusterNode, nats};
use crate::cluster::jet::JetError;

/// The oldest version whose servers do not elect one that has lost everything.
const OLDEST: (u64, u64) = (2, 12);

impl ClusterNode {
    /// Checks the server that this machine is connected to.
    pub(super) fn check_server(&self) -> Result<(), JetError> {
        let server = self.nats.server().borrow().clone().ok_or(nats::Unanswered::Disconnected)?;
        let mut numbers = server.version.split('.').map(|number| number.parse::<u64>().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let refused = |what: String| JetError::Refused { code: 0, what };
        if version < OLDEST {
            let what = format!(
                "it is version {}; older ones than {}.{} lose what three have",
                server.version, OLDEST.0, OLDEST.1
            );
            return Err(refused(what));
        }
        if !server.jetstream {
            return Err(refused("JetStream is off: give it a `jetstream` block".to_owned()));
        }
        if self.has_tls && !server.tls_verify {
            return Err(refused("it asks nobody for a certificate: give `verify: true` in its `tls` block".to_owned()));
        }
        if server.max_payload < self.largest {
            let what = format!("its max_payload is {}, and a message can have {}", server.max_payload, self.largest);
            return Err(refused(what));
        }
        Ok(())
    }
}
