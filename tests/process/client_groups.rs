//! Groups as four people use them with `ephemeral`, over the real server on loopback.

use std::process::Stdio;

use ephemeral_test_support::client::{Client, LocalServer};
use ephemeral_test_support::follower::Follower;
use serde_json::Value;
use tempfile::TempDir;

use crate::{CLIENT, SERVER};

/// All four come from one address.
const LIMITS: &str = "[limits]\nconnections_per_peer = 200\nrequests_per_minute = 100000\nburst = 1000\n";

struct Friends {
    people: Vec<Client>,
    _home: TempDir,
    _server: LocalServer,
}

/// Starts a server, and makes people the first of whom knows all others.
fn friends(names: &[&'static str]) -> Friends {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("server.toml");
    std::fs::write(&config, LIMITS).unwrap();
    let arguments = ["--config", config.to_str().unwrap()];
    let server = LocalServer::start_with(SERVER, &home.path().join("state"), "127.0.0.1:0", &arguments);
    let new = |name: &&'static str| Client::new(CLIENT, home.path(), name, &server.url);
    let people: Vec<_> = names.iter().map(new).collect();
    for other in &people[1..] {
        people[0].meet(other);
    }
    Friends { people, _home: home, _server: server }
}

fn follow(client: &Client) -> Follower {
    let mut command = client.command(&["recv", "--json", "--quiet"]);
    command.stderr(Stdio::null());
    Follower::start(command)
}

fn is(event: &'static str) -> impl Fn(&Value) -> bool {
    move |value| value["event"] == event
}

fn is_text(text: &'static str) -> impl Fn(&Value) -> bool {
    move |value| value["event"] == "group_text" && value["text"] == text
}

fn has_members(count: usize) -> impl Fn(&Value) -> bool {
    move |value| value["event"] == "group_members" && value["members"].as_array().unwrap().len() == count
}

/// Lets the first found a group, which all others join.
fn found(people: &[Client]) {
    let [admin, others @ ..] = people else { panic!("nobody") };
    admin.ok(&["group", "new", "friends"]);
    for other in others {
        admin.ok(&["group", "invite", "friends", other.name]);
    }
    let following = follow(admin);
    for other in others {
        let waiting = follow(other);
        waiting.until("offer", is("group_offer"));
        waiting.stop();
        let listed = other.ok(&["group", "list"]);
        assert_eq!(listed, format!("friends (invited by {})\n", admin.name), "it is found after it was shown");
        other.ok(&["group", "join", "friends"]);
        let joining = follow(other);
        joining.until("membership", is("group_joined"));
        joining.stop();
    }
    following.until("all members", has_members(people.len()));
    // The last one has just seen all of them.
    for other in &others[..others.len() - 1] {
        let learning = follow(other);
        learning.until("all members", has_members(people.len()));
        learning.stop();
    }
    following.stop();
}

#[test]
fn a_group_of_four_talks_removes_one_and_lets_one_leave() {
    let Friends { people, _home, _server } = friends(&["alice", "bob", "carol", "dave"]);
    found(&people);
    let [alice, bob, carol, dave] = people.as_slice() else { panic!("not four") };
    let members = bob.ok(&["group", "members", "friends"]);
    assert!(members.contains("alice (") && members.contains(", admin)") && members.contains("~carol ("), "{members}");
    assert!(members.contains("you ("), "{members}");
    // Somebody else's group is not to be changed.
    assert!(bob.fails(3, &["group", "remove", "friends", "carol"]).contains("only the admin of friends"));

    let following: Vec<_> = [alice, carol, dave].into_iter().map(follow).collect();
    let sent = bob.json(&["send", "friends", "hello, all of you", "--quiet"]);
    assert_eq!(sent[0]["members"], 3, "{sent:?}");
    let sending = follow(bob);
    for other in &following {
        let text = other.until("text", is_text("hello, all of you"));
        assert_eq!((&text["group"], &text["id"]), (&"friends".into(), &sent[0]["id"]));
    }
    for name in ["alice", "~carol", "~dave"] {
        sending.until("acknowledgement", |value| value["event"] == "group_arrived" && value["member"] == name);
    }
    sending.stop();
    let arrived = bob.json(&["send", "friends", "and again", "--wait", "--quiet"]);
    assert_eq!(arrived[0]["standing"], "arrived", "{arrived:?}");

    let [of_alice, of_carol, of_dave] = <[Follower; 3]>::try_from(following).ok().expect("three");
    of_alice.stop();
    alice.ok(&["group", "remove", "friends", "dave"]);
    let of_alice = follow(alice);
    let of_bob = follow(bob);
    of_dave.until("removal", is("group_removed"));
    for other in [&of_bob, &of_carol] {
        other.until("three members", has_members(3));
    }
    of_bob.stop();
    bob.ok(&["send", "friends", "without dave", "--wait", "--quiet"]);
    of_alice.until("text", is_text("without dave"));
    of_carol.until("text", is_text("without dave"));
    let heard = of_dave.stop();
    assert!(!heard.iter().any(is_text("without dave")), "{heard:?}");
    assert!(!dave.run(&["send", "friends", "let me in"]).status.success());

    of_carol.stop();
    carol.ok(&["group", "leave", "friends"]);
    let of_bob = follow(bob);
    let of_carol = follow(carol);
    for other in [&of_alice, &of_bob] {
        other.until("two members", has_members(2));
    }
    of_carol.stop();
    of_alice.stop();
    of_bob.stop();
    assert_eq!(bob.ok(&["group", "members", "friends"]).lines().count(), 2);
}

#[test]
fn a_name_that_stands_for_a_contact_and_a_group_is_not_guessed() {
    let Friends { people, _home, _server } = friends(&["alice", "bob"]);
    let [alice, bob] = people.as_slice() else { panic!("not two") };
    assert!(alice.fails(2, &["group", "new", "Bob"]).contains("is called Bob already"));
    assert!(alice.fails(2, &["group", "new", "contact-7"]).contains("does not begin with"));
    alice.ok(&["group", "new", "friends"]);
    assert!(alice.fails(2, &["group", "new", "friends"]).contains("already"));
    assert!(alice.fails(3, &["send", "friends", "hello?"]).contains("nobody else"));
    alice.ok(&["contacts", "rename", "bob", "friends"]);
    let ambiguous = alice.fails(67, &["send", "friends", "hello"]);
    assert!(ambiguous.contains("for the contact or group-") && ambiguous.contains("for the group"), "{ambiguous}");
    assert!(bob.fails(67, &["group", "join", "friends"]).contains("friends"));
}
