//! How the facts get known. What cannot be read is left out; nothing is changed, and nothing waits
//! for long.

mod files;
mod kernel;
mod nats;
mod online;
mod process;
mod unit;

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use rustix::process::{Resource, getrlimit, getuid};

use super::facts::{Bind, ClockFacts, Facts, ListenerFacts, Online, SettingsFacts, Tor};
use crate::clock;
use crate::cluster::charter::OwnService;
use crate::config::Config;
use crate::transport::onion_service::{MEMORY_BYTES, Vanguards};
use ephemeral_tor::{Keystore, address_digest};

pub use online::LIMIT as ONLINE_LIMIT;

/// Gathers everything that can be known without the network. `config_file`: the one that was named,
/// if any.
#[must_use]
pub fn offline(config: &Config, config_file: Option<&Path>) -> Facts {
    let mut daemon = process::find(&config.state_dir);
    let listener = config.clearnet.as_ref().map(|settings| settings.listen).filter(|address| address.port() != 0);
    if let (Some(daemon), Some(address)) = (&mut daemon, listener) {
        daemon.health = process::health(address);
    }
    Facts {
        state: files::state(&config.state_dir),
        config_file: config_file.and_then(files::node),
        uid: getuid().as_raw(),
        core_pattern: kernel::core_pattern(),
        memory: kernel::memory(daemon.as_ref().map(|daemon| daemon.pid)),
        clock: ClockFacts {
            now: clock::Clock::System.wall(),
            sync: kernel::sync(),
            consensus: files::consensus(&config.state_dir),
        },
        disk: files::disk(&config.state_dir),
        listener: config.clearnet.as_ref().zip(listener).map(|(settings, address)| ListenerFacts {
            address,
            bind: bind(address),
            tls: settings.tls.is_some(),
            certificate: settings.concerns(clock::Clock::System.wall()),
        }),
        settings: settings(config),
        unit: unit::installed(),
        tor: config.onion.as_ref().map(|onion| Tor {
            address: Keystore::open(&onion.tor, &config.state_dir, &onion.nickname)
                .and_then(|store| store.key())
                .map(|key| key.map(|key| key.address().to_owned()))
                .map_err(|error| error.to_string()),
            online: Online::NotTried,
            own_address: None,
        }),
        cluster: None,
        daemon,
    }
}

/// Adds what only the Tor network can tell. It takes at most [`ONLINE_LIMIT`], and call it within a
/// tokio runtime.
pub async fn online(facts: &mut Facts, config: &Config) {
    let (Some(tor), Some(onion)) = (&mut facts.tor, &config.onion) else { return };
    // Whether the service answers is asked only where one should.
    let own = tor.address.as_ref().ok().and_then(Option::as_ref).filter(|_| facts.daemon.is_some());
    let outcome = online::reach(onion.tor.clone(), own.map(|address| (address.as_str(), onion.port))).await;
    (tor.online, tor.own_address) = match outcome {
        Ok(own_address) => (Online::Reached, own_address),
        Err(error) => (Online::Failed(error), None),
    };
}

/// Adds what the NATS servers and the machines of a cluster tell, in some seconds at most. Call it
/// within a tokio runtime.
pub async fn cluster(facts: &mut Facts, config: &Config) {
    if let Some(cluster) = &config.cluster {
        let own = match facts.tor.as_ref().map(|tor| &tor.address) {
            None => OwnService::Off,
            Some(Ok(Some(address))) => OwnService::Has(address_digest(address)),
            Some(Ok(None) | Err(_)) => OwnService::NotYet,
        };
        facts.cluster = Some(nats::cluster(cluster, config.rules.frame_bytes(), &own).await);
    }
}

fn bind(address: std::net::SocketAddr) -> Bind {
    match TcpListener::bind(address) {
        Ok(_) => Bind::Free,
        Err(error) => match error.kind() {
            ErrorKind::AddrInUse => Bind::InUse,
            ErrorKind::PermissionDenied => Bind::Denied,
            ErrorKind::AddrNotAvailable => Bind::NotHere,
            _ => Bind::Failed(error.to_string()),
        },
    }
}

/// Returns whether sessions of this server's clients are kept with another machine's, or the other
/// way round.
fn is_linked(config: &Config) -> bool {
    let listens = config.cluster.as_ref().is_some_and(|cluster| cluster.link.is_some());
    listens || config.hub.is_some() || config.front.is_some()
}

/// Counts the sessions that there may be: over TCP and from other machines as many as are allowed,
/// over the onion as many as there are streams of circuits.
fn reachable_sessions(config: &Config) -> usize {
    let allowed = config.limits.sessions;
    let comes_otherwise = config.clearnet.is_some() || config.hub.is_some() || config.cluster.is_some();
    match &config.onion {
        Some(onion) if !comes_otherwise => {
            allowed.min(onion.circuits.saturating_mul(onion.streams_per_circuit as usize))
        }
        _ => allowed,
    }
}

pub(in crate::doctor) fn settings(config: &Config) -> SettingsFacts {
    SettingsFacts {
        total_bytes: config.bounds.total_bytes,
        onion_memory_bytes: config.onion.as_ref().map_or(0, |onion| onion.memory_bytes.unwrap_or(MEMORY_BYTES) as u64),
        circuits: config.onion.as_ref().map_or(0, |onion| onion.circuits),
        sessions: config.limits.sessions,
        reachable_sessions: reachable_sessions(config),
        is_linked: is_linked(config),
        unauthenticated: config.limits.unauthenticated,
        messages_per_minute: config.rules.messages_per_minute,
        auth_timeout_s: config.timing.auth_timeout.as_secs(),
        vanguards_lite: config.onion.as_ref().is_some_and(|onion| onion.vanguards == Vanguards::Lite),
        metrics_off_loopback: config.metrics.is_some_and(|metrics| !metrics.listen.ip().to_canonical().is_loopback()),
        location_is_public: config.onion.is_some()
            && config.clearnet.as_ref().is_some_and(|tcp| !tcp.listen.ip().to_canonical().is_loopback()),
        log_filter: config.log_filter.clone(),
        file_limit: getrlimit(Resource::Nofile).maximum,
    }
}
