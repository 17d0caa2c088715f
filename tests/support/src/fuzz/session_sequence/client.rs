//! One session of one client: what it has said, what it is owed for that, what it was sent.

use std::collections::VecDeque;
use std::time::Duration;

use ephemeral_core::protocol::{ErrorCode, WallTime};
use futures::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::rig::Socket;

/// A peer that does not read is closed earlier than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// The answer to a frame.
pub(super) enum Owed {
    /// `accepted`, or an error that the message at this place of the ledger deserves.
    Message(usize),
    /// This error, with this id.
    Error(ErrorCode, Option<String>),
    /// Any error; or a duplicate of a message that has this id, and was sent before this place and
    /// lives at this time.
    NothingKept { id: Option<String>, before: usize, at: WallTime },
}

/// A message that has come.
pub(super) struct Delivery {
    pub(super) seq: u64,
    /// Its place in the ledger.
    pub(super) place: usize,
}

/// One session of one client.
pub(super) struct Client {
    pub(super) who: u8,
    pub(super) window: u32,
    pub(super) receipts: bool,
    /// Another session of the same client has begun.
    pub(super) replaced: bool,
    /// It does not read.
    pub(super) deaf: bool,
    /// It did not read for a while, and has not read everything since: it may have been closed for
    /// that.
    pub(super) was_deaf: bool,
    pub(super) joined: WallTime,
    /// The time since which it has had a session, this one or one that this one took over from, for
    /// certain.
    pub(super) online_since: WallTime,
    /// Then it had read everything: what comes was sent later.
    pub(super) since: WallTime,
    pub(super) caught_up: bool,
    /// Nothing more can be said to it.
    pub(super) over: bool,
    /// The code with which it was closed.
    pub(super) closed: Option<u16>,
    pub(super) delivered: Vec<Delivery>,
    /// All up to here is acknowledged.
    pub(super) acknowledged: u64,
    socket: Socket,
    owed: VecDeque<Owed>,
}

impl Client {
    pub(super) fn new(who: u8, socket: Socket, window: u32, receipts: bool, joined: WallTime) -> Self {
        Self {
            who,
            window,
            receipts,
            replaced: false,
            deaf: false,
            was_deaf: false,
            joined,
            online_since: joined,
            since: joined,
            caught_up: false,
            over: false,
            closed: None,
            delivered: Vec::new(),
            acknowledged: 0,
            socket,
            owed: VecDeque::new(),
        }
    }

    /// Returns the sequence number of one of the messages that it was sent.
    pub(super) fn seq_at(&self, place: usize) -> Option<u64> {
        self.delivered.get(place % self.delivered.len().max(1)).map(|delivery| delivery.seq)
    }

    pub(super) async fn says(&mut self, text: &str, owed: Option<Owed>) {
        self.owed.extend(owed);
        let sent = timeout(PATIENCE, self.socket.socket.send(Message::text(text))).await.expect("it is closed before");
        self.over |= sent.is_err();
    }

    pub(super) async fn acknowledges(&mut self, seq: u64) {
        self.acknowledged = self.acknowledged.max(seq);
        self.says(&json!({"type": "ack", "seq": seq}).to_string(), None).await;
    }

    /// Writes bytes that are perhaps no frame.
    pub(super) async fn writes(&mut self, bytes: &[u8]) {
        let written = timeout(PATIENCE, self.socket.socket.get_mut().write_all(bytes)).await;
        // It may be closed before it has read all.
        drop(written.expect("it is closed before"));
    }

    pub(super) async fn says_goodbye(&mut self) {
        // It may be closed already.
        let _ = timeout(PATIENCE, self.socket.socket.close(None)).await.expect("it is closed before");
    }

    pub(super) fn turns_a_deaf_ear(&mut self) {
        self.deaf = !self.deaf;
        self.was_deaf = true;
    }

    /// Checks that there is nothing more to read, and that the session was not closed.
    pub(super) fn has_read_everything(&mut self, now: WallTime) {
        self.was_deaf = false;
        self.since = now;
    }

    /// Returns what has come, pings answered.
    pub(super) async fn hears(&mut self) -> Vec<Value> {
        let mut heard = Vec::new();
        while !self.deaf && self.closed.is_none() {
            match self.socket.socket.next().now_or_never() {
                None => break,
                Some(Some(Ok(Message::Text(text)))) => heard.push(serde_json::from_str(&text).expect("JSON")),
                Some(Some(Ok(Message::Ping(_)))) => {
                    let _ = timeout(PATIENCE, self.socket.socket.flush()).await.expect("it is closed before");
                }
                Some(Some(Ok(Message::Pong(_)))) => {}
                Some(Some(Ok(Message::Close(frame)))) => {
                    self.closed = Some(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Some(Ok(other))) => panic!("no frame of the protocol: {}", other.len()),
                Some(Some(Err(_)) | None) => self.closed = Some(1006),
            }
        }
        self.over |= self.closed.is_some();
        heard
    }

    /// Returns what the next answer is for.
    pub(super) fn answered(&mut self) -> Owed {
        self.owed.pop_front().expect("an answer to nothing")
    }

    /// Returns the messages that it does not know the answers to: their places in the ledger.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = usize> {
        self.owed.iter().filter_map(|owed| match owed {
            Owed::Message(place) => Some(*place),
            _ => None,
        })
    }

    /// Returns how many answers it has not read.
    pub(super) fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Returns what it was sent, and has acknowledged.
    pub(super) fn taken(&self) -> impl Iterator<Item = &Delivery> {
        self.delivered.iter().filter(|delivery| delivery.seq <= self.acknowledged)
    }
}
