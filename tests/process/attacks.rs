//! The attack harness: what is promised to honest clients, one second away, while others attack
//! within the limits.
//!
//! Each figure asserts a promise; docs/threat-model.md has the table of them. They need the machine
//! for themselves, so that they run one after the other.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ephemeral::admission::INCOMPLETE_BYTES;
use ephemeral::transport::clearnet::TlsFiles;
use ephemeral_test_support::attack::{Distant, Flood, Logins, connect, fingerprint, login, loopback};
use ephemeral_test_support::daemon::Daemon;
use ephemeral_test_support::tls::handshake;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use crate::SERVER;

/// One attack at a time.
static ALONE: Mutex<()> = Mutex::const_new(());
/// How far away an honest client is.
const ONE_WAY: Duration = Duration::from_secs(1);
/// How long a flood has gone on when the honest clients come: the slots have been taken several
/// times over.
const BEFORE: Duration = Duration::from_secs(4);

/// The daemon that is attacked.
struct Attacked {
    daemon: Daemon,
    address: SocketAddr,
    directory: TempDir,
}

impl Attacked {
    async fn new(configuration: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut daemon =
            Daemon::start(SERVER, directory.path(), configuration, &["--no-tor", "--clearnet=127.0.0.1:0"]);
        let said = daemon.says("clearnet ").await;
        let (_, address) = said.split_once("://").unwrap();
        Self { address: address.parse().unwrap(), daemon, directory }
    }

    /// Returns the figures that `status --json` gives.
    async fn figures(&self) -> Value {
        let mut command = Command::new(SERVER);
        command.env_clear().env("HOME", self.directory.path());
        command.arg("--state-dir").arg(self.directory.path().join("state")).args(["status", "--json"]);
        serde_json::from_slice(&command.output().await.unwrap().stdout).unwrap()
    }

    async fn events(&self, kind: &str) -> u64 {
        self.figures().await.pointer(&format!("/security/counts/{kind}")).and_then(Value::as_u64).unwrap()
    }

    /// Returns bytes of memory that the daemon has.
    fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.daemon.process())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}

/// Logs in once, a second away, over TCP.
async fn log_in(to: SocketAddr, from: SocketAddr, number: usize) -> bool {
    let Some(stream) = connect(from, to).await else { return false };
    let Distant { stream, way: _way } = Distant::new(stream, ONE_WAY);
    login(stream, &to.to_string(), number).await.is_some()
}

/// Returns the same over TLS.
async fn log_in_over_tls(to: SocketAddr, from: SocketAddr, number: usize, cert: std::path::PathBuf) -> bool {
    let Some(stream) = connect(from, to).await else { return false };
    let Distant { stream, way: _way } = Distant::new(stream, ONE_WAY);
    let Ok(stream) = handshake(&cert, stream).await else { return false };
    login(stream, "localhost", number).await.is_some()
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
    for (peers, a_second) in [(80, 127), (200, 316)] {
        let attacked = Attacked::new("").await;
        let to = attacked.address;
        let flood = Flood::start(to, a_second, move |number| loopback(2, number % peers));
        sleep(BEFORE).await;
        let logins = Logins::measure(20, |client| log_in(to, loopback(3, client), client)).await;
        let made = flood.made();
        logins.assert_promised(&format!("{peers} peers, {a_second} connections a second ({made})"));
        assert!(made > 500, "that was no flood: {made}");
        let gave_way = attacked.events("gave_way").await;
        assert!(gave_way > 100, "only {gave_way} gave way");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_over_tls_succeed_under_a_flood_of_one_peer_and_of_many() {
    let _alone = ALONE.lock().await;
    let certificate = tempfile::tempdir().unwrap();
    let files = issue(certificate.path());
    let attacked =
        Attacked::new(&format!("[clearnet]\ntls_cert = {:?}\ntls_key = {:?}\n", files.cert, files.key)).await;
    let to = attacked.address;
    let one = Flood::start(to, 400, |_| loopback(4, 0));
    let many = Flood::start(to, 127, |number| loopback(2, number % 80));
    sleep(BEFORE).await;
    let cert = files.cert.clone();
    let logins =
        Logins::measure(20, move |client| log_in_over_tls(to, loopback(3, client), client, cert.clone())).await;
    logins.assert_promised(&format!("TLS, one peer and 80 others ({} and {})", one.made(), many.made()));
    assert!(one.made() > 1000 && many.made() > 500, "that was no flood");
}

#[allow(clippy::print_stderr, reason = "the figure is worth reading")]
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
    let before = attacked.resident();
    let stream = connect(loopback(3, 0), to).await.unwrap();
    let mut honest = login(stream, &host, 100_000).await.expect("a session");
    let mut half = Vec::new();
    let mut peak = 0;
    for number in 0..SESSIONS {
        let stream = connect(loopback(2, number / OF_ONE), to).await.unwrap();
        let mut socket = login(stream, &host, number).await.expect("a session");
        // Nearly all of the largest frame that there may be: masked with zeros.
        let mut bytes = vec![0x81, 0x80 | 127];
        bytes.extend(397_000_u64.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.resize(390_000, b' ');
        // It may give way meanwhile.
        let stream = socket.get_mut();
        let _ = tokio::time::timeout(Duration::from_millis(200), stream.write_all(&bytes)).await;
        half.push(socket);
        peak = peak.max(attacked.resident());
    }
    let content = "x".repeat(65_536);
    for number in 0..5 {
        let message = json!({"id": format!("m-{number}"), "to": fingerprint(100_001), "content": content});
        honest.send(Message::text(message.to_string())).await.unwrap();
        while !honest.next().await.unwrap().unwrap().to_text().unwrap().contains("accepted") {}
        peak = peak.max(attacked.resident());
    }
    // The allocator holds back up to three times the budget of what was freed.
    let bound = 4 * INCOMPLETE_BYTES + SESSIONS * SESSION_BYTES + 5 * 2 * content.len();
    eprintln!("{SESSIONS} half-sent messages: {} MiB more, of {} MiB", (peak - before) >> 20, bound >> 20);
    assert!(peak - before < bound, "{} MiB more than before", (peak - before) >> 20);
    let gave_way = attacked.events("too_slow").await;
    assert!(gave_way > 20, "only {gave_way} gave way");
}
