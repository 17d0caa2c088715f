//! The first minute on a private Tor network, as transcripts that are read: the first start, the
//! second one, and with a clock that is wrong.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ephemeral_test_support::daemon::{Daemon, PATIENCE};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::SERVER;
use crate::network;

/// Returns the log's lines without their times. Each is whole, and none is Arti's.
fn sentences(log: &str) -> Vec<&str> {
    assert!(log.lines().all(|line| line.starts_with("20")), "a line that goes on:\n{log}");
    assert!(!log.contains(" tor_") && !log.contains(" arti_"), "Arti's own words:\n{log}");
    log.lines().filter(|line| line.contains(" ephemeral::onion: ")).collect()
}

fn place(lines: &[&str], words: &str) -> usize {
    let place = lines.iter().position(|line| line.contains(words));
    place.unwrap_or_else(|| panic!("{words:?} is not in {lines:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_and_the_second_start_say_what_they_do_in_a_few_lines() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("server");
    let mut daemon = Daemon::start(SERVER, &home, network::shared().arti_toml(), &[]);
    let first = daemon.reachable().await;
    daemon.signal(rustix::process::Signal::TERM);
    assert!(daemon.ended().await.success());
    // What it said on stdout may overtake its log, which is whole when it has ended.
    let log = daemon.log();
    let lines = sentences(&log);
    let order = ["connecting to the Tor network", "publishing the address", "reachable: clients can connect"];
    let places = order.map(|words| place(&lines, words));
    assert!(places.is_sorted(), "{log}");
    assert!(lines.len() <= 4, "{log}");

    let before = log.len();
    let mut daemon = Daemon::start(SERVER, &home, network::shared().arti_toml(), &[]);
    assert_eq!(daemon.reachable().await, first);
    daemon.signal(rustix::process::Signal::TERM);
    assert!(daemon.ended().await.success());
    let log = daemon.log();
    let second = log.get(before..).unwrap();
    let lines = sentences(second);
    place(&lines, "reachable: clients can connect");
    assert!(lines.len() <= 4, "{second}");
}

/// Returns the server on a terminal of 80 columns; what it shows is this process's stdout.
fn on_a_terminal(home: &Path) -> Child {
    let configuration = home.join("server.toml");
    std::fs::write(&configuration, network::shared().arti_toml()).unwrap();
    let line = format!(
        "stty cols 80; exec {SERVER} --config {} --state-dir {}",
        configuration.display(),
        home.join("state").display()
    );
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.env_clear().env("HOME", home).env("TERM", "xterm").stdin(Stdio::null());
    command.stdout(Stdio::piped()).kill_on_drop(true);
    command.spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_the_address_comes_again_with_the_command_when_clients_can_connect() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = on_a_terminal(directory.path());
    let mut screen = Vec::new();
    let mut output = server.stdout.take().unwrap();
    let reading = async {
        while !String::from_utf8_lossy(&screen).contains("ephemeral invite NAME") {
            assert!(output.read_buf(&mut screen).await.unwrap() > 0, "{}", String::from_utf8_lossy(&screen));
        }
    };
    timeout(PATIENCE, reading).await.expect("the command");
    let screen = String::from_utf8_lossy(&screen).into_owned();
    let url = screen.split("onion http://").nth(1).unwrap().lines().next().unwrap().trim();
    assert!(url.ends_with(".onion") && url.len() == 62, "{url}");
    let end = screen.rsplit("\nreachable").next().unwrap();
    assert!(end.contains(&format!("ephemeral init --server http://{url}")), "{screen}");
    server.start_kill().unwrap();
    server.wait().await.unwrap();
}

/// Returns the server's log, line by line, with a clock that is off by this much.
fn with_a_clock(offset: &str, home: &Path) -> (Child, tokio::io::Lines<BufReader<tokio::process::ChildStderr>>) {
    let configuration = home.join("server.toml");
    std::fs::write(&configuration, network::shared().arti_toml()).unwrap();
    let mut command = Command::new("faketime");
    command.args(["-f", offset, SERVER, "--config"]).arg(&configuration).arg("--state-dir").arg(home.join("state"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).stdin(Stdio::null());
    let mut server = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let log = BufReader::new(server.stderr.take().unwrap()).lines();
    (server, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_clock_that_is_wrong_the_log_says_so_and_what_time_it_has() {
    for offset in ["-3d", "+3d"] {
        let directory = tempfile::tempdir().unwrap();
        let (mut server, mut log) = with_a_clock(offset, directory.path());
        let mut heard = Vec::new();
        let reading = async {
            while let Some(line) = log.next_line().await.unwrap() {
                heard.push(line);
                if heard.last().is_some_and(|line| line.contains("the clock of this machine is wrong")) {
                    return;
                }
            }
            panic!("it ended");
        };
        let in_time = timeout(Duration::from_secs(60), reading).await;
        assert!(in_time.is_ok(), "{offset}: not within the first minute: {heard:#?}");
        assert!(heard.last().unwrap().contains("it says 20"), "{heard:?}");
        let log = heard.join("\n");
        assert!(sentences(&log).len() <= 4, "{log}");
        server.start_kill().unwrap();
        server.wait().await.unwrap();
    }
}
