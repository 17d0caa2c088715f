//! A real terminal for a test: tmux on a socket of its own, which draws what a program writes.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take that takes a second on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long what is typed may take to be on the screen, if it is shown.
const ECHO: Duration = Duration::from_secs(2);

/// A terminal, closed with this value.
pub struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    /// Runs a command with its arguments and environment in a terminal of so many columns and
    /// rows. When it ends, the terminal says so, and stays.
    pub fn start(folder: &Path, (columns, rows): (u16, u16), command: &Command) -> Self {
        let terminal = Self { socket: folder.join("tmux") };
        let mut tmux = terminal.tmux();
        tmux.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C.UTF-8");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => tmux.env(name, value),
                None => tmux.env_remove(name),
            };
        }
        tmux.args(["-u", "-f", "/dev/null", "new-session", "-d"]);
        tmux.args(["-x", &columns.to_string(), "-y", &rows.to_string()]);
        // A program that has ended leaves its terminal to be looked at.
        tmux.args(["sh", "-c", "\"$0\" \"$@\"; echo \"ended with $?\"; exec sleep 600"]);
        tmux.arg(command.get_program()).args(command.get_args());
        assert!(tmux.status().unwrap().success());
        terminal
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.arg("-S").arg(&self.socket);
        tmux
    }

    fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Output {
        let output = self.tmux().args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }

    /// Writes into a file what the program writes from now on, to the byte.
    pub fn record(&self, file: &Path) {
        self.run(&["pipe-pane", "-o", &format!("cat > '{}'", file.display())]);
    }

    /// Waits until these words are in such a file, which is written after the screen, and returns
    /// what is in it.
    pub fn recorded(file: &Path, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let written = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
            if written.contains(words) {
                return written;
            }
            assert!(Instant::now() < deadline, "no {words:?} was written: {written:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses keys, by tmux's names: `Enter`, `C-x`, `F1`.
    pub fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// Types a text.
    pub fn write(&self, text: &str) {
        self.run(&["send-keys", "-l", "--", text]);
    }

    /// Types a line: as a person does, who sees it before pressing Enter. What comes with Enter in
    /// one go is a paste.
    pub fn enter(&self, text: &str) {
        self.and_see(|| self.write(text));
        self.keys(&["Enter"]);
    }

    /// Presses Escape: as a person does, who sees it before going on. What comes with an escape
    /// character in one go is another key.
    pub fn escape(&self) {
        self.and_see(|| self.keys(&["Escape"]));
    }

    /// Does something, and waits until that is on the screen.
    fn and_see(&self, act: impl FnOnce()) {
        let before = self.screen();
        act();
        // Where nothing is shown of it, there is nothing to wait for.
        let deadline = Instant::now() + ECHO;
        while self.screen() == before && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Pastes a text, in brackets if the program asked for them.
    pub fn paste(&self, text: &str) {
        let mut load = self.tmux().args(["load-buffer", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        load.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(load.wait().unwrap().success());
        self.run(&["paste-buffer", "-p", "-d"]);
    }

    /// Pastes a text without brackets, as a terminal does that has none: its lines come as keys.
    pub fn paste_as_keys(&self, text: &str) {
        let mut load = self.tmux().args(["load-buffer", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        load.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(load.wait().unwrap().success());
        self.run(&["paste-buffer", "-d"]);
    }

    /// Gives the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.run(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// Returns what is on the screen.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// Returns what is on the screen, with the sequences for its colours.
    pub fn coloured(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p", "-e"]).stdout).into_owned()
    }

    /// Returns what is on the screen, and all that was scrolled off it.
    pub fn with_scrollback(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p", "-S", "-"]).stdout).into_owned()
    }

    /// Returns the terminal's title.
    pub fn title(&self) -> String {
        let output = self.run(&["display-message", "-p", "#{pane_title}"]);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Waits until this is on the screen, and returns the screen.
    pub fn until(&self, words: &str) -> String {
        self.until_all(&[words])
    }

    /// Waits until all of these are on the screen, and returns the screen.
    pub fn until_all(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if words.iter().all(|words| screen.contains(words)) {
                return screen;
            }
            assert!(Instant::now() < deadline, "no {words:?} on the screen:\n{screen}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
    }
}
