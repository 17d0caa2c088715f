//! Processes: `tor` itself, and the guardian that ends all of them with the process that booted the
//! network.

use super::BootError;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Ends every process of its group, and removes the directory, once its standard input ends. That
/// happens when the network is dropped and when the process that owns it dies, be it by `kill -9`.
/// The last word it read says whether the directory stays. SIGTERM first, so that nothing writes
/// any more while the directory goes; SIGKILL ends the guardian too.
const GUARDIAN: &str = r#"
trap '' TERM INT HUP
keep=
while read -r word; do keep=$word; done
kill -TERM 0
kill -CONT 0
tries=0
while [ -z "$keep" ] && [ -e "$1" ] && [ $tries -lt 50 ]; do
    rm -rf -- "$1" 2>/dev/null || sleep 0.1
    tries=$((tries + 1))
done
kill -KILL 0
"#;

/// How often a state that has to come is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Looks again and again until `look` finds something, fails, or `limit` has passed: then `None`.
pub(super) fn poll<T>(
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>, BootError>,
) -> Result<Option<T>, BootError> {
    let deadline = Instant::now() + limit;
    loop {
        match look()? {
            Some(found) => return Ok(Some(found)),
            None if Instant::now() >= deadline => return Ok(None),
            None => std::thread::sleep(POLL),
        }
    }
}

/// Returns one of Tor's programs, looked for where Debian installs them too: `/usr/sbin` is in
/// nobody's `PATH` but root's.
pub(super) fn command(program: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.env("PATH", format!("{path}:/usr/bin:/usr/sbin")).stdin(Stdio::null());
    command
}

/// Runs a program to its end with `input`, and returns what it said.
pub(super) fn output(command: &mut Command, input: &str) -> Result<String, BootError> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|source| cannot_run(command, source))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends without reading says why in its output.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(BootError::Program { program: name(command), status: output.status, said })
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn cannot_run(command: &Command, source: io::Error) -> BootError {
    match source.kind() {
        io::ErrorKind::NotFound => BootError::NotInstalled { program: name(command) },
        _ => BootError::Io(source),
    }
}

/// A running `tor`, killed when dropped.
#[derive(Debug)]
pub(super) struct Tor {
    child: Child,
    log: PathBuf,
}

impl Tor {
    /// Starts `tor` on `DIRECTORY/torrc` in the guardian's group. It logs to `DIRECTORY/log`, anew.
    pub(super) fn spawn(directory: &Path, group: i32) -> Result<Self, BootError> {
        let log = directory.join("log");
        let out = File::create(&log)?;
        let mut command = command("tor");
        command.arg("-f").arg(directory.join("torrc")).process_group(group).stderr(out.try_clone()?).stdout(out);
        let child = command.spawn().map_err(|source| cannot_run(&command, source))?;
        Ok(Self { child, log })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns everything that it has logged since it was started.
    pub(super) fn log(&self) -> Result<String, BootError> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }

    /// Checks that the process has not ended by itself; the error has what it logged last.
    pub(super) fn check(&mut self) -> Result<(), BootError> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let log = self.log()?;
        if log.contains("Address already in use") {
            return Err(BootError::PortTaken { log: self.log.clone() });
        }
        let last: Vec<_> = log.lines().rev().take(8).collect();
        let said = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(BootError::Program { program: format!("tor ({})", self.log.display()), status, said })
    }

    /// Waits until `find` sees in the log what it looks for.
    pub(super) fn wait_for<T>(
        &mut self,
        limit: Duration,
        awaited: &'static str,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, BootError> {
        let found = poll(limit, || {
            self.check()?;
            Ok(find(&self.log()?))
        })?;
        found.ok_or_else(|| BootError::TooSlow { awaited, limit, at: self.log.clone() })
    }

    /// Sends a signal by name, as `kill` knows it. (`sh`, because without unsafe code the standard
    /// library cannot.)
    pub(super) fn signal(&self, signal: &str) -> io::Result<ExitStatus> {
        Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal, &self.pid().to_string()]).status()
    }
}

impl Drop for Tor {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process that outlives the owner of the network for as long as it takes to clean up. See
/// [`GUARDIAN`].
#[derive(Debug)]
pub(super) struct Guardian {
    child: Child,
    orders: Mutex<Option<ChildStdin>>,
}

impl Guardian {
    pub(super) fn of(directory: &Path) -> Result<Self, BootError> {
        let mut shell = Command::new("sh");
        // A group of its own: Ctrl-C in the terminal reaches the owner, and not the one that cleans
        // up after it.
        shell.args(["-c", GUARDIAN, "tornet-guardian"]).arg(directory).process_group(0);
        // And no output of the owner's: anyone who reads that would wait for the guardian's end as
        // well.
        let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let orders = Mutex::new(child.stdin.take());
        Ok(Self { child, orders })
    }

    /// Returns the process group that everything else joins.
    pub(super) fn group(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Keeps the directory from now on.
    pub(super) fn keep_directory(&self) {
        if let Some(orders) = &mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner) {
            // A guardian that is gone removes nothing.
            let _ = orders.write_all(b"keep\n");
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.orders.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.child.wait();
    }
}
