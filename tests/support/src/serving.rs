//! An `ephemeral serve` that runs, and programs that talk to it over its socket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::client::Client;

/// How long something may take that has to happen, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(240);

/// A process that serves. Killed with this value.
pub struct Serving {
    /// The process.
    pub process: Child,
    /// Its socket.
    pub socket: PathBuf,
}

impl Serving {
    /// Starts it, and waits until it serves.
    pub fn start(client: &Client, arguments: &[&str]) -> Self {
        let mut command = client.command(&[&["serve"], arguments].concat());
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let said = ["serving at ", "erreichbar unter "];
        let socket = lines.find_map(|line| said.iter().find_map(|said| line.strip_prefix(said)).map(PathBuf::from));
        let socket = socket.expect("it serves");
        // What it says further on is read, so that it does not wait for that.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, socket }
    }

    /// Connects a program.
    pub fn connect(&self) -> SocketProgram {
        SocketProgram::over(&self.socket)
    }

    /// Ends it as a service manager does.
    pub fn stop(mut self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status:?}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program that talks to an engine.
pub struct SocketProgram {
    /// The stream, to write to.
    pub stream: UnixStream,
    lines: BufReader<UnixStream>,
    requests: u64,
    events: Vec<Value>,
}

impl SocketProgram {
    /// Connects with a socket.
    pub fn over(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        Self { stream, lines, requests: 0, events: Vec::new() }
    }

    /// Returns the next line; nothing, if it was cut off.
    pub fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns what is answered to a request, result or error.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.requests, "method": method, "params": params});
        writeln!(self.stream, "{request}").unwrap();
        loop {
            let line = self.line().expect("an answer");
            if line["method"] == "event" {
                self.events.push(line["params"].clone());
                continue;
            }
            return line;
        }
    }

    /// Returns the result of a request that has to succeed.
    pub fn result(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Waits for an event of this name.
    pub fn event(&mut self, name: &str) -> Value {
        loop {
            if let Some(at) = self.events.iter().position(|event| event["event"] == name) {
                return self.events.remove(at);
            }
            let line = self.line().unwrap_or_else(|| panic!("cut off before {name}"));
            assert_eq!(line["method"], "event", "{line}");
            self.events.push(line["params"].clone());
        }
    }
}
