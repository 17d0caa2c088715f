//! `ephemeral` against servers that break off, go silent or refuse; and with the surroundings that
//! scripts give it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{CLIENT, SERVER};

const NOBODY: &str = "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664";

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

/// Returns a new key, and its fingerprint.
fn identity(home: &TempDir, name: &str) -> (PathBuf, String) {
    let key = home.path().join(name);
    let made = client(&["identity", "new", "--key", key.to_str().unwrap()]).output().unwrap();
    (key, text(&made.stdout).trim().to_owned())
}

/// The real server, killed with this value.
struct Server(Child);

impl Server {
    fn start(state: &Path, listen: &str) -> (Self, String) {
        let mut process = Command::new(SERVER)
            .args(["--no-tor", "--clearnet", listen, "--state-dir"])
            .arg(state)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("clearnet ").expect("its address").to_owned();
        (Self(process), url)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
    let home = tempfile::tempdir().unwrap();
    let (key, _) = identity(&home, "key");
    for said in ["", "HTTP/1.1 101 Swit"] {
        let url = listener(move |mut stream| {
            head(&mut stream);
            stream.write_all(said.as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        for arguments in [&["recv"][..], &["recv", "--once"], &["send", NOBODY, "x", "--plaintext"]] {
            let mut command = client(arguments);
            command.args(["--timeout", "1", "--server", &url, "--key"]).arg(&key);
            let output = command.output().unwrap();
            assert_eq!(code(&output), 4, "{arguments:?}, {said:?}: {output:?}");
            assert!(text(&output.stderr).contains("the connection broke off; trying again"), "{output:?}");
        }
    }
}

#[test]
fn a_receiver_behind_a_forwarder_outlives_a_restart_of_the_server() {
    let home = tempfile::tempdir().unwrap();
    let (key, myself) = identity(&home, "key");
    let (server, url) = Server::start(&home.path().join("state"), "127.0.0.1:0");
    let address = url.strip_prefix("http://").unwrap().to_owned();
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
    let mut command = client(&["recv", "--server", &front, "--key"]);
    let mut receiving = command.arg(&key).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
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
    says("trying again");
    let (_server, _) = Server::start(&home.path().join("state"), &address);
    says("connected");
    let mut sending = client(&["send", &myself, "after the restart", "--plaintext", "--server", &url, "--key"]);
    let (other, _) = identity(&home, "other");
    assert_eq!(code(&sending.arg(&other).output().unwrap()), 0);
    let mut lines = BufReader::new(receiving.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().ends_with(" after the restart"));
    receiving.kill().unwrap();
    receiving.wait().unwrap();
}

#[test]
fn an_empty_environment_variable_is_one_that_is_not_set() {
    let home = tempfile::tempdir().unwrap();
    let (server, url) = Server::start(&home.path().join("state"), "127.0.0.1:0");
    let (key, myself) = identity(&home, "key");
    let names = [
        "EPHEMERAL_SERVER",
        "EPHEMERAL_SOCKS",
        "EPHEMERAL_KEY",
        "EPHEMERAL_TOR_CONFIG",
        "EPHEMERAL_CLIENT_STATE_DIR",
        "EPHEMERAL_DISCOVERY_DIR",
    ];
    let empty = |arguments: &[&str]| {
        let mut command = client(arguments);
        command.envs(names.map(|name| (name, ""))).env("HOME", home.path());
        command.output().unwrap()
    };
    let key = key.to_str().unwrap();
    let sent = empty(&["send", &myself, "x", "--plaintext", "--server", &url, "--key", key]);
    assert_eq!(code(&sent), 0, "{sent:?}");
    let received = empty(&["recv", "--once", "--server", &url, "--key", key]);
    assert!(text(&received.stdout).ends_with(" x\n"), "{received:?}");
    let without = empty(&["recv", "--once", "--key", key]);
    assert_eq!(code(&without), 2);
    assert!(text(&without.stderr).contains("--server <URL>"), "it is missing, not wrong: {without:?}");
    let made = empty(&["identity", "new"]);
    assert_eq!(code(&made), 0, "in the usual place: {made:?}");
    drop(server);
}

#[test]
fn a_key_may_come_through_a_pipe() {
    let home = tempfile::tempdir().unwrap();
    let (key, fingerprint) = identity(&home, "key");
    let script = format!("exec {CLIENT} identity show --key <(cat {})", key.display());
    let shown = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!((code(&shown), text(&shown.stdout).trim()), (0, fingerprint.as_str()), "{shown:?}");
}

#[test]
fn the_timeout_holds_also_where_the_server_does_not_answer_the_goodbye() {
    let home = tempfile::tempdir().unwrap();
    let (server, url) = Server::start(&home.path().join("state"), "127.0.0.1:0");
    let (key, myself) = identity(&home, "key");
    let address = url.strip_prefix("http://").unwrap().to_owned();
    // It passes on the way in for good, and the way back only until the message was accepted: what
    // the server says after that, its goodbye included, nobody hears.
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
            while !said.windows(10).any(|window| window == b"\"accepted\"") {
                let Ok(read @ 1..) = from.read(&mut piece) else { return };
                said.extend(&piece[..read]);
                to.write_all(&piece[..read]).unwrap();
            }
            let _ = std::io::copy(&mut from, &mut std::io::sink());
            // The connection stays open until the client ends it.
            let _ = to.read(&mut piece);
        });
    });
    let sending =
        ["send", &myself, "x", "--plaintext", "--wait-delivered", "--timeout", "2", "--server", &front, "--key"];
    let start = Instant::now();
    let output = client(&sending).arg(&key).output().unwrap();
    let took = start.elapsed();
    assert_eq!(code(&output), 4, "{output:?}");
    assert!(text(&output.stderr).contains("no receipt came within 2 s"), "{output:?}");
    // Without the bound on the goodbye it would be 7 s.
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(server);
}

#[test]
fn a_sender_learns_of_a_delivery_whose_receipt_came_in_the_turn_of_another_command() {
    let home = tempfile::tempdir().unwrap();
    let (_server, url) = Server::start(&home.path().join("state"), "127.0.0.1:0");
    let (key, _) = identity(&home, "key");
    let (other, recipient) = identity(&home, "other");
    let sending = ["send", &recipient, "x", "--plaintext", "--wait-delivered", "--timeout", "60", "--server", &url];
    let mut command = client(&[&sending[..], &["--key"]].concat());
    let mut sender = command.arg(&key).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut status = BufReader::new(sender.stderr.take().unwrap()).lines();
    while !status.next().expect("it goes on").unwrap().contains("waiting for the recipient") {}
    // The other command takes over. The message is taken in its turn, so that it gets the receipt.
    let mut command = client(&["recv", "--once", "--wait", "--timeout", "2", "--server", &url, "--key"]);
    let mut turn = command.arg(&key).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(turn.stderr.take().unwrap()).lines();
    while said.next().expect("it goes on").unwrap() != "connected" {}
    let taken = client(&["recv", "--once", "--server", &url, "--key"]).arg(&other).output().unwrap();
    assert!(text(&taken.stdout).ends_with(" x\n"), "{taken:?}");
    turn.wait().unwrap();
    let ended = sender.wait().unwrap();
    let rest: Vec<_> = status.map_while(Result::ok).collect();
    assert_eq!(ended.code(), Some(0), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("4409 replaced")), "it was not the sender's turn: {rest:?}");
}

#[test]
fn a_refusal_without_a_body_is_a_whole_sentence() {
    let home = tempfile::tempdir().unwrap();
    let (key, _) = identity(&home, "key");
    let url = listener(|mut stream| {
        head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    });
    let mut command = client(&["recv", "--timeout", "1", "--server", &url, "--key"]);
    let output = command.arg(&key).output().unwrap();
    assert!(text(&output.stderr).contains("refused the connection: 403 Forbidden; trying again"), "{output:?}");
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
    let (_server, url) = Server::start(&home.path().join("state"), "127.0.0.1:0");
    let (key, myself) = identity(&home, "key");
    let key = key.to_str().unwrap();
    let content = "می\u{200c}خواهم 👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} क्\u{200d}ष \u{200e}\u{200b}";
    let sent = client(&["send", &myself, content, "--plaintext", "--server", &url, "--key", key]).output().unwrap();
    assert_eq!(code(&sent), 0, "{sent:?}");
    let received = client(&["recv", "--once", "--server", &url, "--key", key]).output().unwrap();
    let line = text(&received.stdout);
    let shown = content.replace('\u{200e}', "\\u{200e}").replace('\u{200b}', "\\u{200b}");
    assert!(line.ends_with(&format!(" {shown}\n")), "{line:?}");
}

#[test]
fn the_help_says_what_servers_do_with_control_characters_and_sending_some_is_noted() {
    let home = tempfile::tempdir().unwrap();
    let (_server, url) = Server::start(&home.path().join("state"), "127.0.0.1:0");
    let (key, myself) = identity(&home, "key");
    let help = client(&["send", "--help"]).output().unwrap();
    assert!(text(&help.stdout).contains("remove control characters"), "{help:?}");
    for (content, noted) in [("a\u{1b}[2J", true), ("plain\n\ttext", false)] {
        let mut command = client(&["send", &myself, content, "--plaintext", "--server", &url, "--key"]);
        let sent = command.arg(&key).output().unwrap();
        assert_eq!(text(&sent.stderr).contains("control characters"), noted, "{sent:?}");
    }
}
