//! A command that runs on and on and prints one JSON object a line, as `ephemeral recv --json`
//! does.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long something may take that has to happen, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(240);

/// What was printed, and a bell for more.
type Printed = Arc<(Mutex<Vec<Value>>, Condvar)>;

/// A process and what it printed. Killed with this value.
pub struct Follower {
    process: Child,
    printed: Printed,
    reader: Option<JoinHandle<()>>,
}

impl Follower {
    /// Starts a command.
    pub fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let printed = Printed::default();
        let shared = Arc::clone(&printed);
        let reader = thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                shared.0.lock().unwrap().push(serde_json::from_str(&line).unwrap());
                shared.1.notify_all();
            }
        });
        Self { process, printed, reader: Some(reader) }
    }

    /// Waits until something was printed of which this is true, and returns it.
    pub fn until(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut printed = self.printed.0.lock().unwrap();
        loop {
            if let Some(found) = printed.iter().find(|value| is_it(value)) {
                return found.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} within {PATIENCE:?}: {:?}", *printed);
            printed = self.printed.1.wait_timeout(printed, left).unwrap().0;
        }
    }

    /// Returns what was printed so far.
    pub fn printed(&self) -> Vec<Value> {
        self.printed.0.lock().unwrap().clone()
    }

    /// Ends it as a service manager does, and returns all that it printed.
    pub fn stop(mut self) -> Vec<Value> {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status:?}");
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.printed()
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
