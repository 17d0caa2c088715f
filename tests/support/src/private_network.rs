//! A network of its own on this machine: a network namespace with a loopback of its own, in which
//! everybody is at 127.0.0.1. Only root may make one.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::Handle;

/// A network of its own, there for as long as this value or somebody in it.
#[derive(Debug)]
pub struct PrivateNetwork {
    namespace: File,
}

impl PrivateNetwork {
    /// Makes one in which nobody is yet.
    #[allow(clippy::new_without_default, reason = "it does much")]
    pub fn new() -> Self {
        // The file that is opened below keeps it when this shell has ended.
        let mut holder = Command::new("unshare")
            .args(["--net", "--", "sh", "-c", "ip link set lo up && echo up && read -r _"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is missing: install the package util-linux");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "up\n", "a network namespace cannot be made: that takes root, and the package iproute2");
        let namespace = File::open(format!("/proc/{}/ns/net", holder.id())).unwrap();
        drop(holder.stdin.take());
        holder.wait().unwrap();
        Self { namespace }
    }

    /// Does something inside: the sockets that it makes belong there, and the processes that it
    /// starts.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let runtime = Handle::try_current().ok();
        let working = || {
            move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let _entered = runtime.as_ref().map(Handle::enter);
            work()
        };
        thread::scope(|scope| scope.spawn(working).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Does something inside a network; `None`: in this machine's own.
pub fn within<T: Send>(network: Option<&PrivateNetwork>, work: impl FnOnce() -> T + Send) -> T {
    match network {
        Some(network) => network.inside(work),
        None => work(),
    }
}
