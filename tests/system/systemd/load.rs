//! Clients that keep a server busy while it is treated badly, and count what becomes of their
//! messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ephemeral::clock::Clock;
use ephemeral_client::{ClientEvent, ConnectOptions, Connection, Direct, Identity, Outgoing, ServerUrl, Session};
use ephemeral_core::backoff::Backoff;
use ephemeral_core::protocol::{Fingerprint, MINUTE_MS, ReceivedMessage, ServerEvent, WallTime};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// The time between two messages of one sender.
const PACE: Duration = Duration::from_millis(4);
/// How long a message lives that is meant to expire, in seconds: less than a restart by the
/// watchdog takes.
const SHORT: u64 = 3;
/// A message on its way when its time runs out may arrive this much later.
const ON_THE_WAY: u64 = 500;

/// What became of the messages of one sender.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Accepted, and to be there until they are fetched: who has to get them.
    pub(super) kept: BTreeMap<String, Fingerprint>,
    /// Accepted, and soon past their time.
    pub(super) short: BTreeSet<String>,
    /// What the one who is online got.
    pub(super) received: BTreeSet<String>,
    /// The store's lifetimes that were seen.
    pub(super) epochs: BTreeSet<String>,
    /// How often a connection was lost.
    pub(super) lost: usize,
}

/// Ends the load, and shows that it goes on.
#[derive(Debug, Default)]
pub(super) struct Control {
    pub(super) stop: AtomicBool,
    pub(super) delivered: AtomicUsize,
}

fn identity(number: u8) -> Identity {
    Identity::from_seed(&[number; 32])
}

/// Checks that no message came too late. Its time is written to the minute; that
/// those which live for seconds do not come at all is seen where they are fetched.
fn in_time(message: &ReceivedMessage) {
    let expires_at = WallTime::parse(&message.expires_at).unwrap();
    let now = Clock::System.wall();
    assert!(now <= expires_at.plus(MINUTE_MS + ON_THE_WAY), "{} came at {now}, past {expires_at}", message.id);
}

fn session(number: u8, url: &ServerUrl) -> Session {
    let session = Session::new(Arc::new(Direct::default()), url.clone(), identity(number), ConnectOptions::default());
    session.with_in_flight(16).with_backoff(Backoff::new(Duration::from_millis(50), Duration::from_millis(200)))
}

/// Lets `number` send to `number` + 1, who is online, and to `absent`, who is not, until it is told
/// to stop and everything has met its end.
pub(super) async fn pair(number: u8, absent: u8, url: ServerUrl, control: Arc<Control>) -> Tally {
    let mut alice = session(number, &url);
    let mut bob = session(number + 1, &url);
    let bobs = identity(number + 1).fingerprint();
    let absents = identity(absent).fingerprint();
    let mut tally = Tally::default();
    let mut recipients = BTreeMap::new();
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut sent = 0_usize;
    loop {
        let stopped = control.stop.load(Ordering::Relaxed);
        let arrived = tally.kept.iter().all(|(id, to)| *to != bobs || tally.received.contains(id));
        if stopped && recipients.is_empty() && arrived {
            return tally;
        }
        tokio::select! {
            // Not more than a few at a time: what waits here is not what is tested.
            _ = ticks.tick(), if !stopped && recipients.len() < 64 => {
                let (to, ttl_s) = match sent % 10 {
                    3 => (absents, None),
                    7 => (absents, Some(SHORT)),
                    _ => (bobs, None),
                };
                let content = format!("{number}-{sent}-{}", "x".repeat(sent * 7 % 900));
                let id = alice.send(&Outgoing { ttl_s, ..Outgoing::new(to, content) }).unwrap();
                recipients.insert(id, (to, ttl_s));
                sent += 1;
            }
            event = alice.next() => match event.unwrap() {
                ClientEvent::Accepted { id, .. } => {
                    let (to, ttl_s) = recipients.remove(&id).expect("it was sent, and accepted once");
                    if ttl_s.is_some() { tally.short.insert(id); } else { tally.kept.insert(id, to); }
                }
                ClientEvent::Refused { code, message, .. } => panic!("refused: {code:?} {message}"),
                ClientEvent::Connected { welcome, .. } => { tally.epochs.insert(welcome.epoch); }
                ClientEvent::Disconnected { .. } => tally.lost += 1,
                _ => {}
            },
            event = bob.next() => if let ClientEvent::Message(message) = event.unwrap() {
                in_time(&message);
                bob.ack(&message);
                control.delivered.fetch_add(1, Ordering::Relaxed);
                tally.received.insert(message.id);
            },
        }
    }
}

/// Fetches and acknowledges everything that waits for `number`. Returns it, and the epoch.
pub(super) async fn fetch(number: u8, url: ServerUrl) -> (BTreeSet<String>, String) {
    let fetching = async {
        let (mut connection, welcome) =
            Connection::connect(&Direct::default(), &url, &identity(number), &ConnectOptions::default()).await.unwrap();
        let mut fetched = BTreeSet::new();
        loop {
            match connection.next_event().await.unwrap() {
                ServerEvent::Message(message) => {
                    in_time(&message);
                    connection.send(&json!({"type": "ack", "seq": message.seq})).await.unwrap();
                    fetched.insert(message.id);
                }
                ServerEvent::CaughtUp => return (fetched, welcome.epoch),
                _ => {}
            }
        }
    };
    timeout(Duration::from_secs(60), fetching).await.expect("everything that waits, in time")
}
