//! Other people's servers under the same load: pairs in a closed loop.
//!
//! mosquitto (MQTT 3.1.1 over TCP, QoS 1: the broker keeps each message until it is acknowledged)
//! and NATS (core, over WebSockets: nothing is kept, and nothing acknowledged). Their programs are
//! those of Debian's packages `mosquitto` and `nats-server`.

mod mqtt;
mod nats;
mod wire;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::pairs::{DrivenPair, Figures, LoadShape, OnTheWay, measure};
use crate::process::{cpu_us_of, free_address};
use wire::BrokerWire;

/// What a broker speaks.
#[derive(Clone, Copy)]
pub(crate) enum Broker {
    Mosquitto,
    Nats,
}

/// What a client is told.
enum Heard {
    /// A message, and what it is acknowledged with.
    Message(Option<Vec<u8>>),
    /// Nothing of interest.
    Other,
}

impl Broker {
    pub(crate) const ALL: [Self; 2] = [Self::Mosquitto, Self::Nats];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mosquitto => "mosquitto",
            Self::Nats => "nats",
        }
    }

    fn command(self, directory: &std::path::Path, address: SocketAddr) -> Result<Command> {
        let (program, argument, text) = match self {
            Self::Mosquitto => ("mosquitto", "-c", mqtt::configuration(address)),
            Self::Nats => ("nats-server", "-c", nats::configuration(address)),
        };
        let file = directory.join("broker.conf");
        std::fs::write(&file, text)?;
        // Debian has it where only root's PATH looks.
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command.arg(argument).arg(file).env("PATH", path).kill_on_drop(true);
        Ok(command)
    }

    fn greeting(self, name: &str) -> Vec<u8> {
        match self {
            Self::Mosquitto => mqtt::connect(name),
            Self::Nats => nats::connect(),
        }
    }

    fn subscription(self, topic: &str) -> Vec<u8> {
        match self {
            Self::Mosquitto => mqtt::subscribe(topic),
            Self::Nats => nats::subscribe(topic),
        }
    }

    fn message(self, topic: &str, number: u16, content: &[u8]) -> Vec<u8> {
        match self {
            Self::Mosquitto => mqtt::publish(topic, number, content),
            Self::Nats => nats::publish(topic, content),
        }
    }

    /// Takes the first packet off what was read; `None` if it has not come whole.
    fn parse(self, read: &[u8]) -> Option<(usize, Heard)> {
        match self {
            Self::Mosquitto => mqtt::parse(read),
            Self::Nats => nats::parse(read),
        }
    }
}

/// Measures a broker once.
pub(crate) async fn run(broker: Broker, shape: &LoadShape) -> Result<Figures> {
    let directory = tempfile::tempdir()?;
    let address = free_address()?;
    let log = std::fs::File::create(directory.path().join("log"))?;
    let mut command = broker.command(directory.path(), address)?;
    command.stdout(log.try_clone()?).stderr(log);
    let child = command.spawn().with_context(|| format!("cannot start it: install {}", broker.name()))?;
    wait_for(address).await?;
    let mut pairs = Vec::new();
    for number in 0..shape.pairs {
        pairs.push(BrokerPair::connect(broker, address, shape, number).await?);
    }
    // A broker may have said something else than that it has the last subscription.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let pid = child.id().context("the broker has ended")?;
    Ok(measure(pairs, shape.seconds, || Ok(vec![cpu_us_of(pid)?])).await?.0)
}

async fn wait_for(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).await.is_err() {
        anyhow::ensure!(Instant::now() < deadline, "the broker does not answer at {address}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// One connection.
struct BrokerClient {
    broker: Broker,
    wire: BrokerWire,
    read: Vec<u8>,
    at: usize,
    unflushed: bool,
}

impl BrokerClient {
    async fn connect(broker: Broker, address: SocketAddr, name: &str) -> Result<Self> {
        let wire = BrokerWire::connect(address, matches!(broker, Broker::Nats)).await?;
        let mut client = Self { broker, wire, read: Vec::new(), at: 0, unflushed: false };
        client.feed(broker.greeting(name))?;
        poll_fn(|cx| client.poll_flush(cx)).await?;
        poll_fn(|cx| client.poll_heard(cx)).await?;
        Ok(client)
    }

    fn feed(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.unflushed = true;
        self.wire.feed(bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.unflushed && self.wire.poll_flush(cx)?.is_pending() {
            return Poll::Pending;
        }
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Result<Heard>> {
        loop {
            if let Some((bytes, heard)) = self.broker.parse(&self.read[self.at..]) {
                self.at += bytes;
                return Poll::Ready(Ok(heard));
            }
            self.read.drain(..self.at);
            self.at = 0;
            if self.wire.poll_read(cx, &mut self.read)?.is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// Two clients of a broker.
struct BrokerPair {
    sender: BrokerClient,
    recipient: BrokerClient,
    topic: String,
    content: Vec<u8>,
    number: u16,
    on_the_way: OnTheWay,
}

impl BrokerPair {
    async fn connect(broker: Broker, address: SocketAddr, shape: &LoadShape, number: usize) -> Result<Self> {
        let topic = format!("to.{number}");
        let mut recipient = BrokerClient::connect(broker, address, &format!("recipient-{number}")).await?;
        recipient.feed(broker.subscription(&topic))?;
        poll_fn(|cx| recipient.poll_flush(cx)).await?;
        // It says that it has the subscription.
        poll_fn(|cx| recipient.poll_heard(cx)).await?;
        let sender = BrokerClient::connect(broker, address, &format!("sender-{number}")).await?;
        let content = vec![b'x'; shape.size];
        let on_the_way = OnTheWay::new(shape.depth);
        Ok(Self { sender, recipient, topic, content, number: 0, on_the_way })
    }
}

impl DrivenPair for BrokerPair {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: Instant,
        stop: &AtomicBool,
        latencies: &mut Vec<Duration>,
    ) -> Poll<Result<()>> {
        loop {
            while let Poll::Ready(heard) = self.recipient.poll_heard(cx) {
                let Heard::Message(acknowledgement) = heard? else { continue };
                if stop.load(Ordering::Relaxed) {
                    return Poll::Ready(Ok(()));
                }
                self.on_the_way.arrives(from, latencies);
                if let Some(acknowledgement) = acknowledgement {
                    self.recipient.feed(acknowledgement)?;
                }
            }
            let _ = self.recipient.poll_flush(cx)?;
            while let Poll::Ready(heard) = self.sender.poll_heard(cx) {
                heard?;
            }
            let mut sent = false;
            while self.on_the_way.has_room() {
                self.number = self.number.checked_add(1).unwrap_or(1);
                let message = self.sender.broker.message(&self.topic, self.number, &self.content);
                self.sender.feed(message)?;
                sent = true;
            }
            if self.sender.poll_flush(cx)?.is_pending() || !sent {
                return Poll::Pending;
            }
        }
    }
}
