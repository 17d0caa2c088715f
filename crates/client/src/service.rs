//! An engine for several at a time: programs over pipes and sockets, commands, the terminal. Each
//! of them speaks JSON-RPC 2.0, an object a line, over a stream of its own; those in this process
//! do so over a pair of pipes in memory, so that there is one way to everything.
//!
//! [`EngineService::run`] owns the engine and every connection. Whoever wants to talk to it hands a
//! stream to its [`Reception`], and has an [`EngineClient`] at the other end.
//!
//! | file | contents |
//! | --- | --- |
//! | `desk` | carries out methods, turns what happens into notifications |
//! | `describing` | reads the files that are to be sent |
//! | `archive` | the texts of this process |
//! | `unshown` | what came and was not shown, and who has taken it |
//! | `callers` | the connections, and what waits for each |
//! | `pipes` | the tasks that read and write a stream |
//! | `requests` | what comes over a connection |
//! | `wire`, `line` | JSON-RPC; lines with bounds |
//! | `client` | the other end |
//! | `labels`, `refusal` | names, times; why a method did nothing |

mod archive;
mod callers;
mod client;
mod describing;
mod desk;
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
use crate::api::{Taking, Told};
use crate::engine::{Engine, EngineError};
use callers::Callers;
use describing::Describing;
use desk::{Desk, News};
use pipes::{Knock, RequestPermit, WriteReceipt};
use unshown::Unshown;

/// How many knocks wait.
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
pub struct Reception(mpsc::Sender<Knock>);

impl Reception {
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
        let _ = self.0.send(Knock::Come { stream: Box::new(stream), patience, over }).await;
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
        let _ = self.0.send(Knock::Stop).await;
    }
}

/// A running engine, and those who use it.
pub struct EngineService {
    desk: Desk,
    callers: Callers,
    unshown: Unshown,
    knocks: mpsc::Receiver<Knock>,
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
    pub fn new(engine: Engine, options: ServiceOptions) -> (Self, Reception) {
        let (sender, knocks) = mpsc::channel(QUEUE);
        let ServiceOptions { directory, offline, held, stages } = options;
        let service = Self {
            desk: Desk::new(engine, stages),
            callers: Callers::new(sender.clone()),
            unshown: Unshown::default(),
            knocks,
            invites: HashMap::new(),
            describing: Describing::default(),
            directory,
            offline,
            held,
            used: false,
            end: None,
        };
        (service, Reception(sender))
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
            let next_round = round + self.desk.pause();
            tokio::select! {
                // The callers hold a sender.
                Some(knock) = self.knocks.recv() => self.knock(knock)?,
                described = self.describing.next() => self.described(described)?,
                happened = self.desk.next(), if !self.offline && !self.held => happened?,
                () = tokio::time::sleep_until(next_round) => {
                    round = Instant::now();
                    self.desk.look_round();
                }
            }
        };
        self.write_out().await;
        let is_unchanged = self.offline && !self.used;
        if end == EngineEnd::Stopped && !is_unchanged {
            drop(self.desk.engine.finish()?);
        }
        Ok(end)
    }

    /// Waits a little until the last answers are written.
    async fn write_out(&mut self) {
        let deadline = Instant::now() + LAST_WRITES;
        while self.callers.are_writing() {
            match timeout_at(deadline, self.knocks.recv()).await {
                Ok(Some(Knock::Written { caller, receipt })) => self.written(caller, receipt),
                Ok(Some(Knock::Lost { caller })) => self.lost(caller),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
            self.callers.pump(&self.unshown);
        }
    }

    /// Tells the news, and hands on what there is room for.
    fn spread(&mut self) {
        while let Some(news) = self.desk.news.pop_front() {
            self.tell(news);
        }
        for caller in self.callers.pump(&self.unshown) {
            self.lost(caller);
        }
    }

    fn tell(&mut self, news: News) {
        match news {
            News::Now { notification, but } => {
                let line = wire::event(&Told { number: None, event: notification });
                for caller in self.callers.subscribers().filter(|caller| Some(*caller) != but).collect::<Vec<_>>() {
                    self.callers.say(caller, Arc::clone(&line));
                }
            }
            News::Kept { number, notification } => {
                self.keep(number, wire::event(&Told { number: Some(number), event: notification }), false);
            }
            News::Standing { number, notification } => {
                self.keep(number, wire::event(&Told { number: None, event: notification }), true);
            }
            News::Withdrawn { number } => self.unshown.withdraw(number),
            News::Invite { number, invite, text } => match self.invites.remove(&invite) {
                Some((caller, id, permit)) => {
                    let answer = wire::answer(&id, &serde_json::json!({"invite": invite, "text": text}));
                    self.callers.answer(caller, answer, permit, WriteReceipt::Invite(number));
                }
                // Who asked for it is gone, in this process or one before it, and nobody else can.
                None => self.desk.shown(number),
            },
        }
    }

    fn keep(&mut self, number: u64, line: Arc<str>, sticky: bool) {
        self.unshown.put(number, line, sticky);
        for caller in self.callers.subscribers().collect::<Vec<_>>() {
            let owes = self.callers.taking(caller) == Some(Taking::Acknowledged);
            self.unshown.queue(number, caller, owes);
            self.callers.announce(caller, number);
        }
    }

    fn written(&mut self, caller: u64, receipt: WriteReceipt) {
        self.callers.written(caller);
        match receipt {
            WriteReceipt::Nothing => {}
            WriteReceipt::Event(number) => {
                let takes = self.callers.taking(caller) == Some(Taking::Written);
                if self.unshown.written(number, caller, takes) {
                    self.desk.shown(number);
                }
            }
            WriteReceipt::Invite(number) => self.desk.shown(number),
        }
        if self.callers.is_over(caller) {
            self.lost(caller);
        }
    }

    /// Ends a connection.
    fn lost(&mut self, caller: u64) {
        self.callers.remove(caller);
        self.invites.retain(|_, (asking, _, _)| *asking != caller);
        self.describing.gone(caller);
        self.desk.gone(caller);
        for number in self.unshown.gone(caller) {
            self.desk.shown(number);
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
