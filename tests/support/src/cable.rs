//! A connection between two places on this machine that can be cut, as a network between two
//! machines is: nothing arrives any more, and nobody is told.

use std::io;
use std::net::{SocketAddr, TcpListener as Bound};
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::private_network::{PrivateNetwork, within};

/// Passes on what comes to its own address; with this value it is gone.
pub struct Cable {
    address: SocketAddr,
    to: SocketAddr,
    is_cut: watch::Sender<bool>,
    _passing: JoinSet<()>,
}

/// An end of a cable: an address in a network; `None`: in this machine's own.
pub type CableEnd = (Option<Arc<PrivateNetwork>>, SocketAddr);

/// Where somebody who is given a cable finds it: any port.
const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

impl Cable {
    /// Lays one to an address where somebody listens, or will.
    pub fn lay(to: SocketAddr) -> Self {
        Self::between((None, ANYWHERE), (None, to))
    }

    /// Lays one into a network, to an address there.
    pub fn lay_into(network: Option<Arc<PrivateNetwork>>, to: SocketAddr) -> Self {
        Self::between((None, ANYWHERE), (network, to))
    }

    /// Lays one from this address to that one.
    pub fn between((network, near): CableEnd, far: CableEnd) -> Self {
        let bound = within(network.as_deref(), || Bound::bind(near)).unwrap();
        bound.set_nonblocking(true).unwrap();
        let address = bound.local_addr().unwrap();
        let (is_cut, seen) = watch::channel(false);
        let to = far.1;
        let mut passing = JoinSet::new();
        passing.spawn(pass(TcpListener::from_std(bound).unwrap(), far, seen));
        Self { address, to, is_cut, _passing: passing }
    }

    /// Returns where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns where it ends.
    pub fn leads_to(&self) -> SocketAddr {
        self.to
    }

    /// Cuts it, or mends it. What was sent meanwhile never arrives, and the connections that there
    /// were end when it is mended.
    pub fn cut(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
    }
}

async fn pass(listener: TcpListener, far: CableEnd, is_cut: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                connections.spawn(pass_one(stream, far.clone(), is_cut.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn pass_one(mut near: TcpStream, far: CableEnd, mut is_cut: watch::Receiver<bool>) {
    let mut stream = None;
    if !*is_cut.borrow() {
        let Ok(connected) = connect(far).await else { return };
        let _ = near.set_nodelay(true);
        let stream = stream.insert(connected);
        tokio::select! {
            _ = copy_bidirectional(&mut near, stream) => return,
            _ = is_cut.wait_for(|is_cut| *is_cut) => {}
        }
    }
    // Both ends stay open, and hear nothing.
    let _ = is_cut.wait_for(|is_cut| !*is_cut).await;
}

async fn connect((network, to): CableEnd) -> io::Result<TcpStream> {
    let stream = within(network.as_deref(), TcpSocket::new_v4)?.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
