//! `ephemeral chat` over a private Tor network, in a real terminal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ephemeral_test_support::client::Client;
use ephemeral_test_support::daemon::Daemon;
use ephemeral_test_support::tmux::Tmux;
use rustix::process::Signal;

use crate::client_over_tor::{aside, person};
use crate::network;
use crate::{CLIENT, SERVER};

/// How long it may take until a client has found a server again that was away.
const FOUND_AGAIN: Duration = Duration::from_secs(420);

/// Waits for something that takes several attempts over Tor.
fn patiently(what: &str, terminal: &Tmux, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + FOUND_AGAIN;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: {}", terminal.screen());
        std::thread::sleep(Duration::from_millis(100));
    }
}

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
        patiently("the text", &terminal, || alice.texts().contains(&"I can write at once".to_owned()));
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_outlives_the_server_a_paste_comes_whole_and_two_keys_leave_nothing_over_tor_too() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_owned();
    let state = home.join("server");
    let mut server = Daemon::start(SERVER, &state, network::shared().arti_toml(), &[]);
    let url = server.reachable().await.to_string();
    let alice = person(&home, "Alice", &url);
    let bob = person(&home, "Bob", &url);
    let people = (Arc::clone(&alice), Arc::clone(&bob));
    let terminal = aside(move || {
        let (alice, bob) = people;
        alice.meet(&bob);
        let terminal = Tmux::start(&home, (80, 24), &alice.command(&["chat"]));
        terminal.until_all(&["Bob · new", "connected"]);
        terminal.write("half a sen");
        terminal
    })
    .await;
    server.signal(Signal::KILL);
    server.ended().await;
    let terminal = aside(move || {
        patiently("what is", &terminal, || terminal.screen().contains("no connection for"));
        terminal.keys(&["C-s"]);
        terminal.write("tence");
        terminal.until("> half a sentence");
        terminal.keys(&["C-q", "Enter"]);
        let screen = terminal.until("sending");
        assert!(!screen.contains("waiting at the server"), "nobody has it:\n{screen}");
        terminal
    })
    .await;
    let mut server = Daemon::launch(SERVER, None, &state, &[]);
    server.reachable().await;
    aside(move || {
        patiently("the server", &terminal, || terminal.screen().contains("waiting at the server"));
        terminal.resize(40, 15);
        terminal.until_all(&["half a sentence", "F1 help"]);
        terminal.resize(120, 40);
        terminal.until("│   half a sentence");
        let pasted = format!("/quit\n{}", "word ".repeat(20 * 1024));
        terminal.paste(&pasted);
        terminal.until("goes in 3 messages");
        terminal.keys(&["Enter"]);
        let mut came = String::new();
        patiently("the paste", &terminal, || {
            came.push_str(&bob.texts().concat());
            came.len() >= "half a sentence".len() + pasted.len()
        });
        assert!(came == format!("half a sentence{pasted}"), "nothing is lost, and in its order");
        terminal.keys(&["C-x"]);
        terminal.until("erases everything");
        terminal.keys(&["C-k"]);
        terminal.until("ended with 0");
        let all = terminal.with_scrollback();
        assert!(["sentence", "word", "Bob", "connected"].iter().all(|word| !all.contains(word)), "{all}");
        let left = std::fs::read_dir(alice.directory()).map(|entries| entries.count()).unwrap_or_default();
        assert_eq!(left, 0, "files of the profile");
    })
    .await;
}
