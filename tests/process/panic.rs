//! `panic`, SIGUSR1 and the dead-man switch on the real daemon: what waited is gone, and with
//! --keys the identity.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use ephemeral_client::{ConnectOptions, Connection, Direct, Identity, ServerUrl, Welcome};
use ephemeral_core::protocol::{ServerEvent, WallTime};
use ephemeral_test_support::daemon::{Daemon, GENEROUS, Manager, PATIENCE};
use ephemeral_test_support::memory::times_in_memory;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::SERVER;

/// The exit code where something is left that was to be erased.
const NOT_ERASED: i32 = 74;
const LOCAL: [&str; 2] = ["--no-tor", "--clearnet=127.0.0.1:0"];
/// A Tor network of which nothing answers: the daemon has its identity, and nobody is asked for
/// anything.
const NO_NETWORK: &str = r#"
[tor.tor_network]
fallback_caches = [
  { rsa_identity = "0000000000000000000000000000000000000001", ed_identity = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE", orports = ["127.0.0.1:9"] },
]
[tor.tor_network.authorities]
v3idents = ["0000000000000000000000000000000000000001"]
uploads = [["127.0.0.1:9"]]
downloads = [["127.0.0.1:9"]]
votes = [["127.0.0.1:9"]]
"#;

async fn command(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(SERVER);
    command.env_clear().env("HOME", directory).arg("--state-dir").arg(directory.join("state")).args(arguments);
    command.stdin(Stdio::null()).output().await.unwrap()
}

/// Returns what it prints on success.
async fn does(directory: &Path, arguments: &[&str]) -> String {
    let output = command(directory, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns what it complains about.
async fn refuses(directory: &Path, arguments: &[&str]) -> String {
    fails(directory, arguments, 1).await
}

/// Returns what it complains about with this exit code.
async fn fails(directory: &Path, arguments: &[&str], code: i32) -> String {
    let output = command(directory, arguments).await;
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn figures(directory: &Path) -> Value {
    serde_json::from_str(&does(directory, &["status", "--json"]).await).unwrap()
}

async fn connect(number: u8, url: &ServerUrl) -> (Connection, Welcome) {
    let identity = Identity::from_seed(&[number; 32]);
    Connection::connect(&Direct::default(), url, &identity, &ConnectOptions::default()).await.unwrap()
}

/// Returns Alice, who has sent that to Bob, who is not there.
async fn sent(url: &ServerUrl, content: &str) -> (Connection, Welcome) {
    let (mut alice, welcome) = connect(1, url).await;
    let bob = Identity::from_seed(&[2; 32]).fingerprint();
    alice.send(&json!({"id": "one", "to": bob, "content": content})).await.unwrap();
    while !matches!(alice.next_event().await.unwrap(), ServerEvent::Accepted { .. }) {}
    (alice, welcome)
}

async fn until_closed(connection: &mut Connection) {
    while connection.next_event().await.is_ok() {}
}

/// Checks that the server has forgotten everything.
async fn assert_new_and_empty(url: &ServerUrl, before: &Welcome) {
    for number in [1, 2] {
        let (_connection, welcome) = connect(number, url).await;
        assert_ne!(welcome.epoch, before.epoch);
        assert_eq!(welcome.pending, 0);
    }
}

fn is_in_file(file: &File, text: &str) -> bool {
    let mut bytes = vec![0; 16 << 10];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn sigusr1_erases_what_waits_in_memory_and_in_the_file_and_the_server_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(directory.path());
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), GENEROUS, &LOCAL);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    manager.listen();
    let kept = manager.kept.as_ref().unwrap().try_clone().unwrap();
    let (mut alice, before) = sent(&url, "canary-u1").await;
    assert!(is_in_file(&kept, "canary-u1"));
    daemon.signal(Signal::USR1);
    until_closed(&mut alice).await;
    assert!(!is_in_file(&kept, "canary-u1"));
    assert_new_and_empty(&url, &before).await;
    assert_eq!(figures(directory.path()).await["security"]["counts"]["wiped"], 1);
    daemon.logs("SIGUSR1: everything that waited is erased").await;
    daemon.logs("kind=\"wiped\"").await;

    // What is accepted from now on survives as before.
    let (_alice, now) = sent(&url, "canary-afterwards").await;
    daemon.signal(Signal::KILL);
    daemon.ended().await;
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), GENEROUS, &LOCAL);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    let (_bob, welcome) = connect(2, &url).await;
    assert_eq!((&welcome.epoch, welcome.pending), (&now.epoch, 1));
}

#[tokio::test]
async fn panic_over_the_socket_erases_what_waits_on_the_heap() {
    let directory = tempfile::tempdir().unwrap();
    assert!(refuses(directory.path(), &["panic", "--yes"]).await.contains("no ephemeral-server answers on"));
    let mut daemon = Daemon::start(SERVER, directory.path(), GENEROUS, &LOCAL);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    let (mut alice, before) = sent(&url, "canary-on-heap").await;
    // Nobody is asked in a script, and only on this socket.
    assert!(refuses(directory.path(), &["panic"]).await.contains("no terminal to ask on, and --yes was not given"));
    let host = url.authority();
    let mut stream = TcpStream::connect((url.host(), url.port())).await.unwrap();
    let request = format!("POST /panic HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert_eq!(figures(directory.path()).await["pending_messages"], 1);
    let before_it = times_in_memory(daemon.process(), "canary-on-heap");

    let said = does(directory.path(), &["panic", "--yes"]).await;
    let state = directory.path().join("state");
    assert_eq!(said, format!("everything that waited is erased: 1 messages, of the server on {}", state.display()));
    until_closed(&mut alice).await;
    drop(alice);
    // The mailbox's copy, and that in the buffer of the session through which it came, once that
    // has ended.
    assert!(before_it.is_none_or(|times| times > 0));
    let gone = async {
        while times_in_memory(daemon.process(), "canary-on-heap").is_some_and(|times| times > 0) {
            figures(directory.path()).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("no copy is left");
    assert_new_and_empty(&url, &before).await;
    let figures = figures(directory.path()).await;
    assert_eq!((&figures["pending_messages"], &figures["security"]["counts"]["wiped"]), (&0.into(), &1.into()));
    assert_eq!(figures.get("dead_man"), None, "there is none by default");
    assert!(does(directory.path(), &["check-in"]).await.contains("is off"));
    assert!(!directory.path().join("state/check-in").exists());
}

#[tokio::test]
async fn panic_with_keys_ends_the_server_and_its_address() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let address = does(directory.path(), &["address"]).await;
    for name in ["clients/alice.auth", "moved.json", "retired/old.onion/hs_ed25519_secret_key"] {
        fs::create_dir_all(state.join(name).parent().unwrap()).unwrap();
        fs::write(state.join(name), "not empty").unwrap();
    }
    let configuration = format!("{GENEROUS}{NO_NETWORK}");
    let mut manager = Manager::new(directory.path());
    let arguments = ["--clearnet=127.0.0.1:0"];
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), &configuration, &arguments);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    let (mut alice, _) = sent(&url, "canary").await;
    manager.listen();
    let kept = manager.kept.as_ref().unwrap().try_clone().unwrap();
    assert!(is_in_file(&kept, "canary"));
    // A socket that leads elsewhere: the server on this state does not answer there.
    let elsewhere = directory.path().join("elsewhere.sock");
    let arguments = ["panic", "--keys", "--yes", "--admin-socket", elsewhere.to_str().unwrap()];
    let refused = fails(directory.path(), &arguments, NOT_ERASED).await;
    assert!(refused.contains("a process uses the state directory") && refused.contains("is not erased"), "{refused}");
    assert!(refused.contains("state/wipe is left: the next start wipes first"), "{refused}");
    assert_eq!(does(directory.path(), &["address"]).await, address);

    let said = does(directory.path(), &["panic", "--keys", "--yes"]).await;
    assert!(said.contains("state is gone, and the server has stopped"), "{said}");
    assert!(said.contains("may hold the address"), "{said}");
    let status = daemon.ended().await;
    assert!(status.success(), "{status}: {}", daemon.log());
    until_closed(&mut alice).await;
    assert!(!is_in_file(&kept, "canary"));
    manager.listen();
    assert!(manager.kept.is_none(), "there is no next process");
    let left: Vec<_> = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_ne!(does(directory.path(), &["address"]).await, address);
}

#[tokio::test]
async fn without_a_server_panic_with_keys_removes_them_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let address = does(directory.path(), &["address"]).await;
    assert!(refuses(directory.path(), &["panic", "--keys"]).await.contains("no terminal"));
    assert_eq!(does(directory.path(), &["address"]).await, address);
    let said = does(directory.path(), &["panic", "--keys", "--yes"]).await;
    assert!(said.starts_with("no server runs; the identity in") && said.contains("state is gone"), "{said}");
    assert!(said.contains("state/wipe is left: the next start wipes first"), "{said}");
    assert!(!directory.path().join("state/tor").exists());
    assert_ne!(does(directory.path(), &["address"]).await, address);
}

/// Returns what a command shows on a terminal of its own.
async fn on_a_terminal(directory: &Path, arguments: &str) -> String {
    let command = format!("{SERVER} --state-dir {} {arguments}", directory.join("state").display());
    let mut script = Command::new("/usr/bin/script");
    script.env_clear().env("HOME", directory).env("TERM", "dumb").args(["-qec", &command, "/dev/null"]);
    let output = script.stdin(Stdio::null()).output().await.expect("install the package bsdutils");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_terminal_that_cannot_be_drawn_on_is_not_drawn_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(SERVER, directory.path(), GENEROUS, &LOCAL);
    daemon.says("clearnet ").await;
    let shown = on_a_terminal(directory.path(), "status --watch").await;
    assert!(shown.contains("--watch needs a terminal that it can draw on") && !shown.contains('\u{1b}'), "{shown:?}");
}

/// Watches the status on a terminal until it shows `wanted`, and leaves it by its key.
async fn watched_until(directory: &Path, wanted: &str) -> String {
    let state = directory.join("state");
    let command = format!("stty rows 24 cols 80; exec {SERVER} --state-dir {} status --watch", state.display());
    let mut script = Command::new("/usr/bin/script");
    script.env_clear().env("HOME", directory).env("TERM", "xterm").env("PATH", "/usr/bin:/bin");
    script.args(["-qec", &command, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut script = script.spawn().expect("install the package bsdutils");
    let mut stdout = script.stdout.take().unwrap();
    let mut shown = Vec::new();
    let looking = async {
        while !String::from_utf8_lossy(&shown).contains(wanted) {
            assert_ne!(stdout.read_buf(&mut shown).await.unwrap(), 0, "{:?}", String::from_utf8_lossy(&shown));
        }
    };
    timeout(PATIENCE, looking).await.expect("it shows what is wanted");
    script.stdin.take().unwrap().write_all(b"q").await.unwrap();
    timeout(PATIENCE, script.wait()).await.expect("q ends it").unwrap();
    String::from_utf8_lossy(&shown).into_owned()
}

/// Writes marks as if somebody had checked in so many hours ago, and the server had run until five
/// minutes ago.
fn checked_in_hours_ago(directory: &Path, hours: u64) {
    let now = ephemeral::clock::Clock::System.wall();
    let before = |ms: u64| WallTime(now.0 - ms);
    let text = format!("{}\n{}\n", before(hours * 3_600_000), before(300_000));
    fs::create_dir_all(directory.join("state")).unwrap();
    fs::write(directory.join("state/check-in"), text).unwrap();
}

#[tokio::test]
async fn when_nobody_has_checked_in_the_dead_man_switch_erases_what_waits_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = format!("{GENEROUS}[panic]\nafter_days = 2\n");
    let mut manager = Manager::new(directory.path());
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), &configuration, &LOCAL);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    manager.listen();
    let (_alice, before) = sent(&url, "canary").await;
    daemon.signal(Signal::KILL);
    daemon.ended().await;

    // In the last quarter it warns. A script that looks at it is nobody's sign of life.
    checked_in_hours_ago(directory.path(), 40);
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), &configuration, &LOCAL);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    daemon.logs("in 8 h the dead-man switch erases everything that waits").await;
    let status = does(directory.path(), &["status"]).await;
    assert!(status.contains("ABOUT TO GO OFF: "), "{status}");
    assert_eq!(figures(directory.path()).await["dead_man"]["low"], true);
    // Nor is a terminal that somebody left open.
    watched_until(directory.path(), "ABOUT").await;
    assert_eq!(figures(directory.path()).await["dead_man"]["low"], true);
    // A person at a terminal is one.
    let shown = on_a_terminal(directory.path(), "status").await;
    assert!(shown.contains("ABOUT TO GO OFF: "), "{shown}");
    assert_eq!(figures(directory.path()).await["dead_man"]["low"], false);
    assert!(does(directory.path(), &["check-in"]).await.starts_with("checked in: 2 d from now on; "), "a check-in");
    assert_eq!(figures(directory.path()).await["dead_man"]["low"], false);
    let (_bob, welcome) = connect(2, &url).await;
    assert_eq!((&welcome.epoch, welcome.pending), (&before.epoch, 1));
    daemon.signal(Signal::KILL);
    daemon.ended().await;

    checked_in_hours_ago(directory.path(), 49);
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), &configuration, &LOCAL);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    assert_new_and_empty(&url, &before).await;
    daemon.logs("nobody has checked in for too long: everything").await;
    assert!(!is_in_file(manager.kept.as_ref().unwrap(), "canary"));
}

#[tokio::test]
async fn the_dead_man_switch_takes_the_identity_where_it_was_told_to_and_not_after_a_check_in() {
    let directory = tempfile::tempdir().unwrap();
    let address = does(directory.path(), &["address"]).await;
    let configuration = format!("{GENEROUS}[panic]\nafter_days = 1\nkeys = true\n");
    checked_in_hours_ago(directory.path(), 23);
    let mut manager = Manager::new(directory.path());
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), &configuration, &LOCAL);
    daemon.says("clearnet ").await;
    let low = "nobody has checked in for long: in 1 h everything that waits and the identity are erased";
    manager.until(&format!("STATUS=listening on TCP; 0 sessions; {low}\n"));
    does(directory.path(), &["check-in"]).await;
    manager.until("STATUS=listening on TCP; 0 sessions\n");
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success());
    assert_eq!(does(directory.path(), &["address"]).await, address);

    checked_in_hours_ago(directory.path(), 25);
    let mut daemon = Daemon::start(SERVER, directory.path(), &configuration, &LOCAL);
    let status = daemon.ended().await;
    assert!(status.success(), "a supervisor is not to start it again: {status}, {}", daemon.log());
    let left: Vec<_> = fs::read_dir(directory.path().join("state")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_ne!(does(directory.path(), &["address"]).await, address);
}
