//! People who chat in a terminal (tmux), for the tests of `ephemeral chat`.

use std::path::Path;

use ephemeral_test_support::client::{Client, LocalServer};
use ephemeral_test_support::tmux::Tmux;

use crate::{CLIENT, SERVER};

pub(crate) const SIZE: (u16, u16) = (80, 24);

/// Somebody with a profile, who chats.
pub(crate) struct Chatter {
    pub(crate) terminal: Tmux,
    pub(crate) client: Client,
    _home: tempfile::TempDir,
}

pub(crate) fn chatter(name: &'static str, server: &str) -> Chatter {
    let home = tempfile::tempdir().unwrap();
    let client = Client::new(CLIENT, home.path(), name, server);
    let terminal = Tmux::start(home.path(), SIZE, &client.command(&["chat"]));
    Chatter { terminal, client, _home: home }
}

pub(crate) fn server(state: &Path) -> LocalServer {
    LocalServer::start(SERVER, state, "127.0.0.1:0")
}

/// Two people who chat, and know each other.
pub(crate) struct Chatting {
    pub(crate) alice: Chatter,
    pub(crate) bob: Chatter,
    _server: LocalServer,
    _state: tempfile::TempDir,
}

/// Lets Alice and Bob meet by their terminals.
pub(crate) fn chatting() -> Chatting {
    let state = tempfile::tempdir().unwrap();
    let server = server(state.path());
    let alice = chatter("Alice", &server.url);
    let bob = chatter("Bob", &server.url);
    meet(&alice.terminal, &bob.terminal, "hello");
    Chatting { alice, bob, _server: server, _state: state }
}

/// Returns the invite on a screen: its text goes over several rows.
fn invite_on(screen: &str) -> String {
    let from = screen.lines().skip_while(|line| !line.starts_with("ephemeral:"));
    from.take_while(|line| !line.trim().is_empty()).map(str::trim).collect()
}

/// Makes contacts of two people, by what their screens say.
pub(crate) fn meet(alice: &Tmux, bob: &Tmux, first: &str) {
    // What is typed before the program reads keys has another line's end.
    alice.until("F1 help");
    bob.until("F1 help");
    alice.enter("/invite Bob");
    let invite = invite_on(&alice.until_all(&["ephemeral:", "OSC 52"]));
    alice.escape();
    bob.enter("/accept");
    bob.until("The invite");
    bob.paste(&invite);
    bob.until("An invite for one person, once");
    bob.keys(&["Enter"]);
    bob.enter("Alice");
    bob.enter(first);
    alice.until_all(&["has used your invite", first]);
    bob.until("Alice has answered");
}
