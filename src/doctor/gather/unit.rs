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
    Unit { systemd: Path::new("/run/systemd/system").exists(), exposure: file.as_deref().and_then(exposure), file }
}

/// What `systemd-analyze` thinks of it, if there is that program and it answers soon.
fn exposure(file: &Path) -> Option<f32> {
    let mut analyze = Command::new("systemd-analyze")
        .args(["security", "--no-pager", "--offline=true"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdout = analyze.stdout.take()?;
    let reading = std::thread::spawn(move || {
        let mut said = String::new();
        stdout.read_to_string(&mut said).map(|_| said)
    });
    let deadline = Instant::now() + PATIENCE;
    while !reading.is_finished() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    if !reading.is_finished() {
        let _ = analyze.kill();
    }
    let _ = analyze.wait();
    overall(&reading.join().ok()?.ok()?)
}

/// The last line: `→ Overall exposure level for ephemeral-server.service: 1.1 OK`.
fn overall(said: &str) -> Option<f32> {
    let (_, rest) = said.split_once("Overall exposure level for")?;
    rest.split_once(": ")?.1.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overall_exposure_is_read() {
        let said = "✓ NoNewPrivileges= Service processes cannot acquire new privileges\n\n\
                    → Overall exposure level for ephemeral-server.service: 1.1 OK 🙂\n";
        assert_eq!(overall(said), Some(1.1));
        assert_eq!(overall("Failed to load unit file"), None);
    }
}
