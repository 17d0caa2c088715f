//! What the operator asks a machine about its whole cluster, and has it do.

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::{AdminRefusal, Ask, RefusalCode};
use crate::admin::Plane;
use crate::cluster::lead::ClusterNode;
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
