//! Several machines as one server: a hub that holds the messages, and fronts that pass their
//! clients' connections on to it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ephemeral_client::{Direct, ServerUrl};
use ephemeral_test_support::daemon::{Daemon, GENEROUS, PATIENCE, Person, until_both};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::SERVER;

/// What no test here is about: everybody comes from one address.
const OPEN: &str = "[limits]\nmessages_per_minute = 1000000\nmessage_burst = 100000\nrequests_per_minute = 1000000\n\
                    burst = 100000\nconnections_per_peer = 10000\n";

/// A machine of several: its folder, and what it says.
struct Machine {
    daemon: Daemon,
    url: ServerUrl,
}

fn key(folder: &Path) -> String {
    let printed = Command::new(SERVER).env_clear().args(["link-key", "--state-dir"]).arg(folder.join("state")).output();
    let printed = printed.unwrap();
    assert!(printed.status.success(), "{printed:?}");
    String::from_utf8(printed.stdout).unwrap().trim().to_owned()
}

/// Starts a machine with this table, which listens on TCP at `port` (0: any).
async fn start(folder: &Path, port: u16, table: &str) -> Machine {
    let configuration = format!("{OPEN}{table}");
    let listen = format!("127.0.0.1:{port}");
    let mut daemon = Daemon::start(SERVER, folder, &configuration, &["--no-tor", "--clearnet", &listen]);
    let url = daemon.says("clearnet ").await.parse().unwrap();
    Machine { daemon, url }
}

/// A hub, and the folders of its fronts.
struct Cluster {
    home: TempDir,
    hub: Machine,
    /// Where fronts connect.
    address: SocketAddr,
}

impl Cluster {
    async fn new(fronts: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (hub, address) = Self::start_hub(home.path(), fronts, 0, 0).await;
        Self { home, hub, address }
    }

    async fn start_hub(home: &Path, fronts: &[&str], port: u16, link: u16) -> (Machine, SocketAddr) {
        let keys: Vec<_> = fronts.iter().map(|front| format!("\"{}\"", key(&home.join(front)))).collect();
        let table = format!("[hub]\nlisten = \"127.0.0.1:{link}\"\nfronts = [{}]\n", keys.join(", "));
        let mut hub = start(&home.join("hub"), port, &table).await;
        let address = hub.daemon.says("hub ").await.parse().unwrap();
        (hub, address)
    }

    /// Starts a front that believes this hub key.
    async fn front_of(&self, name: &str, port: u16, hub_key: &str) -> Machine {
        let table = format!("[front]\nhub = \"{}\"\nhub_key = \"{hub_key}\"\n", self.address);
        start(&self.home.path().join(name), port, &table).await
    }

    async fn front(&self, name: &str, port: u16) -> Machine {
        let front = self.front_of(name, port, &key(&self.home.path().join("hub"))).await;
        until_answered(&front.url, |answer| answer.starts_with("HTTP/1.1 200 ")).await;
        front
    }
}

/// Returns all that is answered to `GET /health`.
async fn health(url: &ServerUrl) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((url.host(), url.port())).await?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn until_answered(url: &ServerUrl, is_right: impl Fn(&str) -> bool) -> String {
    let asking = async {
        loop {
            match health(url).await {
                Ok(answer) if is_right(&answer) => return answer,
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(PATIENCE, asking).await.expect("the right answer in time")
}

fn person(number: u8, at: &Machine) -> Person {
    Person::new(number, Arc::new(Direct::default()), &at.url)
}

/// Waits until somebody is connected, so that the next one writes to somebody who is there.
async fn online(number: u8, at: &Machine) -> Person {
    let mut person = person(number, at);
    person.until("a session", |person| person.connected == 1).await;
    person
}

#[tokio::test]
async fn people_at_different_machines_write_to_each_other_as_at_one() {
    let cluster = Cluster::new(&["one", "two"]).await;
    let one = cluster.front("one", 0).await;
    let two = cluster.front("two", 0).await;
    let mut alice = online(1, &one).await;
    let mut bob = online(2, &two).await;
    let mut carol = online(3, &cluster.hub).await;
    for number in 0..50 {
        alice.send(bob.fingerprint, format!("{number}"));
        bob.send(alice.fingerprint, "x".repeat(60_000));
    }
    let done = |person: &Person| person.received.len() == 50 && person.delivered == 50;
    until_both(&mut alice, &mut bob, "fifty each way, with receipts", done).await;
    assert_eq!(bob.contents(), (0..50).map(|number| number.to_string()).collect::<Vec<_>>(), "in order");
    carol.send(alice.fingerprint, "from the hub itself".to_owned());
    let done = |person: &Person| person.received.len() == 51 || person.delivered == 1;
    until_both(&mut alice, &mut carol, "one from the hub's own client", done).await;
    assert_eq!((alice.connected, bob.connected, carol.connected), (1, 1, 1));
    // No machine's log has an address, and none of what anybody wrote to whom.
    for machine in [&one, &two, &cluster.hub] {
        let log = machine.daemon.log();
        let named = [alice.fingerprint, bob.fingerprint].map(|fingerprint| log.contains(&fingerprint.to_string()));
        assert!(named == [false, false] && !log.contains("127.0.0.1"), "{log}");
    }
}

#[tokio::test]
async fn a_front_that_dies_takes_only_its_own_sessions_with_it_and_no_message() {
    let cluster = Cluster::new(&["one", "two"]).await;
    let mut one = cluster.front("one", 0).await;
    let two = cluster.front("two", 0).await;
    let mut alice = online(1, &one).await;
    let mut bob = online(2, &two).await;
    one.daemon.signal(Signal::KILL);
    one.daemon.ended().await;
    bob.send(alice.fingerprint, "while you were away".to_owned());
    bob.until("accepted by the hub", |bob| bob.accepted == 1).await;
    alice.until("the loss", |alice| !alice.troubles.is_empty()).await;
    let _one = cluster.front("one", one.url.port()).await;
    until_both(&mut alice, &mut bob, "it comes", |person| person.received.len() + person.delivered == 1).await;
    assert_eq!((alice.contents(), bob.connected), (vec!["while you were away"], 1));
}

#[tokio::test]
async fn while_the_hub_is_away_fronts_say_so_and_when_it_is_back_everybody_is() {
    let mut cluster = Cluster::new(&["one", "two"]).await;
    let one = cluster.front("one", 0).await;
    let two = cluster.front("two", 0).await;
    let mut alice = online(1, &one).await;
    let mut bob = online(2, &two).await;
    cluster.hub.daemon.signal(Signal::KILL);
    cluster.hub.daemon.ended().await;
    for front in [&one, &two] {
        let answer = until_answered(&front.url, |answer| answer.starts_with("HTTP/1.1 503 ")).await;
        assert!(answer.contains("\"code\":\"no_hub\"") && answer.contains("Retry-After: "), "{answer}");
    }
    alice.send(bob.fingerprint, "written meanwhile".to_owned());
    let is_lost = |person: &Person| !person.troubles.is_empty();
    until_both(&mut alice, &mut bob, "the loss", is_lost).await;
    let port = cluster.hub.url.port();
    let _hub = Cluster::start_hub(cluster.home.path(), &["one", "two"], port, cluster.address.port()).await;
    until_both(&mut alice, &mut bob, "it comes", |person| person.received.len() + person.delivered == 1).await;
    assert_eq!(bob.contents(), ["written meanwhile"]);
}

#[tokio::test]
async fn an_impostor_is_let_in_by_neither_side_and_strangers_at_the_link_keep_no_front_out() {
    let cluster = Cluster::new(&["one"]).await;
    let hub_key = key(&cluster.home.path().join("hub"));
    // A front that the hub does not know, and one that takes the hub for another machine.
    let unknown = cluster.front_of("unknown", 0, &hub_key).await;
    let deceived = cluster.front_of("one", 0, &key(&cluster.home.path().join("unknown"))).await;
    for front in [&unknown, &deceived] {
        let answer = until_answered(&front.url, |answer| answer.starts_with("HTTP/1.1 ")).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        let said = async {
            while !front.daemon.log().contains("the hub is not reached") {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, said).await.expect("its operator is told");
    }
    drop((unknown, deceived));
    let mut strangers = Vec::new();
    for number in 0..600 {
        let mut stranger = TcpStream::connect(cluster.address).await.unwrap();
        if number % 2 == 0 {
            stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        }
        strangers.push(stranger);
    }
    let open = format!("/proc/{}/fd", cluster.hub.daemon.process());
    let bounded = async {
        while std::fs::read_dir(&open).unwrap().count() > 256 + 64 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, bounded).await.expect("the connections of strangers are bounded");
    let one = cluster.front("one", 0).await;
    let _alice = online(1, &one).await;
    assert!(!cluster.hub.daemon.log().contains("panic"));
}

#[tokio::test]
async fn the_hub_keeps_the_rate_of_each_peer_that_a_front_saw_and_not_of_the_front() {
    let home = tempfile::tempdir().unwrap();
    let front = key(&home.path().join("one"));
    let hub_key = key(&home.path().join("hub"));
    let hub = format!("{GENEROUS}[hub]\nlisten = \"127.0.0.1:0\"\nfronts = [\"{front}\"]\n");
    let mut hub = Daemon::start(SERVER, &home.path().join("hub"), &hub, &["--no-tor"]);
    let address = hub.says("hub ").await;
    let table = format!(
        "[clearnet]\ntrusted_proxies = [\"127.0.0.1\"]\n[front]\nhub = \"{address}\"\nhub_key = \"{hub_key}\"\n"
    );
    let one = start(&home.path().join("one"), 0, &table).await;
    until_answered(&one.url, |answer| answer.starts_with("HTTP/1.1 200 ")).await;
    let status = |peer: &'static str, path: &'static str| {
        let url = one.url.clone();
        async move {
            let mut stream = TcpStream::connect((url.host(), url.port())).await.unwrap();
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {peer}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer.get(9..12).unwrap_or_default().to_owned()
        }
    };
    // Past its rate, which the hub keeps by the peer: ten at once.
    for _ in 0..10 {
        assert_eq!(status("192.0.2.1", "/health").await, "200");
    }
    assert_eq!(status("192.0.2.1", "/health").await, "429");
    assert_eq!(status("192.0.2.2", "/health").await, "200", "another peer of the same front");
}

#[test]
fn processes_that_ask_for_a_key_at_once_get_the_same_one() {
    for _ in 0..4 {
        let home = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..6).map(|_| scope.spawn(|| key(home.path()))).collect();
            asking.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0] && key.len() == 64), "{keys:?}");
    }
}
