//! Longer conversations with the real programs in a private network: a group, a file, and messages
//! whose time ran out at the server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ephemeral_test_support::client::Client;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, Manager, PATIENCE};
use ephemeral_test_support::follower::Follower;
use rustix::process::Signal;
use serde_json::Value;

use crate::client_over_tor::{aside, offline, person};
use crate::network;
use crate::{CLIENT, SERVER};

fn follow(client: &Client, arguments: &[&str]) -> Follower {
    let mut command = client.command(&[&["recv", "--json", "--quiet"], arguments].concat());
    command.stderr(Stdio::null());
    Follower::start(command)
}

/// Does the same with each of several people at once, as each of them would.
fn each(people: &[Arc<Client>], work: impl Fn(&Client) + Sync) {
    let work = &work;
    thread::scope(|scope| {
        for client in people {
            scope.spawn(move || work(client));
        }
    });
}

fn is(event: &'static str) -> impl Fn(&Value) -> bool {
    move |value| value["event"] == event
}

fn is_text(text: &'static str) -> impl Fn(&Value) -> bool {
    move |value| value["event"] == "group_text" && value["text"] == text
}

fn has_four_members(value: &Value) -> bool {
    value["event"] == "group_members" && value["members"].as_array().is_some_and(|members| members.len() == 4)
}

/// Lets the first of four meet the others, found a group, and let them in.
fn found(admin: &Client, others: &[Arc<Client>]) {
    let invites: Vec<_> = others.iter().map(|other| (other, admin.ok(&["invite", other.name]))).collect();
    thread::scope(|scope| {
        for (other, invite) in &invites {
            scope.spawn(move || other.ok(&["accept", invite.trim(), "--as", admin.name, "--text", "it is me"]));
        }
    });
    let meeting = follow(admin, &[]);
    for other in others {
        meeting.until("first text", |value| value["event"] == "text" && value["contact"] == other.name);
    }
    each(others, |other| {
        let answered = follow(other, &[]);
        answered.until("answer", is("answered"));
        answered.stop();
    });
    meeting.stop();
    admin.ok(&["group", "new", "friends"]);
    for other in others {
        admin.ok(&["group", "invite", "friends", other.name]);
    }
    let inviting = follow(admin, &[]);
    each(others, |other| {
        let waiting = follow(other, &[]);
        waiting.until("offer", is("group_offer"));
        waiting.stop();
        other.ok(&["group", "join", "friends"]);
        let joining = follow(other, &[]);
        joining.until("all members", has_four_members);
        joining.stop();
    });
    inviting.until("all members", has_four_members);
    inviting.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_four_talks_over_tor_and_a_file_of_five_mebibytes_arrives_bit_for_bit() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let configuration = format!("{GENEROUS}{}", network::shared().arti_toml());
    let mut server = Daemon::start(SERVER, &home.join("server"), &configuration, &[]);
    let url = server.reachable().await.to_string();
    let [alice, bob, carol, dave] = ["alice", "bob", "carol", "dave"].map(|name| person(home, name, &url));
    let admin = Arc::clone(&alice);
    let members = [Arc::clone(&bob), carol, dave];
    aside(move || {
        found(&admin, &members);
        let listening: Vec<_> = [&admin, &members[1], &members[2]].map(|other| follow(other, &[])).into();
        let sent = members[0].json(&["send", "friends", "hello, all of you", "--wait", "--quiet"]);
        assert_eq!((&sent[0]["members"], &sent[0]["standing"]), (&3.into(), &"arrived".into()), "{sent:?}");
        for other in listening {
            let text = other.until("text", is_text("hello, all of you"));
            assert_eq!(text["id"], sent[0]["id"]);
            other.stop();
        }
    })
    .await;

    let folder = home.join("downloads");
    fs::create_dir(&folder).unwrap();
    let path = home.join("film.mkv");
    let bytes: Vec<u8> = (0..5_u32 << 18).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    fs::write(&path, &bytes).unwrap();
    let taking = follow(&bob, &["--files", folder.to_str().unwrap()]);
    aside(move || {
        let sent = alice.json(&["send", "bob", "--file", path.to_str().unwrap(), "--quiet"]);
        assert_eq!((&sent[0]["standing"], &sent[0]["size"]), (&"arrived".into(), &(5 << 20).into()), "{sent:?}");
        taking.until("file", is("file_saved"));
        taking.stop();
    })
    .await;
    assert!(fs::read(folder.join("film.mkv")).unwrap() == bytes);
}

/// Writes a script that starts a program under another clock than the machine's.
fn script(directory: &Path, name: &str, line: &str) -> String {
    let script = directory.join(name);
    fs::write(&script, format!("#!/bin/sh\n{line} \"$@\"\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    script.to_str().unwrap().to_owned()
}

/// Writes a script that starts the client with a wall clock that is ahead.
fn client_ahead(directory: &Path, ahead: &str) -> &'static str {
    let directories = fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let mut libraries = directories.map(|path| path.join("faketime/libfaketimeMT.so.1"));
    let library = libraries.find(|path| path.exists()).expect("libfaketime: `tests/run` installs it");
    let monotonic = "DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1";
    let line = format!("LD_PRELOAD={} FAKETIME={ahead} {monotonic} exec {CLIENT}", library.display());
    Box::leak(script(directory, "client-ahead", &line).into_boxed_str())
}

/// Kills the server's process; the next one finds what waits, two hours later: by the clock
/// that nobody can set, which a time namespace puts forward. Tor itself goes by the wall clock,
/// which stays; so people whose clocks are ahead come by C tor.
#[tokio::test(flavor = "multi_thread")]
async fn messages_whose_time_runs_out_at_the_server_are_sent_again_and_nothing_is_lost() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    // An hour is the least with which a client takes a server.
    let hour = "[store]\nmax_ttl_s = 3600\ndefault_ttl_s = 3600\n";
    let configuration = format!("{hour}{GENEROUS}{}", network::shared().arti_toml());
    let mut manager = Manager::new(home);
    let mut server = Daemon::start_under(SERVER, Some(&mut manager), &home.join("server"), &configuration, &[]);
    reachable(&server, &mut manager, 1).await;
    let url = format!("http://{}", offline(home, &["address"]).await);
    let alice = person(home, "alice", &url);
    let bob = person(home, "bob", &url);
    let people = (Arc::clone(&alice), Arc::clone(&bob));
    aside(move || {
        let (alice, bob) = people;
        alice.meet(&bob);
        alice.ok(&["recv", "--once", "--quiet"]);
        alice.ok(&["send", "bob", "one", "--quiet"]);
        alice.ok(&["send", "bob", "two", "--quiet"]);
    })
    .await;
    assert_eq!(waiting(&server).await, 2, "nobody has fetched them");
    server.signal(Signal::KILL);
    server.ended().await;
    let later = script(home, "server-later", &format!("exec unshare --time --boottime 7200 {SERVER}"));
    let server = Daemon::start_under(&later, Some(&mut manager), &home.join("server"), &configuration, &[]);
    reachable(&server, &mut manager, 2).await;
    assert_eq!(waiting(&server).await, 0, "{}", server.log());

    // No receipt reached anybody: a day without an acknowledgement says it.
    let ahead = client_ahead(home, "+25h");
    aside(move || {
        assert_eq!(bob.texts(), [""; 0], "they are gone");
        let tor = network::shared().start_client().unwrap();
        let mut late = Client::at_home(ahead, &home_of(&alice), "alice");
        late.variables.push(("EPHEMERAL_SOCKS", tor.socks.to_string()));
        late.ok(&["recv", "--once", "--quiet"]);
        assert_eq!(bob.texts(), ["one", "two"]);
        late.ok(&["recv", "--once", "--quiet"]);
        assert_eq!(late.ok(&["outbox"]), "", "they arrived, and are known to have");
    })
    .await;
}

/// Waits until a server under a service manager says in its log, for the so many-th time, that it
/// can be reached: there it prints nothing. Meanwhile the manager reads what it is told.
async fn reachable(server: &Daemon, manager: &mut Manager, times: usize) {
    let waiting = async {
        while server.log().matches("reachable: clients can connect").count() < times {
            tokio::time::sleep(Duration::from_millis(100)).await;
            manager.listen();
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(in_time.is_ok(), "it cannot be reached: {}", server.log());
}

/// Returns where somebody's home is.
fn home_of(person: &Client) -> std::path::PathBuf {
    person.directory().ancestors().nth(5).unwrap().to_owned()
}

async fn waiting(server: &Daemon) -> u64 {
    server.figures().await["pending_messages"].as_u64().unwrap()
}
