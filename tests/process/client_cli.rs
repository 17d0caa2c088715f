//! `ephemeral` as scripts see it: output, exit codes, standard input; two people and the real
//! server on loopback.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use ephemeral_test_support::acquainted::Acquainted;
use ephemeral_test_support::client::{Client, LocalServer};

use crate::{CLIENT, SERVER};

fn pair() -> Acquainted {
    Acquainted::meet(CLIENT, SERVER)
}

fn bare(arguments: &[&str]) -> std::process::Output {
    Command::new(CLIENT).args(arguments).env_clear().stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn has_an_example(command: &[&str]) {
    let help = bare(&[command, &["--help"]].concat());
    assert!(text(&help.stdout).contains("Example"), "{command:?}");
}

#[test]
fn every_command_has_an_example_in_its_help_and_the_exit_codes_are_listed() {
    let commands = [
        "init",
        "invite",
        "accept",
        "invites",
        "revoke",
        "admit",
        "decline",
        "contacts",
        "verify",
        "send",
        "recv",
        "rpc",
        "serve",
        "outbox",
        "passphrase",
        "backup",
        "restore",
        "panic",
        "moved",
        "chat",
        "files",
        "group",
        "heal",
    ];
    for command in commands {
        has_an_example(&[command]);
    }
    let below = [
        ("contacts", &["rename", "block", "forget", "agree", "trust", "slow"][..]),
        ("group", &["new", "list", "members", "invite", "join", "decline", "remove", "hand-over", "leave"]),
        ("discovery", &["new", "show"]),
        ("moved", &["ask", "list", "forget"]),
    ];
    for (command, names) in below {
        names.iter().for_each(|name| has_an_example(&[command, name]));
    }
    assert!(text(&bare(&["--help"]).stdout).contains("Exit codes:"));
}

#[test]
fn a_message_is_sent_received_once_and_known_to_have_arrived() {
    let Acquainted { home: _home, alice, bob, server: _server } = pair();
    assert_eq!(bob.texts(), [""; 0], "nothing waiting is no failure");
    let id = alice.ok(&["send", "bob", "hello\n\u{1b}[2J\\ wörld", "--quiet"]);
    let outbox = alice.ok(&["outbox"]);
    assert!(outbox.contains(&format!("{} message to bob: waiting at the server", id.trim())), "{outbox}");

    let line = bob.ok(&["recv", "--once", "--quiet"]);
    let (time, rest) = line.split_at(16);
    assert!(time.starts_with("20") && time.as_bytes()[13] == b':', "{line}");
    assert_eq!(rest, " alice: hello\\n\\u{1b}[2J\\\\ wörld\n");
    assert_eq!(bob.texts(), [""; 0], "not again");

    let arrived = alice.json(&["recv", "--once"]);
    assert!(arrived.iter().any(|event| event["event"] == "arrived" && event["id"] == id.trim()), "{arrived:?}");
    assert_eq!(alice.ok(&["outbox"]), "");
}

#[test]
fn json_is_one_object_a_line_with_the_exact_text() {
    let Acquainted { home: _home, alice, bob, server: _server } = pair();
    let contents = ["one\ntwo", "\"three\" 🦀 \u{202e}"];
    for content in contents {
        let sent = &alice.json(&["send", "bob", content])[0];
        assert_eq!((sent["standing"].as_str(), sent["contact"].as_str()), (Some("at_server"), Some("bob")));
    }
    let mut texts = bob.texts();
    texts.sort();
    let mut expected = contents.map(str::to_owned);
    expected.sort();
    assert_eq!(texts, expected);
}

#[test]
fn standard_input_is_sent_as_it_is_and_only_if_it_is_text() {
    let Acquainted { home, alice, bob, server: _server } = pair();
    let input = home.path().join("input");
    for (arguments, content) in [(&["send", "bob", "-"][..], " from a file\n\n"), (&["send", "bob"], "\ttoo\n")] {
        std::fs::write(&input, content).unwrap();
        let mut command = alice.command(arguments);
        let sent = command.stdin(std::fs::File::open(&input).unwrap()).output().unwrap();
        assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    }
    for (content, sentence) in [(vec![0xff, 0xfe], "not UTF-8"), (vec![b'x'; 47_001], "longer than 47,000 bytes")] {
        std::fs::write(&input, content).unwrap();
        let mut command = alice.command(&["send", "bob", "-"]);
        let refused = command.stdin(std::fs::File::open(&input).unwrap()).output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(sentence), "{refused:?}");
    }
    assert!(alice.fails(2, &["send", "bob", ""]).contains("empty"));
    let mut texts = bob.texts();
    texts.sort();
    assert_eq!(texts, ["\ttoo\n", " from a file\n\n"]);
}

#[test]
fn what_could_not_be_written_comes_again() {
    let Acquainted { home: _home, alice, bob, server: _server } = pair();
    alice.ok(&["send", "bob", "precious"]);
    // The reader of the pipe is gone before anything is written.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let broken = bob.command(&["recv", "--once", "--quiet"]).stdout(writer).output().unwrap();
    assert_eq!((broken.status.code(), broken.stderr.len()), (Some(1), 0), "quietly: {broken:?}");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let broken = bob.command(&["recv", "--once", "--quiet"]).stdout(full).output().unwrap();
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stderr).contains("cannot write the output"), "{broken:?}");
    assert_eq!(bob.texts(), ["precious"]);
}

#[test]
fn a_follower_prints_at_once_and_the_sender_waits_for_it() {
    let Acquainted { home: _home, alice, bob, server: _server } = pair();
    let mut following = bob.command(&["recv", "--json", "--quiet"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    for content in ["one", "two"] {
        let sent = &alice.json(&["send", "bob", content, "--wait"])[0];
        assert_eq!(sent["standing"], "arrived", "{sent:?}");
        let text = std::iter::from_fn(|| lines.next()).map(Result::unwrap).find(|line| line.contains("\"text\""));
        assert!(text.unwrap().contains(content));
    }
    let pid = following.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(following.wait().unwrap().code(), Some(0), "SIGTERM is how it ends");
}

#[test]
fn waiting_for_the_first_message_ends_with_it() {
    let Acquainted { home: _home, alice, bob, server: _server } = pair();
    let waiting =
        bob.command(&["recv", "--once", "--wait", "--timeout", "120", "--quiet"]).stdout(Stdio::piped()).spawn();
    alice.ok(&["send", "bob", "at last"]);
    let output = waiting.unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).ends_with(" alice: at last\n"), "{output:?}");
    let late = bob.fails(4, &["recv", "--once", "--wait", "--timeout", "2", "--quiet"]);
    assert!(late.contains("within 2 s"), "{late}");
}

#[test]
fn a_server_that_cannot_be_reached_is_given_up_after_the_timeout_and_the_message_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    let server = LocalServer::start(SERVER, &state, "127.0.0.1:0");
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    alice.meet(&bob);
    drop(server);
    let late = alice.fails(4, &["send", "bob", "patience", "--timeout", "1", "--quiet"]);
    assert!(late.contains("the message is kept") && late.contains("within 1 s: cannot connect"), "{late}");
    for arguments in [&["recv", "--once"][..], &["recv", "--follow"]] {
        let late = alice.fails(4, &[arguments, &["--timeout", "1", "--quiet"]].concat());
        assert!(late.contains("the server was not reached within 1 s: cannot connect"), "{late}");
    }
    assert!(alice.ok(&["outbox"]).contains("message to bob: not yet sent"));
    // Another run of the server, with another epoch: what was kept is sent by the next command.
    let _server = LocalServer::start(SERVER, &state, &address);
    alice.ok(&["recv", "--once", "--quiet"]);
    assert_eq!(bob.texts(), ["patience"]);
}

#[test]
fn what_is_no_such_server_is_said_at_once() {
    let home = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let alice = Client::new(CLIENT, home.path(), "alice", &url);
    let bob = Client::new(CLIENT, home.path(), "bob", &url);
    let invite = alice.ok(&["invite"]);
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let refused = bob.fails(69, &["accept", invite.trim(), "--quiet"]);
    assert!(refused.contains("refused the connection: 404"), "{refused}");
    answering.join().unwrap();
}
