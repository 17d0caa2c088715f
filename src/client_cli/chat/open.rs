//! Opens or makes the profile, beside the terminal: a passphrase is worth a second of work.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::super::exit::Failure;
use super::super::init::authority;
use super::super::profile::lock_memory;
use super::super::running::RunArgs;
use super::super::socket;
use super::super::words::fl;
use super::link::EngineLink;
use ephemeral_chat::{Opening, OpeningStart};
use ephemeral_client::ServerUrl;
use ephemeral_client::api::Greeting;
use ephemeral_client::engine::Profile;
use ephemeral_client::vault::{Passphrase, Vault};

/// How long an engine that is found may take to say who it is.
const SEARCH: Duration = Duration::from_secs(5);

/// What became of opening the profile, or of the search for an engine.
pub(super) enum OpenedEngine {
    /// This process has an engine, or not.
    Here(Result<EngineLink, Failure>),
    /// Another process has one, or not.
    Elsewhere(Option<(EngineLink, Greeting)>),
}

/// What opens the profile.
pub(super) struct Opener {
    run: RunArgs,
    memory: bool,
    /// At most one is being opened.
    task: JoinSet<Result<(Profile, bool), Failure>>,
    /// At most one search for an engine runs.
    search: JoinSet<Option<(EngineLink, Greeting)>>,
}

impl Opener {
    pub(super) fn new(run: RunArgs, memory: bool) -> Self {
        let mut run = run;
        // Nothing else writes on the screen.
        run.route.quiet = true;
        if memory {
            lock_memory();
        }
        Self { run, memory, task: JoinSet::new(), search: JoinSet::new() }
    }

    /// Returns what is to be asked first, and the engine, if nothing is.
    pub(super) async fn begin(&mut self) -> Result<(OpeningStart, Option<EngineLink>), Failure> {
        if self.memory {
            return Ok((OpeningStart::CreateInMemory, None));
        }
        if let Some(stream) = self.run.profile.running().await? {
            return Ok((OpeningStart::Running, Some(EngineLink::elsewhere(stream))));
        }
        if !Vault::exists(&self.run.profile.directory()?) {
            return Ok((OpeningStart::Create, None));
        }
        if !self.run.profile.passphrase.is_given() {
            return Ok((OpeningStart::Unlock, None));
        }
        let link = self.link(self.run.profile.open()?, true).await?;
        Ok((OpeningStart::Running, Some(link)))
    }

    /// Begins to open or to make the profile.
    pub(super) fn open(&mut self, opening: Opening) {
        let directory = self.run.profile.directory();
        self.task.spawn_blocking(move || {
            let directory = directory?;
            match opening {
                Opening::Unlock(passphrase) => {
                    let passphrase = Passphrase::new(passphrase.to_string())?;
                    Ok((Profile::open(&directory, &passphrase)?, true))
                }
                Opening::Create { passphrase, server, name } => {
                    let server = named(&server)?;
                    let Some(passphrase) = passphrase else {
                        return Ok((Profile::create(None, authority(&server)?, &name)?, false));
                    };
                    let passphrase = Passphrase::new(passphrase.to_string())?;
                    let keep = Some((directory.as_path(), &passphrase));
                    Ok((Profile::create(keep, authority(&server)?, &name)?, true))
                }
            }
        });
    }

    /// Waits for the profile that is being opened, and for the search; for ever, where there is
    /// nothing of the kind. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> OpenedEngine {
        let opened = tokio::select! {
            Some(opened) = self.task.join_next() => opened,
            Some(found) = self.search.join_next() => return OpenedEngine::Elsewhere(found.ok().flatten()),
            else => std::future::pending().await,
        };
        let opened = opened.map_err(|error| Failure::local(fl!("profile-unopened", why = error.to_string())));
        OpenedEngine::Here(match opened.flatten() {
            Ok((profile, is_kept)) => self.link(profile, is_kept).await,
            Err(failure) => Err(failure),
        })
    }

    /// Looks whether another process runs the profile now. One in memory is gone with its process.
    pub(super) fn seek(&mut self) {
        let Ok(directory) = self.run.profile.directory() else { return };
        if self.memory || !self.search.is_empty() {
            return;
        }
        let memory = self.run.profile.memory_socket();
        self.search.spawn(async move { timeout(SEARCH, engine_of(&directory, memory)).await.ok().flatten() });
    }

    /// Runs the engine of a profile, and lets other commands use it.
    async fn link(&self, profile: Profile, is_kept: bool) -> Result<EngineLink, Failure> {
        let directory = self.run.profile.directory()?;
        let kept = is_kept.then(|| directory.clone());
        let mut host = self.run.host(profile, kept, self.run.fetching(), true)?;
        if is_kept {
            host.open_door(&socket::of_directory(&directory))?;
        } else if let Some(path) = self.run.profile.memory_socket() {
            socket::make_folder(&path)?;
            // The one that has it already keeps it.
            if socket::connect(&path).await?.is_none() {
                host.open_door(&path)?;
            }
        }
        Ok(EngineLink::here(host).await)
    }

    /// Erases the profile, whether or not there is an engine to do so.
    pub(super) async fn erase(&mut self, link: Option<EngineLink>) -> Result<(), Failure> {
        self.task.abort_all();
        let directory = self.run.profile.directory();
        // The files first: whatever the engine does, they are gone.
        let erased = match directory {
            Ok(directory) if !self.memory && Vault::exists(&directory) => Vault::erase(&directory).map(drop),
            _ => Ok(()),
        };
        if let Some(link) = link {
            link.erase().await;
        }
        Ok(erased?)
    }
}

/// Connects with the engine of a profile, if one runs and answers.
async fn engine_of(directory: &Path, memory: Option<PathBuf>) -> Option<(EngineLink, Greeting)> {
    let kept = socket::connect(&socket::of_directory(directory)).await.ok().flatten();
    let stream = match (kept, memory) {
        (Some(stream), _) => stream,
        (None, Some(path)) => socket::connect(&path).await.ok().flatten()?,
        (None, None) => return None,
    };
    let mut link = EngineLink::elsewhere(stream);
    let greeting = link.greeting().await.ok()?;
    Some((link, greeting))
}

/// Reads a server's name as it stands in an invite, or as it was written.
fn named(server: &str) -> Result<ServerUrl, Failure> {
    format!("http://{server}").parse().map_err(|error| Failure::usage(format!("{server}: {error}")))
}
