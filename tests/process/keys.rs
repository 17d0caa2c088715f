//! The onion service's key as an operator handles it: the real binary, files, and no network.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use ephemeral_test_support::client::Client;

use crate::{CLIENT, SERVER};

const PASSPHRASE: &str = "correct horse battery staple";

/// A directory with the state of servers and whatever else a test makes.
pub(crate) struct Place(pub(crate) TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.private("passphrase", PASSPHRASE.as_bytes());
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn private(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Returns the command `ephemeral-server` on the state directory `state`, in this directory,
    /// without a terminal.
    pub(crate) fn server(&self, state: &str, line: &str) -> Output {
        let mut command = Command::new(SERVER);
        command.env_clear().env("HOME", self.0.path()).current_dir(self.0.path()).stdin(Stdio::null());
        command.args(line.split_whitespace()).arg("--state-dir").arg(self.path(state)).output().unwrap()
    }

    /// Returns what it prints on success: the address.
    pub(crate) fn does(&self, state: &str, line: &str) -> String {
        let output = self.server(state, line);
        assert!(output.status.success(), "{line}: {output:?}");
        text(&output.stdout).trim().to_owned()
    }

    /// Returns what it complains about.
    pub(crate) fn refuses(&self, state: &str, line: &str) -> String {
        let output = self.server(state, line);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{line}: {output:?}");
        text(&output.stderr).to_owned()
    }

    fn client(&self, line: &[&str]) -> Output {
        let mut command = Command::new(CLIENT);
        command.env_clear().env("HOME", self.0.path()).current_dir(self.0.path()).stdin(Stdio::null());
        command.args(line).output().unwrap()
    }
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Returns whether any file below has these bytes in it.
fn found_below(directory: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(found_below(&path, bytes));
        } else if fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes) {
            found.push(path);
        }
    }
    found
}

#[test]
fn an_exported_key_is_c_tors_file_and_imported_elsewhere_it_is_the_same_address() {
    let place = Place::new();
    let address = place.does("one", "address");
    assert_eq!(place.does("one", "keys export key"), address);
    let file = fs::read(place.path("key")).unwrap();
    assert_eq!((file.len(), &file[..32]), (96, &b"== ed25519v1-secret: type0 ==\0\0\0"[..]));
    assert_eq!(mode(&place.path("key")), 0o600);

    assert_eq!(place.does("two", "keys import key"), address);
    assert_eq!(place.does("two", "address"), address);
    assert_eq!(mode(&place.path("two/tor/state")) & 0o077, 0);
    // A directory of C tor's.
    fs::create_dir(place.path("service")).unwrap();
    fs::rename(place.path("key"), place.path("service/hs_ed25519_secret_key")).unwrap();
    fs::write(place.path("service/hostname"), format!("{address}\n")).unwrap();
    assert_eq!(place.does("three", "keys import service"), address);
    assert_eq!(place.does("three", "keys import service"), address, "the same key again changes nothing");
    assert_eq!(place.does("three", "keys export again"), address);
    assert_eq!(fs::read(place.path("again")).unwrap(), file);
}

#[test]
fn a_directory_whose_hostname_is_that_of_another_key_is_refused() {
    let place = Place::new();
    place.does("one", "address");
    let other = place.does("two", "address");
    fs::create_dir(place.path("service")).unwrap();
    place.does("one", "keys export service/hs_ed25519_secret_key");
    fs::write(place.path("service/hostname"), format!("{other}\n")).unwrap();
    assert!(place.refuses("three", "keys import service").contains(&other));
    assert!(place.refuses("three", "keys import passphrase").contains("is not C tor's"));
    assert!(place.refuses("three", "keys import nowhere").contains("nowhere"));
    assert!(!place.path("three").exists());
}

#[test]
fn a_backup_that_is_restored_gives_the_same_address_and_the_same_clients() {
    let place = Place::new();
    let address = place.does("one", "address");
    fs::create_dir(place.path("one/clients")).unwrap();
    let clients = [("alice", "descriptor:x25519:AAAA\n"), ("bob", "descriptor:x25519:BBBB\n")];
    for (name, key) in clients {
        fs::write(place.path(&format!("one/clients/{name}.auth")), key).unwrap();
    }
    assert_eq!(place.does("one", "keys backup onion.age --passphrase-file passphrase"), address);
    assert_eq!(mode(&place.path("onion.age")), 0o600);
    let sealed = fs::read(place.path("onion.age")).unwrap();
    assert!(sealed.starts_with(b"age-encryption.org/v1\n-> scrypt "), "the age format");
    assert!(!sealed.windows(6).any(|window| window == &address.as_bytes()[..6]), "the address is encrypted, too");

    assert_eq!(place.does("two", "keys restore onion.age --passphrase-file passphrase"), address);
    assert_eq!(place.does("two", "address"), address);
    for (name, key) in clients {
        let path = place.path(&format!("two/clients/{name}.auth"));
        assert_eq!(fs::read_to_string(&path).unwrap(), key);
        assert_eq!(mode(&path), 0o600);
    }
}

#[test]
fn the_passphrase_is_taken_from_systemds_credential_and_never_weak_or_open_to_others() {
    let place = Place::new();
    let address = place.does("one", "address");
    fs::create_dir(place.path("credentials")).unwrap();
    place.private("credentials/backup-passphrase", format!("{PASSPHRASE}\n").as_bytes());
    let mut command = Command::new(SERVER);
    command.env_clear().env("CREDENTIALS_DIRECTORY", place.path("credentials")).stdin(Stdio::null());
    command.args(["keys", "backup"]).arg(place.path("onion.age")).arg("--state-dir").arg(place.path("one"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    // The same passphrase without the line's end.
    assert_eq!(place.does("two", "keys restore onion.age --passphrase-file passphrase"), address);

    assert!(place.refuses("one", "keys backup b.age").contains("--passphrase-file"), "nobody is asked in a script");
    place.private("weak", b"1234567");
    assert!(place.refuses("one", "keys backup b.age --passphrase-file weak").contains("fewer than 8"));
    place.private("empty", b"\nsecond line");
    assert!(place.refuses("one", "keys backup b.age --passphrase-file empty").contains("is empty"));
    fs::set_permissions(place.path("passphrase"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(place.refuses("one", "keys backup b.age --passphrase-file passphrase").contains("chmod 600"));
    assert!(!place.path("b.age").exists());
}

#[test]
fn a_wrong_passphrase_or_a_damaged_backup_changes_nothing() {
    let place = Place::new();
    place.does("one", "address");
    place.does("one", "keys backup onion.age --passphrase-file passphrase");
    place.private("wrong", b"another passphrase");
    assert!(place.refuses("two", "keys restore onion.age --passphrase-file wrong").contains("passphrase is wrong"));
    place.private("damaged", &[&fs::read(place.path("onion.age")).unwrap()[..], b"x"].concat());
    assert!(place.refuses("two", "keys restore damaged --passphrase-file passphrase").contains("damaged"));
    assert!(found_below(&place.path("two"), b"PRIVATE KEY").is_empty());
}

#[test]
fn nothing_that_is_there_is_overwritten_without_being_told_twice() {
    let place = Place::new();
    let one = place.does("one", "address");
    let two = place.does("two", "address");
    place.does("one", "keys export key");
    place.does("one", "keys backup onion.age --passphrase-file passphrase");

    let before = fs::read(place.path("key")).unwrap();
    for line in ["keys export key", "keys backup key --passphrase-file passphrase"] {
        assert!(place.refuses("two", line).contains("not overwritten without --force"), "{line}");
        assert!(place.refuses("two", &format!("{line} --force")).contains("no terminal"), "{line}");
    }
    assert_eq!(fs::read(place.path("key")).unwrap(), before);
    for line in ["keys import key", "keys restore onion.age --passphrase-file passphrase"] {
        assert!(place.refuses("two", line).contains("not replaced without --force"), "{line}");
        assert!(place.refuses("two", &format!("{line} --force")).contains("no terminal"), "{line}");
    }
    assert_eq!(place.does("two", "address"), two);

    assert_eq!(place.does("two", "keys import key --force --yes"), one);
    assert_eq!(place.does("two", "address"), one);
    // What was replaced is not lost.
    let retired = format!("two/retired/{two}");
    assert_eq!(mode(&place.path(&retired)), 0o700);
    assert_eq!(place.does("three", &format!("keys import {retired}")), two);
    assert_eq!(place.does("three", "keys export key --force --yes"), two);
    assert_ne!(fs::read(place.path("key")).unwrap(), before);
}

#[test]
fn a_key_that_is_not_there_or_switched_off_is_said_so() {
    let place = Place::new();
    assert!(place.refuses("one", "keys export key").contains("there is no key yet"));
    assert!(!place.path("one").exists(), "and reading makes nothing");
    let off = place.server("one", "--no-tor --clearnet keys export key");
    assert_eq!(off.status.code(), Some(78), "{off:?}");
}

#[test]
fn after_a_rotation_clients_who_are_shown_the_notice_find_the_new_address() {
    let place = Place::new();
    let old = place.does("one", "address");
    assert!(place.refuses("one", "keys rotate").contains("no terminal"));
    let new = place.does("one", "keys rotate --yes");
    assert_ne!(new, old);
    assert_eq!(place.does("one", "address"), new);
    assert_eq!(mode(&place.path("one/moved.json")), 0o600);
    assert_eq!(place.does("old", &format!("keys import one/retired/{old}")), old, "the old key is kept");

    let followed = place.client(&["moved", "one/moved.json"]);
    assert!(followed.status.success(), "{followed:?}");
    assert!(text(&followed.stdout).starts_with(&format!("{old} is at {new} since 20")), "{followed:?}");
    // Where it dials is seen at a proxy that refuses.
    let alice = Client::new(CLIENT, place.0.path(), "alice", &old);
    let invited = alice.run(&["invite"]);
    assert!(invited.status.success(), "{invited:?}");
    let said = text(&invited.stderr);
    assert!(said.contains(&format!("http://{old} has moved to http://{new}")), "{said}");
    let line = ["recv", "--once", "--timeout", "1", "--socks", "127.0.0.1:1"];
    let tried = alice.run(&line);
    let said = text(&tried.stderr);
    assert!(said.contains(&format!("connecting to http://{new}")), "{said}");

    // A second move: anyone who knows the first address finds the last one.
    let newest = place.does("one", "keys rotate --yes --forget-old");
    assert!(found_below(&place.path("one"), b"PRIVATE KEY").len() == 1, "the key is forgotten");
    assert!(!place.path(&format!("one/retired/{new}")).exists());
    assert!(place.client(&["moved", "one/moved.json"]).status.success());
    let said = alice.run(&line);
    assert!(text(&said.stderr).contains(&format!("has moved to http://{newest}")), "{said:?}");
}

#[test]
fn a_notice_that_was_forged_is_refused_and_one_that_was_followed_can_be_forgotten() {
    let place = Place::new();
    let old = place.does("one", "address");
    let thief = place.does("thief", "address");
    let new = place.does("one", "keys rotate --yes");
    let notice = fs::read_to_string(place.path("one/moved.json")).unwrap();
    let forged = place.client(&["moved", &notice.replace(&new, &thief)]);
    assert_eq!((forged.status.code(), forged.stdout.len()), (Some(3), 0), "{forged:?}");
    assert!(text(&forged.stderr).contains("do not follow it"), "{forged:?}");
    assert_eq!(place.client(&["moved", "list"]).stdout, b"");

    assert!(place.client(&["moved", &notice]).status.success());
    let listed = place.client(&["moved", "list", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!((json["from"].as_str(), json["to"].as_str()), (Some(&*old), Some(&*new)));
    assert!(place.client(&["moved", "forget", &old]).status.success());
    assert_eq!(place.client(&["moved", "list"]).stdout, b"");
    assert_eq!(place.client(&["moved", "forget", &old]).status.code(), Some(1));
    assert_eq!(place.client(&["moved"]).status.code(), Some(2));
    assert_eq!(place.client(&["moved", "ask"]).status.code(), Some(2), "which server?");
}

#[test]
fn the_server_tells_those_who_ask_where_it_has_moved_to() {
    let place = Place::new();
    let old = place.does("one", "address");
    let new = place.does("one", "keys rotate --yes");
    let mut server = Command::new(SERVER);
    server.env_clear().args(["--no-tor", "--clearnet=127.0.0.1:0", "--state-dir"]).arg(place.path("one"));
    let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let stdout = server.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    let url = line.trim().strip_prefix("clearnet ").expect("its address");
    let asked = place.client(&["moved", "ask", "--server", url]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(text(&asked.stdout).starts_with(&format!("{old} is at {new} ")), "{asked:?}");
    assert!(text(&place.client(&["moved", "list"]).stdout).contains(&new), "and it is followed");
}

/// Returns the command with a terminal of its own, from `script` (Debian's package bsdutils, which
/// is always there).
fn on_a_terminal(place: &Place, state: &str, line: &str, typed: &str) -> (bool, String) {
    let program = SERVER;
    let command = format!("{program} {line} --state-dir {}", place.path(state).display());
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).current_dir(place.0.path()).env_clear().env("HOME", place.0.path());
    let script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut script = script.expect("`script`: apt-get install bsdutils");
    script.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = script.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn on_a_terminal_the_passphrase_is_asked_for_twice_and_a_replacement_has_to_be_typed() {
    let place = Place::new();
    let one = place.does("one", "address");
    let (done, said) = on_a_terminal(&place, "one", "keys backup a.age", "long enough\nlong enougj\n");
    assert!(!done && said.contains("not the same"), "{said}");
    assert!(!place.path("a.age").exists());
    let (done, said) = on_a_terminal(&place, "one", "keys backup a.age", &format!("{PASSPHRASE}\n{PASSPHRASE}\n"));
    assert!(done && said.contains(&one), "{said}");
    assert_eq!(place.does("two", "keys restore a.age --passphrase-file passphrase"), one);

    let three = place.does("three", "address");
    place.does("one", "keys export key");
    let (done, said) = on_a_terminal(&place, "three", "keys import key --force", "yes\n");
    assert!(!done && said.contains("not what was asked for"), "{said}");
    assert_eq!(place.does("three", "address"), three);
    let (done, said) =
        on_a_terminal(&place, "three", "keys import key --force", &format!("{}\n", three.get(..6).unwrap()));
    assert!(done, "{said}");
    assert_eq!(place.does("three", "address"), one);
}

#[test]
fn every_command_of_keys_has_an_example_in_its_help() {
    let place = Place::new();
    for command in ["backup", "restore", "export", "import", "rotate"] {
        let help = place.server("one", &format!("keys {command} --help"));
        assert!(text(&help.stdout).contains("Example"), "{command}: {help:?}");
    }
}
