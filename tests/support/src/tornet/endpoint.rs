//! What people attach to the network with C tor: a client with a SOCKS port, an onion service in
//! front of a local port.

use super::BootError;
use super::process::Tor;
use super::relay::create_private;
use super::torrc;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(90);

/// A C tor client, ended when dropped.
#[derive(Debug)]
pub struct Client {
    tor: Tor,
    /// Its SOCKS5 port.
    pub socks: SocketAddr,
}

impl Client {
    pub(super) fn start(directory: &Path, authorities: &str, group: i32) -> Result<Self, BootError> {
        let mut tor = spawn(directory, "client", &torrc::client(), authorities, group)?;
        let socks = tor.wait_for(WITHIN, "a SOCKS port", |log| {
            let (_, rest) = log.split_once("Opened Socks listener connection (ready) on ")?;
            rest.lines().next()?.trim().parse().ok()
        })?;
        tor.wait_for(WITHIN, "a client that is bootstrapped", bootstrapped)?;
        Ok(Self { tor, socks })
    }

    /// Returns the number of its process.
    pub fn pid(&self) -> u32 {
        self.tor.pid()
    }
}

/// A C tor onion service, ended when dropped.
#[derive(Debug)]
pub struct OnionService {
    tor: Tor,
    /// Its name, with `.onion`. The port is 80.
    pub address: String,
}

impl OnionService {
    /// Starts a service. `keys`: a directory, in which it makes a key if there is none.
    pub(super) fn start(
        directory: &Path,
        keys: &Path,
        forward_to: SocketAddr,
        authorities: &str,
        group: i32,
    ) -> Result<Self, BootError> {
        let mut tor = spawn(directory, "service", &torrc::onion_service(keys, forward_to), authorities, group)?;
        tor.wait_for(WITHIN, "an onion service that is bootstrapped", bootstrapped)?;
        tor.wait_for(WITHIN, "an onion service whose descriptors are uploaded", uploaded)?;
        let address = fs::read_to_string(keys.join("hostname"))?.trim().to_owned();
        Ok(Self { tor, address })
    }

    /// Returns the number of its process.
    pub fn pid(&self) -> u32 {
        self.tor.pid()
    }
}

fn spawn(directory: &Path, nickname: &str, own: &str, authorities: &str, group: i32) -> Result<Tor, BootError> {
    create_private(directory)?;
    let common = torrc::common(directory, nickname);
    fs::write(directory.join("torrc"), format!("{common}{own}{authorities}"))?;
    Tor::spawn(directory, group)
}

fn bootstrapped(log: &str) -> Option<()> {
    log.contains("Bootstrapped 100%").then_some(())
}

/// Checks that every upload is done. There are two descriptors, of this period and of the next,
/// each for several relays; which one a client asks for depends on its clock. So all uploads of
/// both have to be done.
fn uploaded(log: &str) -> Option<()> {
    let begun = log.matches("initiated upload request").count();
    let done = log.matches("Uploading hidden service descriptor: finished with status 200").count();
    let both = ["current", "next"].map(|which| log.contains(&format!("Initiating upload for hidden service {which}")));
    (both == [true, true] && done >= begun).then_some(())
}
