//! Invites, contacts and verification with the real programs on loopback.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ephemeral_test_support::client::{Client, LocalServer};
use ephemeral_test_support::follower::Follower;
use qrcode::QrCode;
use serde_json::Value;
use tempfile::TempDir;

use crate::{CLIENT, SERVER};

fn server() -> (TempDir, LocalServer) {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    (home, server)
}

#[test]
fn the_first_message_waits_for_somebody_who_is_away_and_others_follow_when_they_have_answered() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    let invite = alice.ok(&["invite", "bob", "--expires", "2h"]);
    bob.ok(&["accept", invite.trim(), "--as", "alice", "--text", "first"]);
    let sent = &bob.json(&["send", "alice", "second"])[0];
    assert_eq!(sent["standing"], "kept");
    assert!(bob.ok(&["contacts"]).starts_with("alice (not yet answered, 2 on the way)"));
    let met = alice.ok(&["recv", "--once", "--quiet"]);
    assert!(met.starts_with("* bob has accepted your invite\n") && met.ends_with(" bob: first\n"), "{met}");
    bob.ok(&["recv", "--once", "--quiet"]);
    assert_eq!(alice.texts(), ["second"]);
}

#[test]
fn an_invite_that_was_used_gives_a_stranger_nothing_and_the_contact_is_held_until_verified() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    let mallory = Client::new(CLIENT, home.path(), "mallory", &server.url);
    let invite = alice.ok(&["invite", "bob"]);
    bob.ok(&["accept", invite.trim(), "--as", "alice", "--text", "it is me"]);
    assert_eq!(alice.texts(), ["it is me"]);
    bob.ok(&["recv", "--once"]);
    mallory.ok(&["accept", invite.trim(), "--as", "alice", "--text", "no, me"]);
    let said = alice.ok(&["recv", "--once", "--quiet"]);
    assert!(said.contains("STOP: somebody else used the invite of bob") && !said.contains("no, me"), "{said}");
    assert_eq!(mallory.texts(), [""; 0]);
    assert!(mallory.ok(&["contacts"]).contains("not yet answered"));
    assert!(alice.ok(&["contacts"]).contains("bob (contested: verify"));

    alice.ok(&["verify", "bob", "--matches"]);
    assert_eq!(alice.ok(&["contacts"]), "bob (verified)\n");
    alice.ok(&["send", "bob", "all is well"]);
    assert_eq!(bob.texts(), ["all is well"]);
}

/// Returns how many sessions a server has.
fn sessions(home: &Path) -> u64 {
    let mut asking = Command::new(SERVER);
    asking.env_clear().args(["status", "--json", "--state-dir"]).arg(home.join("state"));
    let figures: Value = serde_json::from_slice(&asking.output().unwrap().stdout).unwrap();
    figures["clients"].as_u64().unwrap()
}

#[test]
fn over_tcp_four_conversations_are_connected_the_others_are_asked_in_turn_and_nothing_is_missed() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let names = ["bob", "carol", "dave", "erin", "frank", "grace"];
    let others = names.map(|name| Client::new(CLIENT, home.path(), name, &server.url));
    for other in &others {
        alice.meet(other);
    }
    for other in &others {
        other.ok(&["send", "alice", "hello"]);
    }
    let mut command = alice.command(&["recv", "--json", "--quiet"]);
    command.stderr(Stdio::null());
    let listening = Follower::start(command);
    let mut seen = Vec::new();
    let begun = Instant::now();
    let texts = || listening.printed().iter().filter(|event| event["event"] == "text").count();
    while texts() < names.len() || seen.last() != Some(&4) {
        assert!(begun.elapsed() < Duration::from_secs(300), "{seen:?}: {:?}", listening.printed());
        seen.push(sessions(home.path()));
    }
    listening.stop();
    // And one that is asked.
    assert!(seen.iter().all(|sessions| *sessions <= 5), "{seen:?}");
}

#[test]
fn both_see_the_same_words_and_the_code_of_somebody_else_is_refused() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    let carol = Client::new(CLIENT, home.path(), "carol", &server.url);
    alice.meet(&bob);
    alice.meet(&carol);
    let words = alice.ok(&["verify", "bob"]);
    assert_eq!(words, bob.ok(&["verify", "alice"]));
    assert_eq!(words.lines().next().unwrap().split(' ').count(), 9);
    let code = |of: &Client, who| of.json(&["verify", who])[0]["qr"].as_str().unwrap().to_owned();
    let stop = alice.run(&["verify", "bob", "--scanned", &code(&alice, "carol")]);
    assert_eq!(stop.status.code(), Some(3), "{stop:?}");
    assert!(String::from_utf8(stop.stderr).unwrap().contains("STOP"));
    assert_eq!(alice.ok(&["contacts"]), "bob (new)\ncarol (new)\n");
    alice.ok(&["verify", "bob", "--scanned", &code(&bob, "alice")]);
    assert_eq!(alice.ok(&["contacts"]), "bob (verified)\ncarol (new)\n");
    let scan = home.path().join("scan.png");
    let scanned = ["verify", "carol", "--scanned", scan.to_str().unwrap()];
    draw(&code(&bob, "alice"), &scan);
    assert_eq!(alice.run(&scanned).status.code(), Some(3));
    draw(&code(&carol, "alice"), &scan);
    alice.ok(&scanned);
    assert_eq!(alice.ok(&["contacts"]), "bob (verified)\ncarol (verified)\n");
}

/// Draws a QR code into a PNG file.
fn draw(text: &str, file: &Path) {
    let code = QrCode::new(text).unwrap();
    let squares = code.render::<char>().light_color('#').dark_color(' ').module_dimensions(6, 6).build();
    let side = squares.lines().count();
    let pixels: Vec<u8> =
        squares.bytes().filter(|at| *at != b'\n').map(|at| if at == b'#' { 255 } else { 0 }).collect();
    lodepng::encode_file(file, &pixels, side, side, lodepng::ColorType::GREY, 8).unwrap();
}

#[test]
fn an_invite_is_taken_out_of_the_picture_that_was_made_of_it() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    let file = home.path().join("invite.PNG");
    let path = file.to_str().unwrap();
    alice.ok(&["invite", "bob", "--qr", path]);
    bob.ok(&["accept", "--qr", path, "--as", "alice", "--text", "seen"]);
    assert_eq!(alice.texts(), ["seen"]);
    let plain = home.path().join("plain.png");
    std::fs::write(&plain, "no picture").unwrap();
    let said = bob.fails(1, &["accept", "--qr", plain.to_str().unwrap()]);
    assert!(said.contains("no PNG picture"), "{said}");
}

#[test]
fn whoever_uses_a_reusable_invite_waits_for_a_yes() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    let carol = Client::new(CLIENT, home.path(), "carol", &server.url);
    let invite = alice.ok(&["invite", "--reusable"]);
    for (who, text) in [(&bob, "please"), (&carol, "me too")] {
        who.ok(&["accept", invite.trim(), "--as", "alice", "--text", text]);
    }
    let asked = alice.ok(&["recv", "--once", "--quiet"]);
    assert!(asked.contains("asks to write to you and writes: please"), "{asked}");
    assert_eq!(alice.ok(&["contacts"]), "");
    let invites = alice.json(&["invites"]);
    let number = invites[0]["invite"].to_string();
    let request = |name: &str| {
        let requests = invites[0]["requests"].as_array().unwrap();
        let found = requests.iter().find(|request| request["calls_itself"] == name).unwrap();
        found["identity"].as_str().unwrap().to_owned()
    };
    assert!(alice.fails(67, &["admit", &number, "zz"]).contains("nobody waits"));
    alice.ok(&["admit", &number, request("bob").get(..8).unwrap()]);
    alice.ok(&["decline", &number, &request("carol")]);
    assert_eq!(alice.texts(), ["please"]);
    bob.ok(&["recv", "--once"]);
    alice.ok(&["send", "bob", "welcome"]);
    assert_eq!((bob.texts().len(), carol.texts().len()), (1, 0));
    alice.ok(&["revoke", &number]);
    assert!(alice.ok(&["invites"]).is_empty());
    assert!(alice.fails(67, &["revoke", &number]).contains("no such"));
}

#[test]
fn what_an_invite_is_can_be_seen_before_it_is_used() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    let once = alice.ok(&["invite", "bob"]);
    let many = alice.ok(&["invite", "--reusable"]);
    let authority = server.url.strip_prefix("http://").unwrap();
    for (invite, kind) in [(&once, "one-time"), (&many, "reusable")] {
        let shown = bob.ok(&["accept", "--show", invite.trim()]);
        assert!(shown.starts_with(&format!("{kind}, until 20")), "{shown}");
        assert!(shown.trim_end().ends_with(&format!("server {authority}")), "{shown}");
    }
    let read = bob.json(&["accept", "--show", once.trim()]);
    assert_eq!((&read[0]["reusable"], &read[0]["server"]), (&false.into(), &authority.into()));
    assert!(bob.fails(65, &["accept", "--show", "ephemeral:AQMB"]).contains("damaged"));
    assert_eq!(bob.ok(&["contacts"]), "", "none was used");
    bob.ok(&["accept", once.trim(), "--as", "alice", "--quiet"]);
}

#[test]
fn what_is_no_invite_is_refused_with_the_reason() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    let invite = alice.ok(&["invite"]);
    let invite = invite.trim();
    let cut = invite.get(..invite.len() - 3).unwrap();
    for (text, sentence) in [("hello", "invite"), (cut, "damaged")] {
        let refused = bob.fails(65, &["accept", text]);
        assert!(refused.contains(sentence), "{refused}");
    }
    assert!(alice.fails(65, &["accept", invite]).contains("your own"));
    assert!(alice.fails(2, &["invite", "--expires", "2y"]).contains("no time such as"));
    let elsewhere = Client::new(CLIENT, home.path(), "elsewhere", "http://localhost:1");
    let foreign = elsewhere.fails(65, &["accept", invite]);
    assert!(foreign.contains("invite"), "a server on another machine's loopback: {foreign}");
}

#[test]
fn contacts_are_renamed_blocked_and_forgotten() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    let carol = Client::new(CLIENT, home.path(), "carol", &server.url);
    alice.meet(&bob);
    alice.meet(&carol);
    assert!(alice.fails(67, &["send", "nobody", "x"]).contains("no contact or group is called nobody"));
    assert!(alice.fails(2, &["contacts", "rename", "bob", "carol"]).contains("no other one has"));
    alice.ok(&["contacts", "rename", "bob", "Robert"]);
    alice.ok(&["send", "robert", "new name"]);
    assert_eq!(bob.texts(), ["new name"]);

    alice.ok(&["contacts", "block", "Robert"]);
    bob.ok(&["send", "alice", "are you there?"]);
    assert_eq!(alice.texts(), [""; 0]);
    alice.ok(&["contacts", "forget", "carol"]);
    alice.ok(&["recv", "--once"]);
    assert!(carol.ok(&["recv", "--once"]).contains("* alice has ended the conversation"));
    assert!(carol.fails(3, &["send", "alice", "x"]).contains("the conversation is over"));
}

#[test]
fn the_invite_is_drawn_as_a_qr_code_too_and_no_file_is_overwritten() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let drawn = alice.ok(&["invite", "--qr", "-"]);
    assert!(drawn.contains('█') && drawn.lines().last().unwrap().starts_with("ephemeral:"), "{drawn}");
    let file = home.path().join("invite.svg");
    let path = file.to_str().unwrap();
    alice.ok(&["invite", "--qr", path]);
    assert!(std::fs::read_to_string(&file).unwrap().contains("<svg"));
    assert!(alice.fails(1, &["invite", "--qr", path]).contains("exists"));
}
