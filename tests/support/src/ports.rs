//! Ports for those that cannot be asked which one the kernel has given them.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// The first of these ports, and how many there are.
const LOWEST_PORT: u16 = 12_000;
const PORTS: u32 = 20_000;

/// Returns a port that nobody has. It is below those that the kernel gives away by itself: else
/// somebody else would be given it before a server has begun, or while it is dead.
pub fn free_port() -> u16 {
    /// So many after one that is another one in each process.
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() * 97 % PORTS).unwrap();
    loop {
        let next = first.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = LOWEST_PORT + next % u16::try_from(PORTS).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
