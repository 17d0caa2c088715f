//! A program under `strace`, which writes down what the program writes to.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::SERVER;

const PATIENCE: Duration = Duration::from_secs(120);

/// Every way to write to a file, or to give it a name.
const CALLS: &str = "trace=open,openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,\
                     splice,truncate,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,mmap,io_uring_setup";

/// The server, killed with this value.
pub(super) struct Traced {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    directory: PathBuf,
}

impl Traced {
    /// Starts the server without Tor, with the most detailed log. Everything it may write is in
    /// `directory`: its state, its log (`stderr`), what it says, and a core dump, which it is
    /// allowed by its surroundings.
    pub(super) fn start(directory: &Path, configuration: &str) -> Self {
        fs::write(directory.join("config.toml"), configuration).unwrap();
        let arguments = ["--no-tor", "--clearnet=127.0.0.1:0", "--log-level", "trace", "--config", "config.toml"];
        let program = [SERVER, "--state-dir", "state"];
        let mut child = spawn(directory, &[&program[..], &arguments[..]].concat());
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdout, directory: directory.to_owned() }
    }

    /// Returns the rest of the next line that begins with `word`. What it says is kept to be
    /// searched.
    pub(super) async fn says(&mut self, word: &str) -> String {
        let line = async {
            while let Some(line) = self.stdout.next_line().await.unwrap() {
                keep(&self.directory, &line);
                if let Some(rest) = line.strip_prefix(word) {
                    return rest.trim().to_owned();
                }
            }
            panic!("it ended without saying {word:?}; is strace allowed here? {}", self.log());
        };
        timeout(PATIENCE, line).await.unwrap_or_else(|_| panic!("it did not say {word:?} in time"))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("stderr")).unwrap_or_default()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Signals again and again.
    pub(super) async fn signal_until_it_ends(&mut self, signal: Signal) {
        while timeout(Duration::from_millis(100), self.child.wait()).await.is_err() {
            self.signal(signal);
        }
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        let status = timeout(PATIENCE, self.child.wait()).await.expect("an end").unwrap();
        while let Ok(Some(line)) = self.stdout.next_line().await {
            keep(&self.directory, &line);
        }
        status
    }

    /// Returns what it did, once all of it is written down.
    pub(super) async fn trace(&self) -> String {
        finished(&self.directory).await
    }
}

fn keep(directory: &Path, line: &str) {
    use std::io::Write as _;
    let mut file = File::options().create(true).append(true).open(directory.join("stdout")).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// Runs a program to its end, and returns what it did.
pub(super) async fn run(directory: &Path, program: &[&str]) -> String {
    let mut child = spawn(directory, program);
    assert!(timeout(PATIENCE, child.wait()).await.expect("an end").unwrap().success());
    finished(directory).await
}

/// Starts the program under strace. `-D`: the program is this process's child, and strace somebody
/// else. `-s 0`: what is written is not written down.
fn spawn(directory: &Path, program: &[&str]) -> Child {
    let mut line = vec!["ulimit -c unlimited 2>/dev/null; exec \"$@\"", "sh"];
    line.extend(["strace", "-D", "-f", "-y", "-s", "0", "-o", "trace", "-e", CALLS, "--"]);
    line.extend(program);
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|path| path.join("strace").exists());
    assert!(found, "strace is missing: apt-get install strace");
    let log = File::options().create(true).append(true).open(directory.join("stderr")).unwrap();
    let mut command = Command::new("sh");
    command.arg("-c").args(line).current_dir(directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    command.kill_on_drop(true).spawn().unwrap()
}

/// Returns whether the last line is that the first process has ended.
async fn finished(directory: &Path) -> String {
    let reading = async {
        loop {
            let trace = fs::read_to_string(directory.join("trace")).unwrap_or_default();
            let first = trace.split_whitespace().next().unwrap_or("-");
            let ends = [format!("{first} +++ exited"), format!("{first} +++ killed")];
            let normal = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            if trace.lines().rev().take(50).any(|line| ends.iter().any(|end| normal(line).starts_with(end.as_str()))) {
                return trace;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, reading).await.expect("the end of the trace")
}

/// Returns the files that were opened for writing, written to, or given a name. Devices, pipes,
/// sockets and what is only in memory are none.
pub(super) fn written_files(trace: &str) -> Vec<PathBuf> {
    let files: BTreeSet<_> = trace.lines().flat_map(of_line).collect();
    let is_file = |path: &&PathBuf| {
        let elsewhere = ["/dev/", "/proc/", "/sys/", "/memfd:"];
        path.is_absolute() && !elsewhere.iter().any(|place| path.to_string_lossy().starts_with(place))
    };
    files.iter().filter(is_file).cloned().collect()
}

/// Returns a line: `708 openat(AT_FDCWD</cwd>, "file", O_WRONLY|O_CREAT, 0666) = 3</cwd/file>`, or
/// half of one.
fn of_line(line: &str) -> Vec<PathBuf> {
    let Some((call, arguments)) = line.split_once('(') else { return Vec::new() };
    let call = call.rsplit(' ').next().unwrap_or_default();
    let directory = between(arguments, '<', '>').unwrap_or("/");
    let named = |text: &str| Path::new(directory).join(text);
    let quoted: Vec<_> = arguments.split('"').skip(1).step_by(2).map(named).collect();
    match call {
        "open" | "openat" | "openat2" | "creat" => {
            let writes =
                call == "creat" || ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| arguments.contains(flag));
            if writes { quoted } else { Vec::new() }
        }
        "rename" | "renameat" | "renameat2" | "link" | "linkat" | "truncate" => quoted,
        "mmap" if !(arguments.contains("MAP_SHARED") && arguments.contains("PROT_WRITE")) => Vec::new(),
        // These name two; the second one is written to.
        "splice" | "copy_file_range" => {
            let to = arguments.split_once('>').and_then(|(_, rest)| between(rest, '<', '>'));
            to.map(PathBuf::from).into_iter().collect()
        }
        "mmap" | "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "ftruncate" | "fallocate" | "sendfile" => {
            between(arguments, '<', '>').map(PathBuf::from).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn between(text: &str, open: char, close: char) -> Option<&str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0)
}
