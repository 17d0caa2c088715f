//! What the process may do.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::set_no_new_privs;

use crate::hardening;

/// Makes the process leave nothing behind, with or without a service manager. What cannot be had is
/// said in the log, once. `store_bytes`: how large the store may become.
///
/// It has to be called before there are other threads: what a thread may do is handed down to those
/// that it starts.
pub fn harden(store_bytes: usize) {
    hardening::silence_panics(|place| tracing::error!("{place}"));
    if let Err(error) = hardening::forbid_core_dumps() {
        tracing::warn!("{error}");
    }
    // Neither this process nor a pluggable transport that it starts gains anything from a setuid
    // program.
    if set_no_new_privs(true).is_err() {
        tracing::warn!("new privileges cannot be renounced: a program that this one starts could gain some");
    }
    match hardening::lock_memory(store_bytes) {
        Ok(()) => tracing::debug!("memory is locked: it is never swapped out"),
        Err(error) => tracing::warn!("{error}"),
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
