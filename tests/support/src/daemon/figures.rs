//! What a daemon says of itself, and what the kernel says of it.

use std::fs;

use serde_json::Value;
use tokio::process::Command;

use super::Daemon;

impl Daemon {
    /// Returns the figures that `status --json` gives.
    pub async fn figures(&self) -> Value {
        let mut command = Command::new(&self.program);
        command.env_clear().env("HOME", &self.directory);
        command.arg("--state-dir").arg(self.directory.join("state")).args(["status", "--json"]);
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Returns how often that was noted under `security`.
    pub async fn events(&self, kind: &str) -> u64 {
        let figures = self.figures().await;
        let count = figures.pointer(&format!("/security/counts/{kind}")).and_then(Value::as_u64);
        count.unwrap_or_else(|| panic!("no {kind} in {figures}"))
    }

    /// Returns how many bytes of it are in RAM.
    pub fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }
}
