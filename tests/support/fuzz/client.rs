//! One session of one client: what it has said, what it is owed for that, what it was sent.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a check fails by panicking, and is called by a test and by the fuzzer"
)]

use std::collections::VecDeque;
use std::time::Duration;

use ephemeral::protocol::ErrorCode;
use futures::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::ledger::Sent;
use super::rig::Socket;

/// A peer that does not read is closed earlier than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// The answer to a frame.
pub enum Owed {
    /// `accepted`, or an error that this message deserves.
    Message(Sent),
    /// This error, with this id.
    Error(ErrorCode, Option<String>),
    /// One answer.
    Anything,
}

/// One session of one client.
pub struct Client {
    pub who: u8,
    pub window: u32,
    pub receipts: bool,
    /// Another session of the same client has begun.
    pub replaced: bool,
    /// It does not read.
    pub deaf: bool,
    /// It did not read for a while: what it reads is old, and it may have been closed for that.
    pub was_deaf: bool,
    pub caught_up: bool,
    /// Nothing more can be said to it.
    pub over: bool,
    /// The code with which it was closed.
    pub closed: Option<u16>,
    /// The sequence numbers of what it was sent, and the places of that in the ledger, if it has one there.
    pub delivered: Vec<(u64, Option<usize>)>,
    /// All up to here is acknowledged.
    pub acknowledged: u64,
    socket: Socket,
    owed: VecDeque<Owed>,
}

impl Client {
    pub fn new(who: u8, socket: Socket, window: u32, receipts: bool) -> Self {
        Self {
            who,
            window,
            receipts,
            replaced: false,
            deaf: false,
            was_deaf: false,
            caught_up: false,
            over: false,
            closed: None,
            delivered: Vec::new(),
            acknowledged: 0,
            socket,
            owed: VecDeque::new(),
        }
    }

    /// The sequence number of one of the messages that it was sent.
    pub fn seq_at(&self, place: usize) -> Option<u64> {
        self.delivered.get(place % self.delivered.len().max(1)).map(|(seq, _)| *seq)
    }

    pub async fn says(&mut self, text: &str, owed: Option<Owed>) {
        self.owed.extend(owed);
        let sent = timeout(PATIENCE, self.socket.socket.send(Message::text(text))).await.expect("it is closed before");
        self.over |= sent.is_err();
    }

    pub async fn acknowledges(&mut self, seq: u64) {
        self.acknowledged = self.acknowledged.max(seq);
        self.says(&json!({"type": "ack", "seq": seq}).to_string(), None).await;
    }

    /// Bytes that are perhaps no frame.
    pub async fn writes(&mut self, bytes: &[u8]) {
        let written = timeout(PATIENCE, self.socket.socket.get_mut().write_all(bytes)).await;
        // It may be closed before it has read all.
        drop(written.expect("it is closed before"));
    }

    pub async fn says_goodbye(&mut self) {
        // It may be closed already.
        let _ = timeout(PATIENCE, self.socket.socket.close(None)).await.expect("it is closed before");
    }

    pub fn turns_a_deaf_ear(&mut self) {
        self.deaf = !self.deaf;
        self.was_deaf = true;
    }

    /// What has come, pings answered.
    pub async fn hears(&mut self) -> Vec<Value> {
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

    /// What the next answer is for.
    pub fn answered(&mut self) -> Owed {
        self.owed.pop_front().expect("an answer to nothing")
    }

    /// The messages that it does not know the answers to.
    pub fn unread(&self) -> impl Iterator<Item = &Sent> {
        self.owed.iter().filter_map(|owed| match owed {
            Owed::Message(sent) => Some(sent),
            _ => None,
        })
    }

    /// How many messages for this recipient were not answered.
    pub fn unanswered(&self, to: u8) -> usize {
        self.unread().filter(|sent| sent.to == to).count()
    }

    /// Everything that was not answered.
    pub fn owed(&mut self) -> impl Iterator<Item = Owed> {
        std::mem::take(&mut self.owed).into_iter()
    }
}
