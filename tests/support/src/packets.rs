//! What goes over a private network, packet by packet, as somebody on the wire sees it.

use std::io::{ErrorKind, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use memchr::memmem;
use rustix::net::{AddressFamily, SocketType, eth, socket};
use socket2::Socket;

use crate::private_network::PrivateNetwork;

/// The longest packet of a loopback.
const LONGEST: usize = 65_536;
/// Where a TCP segment says so in an IPv4 header.
const PROTOCOL: usize = 9;
const TCP: u8 = 6;

/// Keeps each packet of a network, from when it is made on. A packet on a loopback is seen twice:
/// as it goes, and as it comes.
pub struct PacketCapture {
    is_over: Arc<AtomicBool>,
    reading: JoinHandle<Vec<CapturedPacket>>,
}

/// A packet, from its IP header on.
pub struct CapturedPacket(Vec<u8>);

impl PacketCapture {
    /// Begins to keep what goes over a network.
    pub fn of(network: &PrivateNetwork) -> Self {
        let opened = network.inside(|| socket(AddressFamily::PACKET, SocketType::DGRAM, Some(eth::ALL)));
        let mut socket = Socket::from(opened.expect("only root may see packets"));
        socket.set_recv_buffer_size(64 << 20).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let reading = thread::spawn(move || {
            let mut packets = Vec::new();
            let mut bytes = vec![0; LONGEST];
            loop {
                match socket.read(&mut bytes) {
                    Ok(length) => packets.push(CapturedPacket(bytes[..length].to_vec())),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        // What was sent before the end has been read.
                        if ends.load(Ordering::Relaxed) {
                            return packets;
                        }
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        Self { is_over, reading }
    }

    /// Returns all that was seen.
    pub fn end(self) -> Vec<CapturedPacket> {
        self.is_over.store(true, Ordering::Relaxed);
        self.reading.join().unwrap()
    }
}

impl CapturedPacket {
    /// Returns the TCP ports that it is from and to; `None`: it is no TCP segment of IPv4.
    pub fn ports(&self) -> Option<[u16; 2]> {
        let first = *self.0.first()?;
        let header = usize::from(first & 0xf) * 4;
        let ports = self.0.get(header..header + 4)?;
        let is_tcp = first >> 4 == 4 && self.0.get(PROTOCOL) == Some(&TCP);
        is_tcp.then(|| [u16::from_be_bytes([ports[0], ports[1]]), u16::from_be_bytes([ports[2], ports[3]])])
    }

    /// Returns in how many places something is in it.
    pub fn times(&self, bytes: &[u8]) -> usize {
        memmem::find_iter(&self.0, bytes).count()
    }
}
