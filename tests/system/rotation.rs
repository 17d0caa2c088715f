//! `keys rotate` is cut off at each step by a kill, a full disk and a broken one: the real program,
//! by `strace`, which counts its system calls and tampers with one of them. However it ends, there
//! is one key, a way leads to it from the old address, and nothing is left of a key that was to be
//! forgotten. The first key is made on a full disk, too.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ephemeral_tor::Notice;
use tempfile::TempDir;

use crate::SERVER;

/// All that changes what is on the disk.
const CALLS: &str = "openat,write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,\
                     mkdir,mkdirat,rmdir,fchmod,fchmodat,ftruncate,utimensat";

/// One system call: its name, and which of that name it is, counted from 1.
#[derive(Clone)]
struct Step {
    call: String,
    number: usize,
    /// As `strace` writes it.
    line: String,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}, {}", self.call, self.number, self.line)
    }
}

/// What is done to a step.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The process is killed before it.
    Kill,
    /// It fails with this error.
    Error(&'static str),
}

/// A server's state directory with an old key, as often as it is needed.
struct Rotations {
    place: TempDir,
    old: String,
    more: &'static [&'static str],
    count: usize,
}

/// A copy of the state on which one rotation was tried.
struct Tried {
    state: PathBuf,
    /// Another name for the file of the old key.
    link: PathBuf,
}

impl Rotations {
    fn new(more: &'static [&'static str]) -> Self {
        let mut rotations = Self { place: tempfile::tempdir().unwrap(), old: String::new(), more, count: 0 };
        let first = rotations.place.path().join("first");
        rotations.old = rotations.does(&first, &["address"]);
        rotations
    }

    fn server(&self, state: &Path) -> Command {
        let mut command = Command::new(SERVER);
        command.env_clear().env("HOME", self.place.path()).stdin(Stdio::null()).arg("--state-dir").arg(state);
        command
    }

    /// Returns what a command prints, which has to succeed.
    fn does(&self, state: &Path, arguments: &[&str]) -> String {
        let output = self.server(state).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Rotates on another copy of the state, under `strace`.
    fn tried(&mut self, strace: &[&str]) -> (Tried, Output) {
        self.count += 1;
        let state = self.place.path().join(format!("state-{}", self.count));
        let copied = Command::new("cp").arg("-a").arg(self.place.path().join("first")).arg(&state).status().unwrap();
        assert!(copied.success());
        let link = self.place.path().join(format!("link-{}", self.count));
        fs::hard_link(identity(&state), &link).unwrap();
        let mut command = Command::new("strace");
        command.env_clear().env("HOME", self.place.path()).stdin(Stdio::null());
        command.arg("-o").arg(self.place.path().join("trace")).args(strace).arg(SERVER);
        command.arg("--state-dir").arg(&state).args(["keys", "rotate", "--yes"]).args(self.more);
        let output = command.output().expect("strace is missing: install the package strace");
        (Tried { state, link }, output)
    }

    /// Lists every step of a rotation that nothing goes wrong with, from the first change on.
    fn steps(&mut self) -> Vec<Step> {
        let (tried, output) = self.tried(&[&format!("--trace={CALLS}")]);
        assert!(output.status.success(), "{output:?}");
        let steps = steps_of(&self.place.path().join("trace"));
        let (address, _) = self.whole(&tried, "nothing went wrong");
        assert_ne!(address, self.old);
        steps
    }

    /// Rotates with a fault at one step, and returns what became of it. It has to be whole after
    /// the next command.
    fn faulted(&mut self, step: &Step, fault: Fault) -> (String, bool, Tried) {
        let Step { call, number, line: _ } = step;
        let tampering = match fault {
            Fault::Kill => format!("--inject={call}:signal=KILL:when={number}"),
            Fault::Error(error) => format!("--inject={call}:error={error}:when={number}"),
        };
        let (tried, output) = self.tried(&[&format!("--trace={call}"), &tampering]);
        let what = format!("{fault:?} at {step}: {}", String::from_utf8_lossy(&output.stderr));
        let trace = fs::read_to_string(self.place.path().join("trace")).unwrap();
        assert!(trace.contains("(INJECTED)") || trace.contains("killed by SIGKILL"), "{what}\n{trace}");
        let (address, notices) = self.whole(&tried, &what);
        if address == self.old {
            assert!(!output.status.success(), "{what}");
            assert!(notices.is_empty(), "{what}: nobody is sent away from where the server is");
        } else {
            assert_eq!(notices.last().map(|notice| notice.to()), Some(&*address), "{what}");
            assert_eq!(notices.first().map(|notice| notice.from()), Some(&*self.old), "{what}");
        }
        (address, output.status.success(), tried)
    }

    /// Returns the address after the next command, and the notices that lead there. The key is the
    /// old one or another one.
    fn whole(&self, tried: &Tried, what: &str) -> (String, Vec<Notice>) {
        let before = fs::read_dir(identity(&tried.state).parent().unwrap()).unwrap().count();
        assert!(before > 0, "{what}: there is a key");
        let export = self.place.path().join(format!("export-{}", self.count));
        let address = self.does(&tried.state, &["keys", "export", export.to_str().unwrap()]);
        let notices = Notice::read_file(&tried.state.join(Notice::FILE)).unwrap();
        let bytes = fs::read(&tried.link).unwrap();
        let second_name = tried.state.join("tor/state/keystore/ephemeral.replaced");
        assert!(!second_name.exists(), "{what}: no second name is left");
        assert_eq!(bytes.iter().all(|&byte| byte == 0), address != self.old, "{what}: the bytes of the old key");
        (address, notices)
    }
}

/// Lists what a trace has of changes to what is on the disk.
fn steps_of(trace: &Path) -> Vec<Step> {
    let trace = fs::read_to_string(trace).unwrap();
    let mut counts = BTreeMap::new();
    let mut steps = Vec::new();
    for line in trace.lines() {
        let Some((call, rest)) = line.split_once('(') else { continue };
        let number = counts.entry(call.to_owned()).or_insert(0_usize);
        *number += 1;
        let reads = call == "openat" && !rest.contains("O_CREAT");
        let speaks = call == "write" && (rest.starts_with("1, ") || rest.starts_with("2, "));
        if !reads && !speaks {
            steps.push(Step { call: call.to_owned(), number: *number, line: line.to_owned() });
        }
    }
    assert!(steps.len() > 5, "{trace}");
    steps
}

fn identity(state: &Path) -> PathBuf {
    state.join("tor/state/keystore/hss/ephemeral/ks_hs_id.ed25519_expanded_private")
}

#[test]
fn a_rotation_that_is_killed_before_any_of_its_steps_leaves_a_key_a_way_to_it_and_no_forgotten_bytes() {
    let mut rotations = Rotations::new(&["--forget-old"]);
    let mut moved = 0;
    let steps = rotations.steps();
    for step in &steps {
        let (address, ..) = rotations.faulted(step, Fault::Kill);
        moved += usize::from(address != rotations.old);
    }
    assert!((1..steps.len()).contains(&moved), "some kills came before the new key, and some after: {moved}");
}

#[test]
fn a_rotation_on_a_disk_that_is_full_or_broken_at_any_step_can_be_done_again() {
    let mut rotations = Rotations::new(&["--forget-old"]);
    for step in rotations.steps() {
        let error = if step.call.contains("sync") || step.call.contains("unlink") { "EIO" } else { "ENOSPC" };
        let (address, _, tried) = rotations.faulted(&step, Fault::Error(error));
        let again = rotations.does(&tried.state, &["keys", "rotate", "--yes", "--forget-old"]);
        let notices = Notice::read_file(&tried.state.join(Notice::FILE)).unwrap();
        let way = Notice::way(&notices, &rotations.old);
        assert_eq!(way.last().map(|notice| notice.to()), Some(&*again), "{error} at {step}: {address}");
    }
}

#[test]
fn a_rotation_that_keeps_the_old_key_has_it_aside_whenever_it_is_killed() {
    let mut rotations = Rotations::new(&[]);
    for step in rotations.steps() {
        let (address, _, tried) = rotations.faulted(&step, Fault::Kill);
        let aside = tried.state.join("retired").join(&rotations.old).join("hs_ed25519_secret_key");
        assert!(address == rotations.old || aside.exists(), "{step}");
    }
}

#[test]
fn where_a_first_key_is_made_on_a_full_disk_the_disk_is_named_as_full_and_the_next_try_makes_it() {
    let place = tempfile::tempdir().unwrap();
    let trace = place.path().join("trace");
    let address = |number: usize, strace: &[&str]| {
        let mut command = Command::new("strace");
        command.env_clear().env("HOME", place.path()).stdin(Stdio::null()).arg("-o").arg(&trace).args(strace);
        command.arg(SERVER).arg("--state-dir").arg(place.path().join(number.to_string())).arg("address");
        command.output().expect("strace is missing: install the package strace")
    };
    assert!(address(0, &[&format!("--trace={CALLS}")]).status.success());
    let takes_room = |step: &Step| ["openat", "write", "mkdir"].contains(&step.call.as_str());
    for (number, step) in (1..).zip(steps_of(&trace).into_iter().filter(takes_room)) {
        let Step { call, number: place, .. } = &step;
        let only = format!("--trace={call}");
        let fault = format!("--inject={call}:error=ENOSPC:when={place}");
        let output = address(number, &[&only, &fault]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || said.contains("the disk is full"), "{step}: {said}");
        let again = address(number, &["--trace=none"]);
        assert!(again.status.success(), "{step}: {}", String::from_utf8_lossy(&again.stderr));
    }
}
