//! A service on several machines: a client that loses its server's address goes on by the address
//! of another machine, which it was told in a signed list.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use ephemeral_client::{Arti, ByteStream, Dial, DialError, ServerUrl};
use ephemeral_test_support::daemon::{Daemon, Person};
use futures::future::{BoxFuture, pending};
use tokio::io::{copy_bidirectional, duplex};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::SERVER;
use crate::network;
use crate::onion_defences::tor_table;

/// Leads everywhere by Tor, until the machine behind one address loses its power: then its streams
/// end, and further attempts hang.
struct PowerCut {
    tor: Arti,
    address: String,
    /// The streams to it; `None`: there is no power.
    streams: Mutex<Option<JoinSet<()>>>,
}

impl PowerCut {
    fn cut(&self) {
        *self.streams.lock().unwrap() = None;
    }
}

impl Dial for PowerCut {
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        Box::pin(async move {
            if url.host() != self.address {
                return self.tor.dial(url).await;
            }
            if self.streams.lock().unwrap().is_none() {
                return pending().await;
            }
            let mut stream = self.tor.dial(url).await?;
            let (ours, mut theirs) = duplex(64 * 1024);
            if let Some(streams) = &mut *self.streams.lock().unwrap() {
                streams.spawn(async move {
                    let _ended = copy_bidirectional(&mut theirs, &mut stream).await;
                });
            }
            Ok(Box::new(ours) as Box<dyn ByteStream>)
        })
    }
}

/// Returns what a command of the server's prints, which works on the files of one machine.
async fn offline(folder: &Path, command: &str) -> String {
    let mut program = Command::new(SERVER);
    program.arg(command).arg("--state-dir").arg(folder.join("state")).env_clear().stdin(Stdio::null());
    let output = program.output().await.unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_loses_the_hubs_address_goes_on_by_a_front_that_the_hub_has_named() {
    let _turn = network::turn().await;
    let home = tempfile::tempdir().unwrap();
    let folders = ["hub", "front"].map(|name| home.path().join(name));
    let [hub_folder, front_folder] = &folders;
    let network = network::shared();
    let hub = format!(
        "[hub]\nlisten = \"127.0.0.1:0\"\nfronts = [\"{}\"]\n[onion]\nnodes = [\"{}\"]\n{}",
        offline(front_folder, "link-key").await,
        offline(front_folder, "address").await,
        network.arti_toml()
    );
    let mut hub = Daemon::start(SERVER, hub_folder, &hub, &[]);
    let link = hub.says("hub ").await;
    let front = format!(
        "[front]\nhub = \"{link}\"\nhub_key = \"{}\"\n{}",
        offline(hub_folder, "link-key").await,
        network.arti_toml()
    );
    let mut front = Daemon::start(SERVER, front_folder, &front, &[]);
    let url = hub.reachable().await;
    front.reachable().await;

    let tor = Arti::new(tor_table(), &home.path().join("alice")).unwrap();
    let address = url.host().to_owned();
    let dialer = Arc::new(PowerCut { tor, address, streams: Mutex::new(Some(JoinSet::new())) });
    let mut alice = Person::new(1, Arc::clone(&dialer) as Arc<dyn Dial>, &url);
    alice.until("a session at the hub", |alice| alice.connected == 1).await;
    dialer.cut();
    alice.until("a session at the front", |alice| alice.connected == 2).await;
    alice.send(alice.fingerprint, "by another machine".to_owned());
    alice.until("a message to oneself", |alice| alice.received.len() == 1 && alice.delivered == 1).await;
    assert_eq!(alice.contents(), ["by another machine"]);
}
