//! `ephemeral rpc`, as programs use it: requests, answers and events on lines of JSON.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long something may take that has to happen, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(240);

/// A profile that a program runs. Killed with this value.
pub struct Program {
    /// Its process.
    pub process: Child,
    stdin: ChildStdin,
    lines: Receiver<Value>,
    /// Those that nobody has asked for yet.
    events: VecDeque<Value>,
    requests: u64,
}

impl Program {
    /// Starts a command.
    pub fn start(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let mut program = Self { process, stdin, lines, events: VecDeque::new(), requests: 0 };
        program.request("subscribe", &Value::Null);
        program
    }

    /// Waits for the next line.
    fn line(&self, awaited: &str, deadline: Instant) -> Value {
        let left = deadline.saturating_duration_since(Instant::now());
        self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no {awaited}; events so far: {:?}", self.events))
    }

    /// Asks for something, and returns the result.
    pub fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.request(method, params);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.line(method, deadline);
            assert!(line.get("error").is_none(), "{line}");
            if line["id"] == id {
                return line["result"].clone();
            }
            self.keep(line);
        }
    }

    /// Asks for something, and does not wait for the answer. Returns the number of the request.
    pub fn request(&mut self, method: &str, params: &Value) -> u64 {
        self.requests += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.requests, "method": method, "params": params});
        writeln!(self.stdin, "{request}").unwrap();
        self.requests
    }

    fn keep(&mut self, line: Value) {
        if line["method"] == "event" {
            self.events.push_back(line["params"].clone());
        }
    }

    /// Waits for the next event of this name, and takes it away.
    pub fn event(&mut self, name: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.events.iter().position(|event| event["event"] == name);
            if let Some(event) = found.and_then(|at| self.events.remove(at)) {
                return event;
            }
            let line = self.line(name, deadline);
            self.keep(line);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
