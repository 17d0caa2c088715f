//! What the process may do, and what it leaves behind when it dies.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// A core dump would write every waiting message to a disk. Not dumpable also means that no other process of the same
/// user can read this one's memory (prctl(2), `PR_SET_DUMPABLE`).
pub(super) fn forbid_core_dumps() {
    let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let not_dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if limited.and(not_dumpable).is_err() {
        tracing::warn!("core dumps cannot be forbidden: a crash may write messages to the disk");
    }
}

/// A session is a file. Shells give 1024, the kernel usually allows far more.
pub(super) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, raised).is_err() {
        tracing::warn!("the limit of open files stays as it is: there may be fewer sessions than configured");
    }
}

/// A panic's message can hold anything, also content. Where it happened is enough.
pub(super) fn silence_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!("this program has a bug: it panicked at {place}");
    }));
}
