//! Locked memory: what is locked is never swapped out, so that no message reaches a disk that way.

use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};

/// What a thread's stack takes of the address space, as the standard library and tokio make it.
const STACK_BYTES: u64 = 2 << 20;
/// Threads that tokio may start for blocking work, and a few more.
const THREADS: u64 = 512 + 64;
/// What the allocator reserves for an arena, twice that while it aligns it; it has eight for each
/// processor.
const ARENA_BYTES: u64 = 128 << 20;
/// Programs, libraries, and Tor's directory.
const REST_BYTES: u64 = 512 << 20;

/// Why memory is not locked.
#[derive(Debug, thiserror::Error)]
pub enum NotLocked {
    /// The limit has no room for all that may be mapped.
    #[error(
        "memory is not locked, so that messages could be swapped out: the limit is {} MiB, and {} MiB of address \
         space may be needed. Give LimitMEMLOCK=infinity, `ulimit -l unlimited`, or have no swap",
        limit >> 20,
        needed >> 20
    )]
    Limit {
        /// How much may be locked, in bytes.
        limit: u64,
        /// How much may be mapped, in bytes.
        needed: u64,
    },
    /// The kernel does not do it.
    #[error("memory is not locked ({0}): messages could be swapped out; have no swap")]
    Refused(Errno),
}

/// Locks all memory, what is allocated later included, if that cannot make a later allocation fail.
/// `store_bytes`: how much the process keeps, at most.
///
/// With `MCL_FUTURE` the limit counts what is *mapped*, not what is used: past it, `mmap` fails,
/// and with it the program. So a limit has to have room for every stack and arena that there could
/// be. `MCL_ONFAULT` locks a page when it is first used; without it, every one of these stacks
/// would take its 2 MiB of memory at once.
///
/// # Errors
/// [`NotLocked`].
pub fn lock_memory(store_bytes: usize) -> Result<(), NotLocked> {
    let limit = raised_limit();
    let needed = address_space(store_bytes, std::thread::available_parallelism().map_or(1, usize::from));
    // For anyone who has the capability no limit counts (mlock(2)).
    let exempt = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    match limit.filter(|limit| !exempt && *limit < needed) {
        Some(limit) => Err(NotLocked::Limit { limit, needed }),
        None => lock_all().map_err(NotLocked::Refused),
    }
}

fn lock_all() -> Result<(), Errno> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
}

/// Returns the limit in bytes, as high as it may be set; `None`: there is none.
fn raised_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Memlock);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Memlock, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// Returns how much may be mapped, with a margin of one store.
fn address_space(store_bytes: usize, processors: usize) -> u64 {
    let store = store_bytes as u64;
    let processors = processors as u64;
    2 * store + THREADS * STACK_BYTES + 8 * processors * ARENA_BYTES + REST_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_limit_is_not_enough_and_that_of_a_generous_unit_is() {
        let needed = address_space(256 << 20, 2);
        // What Debian and systemd give since Linux 5.16, and what systemd gave before.
        for limit in [8_u64 << 20, 64 << 10] {
            assert!(limit < needed, "{limit}");
        }
        assert!(needed < 8 << 30, "{needed}");
        assert!(address_space(1 << 40, 128) > 1 << 41, "a large store needs more");
    }
}
