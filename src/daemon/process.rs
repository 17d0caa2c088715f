//! What the process may do, and what it leaves behind when it dies.

mod memory;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::set_no_new_privs;

/// Makes the process leave nothing behind, with or without a service manager. What cannot be had is
/// said in the log, once. `store_bytes`: how large the store may become.
///
/// It has to be called before there are other threads: what a thread may do is handed down to those
/// that it starts.
pub fn harden(store_bytes: usize) {
    silence_panics();
    forbid_core_dumps();
    // Neither this process nor a pluggable transport that it starts gains anything from a setuid
    // program.
    if set_no_new_privs(true).is_err() {
        tracing::warn!("new privileges cannot be renounced: a program that this one starts could gain some");
    }
    memory::lock(store_bytes);
}

/// Forbids core dumps: one would write every waiting message to a disk. Not dumpable also means
/// that no other process of the same user can read this one's memory (prctl(2), `PR_SET_DUMPABLE`),
/// and that a core dump is not piped into a collector either, for which the limit does not count
/// (core(5)).
fn forbid_core_dumps() {
    let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let not_dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if limited.and(not_dumpable).is_err() {
        tracing::warn!("core dumps cannot be forbidden: a crash may write messages to the disk");
    }
}

/// Raises the limit of open files: a session is one. Shells give 1024, the kernel usually allows
/// far more.
pub(super) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, raised).is_err() {
        tracing::warn!("the limit of open files stays as it is: there may be fewer sessions than configured");
    }
}

/// Keeps the message of a panic out of the log, since it can hold anything, also content. The place
/// is enough.
fn silence_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!("this program has a bug: it panicked at {place}");
    }));
}
