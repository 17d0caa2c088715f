//! People who write down what they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ephemeral_client::{ConnectOptions, Connection, Direct, Identity, ServerUrl};
use ephemeral_core::protocol::{Fingerprint, ServerEvent};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::machines::Cluster;

/// No step takes longer, unless something is broken.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Until something is looked at again.
pub(super) const AGAIN: Duration = Duration::from_millis(50);
/// How long a machine may take with an answer before another one is tried.
pub(super) const ANSWER: Duration = Duration::from_secs(15);

/// Returns who somebody is.
pub(super) fn fingerprint(number: u8) -> Fingerprint {
    Identity::from_seed(&[number; 32]).fingerprint()
}

/// Somebody who connects to whichever machine takes them, and sends again what was not answered.
pub(super) struct Person {
    number: u8,
    connection: Connection,
    /// How many sessions there were.
    pub(super) connected: usize,
    pub(super) epochs: BTreeSet<String>,
    /// The ids of what came, and how often.
    pub(super) received: BTreeMap<String, usize>,
    told: BTreeMap<String, usize>,
    highest: u64,
}

/// Connects somebody to the first of these that takes them. Returns the epoch, and which one that
/// was.
pub(super) async fn connect(number: u8, urls: &[ServerUrl]) -> Option<(Connection, String, ServerUrl)> {
    for url in urls {
        let identity = Identity::from_seed(&[number; 32]);
        let options = ConnectOptions::default();
        let direct = Direct::default();
        let attempt = Connection::connect(&direct, url, &identity, &options);
        if let Ok(Ok((connection, welcome))) = timeout(Duration::from_secs(2), attempt).await {
            return Some((connection, welcome.epoch, url.clone()));
        }
    }
    None
}

impl Person {
    pub(super) async fn connect(number: u8, cluster: &Cluster) -> Self {
        let begun = Instant::now();
        loop {
            if let Some((connection, epoch, _)) = connect(number, &cluster.urls()).await {
                return Self {
                    number,
                    connection,
                    connected: 1,
                    epochs: BTreeSet::from([epoch]),
                    received: BTreeMap::new(),
                    told: BTreeMap::new(),
                    highest: 0,
                };
            }
            assert!(begun.elapsed() < PATIENCE, "nobody takes {number}: {}", cluster.everything());
            sleep(AGAIN).await;
        }
    }

    async fn connect_again(&mut self, cluster: &Cluster) {
        let Self { connection, connected, mut epochs, received, told, .. } = Self::connect(self.number, cluster).await;
        epochs.append(&mut self.epochs);
        self.connected += connected;
        self.epochs = epochs;
        self.connection = connection;
        self.highest = 0;
        drop((received, told));
    }

    /// Sends messages, each until it is accepted. Returns their ids.
    pub(super) async fn send_many(&mut self, cluster: &Cluster, to: u8, name: &str, count: usize) -> Vec<String> {
        let ids: Vec<_> = (0..count).map(|number| format!("{name}-{number}")).collect();
        let mut open: BTreeSet<String> = ids.iter().cloned().collect();
        let begun = Instant::now();
        let mut anew = true;
        while !open.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "not accepted: {open:?}; {}", cluster.everything());
            if anew {
                anew = false;
                for id in ids.iter().filter(|id| open.contains(*id)) {
                    let message = json!({"id": id, "to": fingerprint(to), "content": format!("{id} {name}")});
                    anew |= self.connection.send(&message).await.is_err();
                }
            }
            match timeout(ANSWER, self.connection.next_event()).await {
                Ok(Ok(ServerEvent::Accepted { id, .. })) => drop(open.remove(&id)),
                Ok(Ok(event)) => self.note(event),
                Ok(Err(_)) | Err(_) => {
                    self.connect_again(cluster).await;
                    anew = true;
                }
            }
        }
        ids
    }

    /// Sends an id again, and returns whether it was known.
    pub(super) async fn is_duplicate(&mut self, cluster: &Cluster, to: u8, id: &str) -> bool {
        let message = json!({"id": id, "to": fingerprint(to), "content": "again"});
        self.connection.send(&message).await.unwrap();
        loop {
            match timeout(ANSWER, self.connection.next_event()).await.expect("an answer") {
                Ok(ServerEvent::Accepted { id: accepted, duplicate, .. }) if accepted == id => return duplicate,
                Ok(event) => self.note(event),
                Err(error) => panic!("{error}: {}", cluster.everything()),
            }
        }
    }

    /// Sends over the session that there is, and returns whether that was accepted before it ended.
    pub(super) async fn is_accepted_there(&mut self, to: u8, id: &str) -> bool {
        let message = json!({"id": id, "to": fingerprint(to), "content": "hello"});
        if self.connection.send(&message).await.is_err() {
            return false;
        }
        loop {
            match timeout(PATIENCE, self.connection.next_event()).await.expect("an answer, or an end") {
                Ok(ServerEvent::Accepted { id: accepted, .. }) if accepted == id => return true,
                Ok(event) => self.note(event),
                Err(_) => return false,
            }
        }
    }

    fn note(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Message(message) => {
                assert!(message.seq > self.highest, "the numbers rise in a session");
                self.highest = message.seq;
                *self.received.entry(message.id).or_default() += 1;
            }
            ServerEvent::Receipt { id, .. } => *self.told.entry(id).or_default() += 1,
            ServerEvent::Error { code, message, .. } => panic!("{code:?}: {message}"),
            _ => {}
        }
    }

    /// Receives until all of these have come, and acknowledges them.
    pub(super) async fn receives_all(&mut self, cluster: &Cluster, ledger: &[String]) {
        let begun = Instant::now();
        while !ledger.iter().all(|id| self.received.contains_key(id)) {
            let missing: Vec<_> = ledger.iter().filter(|id| !self.received.contains_key(*id)).collect();
            assert!(begun.elapsed() < PATIENCE, "lost: {missing:?}; {}", cluster.everything());
            match timeout(ANSWER, self.connection.next_event()).await {
                Ok(Ok(event)) => {
                    let is_message = matches!(event, ServerEvent::Message(_));
                    self.note(event);
                    if is_message {
                        // What is lost on the way comes again.
                        let _ = self.connection.send(&json!({"type": "ack", "seq": self.highest})).await;
                    }
                }
                Ok(Err(_)) | Err(_) => self.connect_again(cluster).await,
            }
        }
    }

    /// Checks that no receipt came twice, in whichever session.
    pub(super) fn is_told_of_none_twice(&self) {
        assert!(self.told.values().all(|times| *times == 1), "each once: {:?}", self.told);
    }

    /// Waits until it was told of all of these, each once.
    pub(super) async fn is_told_of_all(&mut self, ledger: &[String]) {
        while !ledger.iter().all(|id| self.told.contains_key(id)) {
            let event = timeout(PATIENCE, self.connection.next_event()).await.expect("receipts").unwrap();
            self.note(event);
        }
        self.is_told_of_none_twice();
    }
}
