//! The commands that ask a running daemon, over its administrator's socket.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use ephemeral_test_support::daemon::Daemon;
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::SERVER;

const LOCAL: [&str; 2] = ["--no-tor", "--clearnet=127.0.0.1:0"];

async fn command(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(SERVER);
    command.env_clear().env("HOME", directory).arg("--state-dir").arg(directory.join("state")).args(arguments);
    command.output().await.unwrap()
}

fn text(output: &Output) -> (Option<i32>, String, String) {
    let read = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), read(&output.stdout), read(&output.stderr))
}

async fn json(directory: &Path, arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = text(&command(directory, arguments).await);
    assert_eq!(code, Some(0), "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// Returns a connection that sends this, from one of this machine's many loopback addresses.
async fn say(from: &str, to: &str, what: &str) -> String {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream: TcpStream = socket.connect(to.parse().unwrap()).await.unwrap();
    let mut answer = Vec::new();
    // Who is refused is not read from.
    let _ = stream.write_all(what.as_bytes()).await;
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn status_says_what_the_daemon_says_and_the_socket_is_its_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (code, _, stderr) = text(&command(directory.path(), &["status"]).await);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("no ephemeral-server answers on") && stderr.contains("admin.sock"), "{stderr}");

    let mut daemon = Daemon::start(SERVER, directory.path(), "", &LOCAL);
    daemon.says("clearnet http://").await;
    let socket = directory.path().join("state/admin.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, stdout, stderr) = text(&command(directory.path(), &["status"]).await);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.starts_with("running, without an onion service\n"), "{stdout}");
    assert!(stdout.contains("clients            0 of 10000"), "{stdout}");
    let figures = json(directory.path(), &["status", "--json"]).await;
    assert_eq!((&figures["status"], &figures["clients"]), (&"healthy".into(), &0.into()));
    let (code, _, stderr) = text(&command(directory.path(), &["status", "--watch"]).await);
    assert!(code == Some(1) && stderr.contains("--watch needs a terminal"), "{stderr}");

    assert_eq!(text(&command(directory.path(), &["health"]).await), (Some(0), "healthy\n".into(), String::new()));

    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success());
    assert!(!socket.exists());
    assert_eq!(text(&command(directory.path(), &["health"]).await).0, Some(1));
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_not_healthy() {
    let directory = tempfile::tempdir().unwrap();
    // A Tor network that is not there.
    let nowhere = "[tor.tor_network]\nauthorities = { v3idents = ['0000000000000000000000000000000000000001'], \
                   uploads = [['127.0.0.1:1']], downloads = [['127.0.0.1:1']], votes = [['127.0.0.1:1']] }\n\
                   fallback_caches = []\n[tor.storage.permissions]\ndangerously_trust_everyone = true\n";
    let mut daemon = Daemon::start(SERVER, directory.path(), nowhere, &[]);
    daemon.says("onion ").await;
    let (code, stdout, stderr) = text(&command(directory.path(), &["health"]).await);
    assert!(code == Some(3) && stdout.is_empty() && stderr.contains("cannot connect"), "{code:?} {stdout} {stderr}");
    let (code, stdout, _) = text(&command(directory.path(), &["status"]).await);
    assert!(code == Some(3) && stdout.starts_with("starting"), "{stdout}");
}

#[tokio::test]
async fn a_block_is_listed_under_the_name_of_the_log_and_can_be_ended() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = "[limits]\nrequests_per_minute = 100000\nburst = 1000\n[block]\nstrikes = 5\n";
    let mut daemon = Daemon::start(SERVER, directory.path(), configuration, &LOCAL);
    let address = daemon.says("clearnet http://").await;
    let (_, stdout, _) = text(&command(directory.path(), &["status", "blocks"]).await);
    assert_eq!(stdout, "nobody is blocked\n");

    let ask = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let page = say("127.0.0.7", &address, &format!("{ask}Origin: https://evil.example\r\n\r\n")).await;
    assert!(page.starts_with("HTTP/1.1 403") && page.contains("origin_not_allowed"), "{page}");
    for _ in 0..6 {
        let refused = say("127.0.0.7", &address, "nonsense\r\n\r\n").await;
        assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    }
    let blocked = say("127.0.0.7", &address, &format!("{ask}\r\n")).await;
    assert!(blocked.starts_with("HTTP/1.1 403") && blocked.contains("\"blocked\""), "{blocked}");
    assert!(say("127.0.0.8", &address, &format!("{ask}\r\n")).await.starts_with("HTTP/1.1 200"));

    let blocks = json(directory.path(), &["status", "blocks", "--json"]).await;
    let who = blocks["blocks"][0]["who"].as_str().unwrap().to_owned();
    let log = daemon.logs("too many strikes").await;
    assert!(log.contains(&format!("who={who}")), "{log}");
    assert!(!log.contains("127.0.0.7"), "{log}");

    let (code, stdout, _) = text(&command(directory.path(), &["unblock", &who]).await);
    assert_eq!((code, stdout.as_str()), (Some(0), format!("{who} is no longer blocked\n").as_str()));
    assert!(say("127.0.0.7", &address, &format!("{ask}\r\n")).await.starts_with("HTTP/1.1 200"));
    for name in [who.as_str(), "nobody", "../stats"] {
        let (code, _, stderr) = text(&command(directory.path(), &["unblock", name]).await);
        assert!(code == Some(1) && stderr.starts_with("ephemeral-server: "), "{name}: {stderr}");
    }
}

#[tokio::test]
async fn a_second_daemon_on_the_same_socket_says_so_and_leaves_the_first_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Daemon::start(SERVER, directory.path(), "", &LOCAL);
    first.says("clearnet http://").await;
    let (code, _, stderr) = text(&command(directory.path(), &LOCAL).await);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("another ephemeral-server answers on"), "{stderr}");
    assert_eq!(json(directory.path(), &["status", "--json"]).await["status"], "healthy");
    first.signal(Signal::KILL);
    first.ended().await;
    let mut next = Daemon::start(SERVER, directory.path(), "", &LOCAL);
    next.says("clearnet http://").await;
    assert_eq!(json(directory.path(), &["status", "--json"]).await["status"], "healthy");
}

#[tokio::test]
async fn prometheus_has_a_listener_of_its_own_and_the_figures_are_on_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = "[metrics]\nlisten = '127.0.0.1:0'\n";
    let mut daemon = Daemon::start(SERVER, directory.path(), configuration, &LOCAL);
    let clearnet = daemon.says("clearnet http://").await;
    let metrics = daemon.says("metrics http://").await;
    let metrics = metrics.strip_suffix("/metrics").unwrap();
    let ask = |to: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n");
        let to = to.to_owned();
        async move { say("127.0.0.1", &to, &request).await }
    };
    let answer = ask(metrics, "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("ephemeral_ready 1\n"), "{answer}");
    assert!(!answer.to_lowercase().contains("\ndate:"), "{answer}");
    for path in ["/stats", "/panic", "/check-in", "/ws", "/health"] {
        assert!(ask(metrics, path).await.starts_with("HTTP/1.1 404 "), "{path}");
    }
    for path in ["/stats", "/metrics"] {
        assert!(ask(&clearnet, path).await.starts_with("HTTP/1.1 404 "), "{path}");
    }
    let off_loopback = daemon_refuses(directory.path(), "[metrics]\nlisten = '0.0.0.0:9100'\n").await;
    assert!(off_loopback.contains("off loopback, so that anyone who can connect sees"), "{off_loopback}");
}

/// Returns what a server complains about that does not start with this configuration.
async fn daemon_refuses(directory: &Path, configuration: &str) -> String {
    let path = directory.join("refused.toml");
    std::fs::write(&path, configuration).unwrap();
    let (code, _, stderr) = text(&command(directory, &["--config", path.to_str().unwrap()]).await);
    assert_eq!(code, Some(78), "{stderr}");
    stderr
}
