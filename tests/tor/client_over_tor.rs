//! `ephemeral` with its built-in Tor, in a private network.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::invite::Invite;
use ephemeral_test_support::client::Client;
use ephemeral_test_support::daemon::Daemon;
use rustix::process::Signal;
use tokio::process::Command;

use crate::network;
use crate::{CLIENT, SERVER};

/// Returns the command `ephemeral`, in the shared network.
fn client(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(CLIENT);
    command
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command.env("EPHEMERAL_TOR_CONFIG", home.join("network.toml"));
    command
}

/// Makes somebody with a profile and a home of their own, in the shared network.
pub(crate) fn person(home: &Path, name: &'static str, server: &str) -> Arc<Client> {
    let own = home.join(name);
    let mut person = Client::new(CLIENT, &own, name, server);
    let network = own.join("network.toml");
    std::fs::write(&network, network::shared().arti_toml()).unwrap();
    person.variables.push(("EPHEMERAL_TOR_CONFIG", network.to_str().unwrap().to_owned()));
    Arc::new(person)
}

/// Does something with the programs, which wait for each other, where it holds up nobody.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_meet_by_an_invite_that_gives_a_stranger_nothing_then_and_talk_through_a_restart_of_the_server() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let mut server = Daemon::start(SERVER, &home.join("server"), network::shared().arti_toml(), &[]);
    let url = server.reachable().await.to_string();
    let alice = person(home, "alice", &url);
    let bob = person(home, "bob", &url);
    let mallory = person(home, "mallory", &url);
    let people = (Arc::clone(&alice), Arc::clone(&bob));
    aside(move || {
        let (alice, bob) = people;
        // Each of them is alone with the server: the other one is away.
        let used = alice.meet(&bob);
        mallory.ok(&["accept", &used, "--as", "alice", "--text", "no, me"]);
        let said = alice.ok(&["recv", "--once", "--quiet"]);
        assert!(said.contains("STOP: somebody else used the invite of bob") && !said.contains("no, me"), "{said}");
        assert_eq!(mallory.texts(), [""; 0]);
        assert_eq!(alice.ok(&["verify", "bob"]), bob.ok(&["verify", "alice"]));
        // Nothing goes to a contact whose invite somebody else had as well until that is done.
        alice.ok(&["verify", "bob", "--matches"]);
        alice.ok(&["send", "bob", "over Tor"]);
        assert_eq!(bob.texts(), ["over Tor"]);
        bob.ok(&["send", "alice", "waits in the server's memory alone"]);
    })
    .await;

    // What waited is lost with the process, and another epoch says so: it is sent again.
    server.signal(Signal::KILL);
    server.ended().await;
    let mut server = Daemon::start(SERVER, &home.join("server"), network::shared().arti_toml(), &[]);
    assert_eq!(server.reachable().await.to_string(), url);
    aside(move || {
        alice.ok(&["send", "bob", "after the restart"]);
        assert_eq!(bob.texts(), ["after the restart"]);
        assert_eq!(alice.ok(&["outbox"]), alice.ok(&["outbox", "bob"]));
    })
    .await;
}

/// Returns what a command of the server's prints, which works on its files.
pub(crate) async fn offline(home: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(SERVER);
    command.args(arguments).arg("--state-dir").arg(home.join("server/state")).env_clear().env("HOME", home);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_server_that_has_moved_is_found_with_the_key_of_its_old_name() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    std::fs::write(home.join("network.toml"), network::shared().arti_toml()).unwrap();
    let old = offline(home, &["address"]).await;
    let made = client(home, &["discovery", "new", "--server", &old]).output().await.unwrap();
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    offline(home, &["clients", "add", "alice", &key]).await;
    offline(home, &["keys", "rotate", "--yes"]).await;
    // Twice: the way is walked back to the name that has the key.
    offline(home, &["keys", "rotate", "--yes"]).await;
    let configuration = format!("[onion]\nrestricted = true\n{}", network::shared().arti_toml());
    let mut server = Daemon::start(SERVER, &home.join("server"), &configuration, &[]);
    let new = server.reachable().await;
    assert_ne!(new.host(), old);

    let notice = home.join("server/state/moved.json");
    let followed = client(home, &["moved", notice.to_str().unwrap()]).output().await.unwrap();
    assert!(followed.status.success(), "{followed:?}");
    let alice = person(home, "alice", &old);
    let url = old.clone();
    let present = new.host().to_owned();
    let discovery = home.join(".config/ephemeral");
    aside(move || {
        // The same person, who keeps the notice and the discovery key elsewhere.
        let own = alice.directory().ancestors().nth(5).unwrap().join(".config");
        std::fs::create_dir_all(&own).unwrap();
        std::fs::rename(discovery, own.join("ephemeral")).unwrap();
        let invite = alice.ok(&["invite"]);
        let invite = Invite::from_text(invite.trim(), &Authority::onion(&present).unwrap()).unwrap();
        assert_eq!(invite.authority.as_str(), present, "it names the address where the server is now");
        let received = alice.run(&["recv", "--once", "--timeout", "120"]);
        assert_eq!(received.status.code(), Some(0), "{url}: {received:?}");
        assert!(String::from_utf8(received.stderr).unwrap().contains("connected"));
    })
    .await;
}
