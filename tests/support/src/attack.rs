//! Clients that are far away, floods, and what an attack harness measures, over whatever carries
//! bytes.

mod distant;
mod flood;
mod logins;
mod pair;

pub use distant::Distant;
pub use flood::{Flood, begin_message, stay_silent};
pub use logins::{Logins, fingerprint, key, log_in, login};
pub use pair::HonestPair;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// No step of an honest client takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns one of the many loopback addresses: `127.NET.x.y`.
pub fn loopback(net: u8, number: usize) -> SocketAddr {
    let [high, low] = u16::try_from(number + 1).expect("not that many").to_be_bytes();
    SocketAddr::from(([127, net, high, low], 0))
}

/// Connects from an address. `None`: the server did not take it.
pub async fn connect(from: SocketAddr, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from).unwrap();
    let stream = timeout(PATIENCE, socket.connect(to)).await.ok()?.ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}
