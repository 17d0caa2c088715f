//! The attack harness: what is promised to honest clients, one second away, while others attack
//! within the limits, and what an attack makes the daemon take of memory.
//! `tests/tor/attacks_over_tor.rs` has the same over a private Tor network.
//!
//! Each figure asserts a promise; docs/threat-model.md has the table of them. They need the machine
//! for themselves, so that they run one after the other.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ephemeral::admission::INCOMPLETE_BYTES;
use ephemeral::transport::clearnet::TlsFiles;
use ephemeral_core::store::RECORD_COST;
use ephemeral_test_support::attack::{
    Distant, Flood, HonestPair, Logins, begin_message, connect, fingerprint, log_in, login, loopback, stay_silent,
};
use ephemeral_test_support::daemon::Daemon;
use ephemeral_test_support::tls::handshake;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::SERVER;

/// One attack at a time.
static ALONE: Mutex<()> = Mutex::const_new(());
/// How far away an honest client is.
const ONE_WAY: Duration = Duration::from_secs(1);
/// How long a flood has gone on when the honest clients come: the slots have been taken several
/// times over.
const BEFORE: Duration = Duration::from_secs(4);
/// Slots for connections that have not authenticated.
const SLOTS: usize = 256;
/// What such a connection may cost, whatever it has sent: its buffers, and those of a TLS
/// handshake.
const CONNECTION_BYTES: usize = 64 * 1024;
/// What the honest pair exchanges, within its rate.
const MESSAGES: usize = 12;
const EVERY: Duration = Duration::from_millis(650);
/// The keys of the honest pair.
const PAIR: usize = 1_000_000;

/// The daemon that is attacked.
struct Attacked {
    daemon: Daemon,
    address: SocketAddr,
    _directory: TempDir,
}

impl Attacked {
    async fn new(configuration: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut daemon =
            Daemon::start(SERVER, directory.path(), configuration, &["--no-tor", "--clearnet=127.0.0.1:0"]);
        let said = daemon.says("clearnet ").await;
        let (_, address) = said.split_once("://").unwrap();
        Self { address: address.parse().unwrap(), daemon, _directory: directory }
    }

    /// Returns how many connections gave way, or found none that had to.
    async fn gave_way(&self) -> u64 {
        self.daemon.events("gave_way").await + self.daemon.events("overload").await
    }

    /// Strangers that say nothing, so many a second, in turns from the addresses that `from` gives
    /// for their numbers.
    fn silent_flood(&self, a_second: u32, from: impl Fn(usize) -> SocketAddr + Send + 'static) -> Flood {
        let to = self.address;
        Flood::start(a_second, move |number| connect(from(number), to), |_, stream: TcpStream| stay_silent(stream))
    }

    /// Returns an honest pair, a second away, and its bytes on their way.
    async fn pair(&self) -> (HonestPair<DuplexStream>, [JoinSet<()>; 2]) {
        let (sender, one) = distant_session(self.address, loopback(5, 0), PAIR).await.expect("a session");
        let (recipient, other) = distant_session(self.address, loopback(5, 1), PAIR + 1).await.expect("a session");
        (HonestPair::new(sender, recipient, PAIR + 1), [one, other])
    }
}

/// Logs in, a second away, over TCP.
async fn distant_session(
    to: SocketAddr,
    from: SocketAddr,
    number: usize,
) -> Result<(WebSocketStream<DuplexStream>, JoinSet<()>), String> {
    let stream = connect(from, to).await.ok_or("not connected")?;
    let Distant { stream, way } = Distant::new(stream, ONE_WAY);
    Ok((log_in(stream, &to.to_string(), number).await?, way))
}

/// Logs in once, a second away, over TCP.
async fn log_in_once(to: SocketAddr, from: SocketAddr, number: usize) -> Result<(), String> {
    distant_session(to, from, number).await.map(drop)
}

/// Logs in, a second away, over TLS.
async fn distant_tls_session(
    to: SocketAddr,
    from: SocketAddr,
    number: usize,
    cert: PathBuf,
) -> Result<(WebSocketStream<impl AsyncRead + AsyncWrite + Unpin>, JoinSet<()>), String> {
    let stream = connect(from, to).await.ok_or("not connected")?;
    let Distant { stream, way } = Distant::new(stream, ONE_WAY);
    let stream = handshake(&cert, stream).await.map_err(|error| error.to_string())?;
    Ok((log_in(stream, "localhost", number).await?, way))
}

fn issue(directory: &Path) -> TlsFiles {
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { cert: directory.join("cert.pem"), key: directory.join("key.pem") };
    fs::write(&files.cert, issued.cert.pem()).unwrap();
    fs::write(&files.key, issued.signing_key.serialize_pem()).unwrap();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_succeed_under_a_flood_of_many_peers_within_their_limits() {
    let _alone = ALONE.lock().await;
    // One that does not keep to any limit either: it is refused before anybody has to give way.
    for (peers, a_second, least) in [(80, 127, 100), (200, 316, 100), (1, 400, 0)] {
        let attacked = Attacked::new("").await;
        let to = attacked.address;
        let (mut pair, _ways) = attacked.pair().await;
        let flood = attacked.silent_flood(a_second, move |number| loopback(2, number % peers));
        sleep(BEFORE).await;
        let attack = format!("{peers} peers, {a_second} silent connections a second");
        let logins = Logins::measure(20, |client| log_in_once(to, loopback(3, client), client));
        let messages = pair.exchange_under(&attack, MESSAGES, EVERY);
        let (logins, ()) = futures::future::join(logins, messages).await;
        logins.assert_promised(&attack);
        let made = flood.made();
        assert!(made > 500, "that was no flood: {made}");
        let gave_way = attacked.gave_way().await;
        assert!(gave_way >= least, "only {gave_way} gave way");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_and_messages_succeed_while_throw_away_keys_log_in_at_full_rate() {
    let _alone = ALONE.lock().await;
    let attacked = Attacked::new("").await;
    let to = attacked.address;
    let host = attacked.address.to_string();
    let (mut pair, _ways) = attacked.pair().await;
    let flood = Flood::start(
        127,
        move |number| connect(loopback(2, number % 80), to),
        move |number, stream: TcpStream| {
            let host = host.clone();
            async move { drop(login(stream, &host, 10_000 + number).await) }
        },
    );
    sleep(BEFORE).await;
    let attack = "80 peers, 127 logins a second by throw-away keys";
    let logins = Logins::measure(20, |client| log_in_once(to, loopback(3, client), client));
    let messages = pair.exchange_under(attack, MESSAGES, EVERY);
    let (logins, ()) = futures::future::join(logins, messages).await;
    logins.assert_promised(attack);
    assert!(flood.made() > 500, "that was no flood: {}", flood.made());
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_and_messages_over_tls_succeed_under_a_flood_of_one_peer_and_of_many() {
    let _alone = ALONE.lock().await;
    let certificate = tempfile::tempdir().unwrap();
    let files = issue(certificate.path());
    let attacked =
        Attacked::new(&format!("[clearnet]\ntls_cert = {:?}\ntls_key = {:?}\n", files.cert, files.key)).await;
    let to = attacked.address;
    let session = |from, number| {
        let cert = files.cert.clone();
        async move { distant_tls_session(to, from, number, cert).await }
    };
    let (sender, _way) = session(loopback(5, 0), PAIR).await.expect("a session");
    let (recipient, _way_back) = session(loopback(5, 1), PAIR + 1).await.expect("a session");
    let mut pair = HonestPair::new(sender, recipient, PAIR + 1);
    let one = attacked.silent_flood(400, |_| loopback(4, 0));
    let many = attacked.silent_flood(127, |number| loopback(2, number % 80));
    sleep(BEFORE).await;
    let attack = "TLS, one peer with 400 silent connections a second and 80 with 127";
    let logins = Logins::measure(20, |client| {
        let login = session(loopback(3, client), client);
        async move { login.await.map(drop) }
    });
    let messages = pair.exchange_under(attack, MESSAGES, EVERY);
    let (logins, ()) = futures::future::join(logins, messages).await;
    logins.assert_promised(attack);
    assert!(one.made() > 1000 && many.made() > 500, "that was no flood");
    let gave_way = attacked.gave_way().await;
    assert!(gave_way > 100, "only {gave_way} gave way");
}

/// Says how much more memory an attack made the daemon take than `before`, and asserts that it was
/// no more than that.
#[track_caller]
#[allow(clippy::print_stderr, reason = "the figure is worth reading")]
fn assert_took(attack: &str, before: usize, peak: usize, bound: usize) {
    let took = peak.saturating_sub(before);
    eprintln!("{attack}: {:.1} MiB more, of {} MiB", took as f64 / 1_048_576.0, bound >> 20);
    assert!(took < bound, "{attack}: {} MiB more than before", took >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_messages_take_no_more_than_their_budget_and_others_go_through() {
    /// Sessions that send half a message, and how many of them an address has.
    const SESSIONS: usize = 400;
    const OF_ONE: usize = 8;
    /// What a session may cost besides.
    const SESSION_BYTES: usize = 32 * 1024;
    let _alone = ALONE.lock().await;
    let limits = "[limits]\nmessages_per_minute = 10000\nmessage_burst = 1000\n";
    let attacked = Attacked::new(limits).await;
    let to = attacked.address;
    let host = attacked.address.to_string();
    let before = attacked.daemon.resident();
    let stream = connect(loopback(3, 0), to).await.unwrap();
    let mut honest = login(stream, &host, 100_000).await.expect("a session");
    let mut half = Vec::new();
    let mut peak = 0;
    for number in 0..SESSIONS {
        let stream = connect(loopback(2, number / OF_ONE), to).await.unwrap();
        let mut socket = login(stream, &host, number).await.expect("a session");
        begin_message(&mut socket, Duration::from_millis(200)).await;
        half.push(socket);
        peak = peak.max(attacked.daemon.resident());
    }
    let content = "x".repeat(65_536);
    for number in 0..5 {
        let message = json!({"id": format!("m-{number}"), "to": fingerprint(100_001), "content": content});
        honest.send(Message::text(message.to_string())).await.unwrap();
        while !honest.next().await.unwrap().unwrap().to_text().unwrap().contains("accepted") {}
        peak = peak.max(attacked.daemon.resident());
    }
    // The allocator holds back up to three times the budget of what was freed.
    let bound = 4 * INCOMPLETE_BYTES + SESSIONS * SESSION_BYTES + 5 * 2 * content.len();
    assert_took(&format!("{SESSIONS} half-sent messages"), before, peak, bound);
    let gave_way = attacked.daemon.events("too_slow").await;
    assert!(gave_way > 20, "only {gave_way} gave way");
}

/// Returns the next frame that has this in it, and reads over the others.
async fn until(socket: &mut WebSocketStream<TcpStream>, part: &str) -> Value {
    loop {
        let frame = socket.next().await.unwrap().unwrap();
        let Ok(text) = frame.to_text() else { continue };
        if text.contains(part) {
            return serde_json::from_str(text).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_were_sent_a_long_message_hold_no_more_than_those_that_were_not() {
    const SESSIONS: usize = 200;
    const OF_ONE: usize = 8;
    /// What the allocator may hold back of the messages on their way.
    const REST: usize = 12 << 20;
    let _alone = ALONE.lock().await;
    // Nobody answers pings while the others have their turn.
    let patience = "[session]\nping_interval_s = 1800\nidle_timeout_s = 3600\n";
    let limits = "[limits]\nmessages_per_minute = 10000\nmessage_burst = 1000\n";
    let attacked = Attacked::new(&format!("{limits}{patience}")).await;
    let to = attacked.address;
    let host = attacked.address.to_string();
    let mut sender = login(connect(loopback(3, 0), to).await.unwrap(), &host, 100_000).await.expect("a session");
    let mut recipients = Vec::new();
    for number in 0..SESSIONS {
        let stream = connect(loopback(2, number / OF_ONE), to).await.unwrap();
        recipients.push(login(stream, &host, number).await.expect("a session"));
    }
    let before = attacked.daemon.resident();
    // Each of these takes two bytes on its way.
    let content = "\"".repeat(65_536);
    for (number, recipient) in recipients.iter_mut().enumerate() {
        let message = json!({"id": format!("m-{number}"), "to": fingerprint(number), "content": content});
        sender.send(Message::text(message.to_string())).await.unwrap();
        until(&mut sender, "accepted").await;
        let received = until(recipient, "content").await;
        recipient.send(Message::text(json!({"type": "ack", "seq": received["seq"]}).to_string())).await.unwrap();
        until(&mut sender, "delivered").await;
    }
    let attack = format!("{SESSIONS} sessions that have read a message of 128 KiB each");
    assert_took(&attack, before, attacked.daemon.resident(), REST);
}

/// Has twice as many connections as there are slots send these bytes, each from the address that
/// `from` gives for its number. Returns the daemon's memory before that, and the most meanwhile.
async fn half_handshakes(attacked: &Attacked, bytes: &[u8], from: impl Fn(usize) -> SocketAddr) -> (usize, usize) {
    let before = attacked.daemon.resident();
    let mut peak = 0;
    let mut held = Vec::new();
    for number in 0..2 * SLOTS {
        let Some(mut stream) = connect(from(number), attacked.address).await else { continue };
        // It may be closed at once.
        let _ = stream.write_all(bytes).await;
        held.push(stream);
        if number % 16 == 0 {
            peak = peak.max(attacked.daemon.resident());
        }
    }
    let figures = attacked.daemon.figures().await;
    let unauthenticated = figures["unauthenticated"].as_u64().unwrap_or_else(|| panic!("{figures}"));
    assert!(unauthenticated as usize > SLOTS / 2, "they were not held: {unauthenticated}");
    drop(held);
    (before, peak)
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_tls_and_proxy_handshakes_take_no_more_than_the_slots() {
    let _alone = ALONE.lock().await;
    let certificate = tempfile::tempdir().unwrap();
    let files = issue(certificate.path());
    let attacked =
        Attacked::new(&format!("[clearnet]\ntls_cert = {:?}\ntls_key = {:?}\n", files.cert, files.key)).await;
    // A record of a handshake, of nearly the longest length, without its end.
    let mut hello = vec![22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb, 3, 3];
    hello.resize(16_000, 0);
    let (before, peak) = half_handshakes(&attacked, &hello, |number| loopback(2, number)).await;
    assert_took("half-sent TLS handshakes", before, peak, SLOTS * CONNECTION_BYTES);

    let attacked = Attacked::new("[clearnet]\ntrusted_proxies = [\"127.0.0.1\"]\nproxy_protocol = true\n").await;
    // A header that claims an absurd length is closed at once.
    let header = b"PROXY TCP4 192.0.2.1 ";
    let (before, peak) = half_handshakes(&attacked, header, |_| SocketAddr::from(([127, 0, 0, 1], 0))).await;
    assert_took("half-sent PROXY headers", before, peak, SLOTS * CONNECTION_BYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_come_once_take_little_each_so_that_all_that_are_remembered_have_room() {
    /// Enough to see what one takes.
    const PEERS: usize = 12_000;
    /// How many are remembered, and what they may take in all.
    const REMEMBERED: usize = 65_536;
    const BOUND: usize = 32 << 20;
    let _alone = ALONE.lock().await;
    let attacked = Attacked::new("").await;
    // Buffers of so many connections at a time are there before.
    for number in 0..SLOTS {
        drop(connect(loopback(6, number), attacked.address).await);
    }
    let before = attacked.daemon.resident();
    for number in 0..PEERS {
        drop(connect(loopback(7, number), attacked.address).await);
    }
    let figures = attacked.daemon.figures().await;
    let remembered = figures.pointer("/security/remembered").and_then(serde_json::Value::as_u64);
    let remembered = remembered.unwrap_or_else(|| panic!("{figures}"));
    // They are forgotten after a while: on a busy machine, some are already.
    let remembered = usize::try_from(remembered).unwrap();
    assert!(remembered > PEERS / 4, "only {remembered} are remembered");
    let took = attacked.daemon.resident().saturating_sub(before);
    let of_all = took * REMEMBERED / remembered;
    assert_took(&format!("{REMEMBERED} peers, as {remembered} are"), 0, of_all, BOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_expire_all_at_once_take_no_more_than_they_were_counted_for() {
    /// Messages, fewer than receipts may wait for their sender; and their ids and contents in
    /// bytes.
    const EXPIRING: usize = 15_000;
    const BODY: usize = 8 + 1;
    /// What the rest may take: a session's buffers, and what the allocator holds back.
    const REST: usize = 8 << 20;
    let _alone = ALONE.lock().await;
    let configuration = "[limits]\nmessages_per_minute = 1000000\nmessage_burst = 100000\n\
                         [store]\nmailbox_messages = 100000\n";
    let attacked = Attacked::new(configuration).await;
    let stream = connect(loopback(2, 0), attacked.address).await.unwrap();
    let socket = login(stream, &attacked.address.to_string(), 0).await.expect("a session");
    let before = attacked.daemon.resident();
    let (mut sink, mut answers) = socket.split();
    let sending = async {
        for number in 0..EXPIRING {
            let message = json!({"id": format!("m-{number:06}"), "to": fingerprint(0), "content": "x", "ttl_s": 12});
            sink.feed(Message::text(message.to_string())).await.unwrap();
        }
        sink.flush().await.unwrap();
    };
    // It does not acknowledge: a window of them comes, and the rest waits.
    let answering = async {
        let mut accepted = 0;
        let mut expired = 0;
        while expired < EXPIRING {
            let frame = answers.next().await.unwrap().unwrap();
            let text = frame.to_text().unwrap();
            accepted += usize::from(text.contains("accepted"));
            expired += usize::from(text.contains("expired"));
        }
        assert_eq!(accepted, EXPIRING);
    };
    let done = futures::future::join(sending, tokio::time::timeout(Duration::from_secs(60), answering));
    tokio::pin!(done);
    let mut peak = 0;
    loop {
        tokio::select! {
            ((), answered) = &mut done => break answered.expect("a receipt of each"),
            () = sleep(Duration::from_millis(50)) => peak = peak.max(attacked.daemon.resident()),
        }
    }
    let counted = EXPIRING * (RECORD_COST + BODY);
    assert_took(&format!("{EXPIRING} messages that expire at once"), before, peak, counted + counted / 4 + REST);
}
