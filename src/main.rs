//! `ephemeral-server`: the daemon.

/// What is freed is overwritten. A message passes through buffers that are not ours, of the
/// WebSocket, of TLS, of Tor: none of them leaves a copy behind in memory that nobody uses any
/// more.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> std::process::ExitCode {
    ephemeral::cli::main()
}
