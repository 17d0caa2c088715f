//! The unit, as systemd knows it.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::doctor::facts::Unit;

const NAME: &str = "ephemeral-server.service";
/// Where units are, the strongest first (systemd.unit(5)).
const FOLDERS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn installed() -> Unit {
    let file = FOLDERS.iter().map(|folder| Path::new(folder).join(NAME)).find(|path| path.exists());
    let systemd = Path::new("/run/systemd/system").exists();
    // Where systemd runs, it knows the unit with its drop-ins, as it is in force; elsewhere the
    // file is all there is.
    let loaded = systemd.then(|| said_by("systemctl", &["show", "--property=LoadState,FileDescriptorStoreMax", NAME]));
    let loaded = loaded.flatten().filter(|said| said.lines().any(|line| line == "LoadState=loaded"));
    let exposure = match (&loaded, &file) {
        (Some(_), _) => said_by("systemd-analyze", &["security", "--no-pager", NAME]),
        (None, Some(file)) => {
            let file = file.to_string_lossy();
            said_by("systemd-analyze", &["security", "--no-pager", "--offline=true", &file])
        }
        (None, None) => None,
    };
    let exposure = exposure.as_deref().and_then(overall);
    Unit { systemd, exposure, file, kept_files: loaded.as_deref().and_then(kept_files) }
}

/// Returns how many files the manager keeps for the unit over a restart (systemd.service(5),
/// `FileDescriptorStoreMax=`).
fn kept_files(said: &str) -> Option<u32> {
    said.lines().find_map(|line| line.strip_prefix("FileDescriptorStoreMax="))?.trim().parse().ok()
}

/// Returns what a program prints, if there is that program and it answers soon.
fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let mut running = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdout = running.stdout.take()?;
    let reading = std::thread::spawn(move || {
        let mut said = String::new();
        stdout.read_to_string(&mut said).map(|_| said)
    });
    let deadline = Instant::now() + PATIENCE;
    while !reading.is_finished() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    if !reading.is_finished() {
        let _ = running.kill();
    }
    let _ = running.wait();
    reading.join().ok()?.ok()
}

/// Returns the last line: `→ Overall exposure level for ephemeral-server.service: 1.1 OK`.
fn overall(said: &str) -> Option<f32> {
    let (_, rest) = said.split_once("Overall exposure level for")?;
    rest.split_once(": ")?.1.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_files_the_manager_keeps_is_read() {
        assert_eq!(kept_files("LoadState=loaded\nFileDescriptorStoreMax=1\n"), Some(1));
        assert_eq!(kept_files("LoadState=loaded\n"), None);
    }

    #[test]
    fn the_overall_exposure_is_read() {
        let said = "✓ NoNewPrivileges= Service processes cannot acquire new privileges\n\n\
                    → Overall exposure level for ephemeral-server.service: 1.1 OK 🙂\n";
        assert_eq!(overall(said), Some(1.1));
        assert_eq!(overall("Failed to load unit file"), None);
    }
}
