//! `ephemeral` as scripts see it: output, exit codes, files; against the real server on loopback.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::{CLIENT, SERVER};

/// A server process on a free port, and a home for keys. Killed when it is dropped.
struct Server {
    process: Child,
    url: String,
    home: TempDir,
}

impl Server {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut process = Command::new(SERVER)
            .args(["--no-tor", "--clearnet", "127.0.0.1:0", "--state-dir"])
            .arg(home.path().join("state"))
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("clearnet ").expect("its address").to_owned();
        Self { process, url, home }
    }

    fn key(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Returns a new identity's fingerprint.
    fn identity(&self, name: &str) -> String {
        text(&ephemeral(&["identity", "new", "--key", self.key(name).to_str().unwrap()]).stdout).trim().to_owned()
    }

    /// Returns the command `ephemeral` as this identity.
    fn client(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = client();
        command.args(arguments).args(["--server", &self.url, "--key"]).arg(self.key(name));
        command
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Output {
        self.client(name, arguments).output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn client() -> Command {
    let mut command = Command::new(CLIENT);
    command.env_clear().stdin(Stdio::null());
    command
}

fn ephemeral(arguments: &[&str]) -> Output {
    client().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

const NOBODY: &str = "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664";

#[test]
fn an_identity_is_made_once_and_shown_as_often_as_one_likes() {
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("deep/identity.pem");
    let path = key.to_str().unwrap();
    let made = ephemeral(&["identity", "new", "--key", path]);
    assert_eq!((code(&made), made.stdout.len()), (0, 65));
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);

    let before = std::fs::read(&key).unwrap();
    let again = ephemeral(&["identity", "new", "--key", path]);
    assert_eq!(code(&again), 1);
    assert!(text(&again.stderr).contains("never overwritten"), "{again:?}");
    assert_eq!(std::fs::read(&key).unwrap(), before);

    let shown = ephemeral(&["identity", "show", "--key", path]);
    assert_eq!(shown.stdout, made.stdout);
    let json: serde_json::Value =
        serde_json::from_slice(&ephemeral(&["identity", "show", "--json", "--key", path]).stdout).unwrap();
    assert_eq!(json["fingerprint"], text(&made.stdout).trim());
    assert_eq!(json["key_file"], path);
}

#[test]
fn without_a_path_the_key_is_in_the_platforms_configuration_directory() {
    let home = tempfile::tempdir().unwrap();
    let made = client().args(["identity", "new"]).env("HOME", home.path()).output().unwrap();
    assert_eq!(code(&made), 0, "{made:?}");
    let files: Vec<_> = walk(home.path());
    assert_eq!(files.len(), 1);
    assert!(files[0].ends_with("ephemeral/identity.pem"), "{files:?}");
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("key");
    let path = key.to_str().unwrap();
    ephemeral(&["identity", "new", "--key", path]);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o604)).unwrap();
    for arguments in [
        &["identity", "show", "--key", path][..],
        &["recv", "--once", "--server", "http://127.0.0.1:1", "--key", path],
        &["send", NOBODY, "x", "--plaintext", "--server", "http://127.0.0.1:1", "--key", path],
    ] {
        let refused = ephemeral(arguments);
        assert_eq!((code(&refused), refused.stdout.len()), (1, 0));
        assert_eq!(
            text(&refused.stderr),
            format!("ephemeral: others can read the key file {path}: run `chmod 600 {path}`\n")
        );
    }
}

#[test]
fn sending_in_clear_needs_to_be_asked_for_and_the_reason_is_given() {
    let refused = ephemeral(&["send", NOBODY, "hello", "--server", "http://127.0.0.1:1"]);
    assert_eq!(code(&refused), 2);
    assert!(text(&refused.stderr).contains("not encrypted end to end"), "{refused:?}");
    assert!(text(&refused.stderr).contains("--plaintext"));
    assert!(text(&ephemeral(&["send", "--help"]).stdout).contains("no end-to-end encryption yet"));
}

#[test]
fn what_cannot_be_meant_is_a_usage_error_that_says_why() {
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("key");
    let path = key.to_str().unwrap();
    ephemeral(&["identity", "new", "--key", path]);
    let onion = format!("http://{}.onion", "a".repeat(55));
    for (server, to, content, sentence) in [
        ("https://example.org", NOBODY, "x", "not supported yet"),
        ("example.org", NOBODY, "x", "looks like NAME.onion"),
        (onion.as_str(), NOBODY, "x", "cut or mistyped"),
        ("http://192.0.2.1", NOBODY, "x", "not encrypted"),
        ("http://127.0.0.1:1", "abc", "x", "64 hex digits"),
        ("http://127.0.0.1:1", NOBODY, "", "empty"),
    ] {
        let arguments = ["send", to, content, "--plaintext", "--server", server, "--key", path];
        let refused = ephemeral(&arguments);
        assert_eq!(code(&refused), 2, "{arguments:?}: {refused:?}");
        assert!(text(&refused.stderr).contains(sentence), "{arguments:?}: {refused:?}");
    }
    assert_eq!(code(&ephemeral(&["recv", "--key", path])), 2, "no server");
    assert_eq!(code(&ephemeral(&["recv", "--once", "--follow", "--server", "http://127.0.0.1:1"])), 2);
}

#[test]
fn every_command_has_an_example_in_its_help_and_the_exit_codes_are_listed() {
    for command in [&["send"][..], &["recv"], &["identity", "new"], &["identity", "show"]] {
        let help = ephemeral(&[command, &["--help"]].concat());
        assert!(text(&help.stdout).contains("Example"), "{command:?}");
    }
    assert!(text(&ephemeral(&["--help"]).stdout).contains("Exit codes:"));
}

#[test]
fn a_server_that_cannot_be_reached_is_given_up_after_the_timeout() {
    let server = Server::start();
    server.identity("alice");
    // Bound and not listening any more: nobody else gets the port meanwhile.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    for arguments in [&["recv", "--once"][..], &["recv", "--follow"], &["send", NOBODY, "x", "--plaintext"]] {
        let mut command = client();
        command.args(arguments).args(["--server", &url, "--timeout", "1", "--quiet", "--key"]).arg(server.key("alice"));
        let output = command.output().unwrap();
        assert_eq!((code(&output), output.stdout.len()), (4, 0), "{output:?}");
        assert!(text(&output.stderr).contains("within 1 s: cannot connect"), "{output:?}");
    }
}

#[test]
fn what_is_no_such_server_is_refused_at_once() {
    let server = Server::start();
    server.identity("alice");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let mut command = client();
    let output = command.args(["recv", "--server", &url, "--key"]).arg(server.key("alice")).output().unwrap();
    assert_eq!(code(&output), 3, "{output:?}");
    assert!(text(&output.stderr).contains("refused the connection: 404"), "{output:?}");
    answering.join().unwrap();
}

#[test]
fn a_message_is_sent_received_and_not_received_again() {
    let server = Server::start();
    let alice = server.identity("alice");
    let bob = server.identity("bob");
    let nothing = server.run("bob", &["recv", "--once"]);
    assert_eq!((code(&nothing), nothing.stdout.len()), (0, 0), "{nothing:?}");

    let sent = server.run("alice", &["send", &bob, "hello\n\u{1b}[2J\\ wörld", "--plaintext", "--id", "m-1"]);
    assert_eq!((code(&sent), text(&sent.stdout)), (0, "m-1\n"), "{sent:?}");
    assert!(text(&sent.stderr).contains("connected"));

    let received = server.run("bob", &["recv", "--once", "--quiet"]);
    assert_eq!((code(&received), received.stderr.len()), (0, 0), "{received:?}");
    let line = text(&received.stdout);
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.ends_with('Z') && time.len() == 24, "{line}");
    // The server removes the escape character (`sanitize = "clean"`).
    assert_eq!(rest, format!("{alice} hello\\n[2J\\\\ wörld\n"));
    assert_eq!(server.run("bob", &["recv", "--once"]).stdout.len(), 0);
}

#[test]
fn json_is_one_object_a_line_with_the_exact_text() {
    let server = Server::start();
    let alice = server.identity("alice");
    let bob = server.identity("bob");
    for content in ["one\ntwo", "\"three\" 🦀"] {
        let sent = server.run("alice", &["send", &bob, content, "--plaintext", "--json", "--ttl", "60"]);
        let json: serde_json::Value = serde_json::from_slice(&sent.stdout).unwrap();
        assert_eq!((json["status"].as_str(), json["to"].as_str()), (Some("accepted"), Some(bob.as_str())));
    }
    let received = server.run("bob", &["recv", "--once", "--json"]);
    let lines: Vec<serde_json::Value> =
        text(&received.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let contents: Vec<_> = lines.iter().map(|line| line["content"].as_str().unwrap()).collect();
    assert_eq!(contents, ["one\ntwo", "\"three\" 🦀"]);
    assert!(lines.iter().all(|line| line["from"] == alice.as_str() && line["to"] == bob.as_str()));
}

#[test]
fn standard_input_is_sent_as_it_is() {
    let server = Server::start();
    let bob = server.identity("bob");
    for arguments in [&["send", &bob, "-", "--plaintext"][..], &["send", &bob, "--plaintext"]] {
        let input = server.home.path().join("input");
        std::fs::write(&input, " from a file\n\n").unwrap();
        let mut command = server.client("bob", arguments);
        assert_eq!(code(&command.stdin(std::fs::File::open(&input).unwrap()).output().unwrap()), 0);
    }
    std::fs::write(server.key("binary"), [0xff, 0xfe]).unwrap();
    let mut binary = server.client("bob", &["send", &bob, "-", "--plaintext"]);
    let refused = binary.stdin(std::fs::File::open(server.key("binary")).unwrap()).output().unwrap();
    assert_eq!(code(&refused), 2);
    let received = server.run("bob", &["recv", "--once", "--json"]);
    assert_eq!(text(&received.stdout).matches(r#""content":" from a file\n\n""#).count(), 2, "{received:?}");
}

#[test]
fn a_refusal_of_the_server_has_its_own_exit_code() {
    let server = Server::start();
    let bob = server.identity("bob");
    let refused = server.run("bob", &["send", &bob, "late", "--plaintext", "--ttl", "0", "--quiet"]);
    assert_eq!((code(&refused), refused.stdout.len()), (3, 0), "{refused:?}");
    assert!(text(&refused.stderr).contains("(already_expired)"), "{refused:?}");
    let refused = server.run("bob", &["send", &bob, &"x".repeat(65_537), "--plaintext", "--quiet"]);
    assert_eq!(code(&refused), 3);
    assert!(text(&refused.stderr).contains("(content_too_large)"), "{refused:?}");
}

#[test]
fn what_could_not_be_written_comes_again() {
    let server = Server::start();
    let bob = server.identity("bob");
    server.run("bob", &["send", &bob, "precious", "--plaintext"]);
    // The reader of the pipe is gone before anything is written.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let broken = server.client("bob", &["recv", "--once", "--quiet"]).stdout(writer).output().unwrap();
    assert_eq!((code(&broken), broken.stderr.len()), (1, 0), "quietly: {broken:?}");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let broken = server.client("bob", &["recv", "--once", "--quiet"]).stdout(full).output().unwrap();
    assert_eq!(code(&broken), 1);
    assert!(text(&broken.stderr).contains("cannot write the output"), "{broken:?}");
    let received = server.run("bob", &["recv", "--once"]);
    assert!(text(&received.stdout).ends_with(" precious\n"), "{received:?}");
}

#[test]
fn a_follower_prints_at_once_and_the_sender_learns_of_it() {
    let server = Server::start();
    let bob = server.identity("bob");
    server.identity("alice");
    let mut following = server.client("bob", &["recv", "--json", "--quiet"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    for content in ["one", "two"] {
        let sent = server.run("alice", &["send", &bob, content, "--plaintext", "--wait-delivered", "--json"]);
        assert_eq!(code(&sent), 0, "{sent:?}");
        assert!(text(&sent.stdout).contains(r#""status":"delivered""#), "{sent:?}");
        assert!(lines.next().unwrap().unwrap().contains(&format!(r#""content":"{content}""#)));
    }
    let pid = following.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(following.wait().unwrap().code(), Some(0), "SIGTERM is how it ends");
}

#[test]
fn waiting_for_the_first_message_ends_with_it() {
    let server = Server::start();
    let bob = server.identity("bob");
    server.identity("alice");
    let waiting = server
        .client("bob", &["recv", "--once", "--wait", "--timeout", "60"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    server.run("alice", &["send", &bob, "at last", "--plaintext"]);
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(code(&output), 0);
    assert!(text(&output.stdout).ends_with(" at last\n"));
    let late = server.run("bob", &["recv", "--once", "--wait", "--timeout", "1", "--quiet"]);
    assert_eq!((code(&late), text(&late.stderr)), (4, "ephemeral: no message came within 1 s\n"));
}

#[test]
fn an_unread_message_that_expires_is_told_to_the_sender() {
    let server = Server::start();
    server.identity("alice");
    let expired =
        server.run("alice", &["send", NOBODY, "x", "--plaintext", "--ttl", "1", "--wait-delivered", "--quiet"]);
    assert_eq!((code(&expired), expired.stdout.len()), (6, 0), "{expired:?}");
    assert!(text(&expired.stderr).contains("expired before"), "{expired:?}");
}
