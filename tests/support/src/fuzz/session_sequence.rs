//! Fuzzing: what three clients do, one after the other or at once, with the real connections,
//! sessions and hub between them.
//!
//! One step a line: what is done, by whom, and what that needs, a character each. Every character
//! means something, so that no change of an input is lost; a capital letter does not wait until
//! everybody has done what there is to do.
//!
//! | line | what |
//! | --- | --- |
//! | `j1w` | client 1 joins, with window `w`; `W` (a capital): without receipts |
//! | `s12a5text` | client 1 sends client 2 (4: somebody who never comes) the message `a`, kept as `TTL_S` says |
//! | `s12A5text` | the same; but if it knows that `a` is kept, it sends that once more, as it was |
//! | `a10` | client 1 acknowledges its session's message 0 (one that it was never sent, if there are none) |
//! | `r1text` | client 1 sends this text |
//! | `b1bytes` | these bytes come instead of a frame, and client 1 is gone |
//! | `x1text` | somebody connects as client 1, and says this instead of a signature |
//! | `d1` | client 1 is gone; `d1c`: with a close |
//! | `q1` | client 1 stops reading, or begins again |
//! | `p3` | time passes, as `SECONDS` says |
//! | `e` | the server shuts down |

mod client;
mod ledger;
mod sent;

use ephemeral_core::protocol::{ClientFrame, ErrorCode, Fingerprint, WallTime};
use ephemeral_core::session;
use ephemeral_core::store;
use serde_json::json;
use tokio::runtime::Builder;

use client::{Client, Owed};
use ledger::Ledger;
use sent::{SLACK, Sent};

use crate::rig::{self, Options, Rig, pass, settle};
use crate::session_rules;

/// Steps of one input, at most.
const STEPS: usize = 64;
/// Frames that are no message a client sends, at most: a server may lose its patience with more.
const MALFORMED: u32 = 8;
/// Steps after which nobody is waited for, at most: what they lead to fits into the pipes.
const UNSETTLED: usize = 8;
/// Messages in a mailbox, at most.
const MAILBOX: usize = 32;
/// Messages in a mailbox from one sender, at most, unless it is its owner.
const SHARE: usize = 4;
/// And of one to whom its owner has written.
const CORRESPONDENT_SHARE: usize = 16;
/// Messages in a mailbox from those to whom its owner has not written, at most.
const FROM_STRANGERS: usize = 24;
/// Bytes of content, at most.
const CONTENT_BYTES: usize = 64;
/// Bytes that may be no frame, at most: too few for any message, so that nobody has to know what
/// the server makes of them.
const BYTES: usize = 60;
/// How long a message is kept. The first is over at once.
const TTL_S: [u64; 8] = [0, 1, 2, 5, 20, 60, 300, 3600];
/// How long nothing happens.
const SECONDS: [u64; 8] = [1, 2, 5, 10, 29, 61, 95, 301];
/// The time between two looks at what has come: a client that reads answers pings.
const LOOK_S: u64 = 15;

/// Panics where a promise of the protocol is broken.
pub fn check(data: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new();
        for line in data.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).take(STEPS) {
            if !world.step(line).await {
                return world.has_shut_down().await;
            }
        }
        world.ends().await;
    });
}

struct World {
    rig: Rig,
    ledger: Ledger,
    /// Sessions that have not been seen to end, the replaced ones included.
    clients: Vec<Client>,
    malformed: u32,
    /// Steps after which nobody has been waited for.
    unsettled: usize,
}

/// The operands of a line, one byte each; there is no end of them.
struct Operands<'line>(&'line [u8]);

impl Operands<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return b'0' };
        self.0 = rest;
        *first
    }

    /// Returns a digit, brought into the range from 0 to 7.
    fn octal(&mut self) -> usize {
        usize::from(self.byte().wrapping_sub(b'0') % 8)
    }

    /// Returns a client's number: one of the first so many.
    fn number(&mut self, clients: u8) -> u8 {
        1 + self.byte().wrapping_sub(b'1') % clients
    }

    /// Returns the number of a client that is there.
    fn who(&mut self) -> u8 {
        self.number(3)
    }

    /// Returns the rest, as far as it fits into any frame.
    fn text(&self) -> String {
        String::from_utf8_lossy(self.0).chars().take(1000).collect()
    }
}

impl World {
    fn new() -> Self {
        let rules = session::Config { content_bytes: CONTENT_BYTES, window: 4, ..rig::unlimited() };
        let bounds = store::Config { mailbox_messages: MAILBOX, ..store::Config::default() };
        // A small pipe: a client that does not read is noticed soon.
        let rig = Rig::with(Options { rules, bounds, pipe: 4096, exact_times: true, ..Options::default() });
        Self { ledger: Ledger::default(), rig, clients: Vec::new(), malformed: 0, unsettled: 0 }
    }

    /// Returns whether the server still runs.
    async fn step(&mut self, line: &[u8]) -> bool {
        let mut operands = Operands(line);
        let what = operands.byte();
        match b"jsarbxdqpe".iter().find(|letter| what.eq_ignore_ascii_case(letter)) {
            Some(b'j') => self.join(operands.who(), operands.byte()).await,
            Some(b'a') => self.acknowledge(operands.who(), usize::from(operands.byte().wrapping_sub(b'0'))).await,
            Some(b'r') => self.says(operands.who(), &operands.text()).await,
            Some(b'b') => self.breaks_off(operands.who(), operands.0).await,
            Some(b'x') => self.intrudes(operands.who(), &operands.text()).await,
            Some(b'd') => self.leaves(operands.who(), operands.byte() == b'c').await,
            Some(b'q') => {
                let who = operands.who();
                self.current(who).into_iter().for_each(Client::turns_a_deaf_ear);
            }
            Some(b'p') => self.pass(SECONDS[operands.octal()]).await,
            Some(b'e') => return false,
            _ => {
                let from = operands.number(3);
                let to = operands.number(4);
                let id = operands.byte();
                let ttl_s = TTL_S[operands.octal()];
                self.sends(from, to, id, ttl_s, operands.text()).await;
            }
        }
        self.unsettled += 1;
        if !what.is_ascii_uppercase() || self.unsettled > UNSETTLED {
            self.settle().await;
        }
        true
    }

    /// Returns the session of a client that has not been replaced.
    fn current(&mut self, who: u8) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.who == who && !client.replaced)
    }

    async fn join(&mut self, who: u8, window: u8) {
        // What is on its way to the session before this one still counts.
        self.settle().await;
        let receipts = !window.is_ascii_uppercase();
        let window = 1 + u32::from(window) % 4;
        let (socket, welcome) = self.rig.login_with(who, json!({"window": window, "receipts": receipts})).await;
        let pending = usize::try_from(welcome["pending"].as_u64().unwrap()).unwrap();
        let now = WallTime::parse(welcome["server_time"].as_str().unwrap()).unwrap();
        self.ledger.check_pending(who, pending, now);
        let mut client = Client::new(who, socket, window, receipts, now);
        if let Some(older) = self.clients.iter_mut().find(|older| older.who == who && !older.replaced) {
            older.replaced = true;
            self.ledger.not_read_after(older.unanswered(), now);
            // One that does not read may have been closed for that.
            client.online_since = if older.was_deaf { now } else { older.online_since };
        }
        self.clients.push(client);
    }

    async fn sends(&mut self, from: u8, to: u8, id: u8, ttl_s: u64, text: String) {
        let again = id.is_ascii_uppercase();
        let id = char::from(b'a' + id.to_ascii_lowercase().wrapping_sub(b'a') % 8).to_string();
        let text: String = text.chars().filter(|&character| !session_rules::is_control(character)).take(100).collect();
        let now = self.rig.clock.wall();
        let Some(client) = self.clients.iter_mut().find(|client| client.who == from && !client.replaced) else {
            return;
        };
        // While it has not read everything, what it says may be read late, and no known id any
        // more.
        let first = if again && !client.was_deaf { self.ledger.kept(from, &id, now) } else { None };
        let sent = match first {
            Some(first) => Sent::new(from, first.to, id, first.content.clone(), first.ttl_ms, now),
            // No other has this content, and so it is known wherever it comes.
            None if !text.is_empty() => {
                Sent::new(from, to, id, format!("{} {text}", self.ledger.len()), ttl_s * 1000, now)
            }
            None => Sent::new(from, to, id, text, ttl_s * 1000, now),
        };
        let frame = json!({
            "id": sent.id, "to": rig::fingerprint(sent.to), "content": sent.content, "ttl_s": sent.ttl_ms / 1000
        });
        let place = self.ledger.sends(sent);
        client.says(&frame.to_string(), Some(Owed::Message(place))).await;
    }

    /// Acknowledges the message at this place among those that its session was sent, and all before
    /// it.
    async fn acknowledge(&mut self, who: u8, place: usize) {
        let now = self.rig.clock.wall();
        let Some(client) = self.clients.iter_mut().find(|client| client.who == who && !client.replaced) else { return };
        if let Some(seq) = client.seq_at(place) {
            client.acknowledges(seq).await;
            self.ledger.acknowledged(client, now);
        } else if self.malformed < MALFORMED {
            self.malformed += 1;
            let frame = json!({"type": "ack", "seq": i64::MAX});
            client.says(&frame.to_string(), Some(Owed::Error(ErrorCode::Malformed, None))).await;
        }
    }

    async fn says(&mut self, who: u8, text: &str) {
        let owed = match ClientFrame::parse(text) {
            Err(error) => Owed::Error(error.code, error.id),
            Ok(ClientFrame::Auth(auth)) => Owed::Error(ErrorCode::Malformed, auth.id.map(Into::into)),
            // It might be kept: messages that may be are for `s`.
            Ok(ClientFrame::Message(frame)) if frame.to.as_deref().is_some_and(is_key) => return,
            Ok(ClientFrame::Message(frame)) => {
                Owed::NothingKept { id: frame.id.map(Into::into), before: self.ledger.len(), at: self.rig.clock.wall() }
            }
            // There may be an answer, or none.
            Ok(ClientFrame::Ack { .. }) => return,
        };
        if self.malformed >= MALFORMED {
            return;
        }
        if let Some(client) = self.current(who) {
            client.says(text, Some(owed)).await;
            self.malformed += 1;
        }
    }

    /// Breaks off. What the server makes of the bytes is not known; only that the others are served
    /// is checked.
    async fn breaks_off(&mut self, who: u8, bytes: &[u8]) {
        self.settle().await;
        if let Some(client) = self.current(who) {
            client.writes(&bytes[..bytes.len().min(BYTES)]).await;
        }
        settle().await;
        self.forget(who).await;
    }

    async fn intrudes(&mut self, who: u8, text: &str) {
        let mut socket = self.rig.socket(who).await;
        assert_eq!(socket.next().await["type"], "challenge");
        socket.send_text(text).await;
        let (code, reason) = socket.closed().await;
        assert!(code == 4401 && matches!(&*reason, "auth_failed" | "auth_required"), "{code} {reason}");
    }

    async fn leaves(&mut self, who: u8, politely: bool) {
        if politely && let Some(client) = self.current(who) {
            client.says_goodbye().await;
        }
        self.forget(who).await;
    }

    /// Drops the connection without a word.
    async fn forget(&mut self, who: u8) {
        let soon = self.rig.clock.wall().plus(SLACK);
        for client in self.clients.extract_if(.., |client| client.who == who && !client.replaced) {
            self.ledger.not_read_after(client.unanswered(), soon);
        }
        settle().await;
    }

    async fn pass(&mut self, seconds: u64) {
        self.settle().await;
        let mut left = seconds;
        while left > 0 {
            let step = left.min(LOOK_S);
            pass(step).await;
            self.settle().await;
            left -= step;
        }
    }

    /// Lets everybody do what there is to do, and read what comes of it.
    async fn settle(&mut self) {
        self.unsettled = 0;
        settle().await;
        while self.read().await {
            settle().await;
        }
        let now = self.rig.clock.wall();
        for client in self.clients.iter_mut().filter(|client| !client.deaf) {
            assert!(!client.replaced, "it is not told that it was replaced");
            self.ledger.settled(client, now);
            client.has_read_everything(now);
        }
        self.ledger.check_all(self.rig.waiting(), now);
    }
}

/// What comes, and the end.
impl World {
    /// Reads all that has come, and writes it down. Returns whether anything has come.
    async fn read(&mut self) -> bool {
        let now = self.rig.clock.wall();
        let mut something = false;
        for client in &mut self.clients {
            for frame in client.hears().await {
                something = true;
                match frame["type"].as_str() {
                    Some("accepted" | "error") => self.ledger.answer(client, &frame, now),
                    Some("message") => self.ledger.delivered(client, &frame, now),
                    Some("receipt") => self.ledger.receipt(client, &frame, now),
                    Some("caught_up") => {
                        assert!(!client.caught_up, "`caught_up` comes once");
                        client.caught_up = true;
                    }
                    other => panic!("a frame that is none of the server's: {other:?}"),
                }
            }
        }
        self.ledger.check_full();
        self.bury();
        something
    }

    /// Forgets the sessions that are over, if they had a reason to be.
    fn bury(&mut self) {
        let now = self.rig.clock.wall();
        for client in self.clients.extract_if(.., |client| client.closed.is_some()) {
            let code = client.closed.unwrap_or_default();
            // One that did not read may have been closed for that, and dropped before it read why.
            assert!(client.was_deaf || (client.replaced && code == 4409), "closed with {code}");
            self.ledger.not_read_after(client.unanswered(), now);
        }
    }

    /// Lets everybody come once more and take what waits; nothing is missing, and nothing is left.
    async fn ends(mut self) {
        self.clients.iter_mut().for_each(|client| client.deaf = false);
        self.settle().await;
        for who in 1..=3 {
            self.join(who, b'4').await;
            // A window's worth at a time. That nothing is missing is checked whenever all has
            // settled.
            for _ in 0..MAILBOX {
                self.settle().await;
                let last = self.current(who).map_or(0, |client| client.delivered.len().saturating_sub(1));
                self.acknowledge(who, last).await;
            }
            self.settle().await;
        }
        let (least, most) = self.ledger.waiting(4, self.rig.clock.wall());
        let left = self.rig.waiting();
        assert!((least..=most).contains(&left), "{left} messages are left, and not {least} to {most}");
        self.clients.clear();
        pass(3).await;
        assert_eq!((self.rig.connections(), self.rig.unauthenticated()), (0, 0), "something of a connection is left");
        assert_eq!(self.rig.hub.figures().0, 0, "a session without a connection");
    }

    async fn has_shut_down(mut self) {
        self.settle().await;
        self.rig.drain();
        settle().await;
        for client in &mut self.clients {
            if !client.deaf && !client.over {
                client.hears().await;
                let code = client.closed;
                assert!(code == Some(1001) || client.replaced || client.was_deaf, "not told that it ends: {code:?}");
            }
        }
        // Those that do not read are given up.
        pass(60).await;
        assert_eq!((self.rig.connections(), self.rig.hub.figures().0), (0, 0), "a session outlives the server");
    }
}

fn is_key(text: &str) -> bool {
    text.parse::<Fingerprint>().is_ok()
}
