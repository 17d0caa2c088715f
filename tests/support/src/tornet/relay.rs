//! One relay of the network: its files, its reserved ports, and the process while it runs.

use super::BootError;
use super::identity::{self, Identity};
use super::process::{Tor, poll};
use super::torrc;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, DirBuilder};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a relay may take from its start until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);

/// Creates a directory of `tor`'s: it refuses one that others can read.
pub(super) fn create_private(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// A port on 127.0.0.1 that is this network's as long as this value lives, whether a relay listens
/// on it or not.
///
/// The socket is bound and never listens. A relay may listen there all the same, because both say
/// `SO_REUSEADDR`; the kernel gives the port to nobody else; and while no relay listens, who
/// connects is refused, as by a machine that is up.
#[derive(Debug)]
pub(super) struct Port {
    _reserved: Socket,
    pub(super) address: SocketAddr,
}

impl Port {
    pub(super) fn reserve() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { _reserved: socket, address })
    }
}

/// A relay, running or not. The directory authorities are relays like the others.
#[derive(Debug)]
pub struct Relay {
    nickname: String,
    directory: PathBuf,
    or_port: Port,
    /// Where an authority serves the directory.
    dir_port: Option<Port>,
    identity: Identity,
    v3_identity: Option<String>,
    group: i32,
    running: Mutex<Option<Tor>>,
}

impl Relay {
    /// Makes the directory and the keys of a relay.
    pub(super) fn prepare(network: &Path, nickname: String, is_authority: bool, group: i32) -> Result<Self, BootError> {
        let directory = network.join(&nickname);
        create_private(&directory.join("keys"))?;
        let or_port = Port::reserve()?;
        let dir_port = is_authority.then(Port::reserve).transpose()?;
        let v3_identity = dir_port.as_ref().map(|port| identity::of_authority(&directory, port.address)).transpose()?;
        let identity = identity::of_relay(&directory, &nickname)?;
        Ok(Self { nickname, directory, or_port, dir_port, identity, v3_identity, group, running: Mutex::new(None) })
    }

    /// Returns what others have to know of it, if it is an authority.
    pub(super) fn as_authority(&self) -> Option<torrc::Authority> {
        Some(torrc::Authority {
            nickname: self.nickname.clone(),
            or_address: self.or_port.address,
            dir_address: self.dir_port.as_ref()?.address,
            identity: self.identity.clone(),
            v3_identity: self.v3_identity.clone()?,
        })
    }

    pub(super) fn write_torrc(&self, authorities: &str, bandwidths: &Path) -> io::Result<()> {
        let own = match &self.dir_port {
            Some(dir_port) => torrc::authority(self.or_port.address, dir_port.address, bandwidths),
            None => torrc::relay(self.or_port.address),
        };
        let common = torrc::common(&self.directory, &self.nickname);
        fs::write(self.directory.join("torrc"), format!("{common}{own}{authorities}"))
    }

    /// Returns its name in the network.
    pub fn nickname(&self) -> &str {
        &self.nickname
    }

    /// Tells whether it is a directory authority.
    pub fn is_authority(&self) -> bool {
        self.dir_port.is_some()
    }

    /// Returns its keys, as others know them.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns where it listens for clients and other relays.
    pub fn address(&self) -> SocketAddr {
        self.or_port.address
    }

    /// Returns the process, if it was started and neither killed nor stopped.
    pub fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(Tor::pid)
    }

    /// Ends the relay as a crash would; its connections are reset.
    pub fn kill(&self) {
        self.running().take();
    }

    /// Freezes the relay: its connections stay, and nothing comes through.
    pub fn pause(&self) -> Result<(), BootError> {
        self.signal("STOP")
    }

    /// Lets a frozen relay go on.
    pub fn resume(&self) -> Result<(), BootError> {
        self.signal("CONT")
    }

    fn signal(&self, signal: &str) -> Result<(), BootError> {
        let running = self.running();
        let tor = running.as_ref().ok_or_else(|| BootError::NotRunning { nickname: self.nickname.clone() })?;
        if tor.signal(signal)?.success() { Ok(()) } else { Err(io::Error::other("kill(1) failed").into()) }
    }

    /// Starts the relay with the keys and at the address it always had, and returns when it
    /// listens.
    pub fn start(&self) -> Result<(), BootError> {
        self.launch()?;
        self.wait_until_it_listens()
    }

    pub(super) fn launch(&self) -> Result<(), BootError> {
        let mut running = self.running();
        // The old process first: it holds the lock of the directory.
        running.take();
        *running = Some(Tor::spawn(&self.directory, self.group)?);
        Ok(())
    }

    pub(super) fn wait_until_it_listens(&self) -> Result<(), BootError> {
        let listens = poll(LISTENS_WITHIN, || {
            self.check()?;
            let last = self.dir_port.as_ref().unwrap_or(&self.or_port);
            Ok(TcpStream::connect(last.address).ok())
        })?;
        let at = self.directory.clone();
        listens.map(drop).ok_or(BootError::TooSlow { awaited: "a relay that listens", limit: LISTENS_WITHIN, at })
    }

    /// Checks that the process has not ended by itself.
    pub(super) fn check(&self) -> Result<(), BootError> {
        self.running().as_mut().map_or(Ok(()), Tor::check)
    }

    /// Returns how many relays are in the consensus that this authority has; none without a
    /// consensus.
    pub(super) fn relays_in_consensus(&self) -> usize {
        let consensus = fs::read_to_string(self.consensus()).unwrap_or_default();
        consensus.lines().filter(|line| line.starts_with("r ")).count()
    }

    /// Lets it begin without a consensus, so that the first one it has is one of relays that run.
    pub(super) fn forget_consensus(&self) {
        for file in [self.consensus(), self.directory.join("cached-consensus")] {
            // There is none before the first start.
            let _ = fs::remove_file(file);
        }
    }

    fn consensus(&self) -> PathBuf {
        self.directory.join("cached-microdesc-consensus")
    }

    fn running(&self) -> MutexGuard<'_, Option<Tor>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
