//! What the operator asks a machine about its whole cluster, and has it do.

use hyper::Method;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{AdminRefusal, Ask, RefusalCode};
use crate::admin::Plane;
use crate::cluster::joining::GOOD_FOR_MS;
use crate::cluster::lead::{ClusterNode, Invited};
use crate::cluster::survey::ClusterSurvey;

/// Asks how the cluster is. It is no check-in.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterStatusRequest {}

/// Has a machine hand the lease over, and take it no more.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterDrainRequest {
    /// Which machine; `None`: the one that is asked.
    pub node: Option<String>,
    /// Whether it is to take the lease again.
    pub undo: bool,
}

/// Says who is the active machine now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterDrainAnswer {
    /// The active machine, if one is known.
    pub active: Option<String>,
}

/// Returns this machine of a cluster.
pub(super) fn machine(plane: &Plane) -> Result<std::sync::Arc<ClusterNode>, AdminRefusal> {
    let none = || AdminRefusal::new(RefusalCode::NotFound, "this server is in no cluster: it has no [cluster]");
    plane.actions().cluster().cloned().ok_or_else(none)
}

/// Makes a code for which one new machine is given the key of the onion service.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterInviteRequest {}

/// Says the code. It is overwritten in memory when it is dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct ClusterInviteAnswer {
    /// The code, in groups.
    pub code: String,
    /// For how many seconds it is good.
    pub seconds: u64,
    /// The address of the service whose key it is.
    pub address: String,
}

impl Ask for ClusterInviteRequest {
    type Answer = ClusterInviteAnswer;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cluster/invite";

    fn answer(self, plane: &Plane) -> Result<ClusterInviteAnswer, AdminRefusal> {
        let invited = machine(plane)?.invite();
        let Invited { mut code, address } =
            invited.map_err(|error| AdminRefusal::new(RefusalCode::NotDone, error.to_string()))?;
        Ok(ClusterInviteAnswer { code: std::mem::take(&mut *code), seconds: GOOD_FOR_MS / 1000, address })
    }
}

impl Ask for ClusterStatusRequest {
    type Answer = ClusterSurvey;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cluster";

    fn answer(self, plane: &Plane) -> Result<ClusterSurvey, AdminRefusal> {
        let machine = machine(plane)?;
        Ok(tokio::runtime::Handle::current().block_on(machine.survey()))
    }
}

impl Ask for ClusterDrainRequest {
    type Answer = ClusterDrainAnswer;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cluster/drain";

    fn answer(self, plane: &Plane) -> Result<ClusterDrainAnswer, AdminRefusal> {
        let machine = machine(plane)?;
        let drained = tokio::runtime::Handle::current().block_on(machine.drain(self.node.as_deref(), self.undo));
        match drained {
            Ok(active) => Ok(ClusterDrainAnswer { active }),
            Err(error) => Err(AdminRefusal::new(RefusalCode::NotDone, error.to_string())),
        }
    }
}
