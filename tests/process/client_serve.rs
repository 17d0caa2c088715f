//! `ephemeral serve`, its socket, and the other commands that use it.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use ephemeral_test_support::acquainted::Acquainted;
use ephemeral_test_support::client::Client;
use ephemeral_test_support::follower::Follower;
use ephemeral_test_support::serving::{Serving, SocketProgram};
use serde_json::{Value, json};

use crate::{CLIENT, SERVER};

/// The limits of a server that lets commands connect as often as they like.
const LIMITS: &str = "[limits]
connections_per_peer = 200
requests_per_minute = 100000
burst = 1000
";

/// Makes somebody alone, without a server.
fn alone(home: &Path) -> Client {
    Client::new(CLIENT, home, "alice", "http://127.0.0.1:1")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn commands_use_the_engine_that_runs_and_need_no_passphrase() {
    let Acquainted { home, mut alice, bob, server: _server } = Acquainted::meet_at(CLIENT, SERVER, LIMITS);
    let serving = Serving::start(&alice, &[]);
    assert_eq!((mode(&serving.socket), mode(serving.socket.parent().unwrap())), (0o600, 0o700));
    alice.variables.push(("EPHEMERAL_PASSPHRASE_FILE", "/nonexistent".to_owned()));
    let following = Follower::start({
        let mut command = bob.command(&["recv", "--json", "--quiet", "--files", home.path().to_str().unwrap()]);
        command.stderr(Stdio::null());
        command
    });
    assert_eq!(alice.json(&["send", "bob", "hello", "--quiet", "--wait"])[0]["standing"], "arrived");
    following.until("text", |event| event["text"] == "hello");
    assert_eq!(alice.ok(&["contacts"]), "bob (new)\n");
    assert_eq!(alice.ok(&["verify", "bob"]), bob.ok(&["verify", "alice"]), "bob's by his own engine");
    alice.ok(&["contacts", "rename", "bob", "Robert"]);
    alice.ok(&["contacts", "trust", "Robert"]);
    alice.ok(&["group", "new", "friends"]);
    assert_eq!(alice.ok(&["group", "list"]), "friends (admin, 1 member)\n");
    let invite = alice.ok(&["invite", "--reusable"]);
    assert!(invite.starts_with("ephemeral:"), "{invite}");
    assert!(alice.json(&["invites"]).iter().any(|invite| invite["reusable"] == true));
    assert!(alice.fails(67, &["send", "nobody", "x"]).contains("no contact or group is called nobody"));

    let path = home.path().join("notes.txt");
    std::fs::write(&path, "some notes").unwrap();
    let sent = alice.json(&["send", "robert", "--file", path.to_str().unwrap(), "--quiet"]);
    assert_eq!(sent[0]["standing"], "arrived", "{sent:?}");
    let saved = following.until("file", |event| event["event"] == "file_saved");
    assert!(saved["path"].as_str().unwrap().ends_with("notes-2.txt"), "{saved}");

    bob.ok(&["send", "alice", "by the engine of recv", "--quiet"]);
    let texts = alice.texts();
    assert_eq!(texts, ["by the engine of recv"]);
    assert_eq!(alice.texts(), [""; 0], "not again");
    assert_eq!(alice.ok(&["outbox"]), "");
    serving.stop();
    assert!(!alice.directory().join("socket").exists());
}

#[test]
fn a_socket_that_a_killed_process_left_behind_is_in_nobodys_way() {
    let home = tempfile::tempdir().unwrap();
    let alice = alone(home.path());
    let mut serving = Serving::start(&alice, &[]);
    let second = alice.fails(75, &["serve"]);
    assert!(second.contains(&format!("({}: `ephemeral serve`)", serving.process.id())), "{second}");
    serving.process.kill().unwrap();
    serving.process.wait().unwrap();
    assert!(serving.socket.exists());
    assert_eq!(alice.ok(&["contacts"]), "");
    let again = Serving::start(&alice, &[]);
    assert_eq!(again.connect().result("hello", Value::Null)["name"], "alice");
    drop(serving);
    again.stop();
}

#[test]
fn a_profile_in_a_very_deep_folder_has_a_socket_too() {
    let home = tempfile::tempdir().unwrap();
    let deep = home.path().join("d".repeat(100));
    let alice = alone(&deep);
    let serving = Serving::start(&alice, &[]);
    assert!(serving.socket.as_os_str().len() > 108);
    assert_eq!(alice.ok(&["contacts"]), "");
    alice.ok(&["group", "new", "friends"]);
    serving.stop();
    assert!(alice.ok(&["group", "list"]).contains("friends"), "it was durable");
}

#[test]
fn a_profile_in_memory_is_found_by_its_name_and_gone_with_its_process() {
    let home = tempfile::tempdir().unwrap();
    let mut alice = Client::without_a_profile(CLIENT, home.path(), "meeting");
    let arguments = ["--ephemeral", "--server", "http://127.0.0.1:1", "--name", "Alice"];
    assert!(alice.fails(2, &[&["serve"][..], &arguments].concat()).contains("XDG_RUNTIME_DIR"));
    alice.variables.push(("XDG_RUNTIME_DIR", home.path().to_str().unwrap().to_owned()));
    let serving = Serving::start(&alice, &arguments);
    assert_eq!(mode(&serving.socket), 0o600);
    alice.ok(&["group", "new", "friends"]);
    assert!(alice.ok(&["group", "list"]).contains("friends"));
    assert!(alice.fails(75, &[&["serve"][..], &arguments].concat()).contains("another process serves at"));
    assert_eq!(alice.ok(&["panic"]), "");
    assert!(alice.fails(2, &["group", "list"]).contains("there is no profile"));
}

#[test]
fn panic_ends_the_engine_that_runs() {
    let home = tempfile::tempdir().unwrap();
    let alice = alone(home.path());
    let mut serving = Serving::start(&alice, &[]);
    let mut program = serving.connect();
    program.result("hello", Value::Null);
    assert!(alice.ok(&["panic"]).contains("erased"));
    assert_eq!(serving.process.wait().unwrap().code(), Some(74));
    assert_eq!(program.line(), None);
    assert!(!alice.directory().exists());

    let alice = alone(home.path());
    let mut serving = Serving::start(&alice, &[]);
    serving.connect().result("panic", Value::Null);
    assert_eq!(serving.process.wait().unwrap().code(), Some(74));
    assert!(!alice.directory().exists(), "asked for by a program");
}

#[test]
fn another_user_is_refused() {
    assert!(rustix::process::geteuid().is_root(), "only root can be somebody else: run this test as root");
    let home = tempfile::tempdir().unwrap();
    let alice = alone(home.path());
    let serving = Serving::start(&alice, &[]);
    let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    // Even where files would let everybody in.
    open(&serving.socket, 0o666);
    for folder in serving.socket.ancestors().skip(1).take_while(|folder| folder.starts_with(home.path())) {
        open(folder, 0o755);
    }
    // It is told so and cut off before it has said anything.
    let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                  try: s.sendall(b'{\"id\":1,\"method\":\"hello\"}\\n')\nexcept OSError: pass\nprint(s.recv(4096).decode())";
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--clear-groups", "python3", "-c", script]).arg(&serving.socket);
    // Not one that is in somebody's home.
    command.env("PATH", "/usr/bin:/bin");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("another user's") && !said.contains("alice"), "{said} {:?}", output.stderr);
    assert_eq!(serving.connect().result("hello", Value::Null)["name"], "alice");
}

#[test]
fn garbage_half_lines_and_ten_mebibytes_are_answered_or_cut_off_and_the_others_go_on() {
    let home = tempfile::tempdir().unwrap();
    let serving = Serving::start(&alone(home.path()), &[]);
    let mut good = serving.connect();
    good.result("subscribe", Value::Null);

    let mut garbage = serving.connect();
    garbage.stream.write_all(b"\x00\xff\xfe garbage\n").unwrap();
    assert_eq!(garbage.line().unwrap()["error"]["code"], -32_700);
    assert_eq!(garbage.result("hello", Value::Null)["version"], 1, "it may go on");

    let mut half = serving.connect();
    half.stream.write_all(b"{\"id\":1,\"method\":\"panic\"}").unwrap();
    half.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(half.line().unwrap()["error"]["message"].as_str().unwrap().contains("half a request"));
    assert_eq!(half.line(), None);

    let mut long = serving.connect();
    // It is cut off somewhere in the middle.
    let _ = long.stream.write_all(&vec![b'x'; 10 << 20]);
    assert!(long.line().unwrap()["error"]["message"].as_str().unwrap().contains("longer than 512 KiB"));
    assert_eq!(long.line(), None);

    let mut many: Vec<SocketProgram> = (0..100).map(|_| serving.connect()).collect();
    for one in &mut many {
        // One that has been told so may be closed already.
        let _ = writeln!(one.stream, "{}", json!({"id": 1, "method": "subscribe"}));
    }
    let answers: Vec<Option<Value>> = many.iter_mut().map(SocketProgram::line).collect();
    let served = answers.iter().flatten().filter(|answer| answer["result"].is_object()).count();
    let told = answers.iter().flatten().filter(|answer| answer["error"]["code"] == 5).count();
    assert!((28..=31).contains(&served) && told > 0, "{served} served, {told} told, of {}", answers.len());
    drop(many);
    assert_eq!(good.result("hello", Value::Null)["version"], 1);
}

#[test]
fn a_command_that_asks_and_does_not_read_stops_nobody() {
    let home = tempfile::tempdir().unwrap();
    let alice = alone(home.path());
    let serving = Serving::start(&alice, &[]);
    let mut deaf = UnixStream::connect(&serving.socket).unwrap();
    deaf.set_nonblocking(true).unwrap();
    // As much as it takes in: answers wait unread then, and requests too.
    let request = json!({"id": 1, "method": "contacts.list", "params": {"x": "y".repeat(1_000)}}).to_string() + "\n";
    while deaf.write(request.as_bytes()).is_ok() {}
    for number in 0..5 {
        alice.ok(&["group", "new", &format!("group{number}")]);
    }
    assert_eq!(alice.ok(&["group", "list"]).lines().count(), 5);
    deaf.set_nonblocking(false).unwrap();
    let mut some = [0; 64];
    assert!(deaf.read(&mut some).unwrap() > 0, "what it asked was answered");
}
