//! Longer conversations with the real programs in a private network: a group, a file, and messages
//! whose time ran out at the server.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::thread;

use ephemeral_test_support::client::Client;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, PATIENCE};
use ephemeral_test_support::follower::Follower;
use rustix::process::Signal;
use serde_json::Value;

use crate::client_over_tor::{aside, person};
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
async fn a_group_of_four_talks_over_tor_and_a_file_of_five_mebibytes_arrives_although_the_server_is_killed() {
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
    let sending = alice.command(&["send", "bob", "--file", path.to_str().unwrap(), "--json", "--quiet"]);
    let mut sending = tokio::process::Command::from(sending);
    let sending = sending.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let part = folder.clone();
    aside(move || until("a part of the file", || written(&part) > 20 * 47_000)).await;
    // What waits at the server is gone; both connect anew by themselves.
    server.signal(Signal::KILL);
    server.ended().await;
    let mut server = Daemon::start(SERVER, &home.join("server"), &configuration, &[]);
    assert_eq!(server.reachable().await.to_string(), url);
    let sent = sending.wait_with_output().await.unwrap();
    assert!(sent.status.success(), "{sent:?}");
    aside(move || {
        taking.until("file", is("file_saved"));
        taking.stop();
    })
    .await;
    assert!(fs::read(folder.join("film.mkv")).unwrap() == bytes, "bit for bit");
}

/// How much was written, by the blocks on the disk.
fn written(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let files = fs::read_dir(folder).unwrap();
    files.map(|entry| entry.unwrap().metadata().unwrap().blocks() * 512).sum()
}

/// Waits for something on the disk, which nobody tells of.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(240);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "no {what}");
        thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Clocks that a test sets: all that the programs which a script starts go by.
struct FakeTime {
    ahead: PathBuf,
}

impl FakeTime {
    fn new(directory: &Path) -> Self {
        let fake = Self { ahead: directory.join("ahead") };
        fake.set("+0");
        fake
    }

    /// Writes a script that starts a program under these clocks.
    fn script(&self, program: &str, name: &str) -> String {
        let directories = fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
        let mut libraries = directories.map(|path| path.join("faketime/libfaketimeMT.so.1"));
        let library = libraries.find(|path| path.exists()).expect("libfaketime: `tests/run` installs it");
        let script = self.ahead.with_file_name(name);
        let text = format!(
            "#!/bin/sh\nexport LD_PRELOAD={} FAKETIME_TIMESTAMP_FILE={} FAKETIME_NO_CACHE=1\nexec {program} \"$@\"\n",
            library.display(),
            self.ahead.display(),
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
        script.to_str().unwrap().to_owned()
    }

    fn set(&self, ahead: &str) {
        let new = self.ahead.with_extension("new");
        fs::write(&new, format!("{ahead}\n")).unwrap();
        fs::rename(&new, &self.ahead).unwrap();
    }
}

/// Tor's own clocks have to be right, so that C tor brings the programs together here.
#[tokio::test(flavor = "multi_thread")]
async fn messages_whose_time_runs_out_at_the_server_are_sent_again_and_nothing_is_lost() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let fake = FakeTime::new(home);
    let reserved = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap();
    let network = network::shared();
    let (service, tor) = aside(move || {
        let service = network.start_onion_service(address).unwrap();
        (service, network.start_client().unwrap())
    })
    .await;
    drop(reserved);
    let url = format!("http://{}", service.address);
    // An hour is the least with which a client takes a server.
    let hour = "[store]\nmax_ttl_s = 3600\ndefault_ttl_s = 3600\n";
    let names = format!("[clearnet]\nserver_names = [\"{}\"]\n", service.address);
    let local = "connections_per_peer = 200\nrequests_per_minute = 100000\nburst = 1000\n";
    let configuration = format!("{GENEROUS}{local}{hour}{names}");
    let listen = format!("--clearnet={address}");
    let program = fake.script(SERVER, "server-with-fake-time");
    let mut server = Daemon::start(&program, &home.join("server"), &configuration, &["--no-tor", &listen]);
    server.says("clearnet ").await;
    let client: &'static str = Box::leak(fake.script(CLIENT, "client-with-fake-time").into_boxed_str());
    let [alice, bob] = ["alice", "bob"].map(|name| {
        let mut person = Client::new(client, &home.join(name), name, &url);
        person.variables.push(("EPHEMERAL_SOCKS", tor.socks.to_string()));
        Arc::new(person)
    });
    let people = (Arc::clone(&alice), Arc::clone(&bob));
    aside(move || {
        let (alice, bob) = people;
        alice.meet(&bob);
        alice.ok(&["recv", "--once", "--quiet"]);
        alice.ok(&["send", "bob", "one", "--quiet"]);
        alice.ok(&["send", "bob", "two", "--quiet"]);
    })
    .await;
    assert!(waiting(&server).await >= 2, "nobody has fetched anything");
    fake.set("+2h");
    let forgotten = async {
        while waiting(&server).await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.expect("their time runs out");

    // No receipt reached anybody: a day without an acknowledgement says it.
    fake.set("+25h");
    aside(move || {
        assert_eq!(bob.texts(), [""; 0], "they are gone");
        alice.ok(&["recv", "--once", "--quiet"]);
        assert_eq!(bob.texts(), ["one", "two"]);
        alice.ok(&["recv", "--once", "--quiet"]);
        for person in [&alice, &bob] {
            assert_eq!(person.ok(&["outbox"]), "", "everything arrived, and is known to have");
        }
    })
    .await;
}

async fn waiting(server: &Daemon) -> u64 {
    server.figures().await["pending_messages"].as_u64().unwrap()
}
