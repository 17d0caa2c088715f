//! A private Tor network on 127.0.0.1, from Debian's `tor` package: 3 directory authorities and 12
//! relays, in about 20 s.
//!
//! It needs no Internet and lets nothing out. However the process that booted it ends, the network
//! ends with it.

mod endpoint;
mod identity;
mod process;
mod relay;
mod torrc;

pub use endpoint::{Client, OnionService};
pub use identity::Identity;
pub use relay::Relay;

use process::{Guardian, poll};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fs, io, thread};

const AUTHORITIES: usize = 3;
/// With 12 ordinary relays 20 clients at once connect in 1.4 s; with 5 they need a minute, or never
/// do.
const ORDINARY_RELAYS: usize = 12;
/// How many relays a complete consensus lists.
pub const RELAYS: usize = AUTHORITIES + ORDINARY_RELAYS;

/// Two votes are enough on an idle machine. On one that is compiling several things at once some
/// fail for being late.
const CONSENSUS_WITHIN: Duration = Duration::from_secs(180);
/// What the relays need, from their start, to have told the authorities of themselves.
const READY_TO_VOTE: Duration = Duration::from_secs(5);
/// How often a network that lost a port to another program is made anew.
const ATTEMPTS: usize = 3;

/// Why there is no network, or no more of it.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A program is not there.
    #[error("cannot find the program `{program}`. It comes with Debian's package tor: apt-get install tor")]
    NotInstalled {
        /// Its name.
        program: String,
    },
    /// A program has failed.
    #[error("{program} ended ({status}):\n{said}")]
    Program {
        /// Its name.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// Its last words.
        said: String,
    },
    /// A relay cannot listen.
    #[error("another program took a port of the network ({log})")]
    PortTaken {
        /// Where it says so.
        log: PathBuf,
    },
    /// Something that has to come does not.
    #[error("no {awaited} within {limit:?}; see {at}")]
    TooSlow {
        /// What it is.
        awaited: &'static str,
        /// How long it was waited for.
        limit: Duration,
        /// Where there may be a reason.
        at: PathBuf,
    },
    /// A file of Tor's is not as it was in the versions that are known.
    #[error("{path} does not read as expected: is this a newer tor?")]
    Unreadable {
        /// Which file.
        path: PathBuf,
    },
    /// Somebody's files are where the network was to be.
    #[error("{path} has something in it already, and the network's directory is removed in the end")]
    DirectoryInUse {
        /// The directory.
        path: PathBuf,
    },
    /// A signal is for a relay that has no process.
    #[error("relay {nickname} is not running")]
    NotRunning {
        /// Its name.
        nickname: String,
    },
    /// The system has refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The network. Dropping it ends its processes and removes its directory, which stays only if the
/// thread is panicking.
#[derive(Debug)]
pub struct TorNetwork {
    relays: Vec<Relay>,
    /// Stands below the relays, so that it is dropped after them: it removes what they wrote.
    guardian: Guardian,
    directory: PathBuf,
    authorities: String,
    arti_toml: String,
    endpoints: AtomicUsize,
}

impl TorNetwork {
    /// Makes a network in a directory that is new or empty, starts it, and returns when all its
    /// relays can be used.
    pub fn boot(directory: impl Into<PathBuf>) -> Result<Self, BootError> {
        let directory = directory.into();
        let mut attempt = 1;
        loop {
            let network = Self::prepare(&directory)?;
            match network.start() {
                Ok(()) => return Ok(network),
                Err(BootError::PortTaken { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(network.abandoned(error)),
            }
        }
    }

    /// Makes keys and configurations, so that [`Self::arti_toml`] is known, and starts nothing.
    pub fn prepare(directory: impl AsRef<Path>) -> Result<Self, BootError> {
        relay::create_private(directory.as_ref())?;
        // Tor wants absolute paths.
        let directory = directory.as_ref().canonicalize()?;
        if fs::read_dir(&directory)?.next().is_some() {
            return Err(BootError::DirectoryInUse { path: directory });
        }
        let guardian = Guardian::of(&directory)?;
        let relays = prepare_relays(&directory, guardian.group())?;
        let known: Vec<_> = relays.iter().filter_map(Relay::as_authority).collect();
        let authorities = torrc::authorities(&known);
        let bandwidths = directory.join("bandwidths");
        fs::write(&bandwidths, torrc::bandwidths(relays.iter().map(Relay::identity)))?;
        for relay in &relays {
            relay.write_torrc(&authorities, &bandwidths)?;
        }
        let arti_toml = torrc::arti(&known);
        Ok(Self { relays, guardian, directory, authorities, arti_toml, endpoints: AtomicUsize::new(0) })
    }

    /// Starts the network, for the first time or again, and returns when all its relays can be
    /// used.
    pub fn start(&self) -> Result<(), BootError> {
        self.start_reporting(|_| ())
    }

    /// Does what [`Self::start`] does, and tells what it waits for.
    pub fn start_reporting(&self, mut progress: impl FnMut(&str)) -> Result<(), BootError> {
        wait_out_a_vote(&mut progress);
        let (authorities, others) = self.relays.split_at(AUTHORITIES);
        for authority in authorities {
            authority.forget_consensus();
            authority.launch()?;
        }
        // A relay tells an authority of itself once, at its start; the next time is too late.
        authorities.iter().try_for_each(Relay::wait_until_it_listens)?;
        progress(&format!("{AUTHORITIES} directory authorities listen"));
        others.iter().try_for_each(Relay::launch)?;
        others.iter().try_for_each(Relay::wait_until_it_listens)?;
        progress(&format!("{} relays listen; waiting for the authorities to vote", others.len()));
        let mut told = 0;
        let complete = poll(CONSENSUS_WITHIN, || {
            self.relays.iter().try_for_each(Relay::check)?;
            let listed = self.relays_in_consensus();
            if listed != told {
                progress(&format!("the consensus lists {listed} of {RELAYS} relays"));
                told = listed;
            }
            Ok((listed == RELAYS).then_some(()))
        })?;
        let limit = CONSENSUS_WITHIN;
        let at = self.directory.clone();
        complete.ok_or(BootError::TooSlow { awaited: "consensus that lists all relays", limit, at })
    }

    /// Stops the network: connections to a relay are refused. [`Self::start`] brings it back as it
    /// was.
    pub fn stop(&self) {
        self.relays.iter().for_each(Relay::kill);
    }

    /// Returns the `[tor]` table of the daemon's and the client's configuration file that leads
    /// them into this network.
    pub fn arti_toml(&self) -> &str {
        &self.arti_toml
    }

    /// Returns that table itself.
    pub fn tor_table(&self) -> toml::Table {
        let file = self.arti_toml.parse::<toml::Table>();
        match file.ok().and_then(|mut file| file.remove("tor")) {
            Some(toml::Value::Table(table)) => table,
            _ => panic!("no [tor] table"),
        }
    }

    /// Returns all relays, the authorities first: they carry circuits as well.
    pub fn relays(&self) -> &[Relay] {
        &self.relays
    }

    /// Returns how many relays every authority's consensus lists.
    pub fn relays_in_consensus(&self) -> usize {
        let authorities = self.relays.iter().filter(|relay| relay.is_authority());
        authorities.map(Relay::relays_in_consensus).min().unwrap_or(0)
    }

    /// Returns a C tor client that is ready to be used.
    pub fn start_client(&self) -> Result<Client, BootError> {
        Client::start(&self.endpoint("client"), &self.authorities, self.guardian.group())
    }

    /// Returns a C tor onion service that can be reached, and passes what comes to its port 80 on
    /// to `forward_to`.
    pub fn start_onion_service(&self, forward_to: SocketAddr) -> Result<OnionService, BootError> {
        let directory = self.endpoint("service");
        let keys = directory.join("service");
        OnionService::start(&directory, &keys, forward_to, &self.authorities, self.guardian.group())
    }

    /// Returns the same with a key that is there already, in a `HiddenServiceDir`.
    pub fn start_onion_service_with(&self, keys: &Path, forward_to: SocketAddr) -> Result<OnionService, BootError> {
        let directory = self.endpoint("service");
        OnionService::start(&directory, keys, forward_to, &self.authorities, self.guardian.group())
    }

    fn endpoint(&self, kind: &str) -> PathBuf {
        self.directory.join(format!("{kind}{}", self.endpoints.fetch_add(1, Ordering::Relaxed)))
    }

    /// Returns where the network lives, logs included.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Lets the directory stay when the network ends, for someone to read the logs.
    #[allow(clippy::print_stderr)]
    pub fn keep_directory(&self) {
        self.guardian.keep_directory();
        eprintln!("the private Tor network's logs stay in {}", self.directory.display());
    }

    fn abandoned(self, error: BootError) -> BootError {
        self.keep_directory();
        error
    }
}

impl Drop for TorNetwork {
    fn drop(&mut self) {
        if thread::panicking() {
            self.keep_directory();
        }
    }
}

/// Returns a directory below `parent` for a network; new with every call.
pub fn scratch_directory(parent: &Path) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let started = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    parent.join(format!("tornet-{}-{started}-{count}", std::process::id()))
}

/// Returns how long it is until the time period of the onion services ends.
///
/// In a network without a shared random value Arti publishes for the period that is now, and not
/// for the next. So a service is not found by those who know that the period has ended before it
/// does: who has just come, for up to a minute.
pub fn time_period_ends_in() -> Duration {
    let period = Duration::from_secs(torrc::TIME_PERIOD);
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let since_one_began = since_epoch.saturating_sub(Duration::from_secs(torrc::TIME_PERIOD_BEGINS));
    period - Duration::from_nanos((since_one_began.as_nanos() % period.as_nanos()) as u64)
}

/// Makes the relays' keys, which takes a second of computing each, on all cores.
fn prepare_relays(directory: &Path, group: i32) -> Result<Vec<Relay>, BootError> {
    // One network after the other.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let prepare_some = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)).take_while(|i| *i < RELAYS);
        let prepare = |i| {
            let is_authority = i < AUTHORITIES;
            let nickname = format!("{}{i}", if is_authority { "authority" } else { "relay" });
            Relay::prepare(directory, nickname, is_authority, group).map(|relay| (i, relay))
        };
        numbers.map(prepare).collect::<Result<Vec<_>, _>>()
    };
    let mut relays = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(prepare_some)).collect();
        for worker in workers {
            relays.extend(worker.join().map_err(|_| io::Error::other("a thread panicked"))??);
        }
        Ok::<_, BootError>(())
    })?;
    relays.sort_by_key(|(i, _)| *i);
    Ok(relays.into_iter().map(|(_, relay)| relay).collect())
}

/// Waits out the moment of a vote. Who starts shortly before it would miss most relays, and the
/// next one is 20 s later.
fn wait_out_a_vote(progress: &mut impl FnMut(&str)) {
    let interval = Duration::from_secs(torrc::FIRST_VOTING_INTERVAL);
    let vote = interval - Duration::from_secs(torrc::VOTE_BEFORE_INTERVAL_ENDS);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let into_interval = Duration::from_nanos((now.as_nanos() % interval.as_nanos()) as u64);
    let Some(left) = vote.checked_sub(into_interval) else { return };
    if left < READY_TO_VOTE {
        progress("waiting for a better moment to start: votes are cast by the clock");
        thread::sleep(left);
    }
}
