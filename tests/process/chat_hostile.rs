//! The real program in a real terminal, with an engine that says what hostile contacts would write:
//! nothing of it reaches the terminal as more than text.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use ephemeral_client::api::{ContactInfo, EngineStatus, Notification};
use ephemeral_test_support::client::Client;
use ephemeral_test_support::tmux::Tmux;
use serde_json::{Value, json};

use crate::CLIENT;

/// What a terminal would act upon, hide, or reorder by.
const NASTY: [&str; 9] = [
    "\u{1b}]0;pwned\u{7}",
    "\u{1b}]52;c;cHduZWQ=\u{7}",
    "\u{1b}[2J\u{1b}[H\u{1b}[31m",
    "\u{1b}P+q544e\u{1b}\\",
    "\u{9b}31m\u{9d}0;pwned\u{9c}",
    "\u{202e}gnp.exe\u{2066}",
    "a\u{200b}b\u{feff}c\u{e0041}",
    "\r\n20:00 Alice: fake\u{8}\u{8}",
    "../../etc/passwd",
];

/// Answers a terminal as an engine does, and tells what it is handed.
fn engine(socket: &Path, contacts: Vec<ContactInfo>) -> Sender<Notification> {
    let listener = UnixListener::bind(socket).unwrap();
    let (sender, events) = channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        serve(stream, &contacts, events);
    });
    sender
}

/// Writes a line whole: two threads do.
fn say(stream: &Mutex<UnixStream>, line: &Value) {
    // A terminal that has ended hears nothing.
    let _ = stream.lock().unwrap().write_all(format!("{line}\n").as_bytes());
}

fn serve(stream: UnixStream, contacts: &[ContactInfo], events: Receiver<Notification>) {
    let mut events = Some(events);
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let stream = Arc::new(Mutex::new(stream));
    for line in lines.map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).unwrap();
        let result = match request["method"].as_str().unwrap() {
            "hello" => json!({"version": 1, "name": "Alice", "server": "127.0.0.1:1"}),
            "contacts.list" => json!(contacts),
            "groups.list" => json!({"groups": [], "offers": []}),
            "status" => json!(EngineStatus {
                tor: String::new(),
                tor_percent: 0,
                servers: vec![],
                settled: true,
                fetched: true
            }),
            "subscribe" => json!({}),
            _ => json!([]),
        };
        say(&stream, &json!({"jsonrpc": "2.0", "id": request["id"], "result": result}));
        if request["method"] == "subscribe"
            && let Some(events) = events.take()
        {
            let stream = Arc::clone(&stream);
            thread::spawn(move || {
                for event in events {
                    say(&stream, &json!({"jsonrpc": "2.0", "method": "event", "params": event}));
                }
            });
        }
    }
}

fn contact(name: &str) -> ContactInfo {
    ContactInfo {
        contact: name.to_owned(),
        identity: format!("{:0>64}", name.len()),
        answered: true,
        verified: false,
        contested: false,
        left: false,
        wants_to_move: None,
        outgoing: 0,
    }
}

fn text(contact: &str, number: usize, text: String) -> Notification {
    Notification::Text {
        contact: contact.to_owned(),
        id: number.to_string(),
        at: "2026-11-27T20:00:00Z".to_owned(),
        text,
        burn_s: 0,
        missing: false,
        gone_at: None,
    }
}

/// Returns the control sequences in what a program wrote: what is between ESC and their ends.
fn sequences(bytes: &str) -> Vec<String> {
    let parts = bytes.split('\u{1b}').skip(1);
    let ends = |part: &str| match part.chars().next() {
        Some('[') => part.chars().skip(1).position(|last| ('@'..='~').contains(&last)).map(|end| end + 2),
        Some(']') => part.chars().position(|last| last == '\u{7}').map(|end| end + 1),
        _ => Some(1),
    };
    parts.map(|part| part.chars().take(ends(part).unwrap_or(part.len())).collect()).collect()
}

/// Writes what hostile contacts would, and returns all that the program wrote meanwhile.
fn attacked(home: &Path, arguments: &[&str], last: &str) -> Tmux {
    let alice = Client::new(CLIENT, home, "Alice", "http://127.0.0.1:1");
    let mut contacts: Vec<_> = NASTY.iter().map(|name| contact(name)).collect();
    contacts.push(contact("Bob"));
    let tell = engine(&alice.directory().join("socket"), contacts);
    let terminal = Tmux::start(home, (80, 24), &alice.command(arguments));
    let record = home.join("written");
    terminal.record(&record);
    for (number, nasty) in NASTY.iter().enumerate() {
        tell.send(text("Bob", number, nasty.repeat(3))).unwrap();
        tell.send(text(nasty, number + 100, (*nasty).to_owned())).unwrap();
        let file = (*nasty).to_owned();
        tell.send(Notification::File { contact: "Bob".to_owned(), id: number.to_string(), name: file, size: 1 })
            .unwrap();
        tell.send(Notification::Unusable { server: "127.0.0.1:1".to_owned(), why: (*nasty).to_owned(), reason: None })
            .unwrap();
    }
    tell.send(text("Bob", 98, format!("x{}", "\u{301}".repeat(10_000)))).unwrap();
    tell.send(text("Bob", 99, "the last of them".to_owned())).unwrap();
    terminal.until(last);
    terminal
}

#[test]
fn on_the_screen_nothing_of_hostile_contacts_acts_on_the_terminal() {
    let home = tempfile::tempdir().unwrap();
    let terminal = attacked(home.path(), &["chat"], "unread");
    terminal.keys(&["C-p"]);
    terminal.until("Find a conversation");
    terminal.enter("Bob");
    let screen = terminal.until("the last of them");
    assert!(screen.contains("F1 help") || screen.contains("unread"), "{screen}");
    assert!(terminal.title().ends_with("ephemeral"), "{}", terminal.title());
    let written = std::fs::read(home.path().join("written")).unwrap();
    let written = String::from_utf8_lossy(&written);
    let strange = |sequence: &String| {
        let known = sequence.starts_with("]0;") && sequence.ends_with("ephemeral\u{7}");
        !known && !sequence.starts_with('[')
    };
    let strange: Vec<_> = sequences(&written).into_iter().filter(strange).collect();
    assert!(strange.is_empty(), "{strange:?}");
    let controls = |character: &char| character.is_control() && !"\u{1b}\u{7}\r\n".contains(*character);
    assert_eq!(written.chars().find(controls), None);
}

#[test]
fn on_lines_nothing_of_hostile_contacts_is_more_than_text() {
    let home = tempfile::tempdir().unwrap();
    let _terminal = attacked(home.path(), &["chat", "--plain"], "the last of them");
    let written = Tmux::recorded(&home.path().join("written"), "the last of them");
    let controls = |character: &char| character.is_control() && !"\r\n".contains(*character);
    assert_eq!(written.chars().find(controls), None, "{written:?}");
    assert!(written.contains("Bob: ../../etc/passwd"), "{written}");
    assert!(!written.lines().any(|line| line.starts_with("20:00 Alice")), "{written}");
}
