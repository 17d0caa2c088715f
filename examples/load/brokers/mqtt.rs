//! As much of MQTT 3.1.1 as the load needs: connect, subscribe, publish at QoS 1, acknowledge.

use std::net::SocketAddr;

use super::Heard;

pub(super) fn configuration(address: SocketAddr) -> String {
    format!(
        "listener {} {}\nallow_anonymous true\npersistence false\nlog_type error\n\
         max_inflight_messages 100\nmax_queued_messages 10000\nset_tcp_nodelay true\n",
        address.port(),
        address.ip()
    )
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut left = body.len();
    loop {
        let digit = u8::try_from(left % 128).unwrap_or(0);
        left /= 128;
        bytes.push(if left > 0 { digit | 128 } else { digit });
        if left == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

fn string(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

pub(super) fn connect(name: &str) -> Vec<u8> {
    packet(0x10, &[string("MQTT"), vec![4, 2, 0, 0], string(name)].concat())
}

pub(super) fn subscribe(topic: &str) -> Vec<u8> {
    packet(0x82, &[vec![0, 1], string(topic), vec![1]].concat())
}

pub(super) fn publish(topic: &str, number: u16, content: &[u8]) -> Vec<u8> {
    packet(0x32, &[&string(topic)[..], &number.to_be_bytes(), content].concat())
}

pub(super) fn parse(read: &[u8]) -> Option<(usize, Heard)> {
    let mut length = 0;
    let mut at = 1;
    loop {
        let byte = usize::from(*read.get(at)?);
        length |= (byte & 127) << (7 * (at - 1));
        at += 1;
        if byte < 128 {
            break;
        }
    }
    let body = read.get(at..at + length)?;
    let heard = if read.first()? >> 4 == 3 {
        let topic = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?]));
        Heard::Message(Some(packet(0x40, body.get(2 + topic..4 + topic)?)))
    } else {
        Heard::Other
    };
    Some((at + length, heard))
}
