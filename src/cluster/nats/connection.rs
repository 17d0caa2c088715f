//! The task of a connection: connects, reads, writes, notices when a server is gone, and goes on to
//! the next one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::super::NatsAddress;
use super::wire::{self, NatsEvent, NatsMessage};
use super::{INBOX, Nats, NatsOutgoing, NatsServerInfo, tls};
use crate::causes::of_connection;
use crate::transport::Io;

/// For connecting, with TLS and everything.
const CONNECT: Duration = Duration::from_secs(3);
/// A server is asked that often whether it is there, and has as long to say so.
const PING: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(4);
/// Until the next server is tried.
const PAUSE: Duration = Duration::from_millis(250);
/// The subscription to what other nodes ask.
const QUESTIONS: u64 = 2;

/// Keeps a connection to one of the servers, for ever. What comes on the subject `asked`
/// goes to `questions`; what finds no place there is asked again.
pub async fn keep(
    nats: Arc<Nats>,
    outgoing: NatsOutgoing,
    addresses: Vec<NatsAddress>,
    tls: Option<TlsConnector>,
    (asked, questions): (&'static str, mpsc::Sender<NatsMessage>),
) {
    let NatsOutgoing(mut outgoing) = outgoing;
    let mut said = false;
    for (number, address) in (1..).zip(&addresses).cycle() {
        let connected = timeout(CONNECT, connect(address, tls.as_ref(), &nats, asked)).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match connected {
            Ok((io, info)) => {
                said = false;
                nats.server.send_replace(Some(info));
                let lost = serve(io, &nats, &mut outgoing, &questions).await;
                tracing::warn!("the connection to a NATS server is lost: {}", of_connection(&lost));
            }
            // Once, not for each server and each time.
            Err(error) if !said => {
                said = true;
                tracing::warn!("number {number} of nats in [cluster] cannot be reached: {error}; the others are tried");
            }
            Err(_) => {}
        }
        nats.lose();
        while outgoing.try_recv().is_ok() {}
        sleep(PAUSE).await;
    }
}

/// A connection with what was read of it.
struct Connected {
    io: Box<dyn Io>,
    read: BytesMut,
}

impl Connected {
    async fn next(&mut self) -> io::Result<NatsEvent> {
        loop {
            let event =
                wire::parse(&mut self.read).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            if let Some(event) = event {
                return Ok(event);
            }
            if self.io.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl Connected {
    /// Begins to speak: with these subscriptions, and until the server has taken them.
    async fn begin(&mut self, has_tls: bool, subscriptions: &str) -> io::Result<()> {
        let options = serde_json::json!({
            "verbose": false, "pedantic": false, "tls_required": has_tls, "name": "ephemeral-server", "lang": "rust",
            "version": env!("CARGO_PKG_VERSION"), "protocol": 1, "headers": true, "no_responders": true, "echo": false,
        });
        self.io.write_all(format!("CONNECT {options}\r\n{subscriptions}PING\r\n").as_bytes()).await?;
        self.io.flush().await?;
        loop {
            match self.next().await? {
                NatsEvent::Pong => return Ok(()),
                NatsEvent::Refused(what) => return Err(refused(what)),
                _ => {}
            }
        }
    }
}

async fn connect(
    address: &NatsAddress,
    tls: Option<&TlsConnector>,
    nats: &Nats,
    asked: &str,
) -> io::Result<(Connected, NatsServerInfo)> {
    let (mut connected, info) = greet(address, tls).await?;
    let inbox = &nats.inbox;
    let subscriptions = format!("SUB {inbox}.* {INBOX}\r\nSUB {asked} {QUESTIONS}\r\n");
    connected.begin(tls.is_some(), &subscriptions).await?;
    Ok((connected, info))
}

/// Asks a server what it is, for a bounded time, and whether it takes this machine.
///
/// # Errors
/// Why it does not answer.
pub async fn introduce(address: &NatsAddress, tls: Option<&TlsConnector>) -> io::Result<NatsServerInfo> {
    let introduced = async {
        let (mut connected, info) = greet(address, tls).await?;
        connected.begin(tls.is_some(), "").await?;
        Ok(info)
    };
    timeout(CONNECT, introduced).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Connects, and hears what the server is.
async fn greet(address: &NatsAddress, tls: Option<&TlsConnector>) -> io::Result<(Connected, NatsServerInfo)> {
    let stream = TcpStream::connect(address.to_string()).await?;
    stream.set_nodelay(true)?;
    let mut connected = Connected { io: Box::new(stream), read: BytesMut::new() };
    let NatsEvent::Info(info) = connected.next().await? else {
        return Err(refused("it does not introduce itself".into()));
    };
    let info: NatsServerInfo = serde_json::from_str(&info)?;
    if let Some(tls) = tls {
        let name = tls::name(address).ok_or_else(|| refused("its name is none that a certificate can have".into()))?;
        connected = Connected { io: Box::new(tls.connect(name, connected.io).await?), read: BytesMut::new() };
    } else if info.tls_required {
        return Err(refused("it wants TLS: give tls_ca, tls_cert and tls_key in [cluster]".into()));
    }
    Ok((connected, info))
}

fn refused(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, what)
}

/// Reads and writes until the connection is lost, and says why.
async fn serve(
    connected: Connected,
    nats: &Nats,
    outgoing: &mut mpsc::Receiver<Bytes>,
    questions: &mpsc::Sender<NatsMessage>,
) -> io::Error {
    let Connected { io, read } = connected;
    let (reader, mut writer) = tokio::io::split(io);
    let (pongs, mut to_write) = mpsc::channel(4);
    let reading = receive(Receiving { reader, read }, nats, pongs, questions);
    let writing = async {
        let mut ping = Instant::now() + PING;
        loop {
            let frame = tokio::select! {
                Some(frame) = outgoing.recv() => frame,
                Some(frame) = to_write.recv() => frame,
                () = tokio::time::sleep_until(ping) => {
                    ping = Instant::now() + PING;
                    Bytes::from_static(b"PING\r\n")
                }
            };
            let mut written = timeout(SILENCE, writer.write_all(&frame)).await;
            // What else there is goes with it.
            while let (Ok(Ok(())), Ok(more)) = (&written, outgoing.try_recv()) {
                written = timeout(SILENCE, writer.write_all(&more)).await;
            }
            if matches!(written, Ok(Ok(()))) {
                written = timeout(SILENCE, writer.flush()).await;
            }
            match written {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(_) => return io::ErrorKind::TimedOut.into(),
            }
        }
    };
    tokio::select! {
        lost = reading => lost,
        lost = writing => lost,
    }
}

struct Receiving<R> {
    reader: R,
    read: BytesMut,
}

async fn receive<R: tokio::io::AsyncRead + Unpin>(
    mut from: Receiving<R>,
    nats: &Nats,
    pongs: mpsc::Sender<Bytes>,
    questions: &mpsc::Sender<NatsMessage>,
) -> io::Error {
    loop {
        match wire::parse(&mut from.read) {
            Ok(Some(NatsEvent::Message(message))) if message.subscription != QUESTIONS => {
                nats.dispatch(message).await;
            }
            // Who finds no room asks again.
            Ok(Some(NatsEvent::Message(message))) => drop(questions.try_send(message)),
            Ok(Some(NatsEvent::Ping)) => drop(pongs.try_send(Bytes::from_static(b"PONG\r\n"))),
            Ok(Some(NatsEvent::Refused(what))) => return io::Error::new(io::ErrorKind::ConnectionAborted, what),
            Ok(Some(NatsEvent::Info(_) | NatsEvent::Pong | NatsEvent::Done)) => {}
            Ok(None) => match timeout(SILENCE, from.reader.read_buf(&mut from.read)).await {
                Ok(Ok(0)) => return io::ErrorKind::UnexpectedEof.into(),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return error,
                Err(_) => return io::ErrorKind::TimedOut.into(),
            },
            Err(error) => return io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}
