//! `ephemeral rpc`, as programs use it: requests, answers and events on lines of JSON.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ephemeral_test_support::client::LocalServer;
use serde_json::{Value, json};

use crate::{CLIENT, SERVER};

/// A process that keeps nothing, in a home of its own.
struct Program {
    process: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    events: Vec<Value>,
    requests: u64,
}

impl Program {
    fn start(home: &Path, name: &str, server: &str) -> Self {
        let mut command = Command::new(CLIENT);
        command.args(["rpc", "--ephemeral", "--at-once", "--quiet", "--name", name, "--server", server]);
        command.env_clear().env("HOME", home).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let stdin = process.stdin.take();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, stdin, lines, events: Vec::new(), requests: 0 }
    }

    fn line(&mut self) -> Value {
        let line = self.lines.next().expect("it goes on").unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// What is answered to a request, result or error.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.requests, "method": method, "params": params});
        writeln!(self.stdin.as_mut().unwrap(), "{request}").unwrap();
        loop {
            let line = self.line();
            if line["method"] == "event" {
                self.events.push(line["params"].clone());
                continue;
            }
            assert_eq!(line["id"], self.requests, "{line}");
            return line;
        }
    }

    fn result(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// Waits for an event of this name.
    fn event(&mut self, name: &str) -> Value {
        loop {
            if let Some(at) = self.events.iter().position(|event| event["event"] == name) {
                return self.events.remove(at);
            }
            let line = self.line();
            assert_eq!(line["method"], "event", "{line}");
            self.events.push(line["params"].clone());
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn two_programs_meet_and_talk_and_nothing_of_it_is_on_the_disk() {
    let place = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &place.path().join("state"), "127.0.0.1:0");
    let home = place.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let mut alice = Program::start(&home, "Alice", &server.url);
    let mut bob = Program::start(&home, "Bob", &server.url);
    assert_eq!(alice.result("hello", Value::Null)["version"], 1);
    for program in [&mut alice, &mut bob] {
        program.result("subscribe", Value::Null);
    }

    let invite = alice.result("invites.create", json!({"name": "bob"}))["text"].clone();
    bob.result("invites.accept", json!({"invite": invite, "as": "alice", "text": "canary-first"}));
    assert_eq!(alice.event("contact")["contact"], "bob");
    assert_eq!(alice.event("text")["text"], "canary-first");
    bob.event("answered");
    let sent = alice.result("send", json!({"to": "bob", "text": "canary-second"}));
    assert_eq!(alice.event("at_server")["id"], sent["id"]);
    assert_eq!(bob.event("text")["text"], "canary-second");
    assert_eq!(alice.event("arrived")["id"], sent["id"]);
    assert_eq!(alice.result("outbox", Value::Null), json!([]));
    let words =
        |program: &mut Program, who: &str| program.result("contacts.words", json!({"contact": who}))["words"].clone();
    assert_eq!(words(&mut alice, "bob"), words(&mut bob, "alice"));

    drop(alice.stdin.take());
    assert_eq!(alice.process.wait().unwrap().code(), Some(0), "the end of the input ends it");
    let kept: Vec<_> = walk(&home);
    assert!(kept.is_empty(), "{kept:?}");
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_no_request_is_answered_with_an_error_and_harms_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut alone = Program::start(place.path(), "", "http://127.0.0.1:1");
    writeln!(alone.stdin.as_mut().unwrap(), "hello").unwrap();
    let mut error = alone.line();
    while error["method"] == "event" {
        error = alone.line();
    }
    assert_eq!((&error["id"], &error["error"]["code"]), (&Value::Null, &json!(-32_700)));
    for (method, params, code) in [
        ("nothing", Value::Null, -32_601),
        ("send", json!({"to": 7}), -32_602),
        ("send", json!(["bob", "x"]), -32_600),
        ("send", json!({"to": "bob", "text": "x"}), 67),
        ("invites.accept", json!({"invite": "x"}), 65),
        ("invites.revoke", json!({"invite": 9}), 67),
    ] {
        let answer = alone.ask(method, params);
        assert_eq!(answer["error"]["code"], code, "{method}: {answer}");
    }
    assert_eq!(alone.result("contacts.list", Value::Null), json!([]));
}
