//! `ephemeral chat` as people see it: the real program in a real terminal (tmux), the real server.

use std::time::{Duration, Instant};

use ephemeral_test_support::client::{Client, LocalServer};
use ephemeral_test_support::serving::Serving;
use ephemeral_test_support::tmux::Tmux;

use crate::chatters::{SIZE, chatter, meet, server};
use crate::{CLIENT, SERVER};

#[test]
fn a_newcomer_and_somebody_with_a_profile_meet_by_an_invite_talk_and_compare_words() {
    let state = tempfile::tempdir().unwrap();
    let server = server(state.path());
    let alice = chatter("Alice", &server.url);
    alice.terminal.until_all(&["Nobody is here yet", "there is no contact and no invite yet"]);
    let home = tempfile::tempdir().unwrap();
    let newcomer = Client::without_a_profile(CLIENT, home.path(), "Bob");
    let mut command = newcomer.command(&["chat"]);
    command.env_remove("EPHEMERAL_PASSPHRASE_FILE");
    let bob = Tmux::start(home.path(), (40, 15), &command);
    bob.until("What contacts see");
    bob.enter("Bob");
    bob.enter(&server.url);
    bob.enter("open sesame");
    bob.enter("open sesame");
    bob.until("Nobody is here yet");
    meet(&alice.terminal, &bob, "it is me");
    bob.enter("and I can write at once");
    alice.terminal.until("and I can write at once");
    bob.until("arrived");
    alice.terminal.enter("so can I");
    bob.until("so can I");
    alice.terminal.enter("/verify");
    bob.enter("/verify");
    let words = |screen: &str| {
        let rows = screen.lines().filter(|line| line.starts_with("  ") && line.split_whitespace().count() == 3);
        rows.flat_map(str::split_whitespace).map(str::to_owned).collect::<Vec<_>>()
    };
    let seen = words(&alice.terminal.until("Are they the same?"));
    assert_eq!(seen.len(), 18);
    assert_eq!(words(&bob.until("Are they")), seen);
    alice.terminal.keys(&["y"]);
    alice.terminal.until("Bob · verified");
    // The other commands use the engine of the terminal.
    let listed = alice.client.json(&["contacts"]);
    assert_eq!((&listed[0]["contact"], &listed[0]["verified"]), (&"Bob".into(), &true.into()), "{listed:?}");
}

#[test]
fn when_the_server_dies_in_mid_sentence_the_draft_stays_and_the_screen_says_what_is() {
    let state = tempfile::tempdir().unwrap();
    let first = server(state.path());
    let alice = chatter("Alice", &first.url);
    let bob = chatter("Bob", &first.url);
    let address = first.url.strip_prefix("http://").unwrap().to_owned();
    meet(&alice.terminal, &bob.terminal, "hello");
    alice.terminal.write("half a sen");
    drop(first);
    alice.terminal.until("no connection for");
    alice.terminal.write("tence");
    alice.terminal.until("> half a sentence");
    alice.terminal.keys(&["Enter"]);
    let screen = alice.terminal.until("sending");
    assert!(!screen.contains("waiting at the server"), "nobody has it:\n{screen}");
    let state = tempfile::tempdir().unwrap();
    let _again = LocalServer::start(SERVER, state.path(), &address);
    bob.terminal.until("half a sentence");
    alice.terminal.until_all(&["arrived", "connected"]);
}

#[test]
fn another_size_ctrl_s_ctrl_q_and_a_paste_of_100_kib_change_nothing_of_what_was_said() {
    let state = tempfile::tempdir().unwrap();
    let server = server(state.path());
    let alice = chatter("Alice", &server.url);
    let bob = chatter("Bob", &server.url);
    meet(&alice.terminal, &bob.terminal, "hello");
    alice.terminal.keys(&["C-s"]);
    alice.terminal.write("not frozen");
    alice.terminal.until("> not frozen");
    alice.terminal.keys(&["C-q", "C-u"]);
    alice.terminal.resize(40, 15);
    alice.terminal.until_all(&["hello", "Bob · new", "F1 help"]);
    alice.terminal.resize(120, 40);
    alice.terminal.until("│ Bob");
    bob.terminal.keys(&["C-c", "C-c"]);
    bob.terminal.until("ended with 0");
    let pasted = format!("/quit\n{}", "word ".repeat(20 * 1024));
    alice.terminal.paste(&pasted);
    alice.terminal.until("goes in 3 messages");
    alice.terminal.keys(&["Enter"]);
    let mut came = String::new();
    let deadline = Instant::now() + Duration::from_secs(120);
    while came.len() < pasted.len() {
        assert!(Instant::now() < deadline, "{} bytes came of {}", came.len(), pasted.len());
        came.push_str(&bob.client.texts().concat());
    }
    assert_eq!(came, pasted, "nothing is lost, and in its order");
}

#[test]
fn the_two_keys_leave_nothing_on_the_screen_in_the_scrollback_or_in_files() {
    let state = tempfile::tempdir().unwrap();
    let server = server(state.path());
    let alice = chatter("Alice", &server.url);
    let bob = chatter("Bob", &server.url);
    meet(&alice.terminal, &bob.terminal, "the secret of Bob");
    assert_eq!(alice.terminal.title(), "ephemeral");
    alice.terminal.enter("the secret of Alice");
    bob.terminal.until("the secret of Alice");
    alice.terminal.keys(&["C-x"]);
    alice.terminal.until("erases everything");
    alice.terminal.keys(&["C-k"]);
    alice.terminal.until("ended with 0");
    let all = alice.terminal.with_scrollback();
    for word in ["secret", "Bob", "Alice", "connected"] {
        assert!(!all.contains(word), "{word}:\n{all}");
    }
    let left = std::fs::read_dir(alice.client.directory()).map(|entries| entries.count()).unwrap_or_default();
    assert_eq!(left, 0, "{:?}", alice.client.directory());
}

#[test]
fn after_the_end_the_terminal_is_as_it_was_and_nothing_was_scrolled_off() {
    let state = tempfile::tempdir().unwrap();
    let server = server(state.path());
    let alice = chatter("Alice", &server.url);
    alice.terminal.until("Nobody is here yet");
    alice.terminal.keys(&["F1"]);
    alice.terminal.until("Keys and commands");
    alice.terminal.escape();
    alice.terminal.until("Nobody is here yet");
    alice.terminal.keys(&["C-c", "C-c"]);
    alice.terminal.until("ended with 0");
    let all = alice.terminal.with_scrollback();
    assert_eq!(all.trim(), "ended with 0");
    assert!(!alice.client.directory().join("socket").exists());
    // It can be opened again: what it was is kept.
    assert_eq!(alice.client.ok(&["contacts"]), "");
}

#[test]
fn an_engine_that_runs_is_used_without_a_passphrase_and_a_text_that_it_cannot_take_is_not_lost() {
    let state = tempfile::tempdir().unwrap();
    let server = server(state.path());
    let home = tempfile::tempdir().unwrap();
    let alice = Client::new(CLIENT, &home.path().join("alice"), "Alice", &server.url);
    let bob = Client::new(CLIENT, &home.path().join("bob"), "Bob", &server.url);
    alice.meet(&bob);
    let engine = Serving::start(&alice, &[]);
    let mut command = alice.command(&["chat"]);
    command.env_remove("EPHEMERAL_PASSPHRASE_FILE");
    let terminal = Tmux::start(home.path(), SIZE, &command);
    terminal.until_all(&["Bob · new", "connected"]);
    terminal.enter("by the engine");
    terminal.until("waiting at the server");
    assert_eq!(bob.texts(), ["by the engine"]);
    // What another command sends is on the screen, too.
    alice.ok(&["send", "Bob", "by a command"]);
    terminal.until("by a command");
    engine.stop();
    terminal.until("the program that ran the profile has ended");
    terminal.enter("to nobody");
    terminal.until_all(&["there is no engine", "> to nobody"]);
}

#[test]
fn the_screen_speaks_the_language_of_the_environment_and_has_no_colours_where_none_are_wanted() {
    let state = tempfile::tempdir().unwrap();
    let server = server(state.path());
    let home = tempfile::tempdir().unwrap();
    let mut alice = Client::new(CLIENT, home.path(), "Alice", &server.url);
    alice.variables = vec![("LC_ALL", "de_DE.UTF-8".to_owned()), ("NO_COLOR", "1".to_owned())];
    let terminal = Tmux::start(home.path(), SIZE, &alice.command(&["chat"]));
    terminal.until_all(&["Noch ist niemand da", "es gibt noch keinen Kontakt"]);
    let drawn = terminal.coloured();
    // SGR 30 to 38 are colours of letters; 39 is none.
    let colour = (30..39).find(|code| drawn.contains(&format!("[{code}")) || drawn.contains(&format!(";{code}")));
    assert_eq!(colour, None, "{drawn:?}");
}
