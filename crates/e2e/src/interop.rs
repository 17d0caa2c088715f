//! Other people's implementations of what the core stands on, asked line by line: libolm for Olm,
//! hpke-js for HPKE and X-Wing.
//!
//! They need node, and a folder with the packages that `E2E_NODE_MODULES` names.
//! `tests/interop/run` fetches those and runs these tests.

mod hpke;
mod libolm;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A script in node that answers a line with a line.
struct Node {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Node {
    fn start(script: &str) -> Self {
        let modules = std::env::var_os("E2E_NODE_MODULES").expect("E2E_NODE_MODULES names no folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script);
        let mut command = Command::new("node");
        command.arg(script).env("NODE_PATH", modules).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("node does not start: install Debian's package nodejs");
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.input, "{question}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
