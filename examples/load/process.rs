//! A server as a child process, and what the kernel says it uses.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// Everything that would refuse a load test's load is out of its way; nothing else differs from the defaults.
const CONFIG: &str = r#"
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
"#;

/// A server that is killed with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) is_floor: bool,
    _directory: TempDir,
}

impl Server {
    /// `ephemeral-server`, from where this example was built, without Tor.
    pub(crate) async fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let config = directory.path().join("load.toml");
        fs::write(&config, CONFIG)?;
        let address = free_address()?;
        let mut command = Command::new(binary()?);
        command.arg("--config").arg(config).arg("--state-dir").arg(directory.path().join("state"));
        command.arg("--no-tor").arg(format!("--clearnet={address}"));
        Self::spawn(command, address, false, directory).await
    }

    /// The floor: this program again.
    pub(crate) async fn floor() -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor").arg(address.to_string());
        Self::spawn(command, address, true, tempfile::tempdir()?).await
    }

    async fn spawn(mut command: Command, address: SocketAddr, is_floor: bool, directory: TempDir) -> Result<Self> {
        let child = command.stdout(Stdio::null()).kill_on_drop(true).spawn().context("cannot start the server")?;
        let mut server = Self { child, address, is_floor, _directory: directory };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("the server does not listen on {address}");
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// CPU that it has used, in microseconds: user and system, all threads (`/proc/PID/task/*/schedstat`).
    pub(crate) fn cpu_us(&self) -> Result<f64> {
        let mut nanoseconds = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid()?))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += text.split(' ').next().context("an empty schedstat")?.parse::<f64>()?;
        }
        Ok(nanoseconds / 1000.0)
    }

    /// Its resident set, in bytes (`/proc/PID/status`: the server is not dumpable, and the exact figures are root's).
    pub(crate) fn rss(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
    }

    fn pid(&self) -> Result<u32> {
        self.child.id().context("the server has ended")
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// `target/PROFILE/examples/load` → `target/PROFILE/ephemeral-server`.
fn binary() -> Result<std::path::PathBuf> {
    let example = std::env::current_exe()?;
    let profile = example.parent().and_then(std::path::Path::parent).context("not in a target directory")?;
    let binary = profile.join("ephemeral-server");
    if !binary.exists() {
        bail!("{} is not there: run `cargo build --release` first", binary.display());
    }
    Ok(binary)
}
