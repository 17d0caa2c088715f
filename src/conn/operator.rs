//! What the administrator has done, and who does it.

use std::sync::Arc;

use tokio::sync::watch;

use super::Server;
use crate::http::Act;
use ephemeral_core::dead_man;

/// Does what the administrator asks for; whether all of it was done. It is called within a request.
pub type OnAct = Arc<dyn Fn(&Server, Act) -> bool + Send + Sync>;

/// Who does what the administrator asks for.
#[derive(Clone)]
pub struct Operator {
    /// Does it.
    pub on_act: OnAct,
    /// How the dead-man switch stands, if there is one.
    pub dead_man: watch::Receiver<Option<dead_man::DeadManStats>>,
}

impl Operator {
    /// Wipes what waits when that is asked for, and nothing else: it has no keys, and no dead-man switch.
    #[must_use]
    pub fn without_keys() -> Self {
        let on_act = Arc::new(|server: &Server, act| match act {
            Act::Wipe { keys: false } => server.wipe().is_ok(),
            Act::Wipe { keys: true } => false,
            Act::CheckIn => true,
        });
        Self { on_act, dead_man: watch::channel(None).1 }
    }
}
