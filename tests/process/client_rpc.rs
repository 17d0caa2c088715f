//! `ephemeral rpc`, as programs use it: requests, answers and events on lines of JSON.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ephemeral_test_support::client::{Client, LocalServer};
use ephemeral_test_support::serving::Serving;
use serde_json::{Value, json};

use crate::{CLIENT, SERVER};

/// A process that keeps nothing, in a home of its own.
struct PipedProgram {
    process: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    events: Vec<Value>,
    requests: u64,
}

impl PipedProgram {
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

    /// Returns the answer to a request, result or error.
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

impl Drop for PipedProgram {
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
    let mut alice = PipedProgram::start(&home, "Alice", &server.url);
    let mut bob = PipedProgram::start(&home, "Bob", &server.url);
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
    let words = |program: &mut PipedProgram, who: &str| {
        program.result("contacts.words", json!({"contact": who}))["words"].clone()
    };
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
    let mut alone = PipedProgram::start(place.path(), "", "http://127.0.0.1:1");
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

/// Runs a line of a shell with the profile of a person, and returns what it prints.
fn shell(client: &Client, line: &str) -> String {
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .env_clear()
        .envs(client.command(&[]).get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    let output = command.env("CLIENT", CLIENT).env("PATH", "/usr/bin:/bin").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_was_asked_before_the_end_is_answered_and_carried_out_also_if_nobody_is_there_for_the_answer() {
    let place = tempfile::tempdir().unwrap();
    let alice = Client::new(CLIENT, place.path(), "alice", "http://127.0.0.1:1");
    let group = |name: &str| format!(r#"{{"id":1,"method":"groups.create","params":{{"name":"{name}"}}}}"#);
    let asking =
        |name: &str, where_to: &str| format!("printf '%s\\n' '{}' | $CLIENT rpc --quiet {where_to}", group(name));
    // It has nothing more to say, and waits for the answer: the program ends with it.
    let answer: Value = serde_json::from_str(&shell(&alice, &asking("friends", ""))).unwrap();
    assert_eq!((&answer["id"], answer.get("error")), (&json!(1), None), "{answer}");
    // Nobody reads any more.
    shell(&alice, &asking("climbers", "| true"));
    shell(&alice, &asking("readers", ">&-"));
    // The same by the engine of another process.
    let serving = Serving::start(&alice, &[]);
    shell(&alice, &asking("singers", "| true"));
    let names: Vec<_> = alice.json(&["group", "list"]).iter().map(|group| group["group"].clone()).collect();
    serving.stop();
    assert_eq!(names, ["friends", "climbers", "readers", "singers"]);
}
