//! `ephemeral` against servers that break off, go silent or refuse; and with the surroundings that
//! scripts give it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ephemeral_test_support::client::{Client, LocalServer};

use crate::{CLIENT, SERVER};

fn client(arguments: &[&str]) -> Command {
    let mut command = Command::new(CLIENT);
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Accepts connections on a free port, and does the same with each. It ends with the process.
fn listener(each: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().flatten().for_each(each));
    url
}

fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.extend(byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

#[test]
fn a_server_that_closes_before_it_has_answered_is_tried_again_and_the_exit_code_is_that_of_no_connection() {
    for said in ["", "HTTP/1.1 101 Swit"] {
        let home = tempfile::tempdir().unwrap();
        let url = listener(move |mut stream| {
            head(&mut stream);
            stream.write_all(said.as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        let alice = Client::new(CLIENT, home.path(), "alice", &url);
        let invite = Client::new(CLIENT, home.path(), "bob", &url).ok(&["invite"]);
        for arguments in [&["accept", invite.trim()][..], &["recv"], &["recv", "--once"]] {
            let stderr = alice.fails(4, &[arguments, &["--timeout", "1"]].concat());
            assert!(stderr.contains("the connection broke off; trying again"), "{arguments:?}, {said:?}: {stderr}");
        }
    }
}

#[test]
fn a_receiver_behind_a_forwarder_outlives_a_restart_of_the_server() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    let server = LocalServer::start(SERVER, &state, "127.0.0.1:0");
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    // A plain forwarder: what it cannot connect to, it ends with a FIN.
    let behind = address.clone();
    let front = listener(move |inbound| {
        let Ok(outbound) = TcpStream::connect(&behind) else { return };
        let pump = |mut from: TcpStream, mut to: TcpStream| {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        };
        let back = (outbound.try_clone().unwrap(), inbound.try_clone().unwrap());
        thread::spawn(move || pump(back.0, back.1));
        thread::spawn(move || pump(inbound, outbound));
    });
    let alice = Client::new(CLIENT, home.path(), "alice", &front);
    let bob = Client::new(CLIENT, home.path(), "bob", &front);
    alice.meet(&bob);
    let mut command = alice.command(&["recv"]);
    let mut receiving = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut status = BufReader::new(receiving.stderr.take().unwrap()).lines();
    let mut says = |words: &str| {
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|line: &String| line.contains(words)) {
            heard.push(status.next().unwrap_or_else(|| panic!("it ended: {heard:?}")).unwrap());
        }
    };
    says("connected");
    drop(server);
    says("trying again");
    let _server = LocalServer::start(SERVER, &state, &address);
    says("connected");
    bob.ok(&["send", "alice", "after the restart"]);
    let mut lines = BufReader::new(receiving.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().ends_with(" bob: after the restart"));
    receiving.kill().unwrap();
    receiving.wait().unwrap();
}

#[test]
fn an_empty_environment_variable_is_one_that_is_not_set() {
    let home = tempfile::tempdir().unwrap();
    let mut alice = Client::new(CLIENT, home.path(), "alice", "http://127.0.0.1:1");
    let names = [
        "EPHEMERAL_SERVER",
        "EPHEMERAL_SOCKS",
        "EPHEMERAL_TOR_CONFIG",
        "EPHEMERAL_CLIENT_STATE_DIR",
        "EPHEMERAL_DISCOVERY_DIR",
        "EPHEMERAL_PROFILES",
        "EPHEMERAL_AT_ONCE",
    ];
    alice.variables.extend(names.map(|name| (name, String::new())));
    assert_eq!(alice.ok(&["contacts"]), "");
    assert!(alice.fails(4, &["recv", "--timeout", "1", "--quiet"]).contains("within 1 s"));
    let without = alice.fails(2, &["init", "--profile", "new"]);
    assert!(without.contains("--server <URL>"), "it is missing, not wrong: {without}");
}

#[test]
fn the_timeout_holds_also_where_the_server_does_not_answer_any_more() {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    // It passes on the way in for good, and the way back only until the session began.
    let front = listener(move |inbound| {
        let outbound = TcpStream::connect(&address).unwrap();
        let mut from = inbound.try_clone().unwrap();
        let mut to = outbound.try_clone().unwrap();
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        let mut from = outbound;
        let mut to = inbound;
        thread::spawn(move || {
            let mut said: Vec<u8> = Vec::new();
            let mut piece = [0; 4096];
            while !said.windows(9).any(|window| window == b"\"welcome\"") {
                let Ok(read @ 1..) = from.read(&mut piece) else { return };
                said.extend(&piece[..read]);
                to.write_all(&piece[..read]).unwrap();
            }
            let _ = std::io::copy(&mut from, &mut std::io::sink());
            // The connection stays open until the client ends it.
            let _ = to.read(&mut piece);
        });
    });
    let alice = Client::new(CLIENT, home.path(), "alice", &front);
    let invite = Client::new(CLIENT, home.path(), "bob", &front).ok(&["invite"]);
    let start = Instant::now();
    let said = alice.fails(4, &["accept", invite.trim(), "--timeout", "2"]);
    assert!(said.contains("did not take the first message within 2 s"), "{said}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_refusal_without_a_body_is_a_whole_sentence() {
    let home = tempfile::tempdir().unwrap();
    let url = listener(|mut stream| {
        head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    });
    let alice = Client::new(CLIENT, home.path(), "alice", &url);
    alice.ok(&["invite"]);
    let said = alice.fails(4, &["recv", "--once", "--timeout", "1"]);
    assert!(said.contains("refused the connection: 403 Forbidden; trying again"), "{said}");
}

#[test]
fn an_onion_address_is_taken_in_each_of_its_forms() {
    let home = tempfile::tempdir().unwrap();
    let name = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion";
    let made = client(&["discovery", "new", "--server", name]).env("HOME", home.path()).output().unwrap();
    assert_eq!(code(&made), 0, "{made:?}");
    for form in [format!("http://{name}"), format!("http://{name}/"), format!("{name}/"), name.to_uppercase()] {
        let shown = client(&["discovery", "show", "--server", &form]).env("HOME", home.path()).output().unwrap();
        assert_eq!(shown.stdout, made.stdout, "{form}");
        let mut by_variable = client(&["discovery", "show"]);
        by_variable.env("HOME", home.path()).env("EPHEMERAL_SERVER", &form);
        assert_eq!(by_variable.output().unwrap().stdout, made.stdout, "{form}");
        let forgotten = client(&["moved", "forget", &form]).env("HOME", home.path()).output().unwrap();
        assert!(text(&forgotten.stderr).contains(&format!("no notice of {name} is followed")), "{forgotten:?}");
    }
}

#[test]
fn joiners_are_shown_as_they_are_and_what_acts_on_a_terminal_is_not() {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    alice.meet(&bob);
    let content = "می\u{200c}خواهم 👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} क्\u{200d}ष \u{200e}\u{200b}";
    alice.ok(&["send", "bob", content]);
    let line = bob.ok(&["recv", "--once", "--quiet"]);
    let shown = content.replace('\u{200e}', "\\u{200e}").replace('\u{200b}', "\\u{200b}");
    assert!(line.contains(&shown), "{line:?}");
}
