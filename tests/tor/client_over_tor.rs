//! `ephemeral` with its built-in Tor, in a private network: two processes of one person, with one Tor state.

use std::path::Path;
use std::process::Stdio;

use ephemeral_test_support::daemon::{Daemon, PATIENCE};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::network;
use crate::{CLIENT, SERVER};

/// `ephemeral`, in the shared network.
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
