//! The engine that carries out methods for a command: one that runs already, by its socket, or else
//! one in this process for as long as the command takes. Commands see no difference.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::exit::{Exit, Failure, say};
use super::profile::{ProfileArgs, moved};
use super::route::book_path;
use super::socket::{self, SocketDoor};
use super::words::{files, fl, said};
use ephemeral_client::api::{Hello, Method, MethodError, Panic};
use ephemeral_client::engine::{Engine, EngineError, Fetching, Isolate};
use ephemeral_client::moved::Book;
use ephemeral_client::service::{
    ClientError, EngineClient, EngineEnd, EngineService, ServiceHandle, ServiceOptions, refusal,
};
use ephemeral_client::{Dial, DialError, ServerUrl};

/// How long an engine may take to answer: it may be reading a large file on a slow disk.
const ANSWER: Duration = Duration::from_secs(120);
/// How long an engine may take to end that has nothing any more.
const LAST_WORD: Duration = Duration::from_secs(2);

/// The engine of this process.
pub(super) struct Host {
    pub(super) service: ServiceHandle,
    task: JoinSet<Result<EngineEnd, EngineError>>,
    /// The socket by which other commands use it, too.
    door: Option<SocketDoor>,
}

impl Host {
    /// Runs an engine.
    pub(super) fn new(engine: Engine, options: ServiceOptions) -> Self {
        let (engine_service, service) = EngineService::new(engine, options);
        let mut task = JoinSet::new();
        task.spawn(engine_service.run());
        Self { service, task, door: None }
    }

    /// Lets other commands use it.
    pub(super) fn open_door(&mut self, path: &std::path::Path) -> Result<(), Failure> {
        self.door = Some(SocketDoor::open(path, self.service.clone())?);
        Ok(())
    }

    /// Waits until the engine ends, and says why.
    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        match self.task.join_next().await {
            Some(Ok(Ok(EngineEnd::Stopped))) | None => Ok(()),
            Some(Ok(Ok(EngineEnd::Erased))) => Err(Failure::new(Exit::Storage, fl!("engine-erased"))),
            Some(Ok(Err(error))) => Err(error.into()),
            Some(Err(error)) => Err(EngineError::Task(error.to_string()).into()),
        }
    }

    /// Ends the engine. Everything is durable when this returns.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        drop(self.door.take());
        self.service.stop().await;
        self.ended().await
    }
}

/// An engine, here or in another process.
pub(super) struct Reached {
    pub(super) client: EngineClient,
    pub(super) host: Option<Host>,
}

impl Reached {
    /// Uses the engine of this process.
    pub(super) async fn here(host: Host) -> Self {
        Self { client: host.service.client().await, host: Some(host) }
    }

    pub(super) fn is_elsewhere(&self) -> bool {
        self.host.is_none()
    }

    /// Calls a method.
    pub(super) async fn call<M: Method>(&mut self, method: M) -> Result<M::Answer, Failure> {
        let answer = timeout(ANSWER, self.client.call(method)).await.map_err(|_| {
            Failure::new(Exit::Unreachable, fl!("engine-silent", seconds = ANSWER.as_secs().to_string()))
        })?;
        self.explained(answer).await
    }

    /// Says that an event was shown.
    pub(super) async fn shown(&mut self, number: u64) -> Result<(), Failure> {
        let said = self.client.shown(number).await;
        self.explained(said).await
    }

    /// Returns what is told next, or says why nothing is told any more.
    pub(super) async fn explained<T>(&mut self, outcome: Result<T, ClientError>) -> Result<T, Failure> {
        match (outcome, &mut self.host) {
            (Ok(value), _) => Ok(value),
            (Err(ClientError::Refused(error)), _) => Err(error.into()),
            // The engine knows better why it ended.
            (Err(_), Some(host)) => {
                host.ended().await?;
                Err(Failure::local(fl!("engine-ended")))
            }
            (Err(error), None) => Err(error.into()),
        }
    }

    /// Lets everything that was said take effect, and ends the engine if it is this process's.
    pub(super) async fn finish(mut self) -> Result<(), Failure> {
        // One connection's requests are carried out in their order.
        self.call(Hello {}).await?;
        match self.host {
            Some(host) => host.stop().await,
            None => Ok(()),
        }
    }
}

impl ProfileArgs {
    /// Connects with the engine that has this profile, if one runs.
    pub(super) async fn running(&self) -> Result<Option<tokio::net::UnixStream>, Failure> {
        let kept = socket::connect(&socket::of_directory(&self.directory()?)).await?;
        match (kept, self.memory_socket()) {
            (Some(stream), _) => Ok(Some(stream)),
            (None, Some(path)) => socket::connect(&path).await,
            (None, None) => Ok(None),
        }
    }

    /// Returns where the socket is of a profile in memory that has this name.
    pub(super) fn memory_socket(&self) -> Option<PathBuf> {
        socket::of_memory(self.name())
    }

    /// Finds the engine that carries out methods, without a connection to a server.
    pub(super) async fn reach(&self) -> Result<Reached, Failure> {
        if let Some(stream) = self.running().await? {
            return Ok(Reached { client: EngineClient::new(stream), host: None });
        }
        let engine = Engine::new(self.open()?, Box::new(NoWay), Book::open(&book_path()?)?, Fetching::NONE)?;
        if let Some(note) = moved(&engine) {
            say(&note);
        }
        let options = ServiceOptions { directory: Some(self.directory()?), offline: true, ..ServiceOptions::default() };
        Ok(Reached::here(Host::new(engine, options)).await)
    }

    /// Calls one method.
    pub(super) async fn ask<M: Method>(&self, method: M) -> Result<M::Answer, Failure> {
        let mut reached = self.reach().await?;
        let answer = reached.call(method).await;
        // A refusal is what the person has to know.
        let finished = reached.finish().await;
        let answer = answer?;
        finished?;
        Ok(answer)
    }
}

/// Ends an engine whose profile was erased. It ends by itself when it writes next: this only makes
/// it forget sooner.
pub(super) async fn end_erased(running: Option<tokio::net::UnixStream>) {
    if let Some(stream) = running {
        let mut client = EngineClient::new(stream);
        let _ = timeout(LAST_WORD, client.call(Panic {})).await;
    }
}

/// Leads nowhere: an engine that dials nothing has it.
struct NoWay;

impl Isolate for NoWay {
    fn isolated(&self, _: &ServerUrl) -> Result<Arc<dyn Dial>, DialError> {
        Err(DialError::Tcp(io::ErrorKind::NotConnected.into()))
    }
}

impl From<MethodError> for Failure {
    fn from(error: MethodError) -> Self {
        let exit = match error.code {
            refusal::USAGE => Exit::Usage,
            refusal::REFUSED => Exit::Refused,
            refusal::NOT_NOW => Exit::NotNow,
            refusal::DATA => Exit::Data,
            refusal::NO_SUCH_NAME => Exit::NoSuchName,
            refusal::STORAGE => Exit::Storage,
            refusal::IN_USE => Exit::InUse,
            refusal::PASSPHRASE => Exit::Passphrase,
            _ => Exit::Local,
        };
        Self::new(exit, said::explained(&error.message, error.reason.as_ref()))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(error) => error.into(),
            ClientError::Ended => Self::local(fl!("engine-gone")),
            ClientError::Broken(error) => Self::local(fl!("engine-broken", why = files::system(&error))),
            ClientError::Strange(why) => Self::local(fl!("engine-other-version", why = why)),
        }
    }
}
