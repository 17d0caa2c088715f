//! `ephemeral`: the client for people and scripts.

use std::process::ExitCode;

/// What is freed is overwritten: messages, keys and passphrases, in whatever buffers they were.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    ephemeral::client_cli::main()
}
