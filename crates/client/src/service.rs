//! An engine for several at a time: programs over pipes and sockets, commands, the terminal. Each
//! of them speaks JSON-RPC 2.0, an object a line, over a stream of its own; those in this process
//! do so over a pair of pipes in memory, so that there is one way to everything.
//!
//! [`EngineService::run`] owns the engine and every connection. A program that wants to talk to it
//! hands a stream to its [`ServiceHandle`], and has an [`EngineClient`] at the other end.
//!
//! | file | contents |
//! | --- | --- |
//! | `handler` | carries out methods, turns what happens into notifications |
//! | `describing` | reads the files that are to be sent |
//! | `archive` | the texts of this process |
//! | `unshown` | what came and was not shown, and who has taken it |
//! | `connections` | the connections, and what waits for each |
//! | `pipes` | the tasks that read and write a stream |
//! | `requests` | what comes over a connection |
//! | `wire`, `line` | JSON-RPC; lines with bounds |
//! | `client` | the other end |
//! | `labels`, `refusal` | names, times; why a method did nothing |

mod archive;
mod client;
mod connections;
mod describing;
mod handler;
mod labels;
mod line;
mod pipes;
pub mod refusal;
mod requests;
#[cfg(test)]
mod tests;
mod unshown;
mod wire;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ephemeral_e2e::effect::InviteId;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout_at};

pub use client::{ClientError, EngineClient, Heard};

use crate::TorStage;
use crate::api::{EventParams, Taking};
use crate::engine::{Engine, EngineError};
use connections::Connections;
use describing::Describing;
use handler::{MethodHandler, News};
use pipes::{RequestPermit, ServiceInput, WriteReceipt};
use unshown::Unshown;

/// How many inputs wait.
const QUEUE: usize = 64;
/// How long the last answers may take when it ends.
const LAST_WRITES: Duration = Duration::from_secs(1);
/// How many bytes a pipe in memory holds.
const PIPE: usize = 1 << 16;

/// Says how an engine serves.
#[derive(Default)]
pub struct ServiceOptions {
    /// Where the profile is kept, for `panic` to erase; `None`: in memory only.
    pub directory: Option<PathBuf>,
    /// Whether it only answers: nothing is dialled, and nothing comes.
    pub offline: bool,
    /// Whether it goes on only when somebody has subscribed, who then misses nothing.
    pub held: bool,
    /// How far Tor in this process has come.
    pub stages: Option<watch::Receiver<TorStage>>,
}

/// Says how a service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineEnd {
    /// It was asked to.
    Stopped,
    /// The profile was erased.
    Erased,
}

/// The way in. It can be cloned, and used from other tasks.
#[derive(Clone)]
pub struct ServiceHandle(mpsc::Sender<ServiceInput>);

impl ServiceHandle {
    /// Lets somebody talk to the service over a stream. `patience`: how long a line may take to
    /// come or to be read; `None`: as long as it likes. What is returned is done when the
    /// connection is over.
    pub async fn connect(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        patience: Option<Duration>,
    ) -> oneshot::Receiver<()> {
        let (over, is_over) = oneshot::channel();
        // If the service has ended, the connection is over.
        let _ = self.0.send(ServiceInput::Connected { stream: Box::new(stream), patience, over }).await;
        is_over
    }

    /// Lets this process talk to the service.
    pub async fn client(&self) -> EngineClient {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        drop(self.connect(theirs, None).await);
        EngineClient::new(ours)
    }

    /// Asks the service to end.
    pub async fn stop(&self) {
        let _ = self.0.send(ServiceInput::Stop).await;
    }
}

/// A running engine, and the connections that use it.
pub struct EngineService {
    handler: MethodHandler,
    connections: Connections,
    unshown: Unshown,
    inputs: mpsc::Receiver<ServiceInput>,
    /// The requests for invites whose texts are still to be made durable.
    invites: HashMap<InviteId, (u64, Value, RequestPermit)>,
    /// The requests for files that are being read.
    describing: Describing,
    directory: Option<PathBuf>,
    offline: bool,
    held: bool,
    /// Whether something was asked that the profile may have to remember.
    used: bool,
    end: Option<EngineEnd>,
}

impl EngineService {
    /// Makes the service of an engine.
    #[must_use]
    pub fn new(engine: Engine, options: ServiceOptions) -> (Self, ServiceHandle) {
        let (sender, inputs) = mpsc::channel(QUEUE);
        let ServiceOptions { directory, offline, held, stages } = options;
        let service = Self {
            handler: MethodHandler::new(engine, stages),
            connections: Connections::new(sender.clone()),
            unshown: Unshown::default(),
            inputs,
            invites: HashMap::new(),
            describing: Describing::default(),
            directory,
            offline,
            held,
            used: false,
            end: None,
        };
        (service, ServiceHandle(sender))
    }

    /// Serves until it is asked to end, the profile is erased, or the engine cannot go on. What was
    /// changed is durable when it returns.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn run(mut self) -> Result<EngineEnd, EngineError> {
        let mut round = Instant::now();
        let end = loop {
            self.spread();
            if let Some(end) = self.end {
                break end;
            }
            let next_round = round + self.handler.pause();
            tokio::select! {
                // The connections hold a sender.
                Some(input) = self.inputs.recv() => self.take_input(input)?,
                described = self.describing.next() => self.described(described)?,
                happened = self.handler.next(), if !self.offline && !self.held => happened?,
                () = tokio::time::sleep_until(next_round) => {
                    round = Instant::now();
                    self.handler.look_round();
                }
            }
        };
        self.write_out().await;
        let is_unchanged = self.offline && !self.used;
        if end == EngineEnd::Stopped && !is_unchanged {
            drop(self.handler.engine.finish()?);
        }
        Ok(end)
    }

    /// Waits a little until the last answers are written.
    async fn write_out(&mut self) {
        let deadline = Instant::now() + LAST_WRITES;
        while self.connections.are_writing() {
            match timeout_at(deadline, self.inputs.recv()).await {
                Ok(Some(ServiceInput::Written { connection, receipt })) => self.written(connection, receipt),
                Ok(Some(ServiceInput::Lost { connection })) => self.lost(connection),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
            self.connections.pump(&self.unshown);
        }
    }

    /// Tells the news, and hands on what there is room for.
    fn spread(&mut self) {
        while let Some(news) = self.handler.news.pop_front() {
            self.tell(news);
        }
        for connection in self.connections.pump(&self.unshown) {
            self.lost(connection);
        }
    }

    fn tell(&mut self, news: News) {
        match news {
            News::Now { notification, but } => {
                let line = wire::event(&EventParams { number: None, event: notification });
                for connection in
                    self.connections.subscribers().filter(|connection| Some(*connection) != but).collect::<Vec<_>>()
                {
                    self.connections.say(connection, Arc::clone(&line));
                }
            }
            News::Kept { number, notification } => {
                self.keep(number, wire::event(&EventParams { number: Some(number), event: notification }), false);
            }
            News::Standing { number, notification } => {
                self.keep(number, wire::event(&EventParams { number: None, event: notification }), true);
            }
            News::Withdrawn { number } => self.unshown.withdraw(number),
            News::Invite { number, invite, text } => match self.invites.remove(&invite) {
                Some((connection, id, permit)) => {
                    let answer = wire::answer(&id, &serde_json::json!({"invite": invite, "text": text}));
                    self.connections.answer(connection, answer, permit, WriteReceipt::Invite(number));
                }
                // Who asked for it is gone, in this process or one before it, and nobody else can.
                None => self.handler.shown(number),
            },
        }
    }

    fn keep(&mut self, number: u64, line: Arc<str>, sticky: bool) {
        self.unshown.put(number, line, sticky);
        for connection in self.connections.subscribers().collect::<Vec<_>>() {
            let owes = self.connections.taking(connection) == Some(Taking::Acknowledged);
            self.unshown.queue(number, connection, owes);
            self.connections.announce(connection, number);
        }
    }

    fn written(&mut self, connection: u64, receipt: WriteReceipt) {
        self.connections.written(connection);
        match receipt {
            WriteReceipt::Nothing => {}
            WriteReceipt::Event(number) => {
                let takes = self.connections.taking(connection) == Some(Taking::Written);
                if self.unshown.written(number, connection, takes) {
                    self.handler.shown(number);
                }
            }
            WriteReceipt::Invite(number) => self.handler.shown(number),
        }
        if self.connections.is_over(connection) {
            self.lost(connection);
        }
    }

    /// Ends a connection.
    fn lost(&mut self, connection: u64) {
        self.connections.remove(connection);
        self.invites.retain(|_, (asking, _, _)| *asking != connection);
        self.describing.gone(connection);
        self.handler.gone(connection);
        for number in self.unshown.gone(connection) {
            self.handler.shown(number);
        }
    }
}

/// Waits as long; without a time, for ever.
async fn patiently<T>(patience: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    let over = async {
        match patience {
            Some(patience) => sleep(patience).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        done = work => Some(done),
        () = over => None,
    }
}
