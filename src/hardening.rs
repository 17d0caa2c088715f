//! What a process leaves behind when it dies, and on the disk while it lives: of the server,
//! waiting messages; of the client, all that its contacts write.

mod arguments;
mod memory;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

pub use arguments::wipe_arguments;
pub use memory::{NotLocked, lock_memory};

/// Core dumps cannot be forbidden.
#[derive(Debug, thiserror::Error)]
#[error("core dumps cannot be forbidden: a crash may write messages to the disk")]
pub struct CoreDumps;

/// Forbids core dumps: one would write every message in memory to a disk. Not dumpable also means
/// that no other process of the same user can read this one's memory (prctl(2), `PR_SET_DUMPABLE`),
/// and that a core dump is not piped into a collector either, for which the limit does not count
/// (core(5)).
///
/// # Errors
/// [`CoreDumps`].
pub fn forbid_core_dumps() -> Result<(), CoreDumps> {
    let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let not_dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    limited.and(not_dumpable).map_err(|_| CoreDumps)
}

/// How much of a thread's stack is wiped: more than anything of ours uses, and less than a thread
/// has.
const STACK: usize = 1 << 20;

/// Overwrites what calls before have left on the stack of this thread. Values that are moved leave
/// copies there, which no destructor reaches: keys, when a state is read or written.
#[inline(never)]
pub fn wipe_stack() {
    std::hint::black_box(&mut [0_u8; STACK]);
}

/// Keeps the message of a panic to itself, since it can hold anything, also content. `tell` gets
/// the place, which is enough.
pub fn silence_panics(tell: fn(&str)) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tell(&format!("this program has a bug: it panicked at {place}"));
    }));
}
