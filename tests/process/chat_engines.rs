//! What the terminal does when the engine that it used has ended.

use ephemeral_test_support::client::{Client, PASSPHRASE};
use ephemeral_test_support::serving::Serving;
use ephemeral_test_support::tmux::Tmux;

use crate::CLIENT;
use crate::chatters::{SIZE, server};

/// Alice, who has met Bob, in a terminal without her passphrase, beside an engine of hers.
struct Served {
    alice: Client,
    bob: Client,
    engine: Serving,
    terminal: Tmux,
    home: tempfile::TempDir,
}

fn served(url: &str) -> Served {
    let home = tempfile::tempdir().unwrap();
    let alice = Client::new(CLIENT, &home.path().join("alice"), "Alice", url);
    let bob = Client::new(CLIENT, &home.path().join("bob"), "Bob", url);
    alice.meet(&bob);
    let engine = Serving::start(&alice, &[]);
    let mut command = alice.command(&["chat"]);
    command.env_remove("EPHEMERAL_PASSPHRASE_FILE");
    let terminal = Tmux::start(home.path(), SIZE, &command);
    terminal.until_all(&["Bob · new", "connected"]);
    Served { alice, bob, engine, terminal, home }
}

#[test]
fn when_serve_is_started_again_the_terminal_goes_on_with_it_and_the_draft_stays() {
    let state = tempfile::tempdir().unwrap();
    let server = server(state.path());
    let Served { alice, bob, engine, terminal, home: _home } = served(&server.url);
    terminal.write("half a draft");
    engine.stop();
    terminal.until_all(&["the program that ran the profile has ended", "> half a draft"]);
    let _again = Serving::start(&alice, &[]);
    terminal.until_all(&["Another engine runs the profile now", "> half a draft"]);
    terminal.keys(&["Enter"]);
    terminal.until("waiting at the server");
    assert_eq!(bob.texts(), ["half a draft"]);
}

#[test]
fn with_the_passphrase_the_terminal_opens_the_profile_itself() {
    let state = tempfile::tempdir().unwrap();
    let server = server(state.path());
    let Served { alice, bob, engine, terminal, home: _home } = served(&server.url);
    engine.stop();
    terminal.until("the program that ran the profile has ended");
    terminal.enter("/unlock");
    terminal.until("Passphrase");
    terminal.enter(PASSPHRASE);
    terminal.until("Another engine runs the profile now");
    terminal.enter("by myself");
    terminal.until("waiting at the server");
    assert_eq!(bob.texts(), ["by myself"]);
    // The other commands use it now.
    assert_eq!(alice.json(&["contacts"])[0]["contact"], "Bob");
}

#[test]
fn a_profile_in_memory_leaves_nothing_on_the_disk() {
    let state = tempfile::tempdir().unwrap();
    let server = server(state.path());
    let home = tempfile::tempdir().unwrap();
    let client = Client::without_a_profile(CLIENT, home.path(), "Alice");
    let mut command = client.command(&["chat", "--ephemeral"]);
    command.env_remove("EPHEMERAL_PASSPHRASE_FILE");
    let terminal = Tmux::start(home.path(), SIZE, &command);
    terminal.until("What contacts see");
    terminal.enter("Alice");
    terminal.enter(&server.url);
    terminal.until("Nobody is here yet");
    terminal.enter("/invite Bob");
    terminal.until_all(&["ephemeral:", "OSC 52"]);
    terminal.escape();
    terminal.until("Nobody is here yet");
    terminal.keys(&["C-c"]);
    terminal.until("once more to end");
    terminal.keys(&["C-c"]);
    terminal.until("ended with 0");
    assert_eq!(files(home.path()), Vec::<String>::new());
}

/// Lists the files below a folder, without what the tests themselves put there.
fn files(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else if name != "tmux" && name != "passphrase" {
            found.push(entry.path().display().to_string());
        }
    }
    found
}
