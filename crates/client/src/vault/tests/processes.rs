//! Other processes, kills and full disks, real ones: util-linux's `flock` and `unshare`, `strace`,
//! and the age program.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use super::*;

/// System calls of one name in one commit, at most.
const MOST_CALLS: usize = 50;
/// Set in a process of its own that runs one of these tests: where.
const CHILD: &str = "EPHEMERAL_TEST_VAULT";

#[test]
fn a_second_process_is_told_which_one_has_the_vault() {
    let (_parent, directory) = place();
    drop(Vault::create(&directory, &right(), b"one").unwrap());
    // It takes the lock as this program does, and writes down its id, until its input ends.
    let mut other = Command::new("flock")
        .arg(directory.join(lock::FILE))
        .args(["sh", "-c", "printf %s $$ > \"$0\"; echo $$; read line"])
        .arg(directory.join(lock::FILE))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("flock: install util-linux");
    let mut id = String::new();
    BufReader::new(other.stdout.take().unwrap()).read_line(&mut id).unwrap();
    let expected: u32 = id.trim().parse().unwrap();
    for refused in [Vault::open(&directory, &right()).map(drop), Vault::open(&directory, &passphrase("x")).map(drop)] {
        assert!(
            matches!(&refused, Err(VaultError::Locked { process: Some(id), .. }) if *id == expected),
            "{refused:?}"
        );
    }
    drop(other.stdin.take());
    assert!(other.wait().unwrap().code().is_some());
    assert_eq!(state_of(&directory, &right()), b"one");
}

#[test]
fn a_vault_that_is_open_is_locked_for_other_processes_until_it_is_dropped() {
    let (_parent, directory) = place();
    let vault = Vault::create(&directory, &right(), b"one").unwrap();
    let taken = || {
        let status = Command::new("flock").arg("-n").arg(directory.join(lock::FILE)).arg("true").status();
        !status.expect("flock: install util-linux").success()
    };
    assert!(taken());
    let again = Vault::open(&directory, &right()).unwrap_err();
    assert!(matches!(again, VaultError::Locked { process: Some(id), .. } if id == std::process::id()), "{again}");
    drop(vault);
    assert!(!taken());
}

#[test]
fn a_full_disk_stops_the_vault_and_the_old_state_is_still_there() {
    let name = "vault::tests::processes::a_full_disk_stops_the_vault_and_the_old_state_is_still_there";
    match std::env::var_os(CHILD) {
        Some(directory) => on_a_full_disk(&Path::new(&directory).join("vault")),
        None => {
            let directory = tempfile::tempdir().unwrap();
            // A disk of its own, in a mount namespace of its own: it has room for one state and a
            // half.
            let output = Command::new("unshare")
                .args(["--mount", "--map-root-user", "sh", "-c"])
                .arg("mount -t tmpfs -o size=112k,mode=700 tmpfs \"$0\" && exec \"$@\"")
                .arg(directory.path())
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", name])
                .env(CHILD, directory.path())
                .output()
                .expect("unshare: install util-linux");
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
        }
    }
}

fn on_a_full_disk(directory: &Path) {
    let mut vault = Vault::create(directory, &right(), b"one").unwrap();
    let full = vault.write(b"two").unwrap_err();
    assert!(matches!(&full, VaultError::File(error) if error.kind() == ErrorKind::StorageFull), "{full}");
    assert!(full.to_string().contains("make room"), "{full}");
    assert!(matches!(vault.write(b"three"), Err(VaultError::Stopped(_))));
    assert_eq!(names(directory), [KEY, lock::FILE, STATE]);
    drop(vault);
    assert_eq!(state_of(directory, &right()), b"one");
}

#[test]
fn a_process_killed_at_any_system_call_of_a_commit_leaves_the_old_state_or_the_new_one() {
    let name =
        "vault::tests::processes::a_process_killed_at_any_system_call_of_a_commit_leaves_the_old_state_or_the_new_one";
    if let Some(directory) = std::env::var_os(CHILD) {
        let mut vault = Vault::open(Path::new(&directory), &right()).unwrap().0;
        vault.write(b"new").unwrap();
        return;
    }
    let mut kills = 0;
    let mut found = BTreeSet::new();
    for call in ["openat", "write", "fsync", "rename", "unlink"] {
        for at in 1..MOST_CALLS {
            let (_parent, directory) = place();
            drop(Vault::create(&directory, &right(), b"old").unwrap());
            // What an interrupted commit has left, so that there is something to unlink.
            fs::write(directory.join(NEW_STATE), "stale").unwrap();
            let was_killed = is_killed_at(call, at, &directory, name);
            let state = state_of(&directory, &right());
            assert!(state == b"new" || (state == b"old" && was_killed), "{call} {at}: {state:?}");
            assert_eq!(names(&directory), [KEY, lock::FILE, STATE]);
            if !was_killed {
                assert!(at > 1, "{call} is not called on these files: this test no longer reaches what is done");
                break;
            }
            kills += 1;
            found.insert(state);
        }
    }
    assert!(kills >= 12 && found.len() == 2, "{kills} kills, with {found:?} afterwards");
}

/// Runs a test in a process that is killed when it has called `call` on a file of the directory
/// that often, and returns whether it came to that.
fn is_killed_at(call: &str, at: usize, directory: &Path, name: &str) -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={call}:signal=KILL:when={at}")]);
    strace.arg("-P").arg(directory);
    for file in [KEY, STATE, NEW_STATE, lock::FILE] {
        strace.arg("-P").arg(directory.join(file));
    }
    strace.arg(std::env::current_exe().unwrap()).args(["--exact", name]).env(CHILD, directory);
    let output = strace.output().expect("strace: install strace");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let is_killed = output.status.signal() == Some(9);
    assert!(is_killed || (output.status.success() && said.contains("1 passed")), "{:?}: {said}", output.status);
    is_killed
}

#[test]
fn the_age_program_reads_a_state_with_the_key_file_and_its_passphrase() {
    let (parent, directory) = place();
    drop(Vault::create(&directory, &right(), b"the state").unwrap());
    let out = parent.path().join("out");
    // It asks on a terminal, which `script` gives it.
    let line = format!("age -d -i {0}/{KEY} -o {1} {0}/{STATE}", directory.display(), out.display());
    let mut age = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script: install bsdutils");
    let mut asked = [0; 512];
    let length = age.stdout.as_mut().unwrap().read(&mut asked).unwrap();
    let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
    age.stdin.as_mut().unwrap().write_all(b"correct horse\n").unwrap();
    let output = age.wait_with_output().unwrap();
    let said = asked + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "age 1.1 or later: install age. It said: {said}");
    let padded = fs::read(&out).unwrap();
    assert_eq!(ephemeral_e2e::vault::decode(&padded).unwrap(), b"the state");
}
