//! A program that `strace` holds in its last system call: all that it does at its end is done, and
//! its memory is still there.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::canary::Canary;
use crate::memory::places_in_memory;

/// How long a program may take to its end.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long it is held there; it is killed before.
const HELD: &str = "inject=exit_group:delay_enter=600s";
/// The number of `exit_group`, on amd64 and elsewhere.
const EXIT_GROUP: &str = if cfg!(target_arch = "x86_64") { "231" } else { "94" };

/// Returns a command as `strace` runs it, which then holds it. `-D`: the program is the caller's
/// child, and strace somebody else.
#[must_use]
pub fn held(command: &Command) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=exit_group", "-e", HELD, "--"]);
    strace.arg(command.get_program()).args(command.get_args()).env_clear();
    strace.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    strace.env("PATH", std::env::var_os("PATH").unwrap());
    strace
}

/// A process that is held and somebody else's child. Killed with this value.
pub struct HeldProcess(
    /// Its number.
    pub u32,
);

impl Drop for HeldProcess {
    fn drop(&mut self) {
        kill(self.0);
    }
}

/// The same as a child, with this value's pipes as its standard input and output.
pub struct HeldProgram {
    /// Its process.
    pub process: Child,
}

impl HeldProgram {
    /// Starts it.
    ///
    /// # Panics
    /// If there is no strace.
    pub fn start(command: &Command) -> Self {
        let mut strace = held(command);
        strace.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self { process: strace.spawn().expect("strace is missing: apt-get install strace") }
    }

    /// Returns its standard input.
    ///
    /// # Panics
    /// If somebody has it already.
    pub fn stdin(&mut self) -> ChildStdin {
        self.process.stdin.take().unwrap()
    }

    /// Returns the lines on its standard output.
    ///
    /// # Panics
    /// If somebody has them already.
    pub fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.process.stdout.take().unwrap()).lines().map_while(Result::ok)
    }

    /// Asks it to end, as a service manager does.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
    }

    /// Does the same as [`has_at_its_end`] for this process.
    pub fn has_at_its_end(&self, canaries: &[(String, Canary)]) -> Vec<String> {
        has_at_its_end(self.process.id(), canaries)
    }
}

impl Drop for HeldProgram {
    fn drop(&mut self) {
        kill(self.process.id());
        let _ = self.process.wait();
    }
}

/// Waits until a process is at its end, and returns which of these are in its memory, in any form.
///
/// # Panics
/// If it does not come to its end, or its memory may not be read.
pub fn has_at_its_end(process: u32, canaries: &[(String, Canary)]) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    while !is_at_its_end(process) {
        assert!(Instant::now() < deadline, "it does not end");
        thread::sleep(Duration::from_millis(20));
    }
    let forms: Vec<(String, Vec<u8>)> = canaries
        .iter()
        .flat_map(|(what, canary)| {
            canary.disguises().into_iter().map(move |(name, form)| (format!("{what}, {name}"), form))
        })
        .collect();
    let wanted: Vec<&[u8]> = forms.iter().map(|(_, form)| form.as_slice()).collect();
    let places = places_in_memory(process, &wanted).expect("root may look");
    let found = forms.into_iter().zip(places).filter(|(_, places)| !places.is_empty());
    found.map(|((what, _), places)| format!("{what} in {}", places.join(" "))).collect()
}

/// Returns whether one of its threads is in the call that ends it.
fn is_at_its_end(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return false };
    let calls = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("syscall")).ok());
    calls.into_iter().any(|call| call.split_whitespace().next() == Some(EXIT_GROUP))
}

/// Returns strace, which traces a process.
fn tracer_of(process: u32) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    Pid::from_raw(tracer.trim().parse().ok()?)
}

/// Kills a process, and strace that holds it: as long as it delays the call, nobody hears of the
/// end.
fn kill(process: u32) {
    let tracer = tracer_of(process);
    let process = Pid::from_raw(process.cast_signed());
    for end in process.into_iter().chain(tracer) {
        let _ = kill_process(end, Signal::KILL);
    }
}
