//! `ephemeral` with its built-in Tor, in a private network: two processes of one person, with one
//! Tor state.

use std::path::Path;
use std::process::Stdio;

use ephemeral_test_support::daemon::{Daemon, PATIENCE};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

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

#[tokio::test(flavor = "multi_thread")]
async fn one_can_receive_in_one_terminal_and_send_in_another_with_the_built_in_tor() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    std::fs::write(home.join("network.toml"), network::shared().arti_toml()).unwrap();
    let mut server = Daemon::start(SERVER, &home.join("server"), network::shared().arti_toml(), &[]);
    let url = server.reachable().await.to_string();
    let made = client(home, &["identity", "new"]).output().await.unwrap();
    let myself = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let other = home.join("other.pem");
    let other = ["--key", other.to_str().unwrap()];
    let made = client(home, &[&["identity", "new"][..], &other].concat()).output().await.unwrap();
    assert!(made.status.success(), "{made:?}");

    let mut following = client(home, &["recv", "--server", &url]).stderr(Stdio::piped()).spawn().unwrap();
    let mut status = BufReader::new(following.stderr.take().unwrap()).lines();
    let connected = async { while status.next_line().await.unwrap().expect("it goes on") != "connected" {} };
    timeout(PATIENCE, connected).await.expect("a session");
    let sending = ["send", &myself, "over Tor", "--plaintext", "--wait-delivered", "--server", &url];
    let sent = client(home, &[&sending[..], &other].concat()).output().await.unwrap();
    assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().expect("a line").ends_with(" over Tor"));
}

/// Returns what a command of the server's prints, which works on its files.
async fn offline(home: &Path, arguments: &[&str]) -> String {
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
    assert!(client(home, &["identity", "new"]).output().await.unwrap().status.success());
    let receiving = ["recv", "--once", "--timeout", "120", "--server", &old];
    let received = client(home, &receiving).stderr(Stdio::piped()).output().await.unwrap();
    assert_eq!(received.status.code(), Some(0), "{received:?}");
    let said = String::from_utf8(received.stderr).unwrap();
    assert!(said.contains(&format!("http://{old} has moved to {new}")), "{said}");
}
