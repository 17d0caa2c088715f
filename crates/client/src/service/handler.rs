//! The engine with what this process remembers: it carries out methods, and turns what happens into
//! news. It knows no connection.

mod about;
mod call;
mod contacts;
mod files;
mod groups;
mod invites;
mod notify;
mod servers;
mod standings;
mod texts;

use std::collections::VecDeque;

use ephemeral_e2e::core::Core;
use ephemeral_e2e::effect::InviteId;
use serde_json::Value;
use tokio::sync::watch;

use super::archive::Archive;
use super::describing::FileToSend;
use crate::TorStage;
use crate::api::{Method, MethodError, Notification};
use crate::engine::{Engine, EngineError};
pub(super) use call::read;
use files::IncomingFiles;
use servers::Servers;
use standings::Standings;

/// A piece of news for the subscribers.
pub(super) enum News {
    /// It is told to all subscribers, but one.
    Now { notification: Notification, but: Option<u64> },
    /// It comes again until it was shown, under this number.
    Kept { number: u64, notification: Notification },
    /// It is told to each subscriber that comes, until it is withdrawn.
    Standing { number: u64, notification: Notification },
    /// It is not told any more.
    Withdrawn { number: u64 },
    /// The text of an invite is there; the event is `number`.
    Invite { number: u64, invite: InviteId, text: String },
}

/// The outcome of a method.
pub(super) enum MethodOutcome {
    Now(Value),
    /// The text of this invite, as soon as its keys are kept.
    WithInvite(InviteId),
    /// What is told of this file, as soon as it was read.
    WithFile(FileToSend),
}

/// Carries out a method that is answered at once.
pub(super) trait Handle<M: Method> {
    /// Carries out the method, and returns its answer. `connection`: who asks.
    fn handle(&mut self, method: M, connection: u64) -> Result<M::Answer, MethodError>;
}

/// The engine, and what this process remembers.
pub(super) struct MethodHandler {
    pub(super) engine: Engine,
    pub(super) archive: Archive,
    pub(super) news: VecDeque<News>,
    standings: Standings,
    servers: Servers,
    files: IncomingFiles,
    stages: Option<watch::Receiver<TorStage>>,
    /// Why the engine cannot go on, if a method found that out.
    broken: Option<EngineError>,
}

impl MethodHandler {
    pub(super) fn new(engine: Engine, stages: Option<watch::Receiver<TorStage>>) -> Self {
        Self {
            engine,
            archive: Archive::default(),
            news: VecDeque::new(),
            standings: Standings::default(),
            servers: Servers::default(),
            files: IncomingFiles::default(),
            stages,
            broken: None,
        }
    }

    fn core(&self) -> &Core {
        self.engine.core()
    }

    fn tell(&mut self, notification: Notification) {
        self.news.push_back(News::Now { notification, but: None });
    }

    /// Tells the others that contacts, invites or groups are not what they were.
    fn changed(&mut self, connection: u64) {
        self.news.push_back(News::Now { notification: Notification::Changed {}, but: Some(connection) });
    }

    /// Goes on until something happened. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Result<(), EngineError> {
        let Some(stages) = &mut self.stages else {
            let event = self.engine.next().await?;
            return self.happened(event);
        };
        tokio::select! {
            event = self.engine.next() => {
                let event = event?;
                self.happened(event)
            }
            changed = stages.changed() => {
                let stage = *stages.borrow_and_update();
                match (changed, stage) {
                    (Err(_), _) => self.stages = None,
                    (Ok(()), TorStage::Idle) => {}
                    (Ok(()), TorStage::Starting { percent }) => self.tell(Notification::TorStarting { percent }),
                    (Ok(()), TorStage::Searching) => self.tell(Notification::TorSearching {}),
                }
                Ok(())
            }
        }
    }

    /// Writes what methods changed, and tells of what came of it: what was answered has to be
    /// durable.
    pub(super) fn write(&mut self) -> Result<(), EngineError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        self.engine.write()?;
        while let Some(event) = self.engine.news() {
            self.happened(event)?;
        }
        Ok(())
    }

    /// Takes note that an event was shown.
    pub(super) fn shown(&mut self, number: u64) {
        self.engine.shown(number);
        self.archive.shown(number);
    }

    /// Takes note that a connection is over.
    pub(super) fn gone(&mut self, connection: u64) {
        self.files.gone(connection);
    }

    /// Does what is due now and then: deletes texts whose time is over, tries files again.
    pub(super) fn look_round(&mut self) {
        self.archive.prune(self.engine.wall_ms());
        self.engine.retry_files();
    }

    /// Returns how long [`Self::look_round`] may wait at most.
    pub(super) fn pause(&self) -> std::time::Duration {
        let longest = std::time::Duration::from_secs(60);
        let due = self.archive.next_ms().map(|due| due.saturating_sub(self.engine.wall_ms()));
        due.map_or(longest, |due| longest.min(std::time::Duration::from_millis(due.max(1))))
    }
}
