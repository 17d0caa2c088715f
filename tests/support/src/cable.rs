//! A connection between two places on loopback that can be cut, as a network between two machines
//! is: nothing arrives any more, and nobody is told.

use std::net::{SocketAddr, TcpListener as Bound};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes on what comes to its own address; with this value it is gone.
pub struct Cable {
    address: SocketAddr,
    is_cut: watch::Sender<bool>,
    _passing: JoinSet<()>,
}

impl Cable {
    /// Lays one to an address where somebody listens, or will.
    pub fn lay(to: SocketAddr) -> Self {
        let bound = Bound::bind("127.0.0.1:0").unwrap();
        bound.set_nonblocking(true).unwrap();
        let address = bound.local_addr().unwrap();
        let (is_cut, seen) = watch::channel(false);
        let mut passing = JoinSet::new();
        passing.spawn(pass(TcpListener::from_std(bound).unwrap(), to, seen));
        Self { address, is_cut, _passing: passing }
    }

    /// Returns where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it, or mends it. What was sent meanwhile never arrives, and the connections that there
    /// were end when it is mended.
    pub fn cut(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
    }
}

async fn pass(listener: TcpListener, to: SocketAddr, is_cut: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                connections.spawn(pass_one(stream, to, is_cut.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn pass_one(mut near: TcpStream, to: SocketAddr, mut is_cut: watch::Receiver<bool>) {
    let mut far = None;
    if !*is_cut.borrow() {
        let Ok(stream) = TcpStream::connect(to).await else { return };
        let far = far.insert(stream);
        tokio::select! {
            _ = copy_bidirectional(&mut near, far) => return,
            _ = is_cut.wait_for(|is_cut| *is_cut) => {}
        }
    }
    // Both ends stay open, and hear nothing.
    let _ = is_cut.wait_for(|is_cut| !*is_cut).await;
}
