//! `hello` and `status`: who answers, and how the connections are.

use super::{Handle, MethodHandler};
use crate::TorStage;
use crate::api::{EngineStatus, Greeting, Hello, MethodError, Status, VERSION};

impl Handle<Hello> for MethodHandler {
    fn handle(&mut self, Hello {}: Hello, _: u64) -> Result<Greeting, MethodError> {
        let core = self.core();
        Ok(Greeting { version: VERSION, name: core.name().to_owned(), server: core.authority().as_str().to_owned() })
    }
}

impl Handle<Status> for MethodHandler {
    fn handle(&mut self, Status {}: Status, _: u64) -> Result<EngineStatus, MethodError> {
        let stage = self.stages.as_ref().map(|stages| *stages.borrow());
        let (tor, tor_percent) = match stage {
            None => ("", 0),
            Some(TorStage::Idle) => ("idle", 0),
            Some(TorStage::Starting { percent }) => ("starting", percent),
            Some(TorStage::Searching) => ("searching", 100),
        };
        Ok(EngineStatus {
            tor: tor.to_owned(),
            tor_percent,
            servers: self.servers.list(self.core().authority().as_str()),
            settled: self.engine.is_settled(),
            fetched: self.engine.has_fetched(),
        })
    }
}
