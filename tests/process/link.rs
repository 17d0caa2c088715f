//! Several machines as one server: a hub that holds the messages, and fronts that hold their
//! clients' sessions.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ephemeral_client::{ConnectOptions, Connection, Direct, Identity, Lost, ServerUrl};
use ephemeral_core::protocol::{ErrorCode, ServerEvent, SessionLimits};
use ephemeral_test_support::daemon::{Daemon, PATIENCE, Person, until_both};
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
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
        assert!(answer.contains("\"code\":\"no_hub\"") && answer.contains("retry-after: "), "{answer}");
    }
    alice.send(bob.fingerprint, "written meanwhile".to_owned());
    let port = cluster.hub.url.port();
    let _hub = Cluster::start_hub(cluster.home.path(), &["one", "two"], port, cluster.address.port()).await;
    until_both(&mut alice, &mut bob, "it comes", |person| person.received.len() + person.delivered == 1).await;
    assert_eq!(bob.contents(), ["written meanwhile"]);
    assert_eq!((alice.connected, bob.connected), (2, 2), "what was there is lost with the hub: a new epoch");
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

/// Stands between a hub and its fronts. While the value is true, nothing comes through, and what
/// did has ended.
async fn cable(hub: SocketAddr) -> (SocketAddr, watch::Sender<bool>, JoinSet<()>) {
    let cut = watch::Sender::new(false);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let is_cut = cut.subscribe();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut passing = JoinSet::new();
        loop {
            let (mut from, _) = listener.accept().await.unwrap();
            let mut is_cut = is_cut.clone();
            if *is_cut.borrow_and_update() {
                continue;
            }
            passing.spawn(async move {
                let Ok(mut to) = TcpStream::connect(hub).await else { return };
                tokio::select! {
                    _ = copy_bidirectional(&mut from, &mut to) => {}
                    _ = is_cut.wait_for(|cut| *cut) => {}
                }
            });
        }
    });
    (address, cut, tasks)
}

#[tokio::test]
async fn sessions_at_a_front_and_what_is_told_there_outlive_a_link_that_is_cut() {
    let mut cluster = Cluster::new(&["one"]).await;
    let (address, cut, _cable) = cable(cluster.address).await;
    cluster.address = address;
    let one = cluster.front("one", 0).await;
    let mut alice = online(1, &one).await;
    let mut bob = online(2, &cluster.hub).await;
    for number in 0..5 {
        alice.send(bob.fingerprint, format!("before {number}"));
    }
    let arrived = |person: &Person| person.received.len() + person.delivered == 5;
    until_both(&mut alice, &mut bob, "five and their receipts", arrived).await;
    cut.send_replace(true);
    until_answered(&one.url, |answer| answer.starts_with("HTTP/1.1 503 ")).await;
    for number in 0..5 {
        alice.send(bob.fingerprint, format!("meanwhile {number}"));
        bob.send(alice.fingerprint, format!("back {number}"));
    }
    bob.until("five accepted by the hub", |bob| bob.accepted == 5).await;
    cut.send_replace(false);
    let arrived = |person: &Person| person.received.len() + person.delivered == 15;
    until_both(&mut alice, &mut bob, "the rest and its receipts", arrived).await;
    assert_eq!((alice.connected, bob.connected), (1, 1), "both sessions are the first ones");
    assert_eq!(alice.contents(), (0..5).map(|number| format!("back {number}")).collect::<Vec<_>>());
}

/// Returns a connection of somebody, and the limits that it was told.
async fn connect(number: u8, at: &Machine) -> (Connection, SessionLimits) {
    let identity = Identity::from_seed(&[number; 32]);
    let options = ConnectOptions::default();
    let direct = Direct::default();
    let connected = Connection::connect(&direct, &at.url, &identity, &options);
    let (connection, welcome) = timeout(PATIENCE, connected).await.unwrap().unwrap();
    (connection, welcome.limits)
}

async fn next(connection: &mut Connection) -> Result<ServerEvent, Lost> {
    loop {
        match timeout(PATIENCE, connection.next_event()).await.expect("something in time") {
            Ok(ServerEvent::CaughtUp) => {}
            other => return other,
        }
    }
}

#[tokio::test]
async fn a_person_has_the_limits_of_the_hub_whichever_front_holds_the_session() {
    let home = tempfile::tempdir().unwrap();
    let front = key(&home.path().join("one"));
    let hub_key = key(&home.path().join("hub"));
    let hub = format!(
        "[limits]\nmessages_per_minute = 1\nmessage_burst = 3\n[store]\ncontent_bytes = 200000\n\
         [hub]\nlisten = \"127.0.0.1:0\"\nfronts = [\"{front}\"]\n"
    );
    let mut hub = Daemon::start(SERVER, &home.path().join("hub"), &hub, &["--no-tor"]);
    let address = hub.says("hub ").await;
    let table = format!("[front]\nhub = \"{address}\"\nhub_key = \"{hub_key}\"\n");
    let one = start(&home.path().join("one"), 0, &table).await;
    until_answered(&one.url, |answer| answer.starts_with("HTTP/1.1 200 ")).await;
    let (mut alice, limits) = connect(1, &one).await;
    assert_eq!((limits.content_bytes, limits.burst), (200_000, 3));
    let to = Identity::from_seed(&[2; 32]).fingerprint();
    // Longer than the front's own setting allows; and one more than the hub's rate.
    for number in 0..4 {
        let content = "x".repeat(150_000);
        alice.send(&json!({"id": format!("m{number}"), "to": to, "content": content})).await.unwrap();
    }
    for number in 0..3 {
        let accepted = next(&mut alice).await.unwrap();
        assert!(matches!(&accepted, ServerEvent::Accepted { id, .. } if *id == format!("m{number}")), "{accepted:?}");
    }
    let refused = next(&mut alice).await.unwrap();
    assert!(matches!(refused, ServerEvent::Error { code: ErrorCode::RateLimited, .. }), "{refused:?}");
    // The newest session of a person is the one that counts.
    let (mut again, _) = connect(1, &one).await;
    assert_eq!(next(&mut alice).await.unwrap_err().close_code(), Some(4409));
    again.send(&json!({"id": "m0", "to": to, "content": ""})).await.unwrap();
    let known = next(&mut again).await.unwrap();
    assert!(matches!(known, ServerEvent::Error { code: ErrorCode::RateLimited, .. }), "the same rate: {known:?}");
}

#[tokio::test]
async fn a_front_that_stops_says_goodbye_and_a_hub_that_stops_ends_no_session() {
    let mut cluster = Cluster::new(&["one"]).await;
    let mut one = cluster.front("one", 0).await;
    let (mut alice, _) = connect(1, &one).await;
    cluster.hub.daemon.signal(Signal::TERM);
    cluster.hub.daemon.ended().await;
    until_answered(&one.url, |answer| answer.starts_with("HTTP/1.1 503 ")).await;
    assert!(
        timeout(Duration::from_millis(300), alice.next_event()).await.is_ok_and(|event| event.is_ok()),
        "caught up"
    );
    assert!(timeout(Duration::from_millis(300), alice.next_event()).await.is_err(), "nothing is said");
    one.daemon.signal(Signal::TERM);
    assert_eq!(next(&mut alice).await.unwrap_err().close_code(), Some(1001));
    assert!(one.daemon.ended().await.success(), "{}", one.daemon.log());
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
