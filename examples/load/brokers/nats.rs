//! As much of NATS's protocol as the load needs: connect, subscribe, publish.

use std::net::SocketAddr;

use super::Heard;

pub(super) fn configuration(address: SocketAddr) -> String {
    let port = address.port();
    let ip = address.ip();
    format!("listen: \"{ip}:-1\"\nwebsocket {{ listen: \"{ip}:{port}\", no_tls: true }}\nmax_connections: 100000\n")
}

pub(super) fn connect() -> Vec<u8> {
    b"CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false,\"headers\":false}\r\n".to_vec()
}

pub(super) fn subscribe(topic: &str) -> Vec<u8> {
    format!("SUB {topic} 1\r\nPING\r\n").into_bytes()
}

pub(super) fn publish(topic: &str, content: &[u8]) -> Vec<u8> {
    [format!("PUB {topic} {}\r\n", content.len()).as_bytes(), content, b"\r\n"].concat()
}

pub(super) fn parse(read: &[u8]) -> Option<(usize, Heard)> {
    let end = read.iter().position(|&byte| byte == b'\n')? + 1;
    let line = std::str::from_utf8(read.get(..end)?).unwrap_or_default();
    if !line.starts_with("MSG ") {
        return Some((end, Heard::Other));
    }
    let bytes: usize = line.trim_end().rsplit(' ').next()?.parse().ok()?;
    let whole = end + bytes + 2;
    (read.len() >= whole).then_some((whole, Heard::Message(None)))
}
