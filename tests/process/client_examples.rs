//! The programs of `examples/clients`, run as they are.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ephemeral_test_support::client::{Client, LocalServer};
use ephemeral_test_support::follower::Follower;
use ephemeral_test_support::serving::Serving;
use tempfile::TempDir;

use crate::{CLIENT, SERVER};

/// Ends with this value.
struct ExampleProgram(Child);

impl Drop for ExampleProgram {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/clients").join(name)
}

fn python(name: &str, arguments: &[&Path]) -> Command {
    let mut command = Command::new("python3");
    // It writes nothing beside the program.
    command.arg("-B").arg(example(name)).args(arguments);
    command
}

fn server() -> (TempDir, LocalServer) {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("server.toml");
    std::fs::write(&config, "[limits]\nconnections_per_peer = 200\nrequests_per_minute = 100000\nburst = 1000\n")
        .unwrap();
    let arguments = ["--config", config.to_str().unwrap()];
    let server = LocalServer::start_with(SERVER, &home.path().join("state"), "127.0.0.1:0", &arguments);
    (home, server)
}

fn follow(client: &Client) -> Follower {
    let mut command = client.command(&["recv", "--json", "--quiet"]);
    command.stderr(Stdio::null());
    Follower::start(command)
}

/// Waits for files that somebody else writes, and returns what is in them.
fn files(folder: &Path, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(240);
    loop {
        let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
        let whole = entries.filter(|entry| {
            let name = entry.file_name().into_string().unwrap();
            !name.starts_with('.') && !name.ends_with(".part")
        });
        let found: Vec<_> = whole.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).collect();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{found:?} in {folder:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_alert_tells_a_contact_which_unit_has_failed() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    alice.meet(&bob);
    let programs = Path::new(CLIENT).parent().unwrap();
    let alert = |program: &mut Command| {
        let path = format!("{}:/usr/bin:/bin", programs.display());
        let output = program.env("PATH", path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let mut by_itself = alice.command(&[]);
    by_itself.args(["bob", "backup.service"]);
    // The same person's surroundings, and another program.
    let surroundings = |of: &Command| -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        of.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
    };
    let run = |unit: &str| {
        let mut command = Command::new(example("alert"));
        command.args(["bob", unit]).env_clear().envs(surroundings(&by_itself));
        alert(&mut command);
    };
    run("backup.service");
    let serving = Serving::start(&alice, &[]);
    run("mail.service");
    serving.stop();
    let texts = bob.texts();
    assert!(texts.len() == 2 && texts.iter().any(|text| text.starts_with("backup.service on ")), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("mail.service on ")), "{texts:?}");
    let verify = Command::new("systemd-analyze").arg("verify").arg(example("alert@.service")).output();
    let complaints = String::from_utf8(verify.expect("systemd-analyze").stderr).unwrap();
    let complaints: Vec<_> =
        complaints.lines().filter(|line| line.contains("alert@") && !line.contains("not executable")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[test]
fn the_intake_bot_admits_and_answers_newcomers_and_keeps_what_they_write() {
    let (home, server) = server();
    let desk = Client::new(CLIENT, home.path(), "desk", &server.url);
    let serving = Serving::start(&desk, &[]);
    let kept = home.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    let mut bot =
        ExampleProgram(python("intake_bot.py", &[&serving.socket, &kept]).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(bot.0.stdout.take().unwrap()).lines();
    let invite = lines.next().unwrap().unwrap();
    for (name, text) in [("bob", "I have seen something"), ("carol", "so have I")] {
        let newcomer = Client::new(CLIENT, home.path(), name, &server.url);
        newcomer.ok(&["accept", &invite, "--as", "desk", "--text", text, "--quiet"]);
        let following = follow(&newcomer);
        let answer = following.until("answer", |event| event["event"] == "text");
        assert!(answer["text"].as_str().unwrap().starts_with("Thank you."), "{answer}");
        following.stop();
    }
    let found = files(&kept, 2).concat();
    assert!(found.contains("I have seen something") && found.contains("so have I"), "{found}");
    drop(bot);
    serving.stop();
}

#[test]
fn the_bridge_sends_files_of_a_folder_and_puts_what_comes_into_another() {
    let (home, server) = server();
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    alice.meet(&bob);
    let serving = Serving::start(&alice, &[]);
    let folder = home.path().join("bridge");
    std::fs::create_dir_all(folder.join("out/bob")).unwrap();
    std::fs::create_dir_all(folder.join("out/nobody")).unwrap();
    std::fs::write(folder.join("out/bob/1"), "from a folder\n").unwrap();
    std::fs::write(folder.join("out/nobody/1"), "lost").unwrap();
    let bridge =
        ExampleProgram(python("bridge.py", &[&serving.socket, &folder]).stderr(Stdio::null()).spawn().unwrap());
    let following = follow(&bob);
    following.until("text", |event| event["text"] == "from a folder\n");
    bob.ok(&["send", "alice", "into a folder", "--quiet"]);
    let came = files(&folder.join("in"), 1).concat();
    assert!(came.contains("\"text\": \"into a folder\"") && came.contains("\"contact\": \"bob\""), "{came}");
    assert!(!folder.join("out/bob/1").exists(), "it was handed over");
    assert_eq!(std::fs::read_to_string(folder.join("out/nobody/.failed-1")).unwrap(), "lost");
    drop(bridge);
    following.stop();
    serving.stop();
}
