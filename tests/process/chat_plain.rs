//! `ephemeral chat --plain`: lines for a screen reader, which `espeak-ng` reads.

use std::process::Command;

use ephemeral_test_support::client::{Client, LocalServer};
use ephemeral_test_support::tmux::Tmux;

use crate::{CLIENT, SERVER};

#[test]
fn each_event_is_a_line_of_its_own_nothing_is_drawn_and_it_can_be_read_aloud() {
    let state = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, state.path(), "127.0.0.1:0");
    let home = tempfile::tempdir().unwrap();
    let alice = Client::new(CLIENT, &home.path().join("alice"), "Alice", &server.url);
    let bob = Client::new(CLIENT, &home.path().join("bob"), "Bob", &server.url);
    bob.meet(&alice);
    // A terminal that can do no more gets it by itself; a wide one breaks no line.
    let mut command = Command::new("env");
    command.args(["TERM=dumb", CLIENT, "chat"]);
    for (name, value) in alice.command(&[]).get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let terminal = Tmux::start(home.path(), (300, 50), &command);
    terminal.until_all(&["Open. /help lists commands.", "connected", "Conversation with Bob"]);
    terminal.enter("hello, Bob");
    terminal.until("your text to Bob: waiting at the server");
    assert_eq!(bob.texts(), ["hello, Bob"]);
    terminal.until("your text to Bob: arrived");
    bob.ok(&["send", "Alice", "two\nlines \u{1b}[31mred"]);
    terminal.until("Bob: two lines �[31mred");
    terminal.enter("/find");
    terminal.until_all(&["1. Bob · new: not verified", "Write a number"]);
    terminal.enter("1");
    terminal.enter("/forget");
    terminal.until("Write y for yes");
    terminal.enter("n");
    terminal.enter("/quit");
    let transcript = terminal.until("ended with 0");
    let events = ["your text to Bob: waiting at the server", "your text to Bob: arrived", "Bob: two lines �[31mred"];
    let lines: Vec<_> = transcript.lines().map(str::trim_end).collect();
    let places: Vec<_> = events.iter().map(|event| lines.iter().position(|line| line == event)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}:\n{transcript}");
    read_aloud(home.path(), &transcript);
}

/// Has a transcript read into a file of sound.
fn read_aloud(folder: &std::path::Path, transcript: &str) {
    let text = folder.join("transcript");
    let sound = folder.join("sound.wav");
    std::fs::write(&text, transcript).unwrap();
    let output = Command::new("espeak-ng").arg("-w").arg(&sound).arg("-f").arg(&text).output().expect("espeak-ng");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let spoken = std::fs::metadata(&sound).unwrap().len();
    assert!(spoken > 100_000, "{spoken} bytes of sound");
}
