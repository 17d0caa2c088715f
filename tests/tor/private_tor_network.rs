//! The private Tor network that other tests run in: does it come up, carry bytes, and leave nothing
//! behind?

#![allow(clippy::print_stdout, reason = "it tells how long each step took, and one process what another has to know")]

use ephemeral_test_support::tornet::{Client, Relay, TorNetwork};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::network;

/// Returns a TCP server that answers each line with the same line in capitals.
fn shouting_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                for line in BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok) {
                    let _ = stream.write_all(format!("{}\n", line.to_uppercase()).as_bytes());
                }
            });
        }
    });
    address
}

/// Says a line to a port 80 behind a client's SOCKS5 proxy (RFC 1928), and returns the answer.
fn ask(client: &Client, host: &str, line: &str) -> String {
    let mut stream = TcpStream::connect(client.socks).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(&[5, 1, 0]).unwrap();
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).unwrap();
    assert_eq!(chosen, [5, 0], "no authentication");
    let mut request = vec![5, 1, 0, 3, u8::try_from(host.len()).unwrap()];
    request.extend(host.as_bytes());
    request.extend(80_u16.to_be_bytes());
    stream.write_all(&request).unwrap();
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply[1], 0, "the SOCKS proxy cannot connect to {host}");
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    answer.trim_end().to_owned()
}

/// Asks the same with Arti, led into the network as the daemon is.
async fn ask_with_arti(network: &TorNetwork, host: &str, line: &str) -> String {
    let config: toml::Table = toml::from_str(network.arti_toml()).unwrap();
    let state = network.directory().join("arti");
    let client = ephemeral_tor::bootstrap(config["tor"].as_table().unwrap().clone(), &state).await.unwrap();
    let mut stream = client.connect((host, 80)).await.unwrap();
    stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = vec![0; line.len()];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn pids(network: &TorNetwork) -> Vec<u32> {
    network.relays().iter().filter_map(Relay::pid).collect()
}

/// Returns whether a process is one of Tor's, and not the next one that got its number.
fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "tor")
}

/// Returns the letter for what a relay's process does: `T` for one that was stopped.
fn state(relay: &Relay) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", relay.pid().unwrap())).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

fn wait_until(awaited: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 15 s: {awaited}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn listens(relay: &Relay) -> bool {
    TcpStream::connect(relay.address()).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_tors_reach_an_onion_service_and_nothing_is_left_after_the_network() {
    let _turn = network::turn().await;
    let begun = Instant::now();
    let network = TorNetwork::boot(network::scratch_directory()).unwrap();
    println!("booted in {:.1?}", begun.elapsed());
    assert_eq!(network.relays_in_consensus(), 15);

    let service = network.start_onion_service(shouting_server()).unwrap();
    println!("{:.1?}: an onion service can be reached", begun.elapsed());
    let client = network.start_client().unwrap();
    println!("{:.1?}: a client is ready", begun.elapsed());
    assert_eq!(ask(&client, &service.address, "through six relays"), "THROUGH SIX RELAYS");
    println!("{:.1?}: it has an answer", begun.elapsed());
    assert_eq!(ask_with_arti(&network, &service.address, "and again").await, "AND AGAIN");
    println!("{:.1?}: Arti has one as well", begun.elapsed());

    let mut pids = pids(&network);
    pids.extend([service.pid(), client.pid()]);
    assert_eq!(pids.len(), 17);
    assert!(pids.iter().all(|pid| is_running(*pid)));
    let directory = network.directory().to_owned();
    drop((network, service, client));
    assert!(!pids.iter().any(|pid| is_running(*pid)));
    assert!(!directory.exists());
}

#[test]
fn a_network_is_known_before_it_is_up_and_returns_at_the_same_addresses() {
    let network = TorNetwork::prepare(network::scratch_directory()).unwrap();
    let relays = network.relays();
    let authorities: Vec<_> = relays.iter().filter(|relay| relay.is_authority()).collect();
    assert_eq!(authorities.len(), 3);
    for authority in authorities {
        assert!(network.arti_toml().contains(&authority.address().to_string()));
        assert!(network.arti_toml().contains(&authority.identity().rsa));
    }
    assert!(!relays.iter().any(listens));

    network.start().unwrap();
    assert!(relays.iter().all(listens));
    network.stop();
    assert!(!relays.iter().any(listens));
    assert!(pids(&network).is_empty());
    network.start().unwrap();
    assert_eq!(network.relays_in_consensus(), 15);
    assert!(relays.iter().all(listens));

    let relay = &relays[14];
    relay.kill();
    assert!(!listens(relay) && relay.pid().is_none());
    assert_eq!(pids(&network).len(), 14);
    relay.start().unwrap();
    assert!(listens(relay));
    relay.pause().unwrap();
    wait_until("the relay is frozen", || state(relay) == 'T');
    relay.resume().unwrap();
    wait_until("the relay goes on", || state(relay) != 'T');
}

/// Runs this test a second time, as a process that boots the shared network and is killed.
#[test]
fn the_network_ends_with_the_process_that_booted_it_however_that_ends() {
    const NAME: &str = "private_tor_network::the_network_ends_with_the_process_that_booted_it_however_that_ends";
    const VICTIM: &str = "TORNET_TEST_VICTIM";
    if std::env::var_os(VICTIM).is_some() {
        let network = network::shared();
        assert_eq!(pids(&network), pids(&network::shared()), "it is shared");
        println!("\nvictim {} {:?}", network.directory().display(), pids(&network));
        loop {
            std::thread::park();
        }
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "--nocapture", NAME]).env(VICTIM, "").stdout(Stdio::piped());
    let mut victim = again.spawn().unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.into_iter().find(|line| line.starts_with("victim ")).expect("a network");
    let (_, line) = line.split_once(' ').unwrap();
    let (directory, pids) = line.split_once(' ').unwrap();
    let directory = PathBuf::from(directory);
    let pids: Vec<u32> = pids.trim_matches(['[', ']']).split(", ").map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 15);
    assert!(directory.exists() && pids.iter().all(|pid| is_running(*pid)));

    victim.kill().unwrap();
    victim.wait().unwrap();
    wait_until("nothing is left of the network", || !directory.exists() && !pids.iter().any(|pid| is_running(*pid)));
}
