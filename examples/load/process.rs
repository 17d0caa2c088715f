//! A server as a child process, and what the kernel says it uses.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ephemeral_client::dial::Arti;
use ephemeral_test_support::tornet::{OnionService, TorNetwork};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::peer::{LoadClient, Target};

/// Settings that refuse nothing of a load test's load; nothing else differs from the
/// defaults.
pub(crate) const CONFIG: &str = r#"
[store]
mailbox_messages = 100000
sender_bytes = 1000000000
mailbox_bytes = 1000000000
total_bytes = 4000000000

[limits]
messages_per_minute = 1000000
message_burst = 1000000
unauthenticated = 20000
sessions = 20000
requests_per_minute = 1000000
burst = 1000000
connections_per_peer = 1000000

[onion]
circuits_per_second = 10000
circuit_burst = 1000
"#;
/// The limits as they come, but for the rate and the quota of those who are meant to get through.
const LIMITED: &str = "[store]\nsender_bytes = 1000000000\ntotal_bytes = 1000000000\n\
                       [limits]\nmessages_per_minute = 1000000\nmessage_burst = 1000000\n";

/// A server that is killed with this value.
pub(crate) struct LoadedServer {
    child: Child,
    pub(crate) target: Target,
    /// A program that belongs to it: C tor, where that carries its connections.
    helper: Option<OnionService>,
    /// Where a service manager would listen.
    manager: Option<UnixDatagram>,
    directory: TempDir,
}

impl LoadedServer {
    /// Starts `ephemeral-server`, from where this example was built, without Tor.
    pub(crate) async fn start() -> Result<Self> {
        let address = free_address()?;
        let (mut command, directory) = ours(CONFIG)?;
        command.arg("--no-tor").arg(format!("--clearnet={address}"));
        Self::spawn(command, local(address, false)?, None, directory).await
    }

    /// Starts the same for a service manager that keeps what waits over a restart. It never reads
    /// what it is told.
    pub(crate) async fn surviving() -> Result<Self> {
        let address = free_address()?;
        let (mut command, directory) = ours(CONFIG)?;
        command.arg("--no-tor").arg(format!("--clearnet={address}"));
        let socket = directory.path().join("notify");
        let manager = UnixDatagram::bind(&socket).context("no socket for the server's notices")?;
        command.env("NOTIFY_SOCKET", socket);
        let mut server = Self::spawn(command, local(address, false)?, None, directory).await?;
        server.manager = Some(manager);
        let log = fs::read_to_string(server.directory.path().join("log"))?;
        ensure!(!log.contains("will not survive"), "the server does not keep what waits: {log}");
        Ok(server)
    }

    /// Starts the same with the default limits.
    pub(crate) async fn limited() -> Result<Self> {
        let address = free_address()?;
        let (mut command, directory) = ours(LIMITED)?;
        command.arg("--no-tor").arg(format!("--clearnet={address}"));
        Self::spawn(command, local(address, false)?, None, directory).await
    }

    /// Starts the floor: this program again.
    pub(crate) async fn floor() -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor").arg(address.to_string());
        Self::spawn(command, local(address, true)?, None, tempfile::tempdir()?).await
    }

    /// Starts `ephemeral-server` with the Tor client that is inside it.
    pub(crate) async fn onion(network: &TorNetwork, tor: &Arc<Arti>, vanguards: &str) -> Result<Self> {
        let configuration = format!("{CONFIG}vanguards = \"{vanguards}\"\n{}", network.arti_toml());
        let (command, directory) = ours(&configuration)?;
        let output = command_with(&directory)?.arg("address").output().await?;
        let address = String::from_utf8(output.stdout)?;
        let url = format!("http://{}", address.trim()).parse()?;
        Self::spawn(command, Target { url, tor: Some(Arc::clone(tor)), is_floor: false }, None, directory).await
    }

    /// Starts `ephemeral-server` without Tor, and C tor in front of it.
    pub(crate) async fn behind_c_tor(network: &TorNetwork, tor: &Arc<Arti>) -> Result<Self> {
        let address = free_address()?;
        let service = tokio::task::block_in_place(|| network.start_onion_service(address))?;
        let names = format!("{CONFIG}\n[clearnet]\nserver_names = [\"{}\"]\n", service.address);
        let (mut command, directory) = ours(&names)?;
        command.arg("--no-tor").arg(format!("--clearnet={address}"));
        let url = format!("http://{}", service.address).parse()?;
        let target = Target { url, tor: Some(Arc::clone(tor)), is_floor: false };
        Self::spawn(command, target, Some(service), directory).await
    }

    async fn spawn(
        mut command: Command,
        target: Target,
        helper: Option<OnionService>,
        directory: TempDir,
    ) -> Result<Self> {
        let quiet = Stdio::from(fs::File::create(directory.path().join("log"))?);
        let child = command.stdout(Stdio::null()).stderr(quiet).kill_on_drop(true).spawn();
        let child = child.context("cannot start the server")?;
        let mut server = Self { child, target, helper, manager: None, directory };
        let deadline = Instant::now() + Duration::from_secs(60);
        while LoadClient::connect(&server.target, 9_999_999, true).await.is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("the server does not answer at {}", server.target.url);
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// Returns the CPU time that it has used, in microseconds.
    pub(crate) fn cpu_us(&self) -> Result<f64> {
        let mut microseconds = 0.0;
        for pid in self.pids()? {
            microseconds += cpu_us_of(pid)?;
        }
        Ok(microseconds)
    }

    /// Returns its resident set, in bytes.
    pub(crate) fn rss(&self) -> Result<f64> {
        let mut bytes = 0.0;
        for pid in self.pids()? {
            bytes += rss_of(pid)?;
        }
        Ok(bytes)
    }

    fn pids(&self) -> Result<Vec<u32>> {
        let own = self.child.id().context("the server has ended")?;
        Ok(std::iter::once(own).chain(self.helper.as_ref().map(OnionService::pid)).collect())
    }
}

/// Starts `ephemeral-server` with a configuration, in a directory of its own.
fn ours(configuration: &str) -> Result<(Command, TempDir)> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("load.toml"), configuration)?;
    Ok((command_with(&directory)?, directory))
}

fn command_with(directory: &TempDir) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.arg("--config").arg(directory.path().join("load.toml"));
    command.arg("--state-dir").arg(directory.path().join("state"));
    Ok(command)
}

/// Returns the CPU time that a process has used, in microseconds: user and system, all threads that
/// it has (`/proc/PID/task/*/schedstat`).
pub(crate) fn cpu_us_of(pid: u32) -> Result<f64> {
    let mut nanoseconds = 0.0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().context("an empty schedstat")?.parse::<f64>()?;
    }
    Ok(nanoseconds / 1000.0)
}

/// Returns the resident set of a process, in bytes (`/proc/PID/status`: the server is not dumpable,
/// and the exact figures are root's).
pub(crate) fn rss_of(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

pub(crate) fn local(address: SocketAddr, is_floor: bool) -> Result<Target> {
    Ok(Target { url: format!("http://{address}").parse()?, tor: None, is_floor })
}

pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Finds the server's program: `target/PROFILE/examples/load` → `target/PROFILE/ephemeral-server`.
pub(crate) fn binary() -> Result<std::path::PathBuf> {
    let example = std::env::current_exe()?;
    let profile = example.parent().and_then(std::path::Path::parent).context("not in a target directory")?;
    let binary = profile.join("ephemeral-server");
    if !binary.exists() {
        bail!("{} is not there: run `cargo build --release` first", binary.display());
    }
    Ok(binary)
}
