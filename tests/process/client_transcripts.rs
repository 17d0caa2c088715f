//! What is said over `ephemeral rpc` and the socket of `ephemeral serve`, word for word: the golden
//! transcripts in `tests/process/transcripts`.
//!
//! A line with `>` is sent, and one with `<` has to come. A number before it names the connection.
//! What differs from run to run stands as `<id>`, `<key>`, `<time>`, `<invite>` or `<words>`.

use std::io::{BufRead as _, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use ephemeral_test_support::client::Client;
use ephemeral_test_support::serving::{Serving, SocketProgram};
use serde_json::Value;

use crate::CLIENT;

/// Puts a word in the place of what differs.
fn settled(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(settled_text(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(settled).collect()),
        Value::Object(fields) => {
            let settle = |(name, field): (String, Value)| match name.as_str() {
                "words" | "digits" | "qr" => (name, "<words>".into()),
                "for_s" | "retry_in_s" => (name, "<seconds>".into()),
                _ => (name, settled(field)),
            };
            Value::Object(fields.into_iter().map(settle).collect())
        }
        other => other,
    }
}

fn settled_text(text: String) -> String {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_time = text.len() == 20 && text.starts_with("20") && text.ends_with('Z');
    match text.len() {
        16 | 32 if is_hex => "<id>".to_owned(),
        64 if is_hex => "<key>".to_owned(),
        _ if is_time => "<time>".to_owned(),
        _ if text.starts_with("ephemeral:") => "<invite>".to_owned(),
        _ => text,
    }
}

/// Plays a transcript.
fn play(transcript: &str, mut send: impl FnMut(usize, &str), mut hear: impl FnMut(usize) -> Value) {
    let lines = transcript.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut heard = 0;
    for line in lines {
        let (connection, rest) = line.split_at(1);
        let connection: usize = connection.parse().expect("a connection's number");
        if let Some(sent) = rest.strip_prefix("> ") {
            send(connection, sent);
            continue;
        }
        let expected: Value = serde_json::from_str(rest.strip_prefix("< ").expect("> or <")).expect(line);
        let said = settled(hear(connection));
        assert_eq!(said, expected, "\nexpected: {expected}\nsaid:     {said}");
        heard += 1;
    }
    assert!(heard > 5, "a transcript with nothing in it");
}

struct Piped {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn rpc_says_what_the_transcript_says() {
    let home = tempfile::tempdir().unwrap();
    let alice = Client::new(CLIENT, home.path(), "alice", "http://127.0.0.1:1");
    let mut command = alice.command(&["rpc", "--quiet"]);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let stdin = process.stdin.take().unwrap();
    let stdout = BufReader::new(process.stdout.take().unwrap());
    let mut piped = Piped { process, stdin, stdout };
    let Piped { process: _, stdin, stdout } = &mut piped;
    play(
        include_str!("transcripts/rpc.txt"),
        |_, line| writeln!(stdin, "{line}").unwrap(),
        |_| {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            serde_json::from_str(&line).unwrap()
        },
    );
}

#[test]
fn serve_says_what_the_transcript_says() {
    let home = tempfile::tempdir().unwrap();
    let alice = Client::new(CLIENT, home.path(), "alice", "http://127.0.0.1:1");
    let serving = Serving::start(&alice, &[]);
    let programs = std::cell::RefCell::new([serving.connect(), serving.connect()]);
    // That there is no server is told now and then.
    let is_of_connection = |line: &Value| {
        let event = line["params"]["event"].as_str().unwrap_or_default();
        ["connecting", "offline", "settled", "all_fetched"].contains(&event)
    };
    play(
        include_str!("transcripts/serve.txt"),
        |connection, line| writeln!(programs.borrow_mut()[connection - 1].stream, "{line}").unwrap(),
        |connection| {
            let mut programs = programs.borrow_mut();
            let lines = std::iter::from_fn(|| SocketProgram::line(&mut programs[connection - 1]));
            lines.into_iter().find(|line| !is_of_connection(line)).expect("a line")
        },
    );
}
