//! A disk that is slow for one process: `strace` holds up each of its calls that concern files.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// What is held up. `write` is not among them: sockets have it, too. A program that writes a file
/// opens it, and forces it to the disk or gives it a name afterwards.
const CALLS: &str =
    "openat,pread64,pwrite64,pwritev,fsync,fdatasync,sync_file_range,ftruncate,renameat,renameat2,unlinkat,mkdirat";
/// For how long, in microseconds: a worn disk, or one that somebody else is writing to.
const DELAY: u32 = 400_000;

/// A process whose disk is slow for as long as this value is there.
pub struct SlowDisk {
    strace: Child,
    trace: PathBuf,
}

impl SlowDisk {
    /// Makes the disk of a process slow. `trace`: a file for what is held up.
    pub fn of(process: u32, trace: &Path) -> Self {
        let mut command = Command::new("strace");
        command.args(["-f", "-q", "-y", "-p", &process.to_string(), "-o"]).arg(trace);
        command.args(["-e", &format!("trace={CALLS}"), "-e", &format!("inject={CALLS}:delay_enter={DELAY}")]);
        let _ = fs::remove_file(trace);
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let strace = spawned.expect("strace is missing: install the package strace");
        let mut disk = Self { strace, trace: trace.to_owned() };
        disk.wait_until_attached(process);
        disk
    }

    /// Waits until each thread of the process is watched.
    fn wait_until_attached(&mut self, process: u32) {
        let begun = std::time::Instant::now();
        let tracer = self.strace.id().to_string();
        let is_traced = |task: fs::DirEntry| {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            status.lines().filter_map(|line| line.strip_prefix("TracerPid:")).all(|traced| traced.trim() == tracer)
        };
        let tasks = || fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        while !tasks().all(is_traced) {
            if self.strace.try_wait().unwrap().is_some() {
                let said = BufReader::new(self.strace.stderr.take().unwrap()).lines().map_while(Result::ok);
                panic!("strace watches nobody: {}", said.collect::<Vec<_>>().join("\n"));
            }
            assert!(begun.elapsed().as_secs() < 20, "strace does not begin");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Returns how many calls that concern this folder have been held up until now.
    pub fn held_up(&self, folder: &Path) -> usize {
        let Ok(trace) = File::open(&self.trace) else { return 0 };
        let folder = folder.to_str().unwrap();
        BufReader::new(trace).lines().map_while(Result::ok).filter(|line| line.contains(folder)).count()
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        // It lets go of the process, which goes on.
        let _ = kill_process(Pid::from_child(&self.strace), Signal::TERM);
        let _ = self.strace.wait();
    }
}
