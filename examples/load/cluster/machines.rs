//! The machines of a cluster and its NATS servers, as processes, and what the kernel says of them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ephemeral_test_support::client::private;
use ephemeral_test_support::daemon::Daemon;
use ephemeral_test_support::nats::Trio;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::peer::{LoadClient, Target};
use crate::process::{CONFIG, binary, cpu_us_of, free_address, local, rss_of};

/// Until everything works again after a death, unless something is broken.
const PATIENCE: Duration = Duration::from_secs(60);
/// Until something is looked at again.
const AGAIN: Duration = Duration::from_millis(50);
/// Who only looks whether a machine serves.
const VISITOR: usize = 9_999_999;

/// A figure of each part.
pub(crate) struct Parts {
    pub(crate) active: f64,
    pub(crate) standing: f64,
    pub(crate) nats: f64,
}

/// All of them, killed with this value.
pub(crate) struct Machines {
    pub(crate) nats: Trio,
    machines: Vec<Machine>,
    /// The number of the active one, when it was looked at last.
    active: usize,
    directory: TempDir,
}

struct Machine {
    daemon: Option<Daemon>,
    /// The same after it was started again.
    address: SocketAddr,
    door: Target,
}

impl Machines {
    /// Starts so many machines and three NATS servers, and waits until each machine could take
    /// over, and serves.
    pub(crate) async fn start(count: usize) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let nats = block_in_place(|| Trio::start(directory.path()));
        let mut machines = Self { nats, machines: Vec::new(), active: 0, directory };
        for number in 0..count {
            let address = free_address()?;
            machines.machines.push(Machine { daemon: None, address, door: local(address, false)? });
            machines.begin(number)?;
        }
        machines.are_whole().await?;
        Ok(machines)
    }

    /// Starts a machine that is not there.
    pub(crate) fn begin(&mut self, number: usize) -> Result<()> {
        let folder = self.folder(number);
        std::fs::create_dir_all(&folder)?;
        let secret = folder.join("secret");
        private(&secret, &[1; 32]);
        let nats = self.nats.addresses();
        let configuration = format!(
            "{CONFIG}[cluster]\nnats = {nats}\nnode = \"m{number}\"\nsecret_file = {secret:?}\nlink = \"127.0.0.1:0\"\n"
        );
        let program = binary()?.into_os_string().into_string().ok().context("the program's path is not UTF-8")?;
        let machine = &mut self.machines[number];
        let clearnet = format!("--clearnet={}", machine.address);
        machine.daemon = Some(Daemon::start(&program, &folder, &configuration, &["--no-tor", &clearnet]));
        Ok(())
    }

    /// Kills the active machine. Returns its number.
    pub(crate) fn kill_active(&mut self) -> Result<usize> {
        self.daemon(self.active)?.signal(Signal::KILL);
        self.machines[self.active].daemon = None;
        Ok(self.active)
    }

    /// Stops the active machine as its service manager would, and waits for its end. Returns its
    /// number.
    pub(crate) async fn stop_active(&mut self) -> Result<usize> {
        self.daemon(self.active)?.signal(Signal::TERM);
        if let Some(mut daemon) = self.machines[self.active].daemon.take() {
            let status = daemon.ended().await;
            ensure!(status.success(), "the active machine ended with {status}: {}", daemon.log());
        }
        Ok(self.active)
    }

    /// Waits until each machine serves and has the keys, and each NATS server all entries.
    pub(crate) async fn are_whole(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for number in 0..self.machines.len() {
            while !self.is_whole(number).await? {
                ensure!(Instant::now() < deadline, "machine {number}: {}", self.daemon(number)?.log());
                sleep(AGAIN).await;
            }
        }
        while !block_in_place(|| self.nats.is_current()) {
            ensure!(Instant::now() < deadline, "a NATS server does not catch up");
            sleep(AGAIN).await;
        }
        Ok(())
    }

    /// Returns whether a machine serves and has the keys; notes whether it is the active one.
    async fn is_whole(&mut self, number: usize) -> Result<bool> {
        let folder = self.folder(number);
        let mut asking = Command::new(binary()?);
        asking.env_clear().env("HOME", &folder).arg("--state-dir").arg(folder.join("state"));
        let answer = asking.args(["status", "--json"]).output().await?;
        let figures: Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
        let cluster = &figures["cluster"];
        if cluster["role"] == "active" {
            self.active = number;
        }
        let is_ready = cluster["has_keys"] == true && cluster["active"].is_string();
        Ok(is_ready && LoadClient::connect(&self.machines[number].door, VISITOR, true).await.is_ok())
    }

    /// Returns the number of the active machine, when it was looked at last.
    pub(crate) fn active(&self) -> usize {
        self.active
    }

    /// Returns where people come in, the same as long as the machines are.
    pub(crate) fn doors(&self) -> Vec<Target> {
        self.machines.iter().map(|machine| machine.door.clone()).collect()
    }

    /// Returns the CPU time of the active machine, of the others, and of the NATS servers, in
    /// microseconds.
    pub(crate) fn cpu_us(&self) -> Result<Vec<f64>> {
        let Parts { active, standing, nats } = self.sum(cpu_us_of)?;
        Ok(vec![active, standing, nats])
    }

    /// Returns the resident set of each part, in bytes.
    pub(crate) fn rss(&self) -> Result<Parts> {
        self.sum(rss_of)
    }

    fn sum(&self, of: impl Fn(u32) -> Result<f64>) -> Result<Parts> {
        let mut parts = Parts { active: 0.0, standing: 0.0, nats: 0.0 };
        for number in 0..self.machines.len() {
            let part = if number == self.active { &mut parts.active } else { &mut parts.standing };
            *part += of(self.daemon(number)?.process())?;
        }
        for number in 0..3 {
            parts.nats += of(self.nats.process(number))?;
        }
        Ok(parts)
    }

    fn daemon(&self, number: usize) -> Result<&Daemon> {
        self.machines[number].daemon.as_ref().with_context(|| format!("machine {number} is not there"))
    }

    fn folder(&self, number: usize) -> std::path::PathBuf {
        self.directory.path().join(format!("machine-{number}"))
    }
}
