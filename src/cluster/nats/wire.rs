//! What goes over a connection to a NATS server: lines, and payloads of the lengths that
//! they name. See <https://docs.nats.io/reference/reference-protocols/nats-protocol>.

use bytes::{Buf as _, Bytes, BytesMut};

/// Bytes of a line, at most; INFO is the longest.
const LINE: usize = 64 << 10;
/// Bytes of a message with its headers, at most.
const MESSAGE: usize = 16 << 20;
const HEADERS: &str = "NATS/1.0";

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub enum NatsEvent {
    /// What it is, in JSON.
    Info(String),
    /// A message of a subscription.
    Message(NatsMessage),
    /// It wants to hear something.
    Ping,
    /// It is there.
    Pong,
    /// It refuses something, or this connection.
    Refused(String),
    /// It has done what it was told.
    Done,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsMessage {
    /// The number of the subscription that it is of.
    pub subscription: u64,
    /// Where it was sent to.
    pub subject: String,
    /// Where an answer is to go.
    pub reply: Option<String>,
    /// Its status line and headers, as they came.
    pub headers: Bytes,
    /// The rest.
    pub payload: Bytes,
}

/// A server does not speak the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the NATS protocol")]
pub struct Garbled;

impl NatsMessage {
    /// Returns the status, where it is a message of the server itself: 503, if nobody answers.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let line = std::str::from_utf8(&self.headers).ok()?.lines().next()?;
        line.strip_prefix(HEADERS)?.split_whitespace().next()?.parse().ok()
    }
}

/// Takes the next event out of what has arrived; `None`: it is not all there.
///
/// # Errors
/// [`Garbled`].
pub fn parse(buffer: &mut BytesMut) -> Result<Option<NatsEvent>, Garbled> {
    let Some(end) = buffer.iter().take(LINE).position(|byte| *byte == b'\n') else {
        return if buffer.len() >= LINE { Err(Garbled) } else { Ok(None) };
    };
    let line = std::str::from_utf8(&buffer[..end]).map_err(|_| Garbled)?.trim_end_matches('\r');
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let event = match verb {
        "MSG" | "HMSG" => {
            let Some(frame) = Frame::read(rest, verb == "HMSG").ok_or(Garbled)?.within(buffer.len(), end)? else {
                return Ok(None);
            };
            buffer.advance(end + 1);
            return Ok(Some(NatsEvent::Message(frame.take(buffer))));
        }
        "INFO" => NatsEvent::Info(rest.to_owned()),
        "PING" => NatsEvent::Ping,
        "PONG" => NatsEvent::Pong,
        "+OK" => NatsEvent::Done,
        "-ERR" => NatsEvent::Refused(rest.to_owned()),
        _ => return Err(Garbled),
    };
    buffer.advance(end + 1);
    Ok(Some(event))
}

/// What the line of a message says.
struct Frame {
    subscription: u64,
    subject: String,
    reply: Option<String>,
    headers: usize,
    total: usize,
}

impl Frame {
    fn read(line: &str, has_headers: bool) -> Option<Self> {
        let mut words: Vec<_> = line.split_whitespace().collect();
        let total = words.pop()?.parse().ok()?;
        let headers = if has_headers { words.pop()?.parse().ok()? } else { 0 };
        let [subject, subscription, reply @ ..] = &words[..] else { return None };
        let subscription = subscription.parse().ok()?;
        let reply = reply.first().map(|reply| (*reply).to_owned());
        Some(Self { subscription, subject: (*subject).to_owned(), reply, headers, total })
    }

    /// Returns it if all of it has arrived.
    fn within(self, arrived: usize, end: usize) -> Result<Option<Self>, Garbled> {
        if self.total > MESSAGE || self.headers > self.total {
            return Err(Garbled);
        }
        Ok((arrived >= end + 1 + self.total + 2).then_some(self))
    }

    fn take(self, buffer: &mut BytesMut) -> NatsMessage {
        let mut whole = buffer.split_to(self.total).freeze();
        buffer.advance(2);
        let headers = whole.split_to(self.headers);
        NatsMessage {
            subscription: self.subscription,
            subject: self.subject,
            reply: self.reply,
            headers,
            payload: whole,
        }
    }
}

/// Writes a message.
#[must_use]
pub fn publish(subject: &str, reply: Option<&str>, headers: &[(&str, String)], payload: &[u8]) -> Bytes {
    let reply = reply.map(|reply| format!("{reply} ")).unwrap_or_default();
    let mut bytes = Vec::with_capacity(256 + payload.len());
    if headers.is_empty() {
        bytes.extend_from_slice(format!("PUB {subject} {reply}{}\r\n", payload.len()).as_bytes());
    } else {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("{HEADERS}\r\n{lines}\r\n");
        let line = format!("HPUB {subject} {reply}{} {}\r\n", head.len(), head.len() + payload.len());
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(head.as_bytes());
    }
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(b"\r\n");
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &[u8] = b"INFO {\"version\":\"2.15.1\"}\r\nPING\r\nMSG a.b 1 5\r\nhe\r\no\r\nHMSG a 2 back 16 18\r\nNATS/1.0 503\r\n\r\nhi\r\n\
                          -ERR 'no'\r\nPONG\r\n+OK\r\n";

    fn events(pieces: usize) -> Vec<NatsEvent> {
        let mut buffer = BytesMut::new();
        let mut events = Vec::new();
        for piece in SAID.chunks(pieces) {
            buffer.extend_from_slice(piece);
            while let Some(event) = parse(&mut buffer).unwrap() {
                events.push(event);
            }
        }
        assert!(buffer.is_empty());
        events
    }

    #[test]
    fn what_a_server_says_is_read_however_it_arrives() {
        let message =
            |subscription, subject: &str, reply: Option<&str>, headers: &'static str, payload: &'static str| {
                let reply = reply.map(str::to_owned);
                let payload = Bytes::from_static(payload.as_bytes());
                NatsMessage {
                    subscription,
                    subject: subject.into(),
                    reply,
                    headers: Bytes::from_static(headers.as_bytes()),
                    payload,
                }
            };
        let second = message(2, "a", Some("back"), "NATS/1.0 503\r\n\r\n", "hi");
        assert_eq!(second.status(), Some(503));
        let expected = [
            NatsEvent::Info("{\"version\":\"2.15.1\"}".into()),
            NatsEvent::Ping,
            NatsEvent::Message(message(1, "a.b", None, "", "he\r\no")),
            NatsEvent::Message(second),
            NatsEvent::Refused("'no'".into()),
            NatsEvent::Pong,
            NatsEvent::Done,
        ];
        for pieces in [1, 2, 3, 7, SAID.len()] {
            assert_eq!(events(pieces), expected, "in pieces of {pieces}");
        }
    }

    #[test]
    fn what_is_not_the_protocol_or_too_large_is_refused() {
        for garbled in ["HTTP/1.1 400 Bad\r\n", "MSG a\r\n", "MSG a 1 99999999\r\n", "HMSG a 1 9 5\r\n", "\u{0}\r\n"] {
            assert_eq!(parse(&mut BytesMut::from(garbled)), Err(Garbled), "{garbled}");
        }
        assert_eq!(parse(&mut BytesMut::from(&vec![b'x'; LINE][..])), Err(Garbled));
    }

    #[test]
    fn what_is_published_says_how_long_it_is() {
        assert_eq!(publish("a", None, &[], b"hi"), "PUB a 2\r\nhi\r\n");
        let with = publish("a", Some("r"), &[("K", "v".into())], b"hi");
        assert_eq!(with, "HPUB a r 18 20\r\nNATS/1.0\r\nK: v\r\n\r\nhi\r\n");
    }
}
