//! `ephemeral chat` over a private Tor network, in a real terminal.

use std::time::{Duration, Instant};

use ephemeral_test_support::client::Client;
use ephemeral_test_support::daemon::Daemon;
use ephemeral_test_support::tmux::Tmux;

use crate::network;
use crate::{CLIENT, SERVER};

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_with_an_invite_talks_within_two_minutes_by_what_the_screen_says() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_owned();
    let mut server = Daemon::start(SERVER, &home.join("server"), network::shared().arti_toml(), &[]);
    let url = server.reachable().await.to_string();
    tokio::task::spawn_blocking(move || {
        let toml = home.join("network.toml");
        std::fs::write(&toml, network::shared().arti_toml()).unwrap();
        let tor = ("EPHEMERAL_TOR_CONFIG", toml.to_str().unwrap().to_owned());
        let mut alice = Client::new(CLIENT, &home.join("alice"), "Alice", &url);
        alice.variables.push(tor.clone());
        let invite = alice.ok(&["invite", "Bob"]);
        let mut bob = Client::without_a_profile(CLIENT, &home.join("bob"), "Bob");
        bob.variables.push(tor);
        let mut command = bob.command(&["chat"]);
        command.env_remove("EPHEMERAL_PASSPHRASE_FILE").env_remove("EPHEMERAL_AT_ONCE");
        let begin = Instant::now();
        let terminal = Tmux::start(&home, (80, 24), &command);
        terminal.until("What contacts see as your name");
        terminal.enter("Bob");
        terminal.paste(invite.trim());
        terminal.until("An invite for one person, once");
        terminal.keys(&["Enter"]);
        terminal.enter("open sesame");
        terminal.enter("open sesame");
        // What it leads to stands there already: only a name and a text are asked for.
        terminal.until("What you call the person");
        terminal.enter("Alice");
        terminal.enter("it is me");
        terminal.until("Alice is a contact now");
        terminal.enter("I can write at once");
        terminal.until_all(&["I can write at once", "waiting at the server"]);
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(120), "{took:?}");
        assert!(alice.texts().contains(&"it is me".to_owned()));
        terminal.until("has answered");
        // Her answer brings it on its way, and connects are spread over minutes.
        let deadline = Instant::now() + Duration::from_secs(420);
        while !alice.texts().contains(&"I can write at once".to_owned()) {
            assert!(Instant::now() < deadline, "{}", terminal.screen());
        }
    })
    .await
    .unwrap();
}
