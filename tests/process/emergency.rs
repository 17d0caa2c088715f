//! What an operator does in a hurry, with a configuration that is broken, a server that is not
//! there, a disk that refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use ephemeral_test_support::daemon::{Daemon, GENEROUS, Manager, PATIENCE};
use rustix::process::Signal;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::SERVER;

const LOCAL: [&str; 2] = ["--no-tor", "--clearnet=127.0.0.1:0"];
/// What a person is in the middle of writing.
const HALF_EDITED: &str = "[store\nwindow = ";
const NOT_ERASED: i32 = 74;
const TRY_AGAIN: i32 = 75;
const EX_CONFIG: i32 = 78;

/// Returns a command with these variables, and nothing else in its environment.
async fn run(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(SERVER);
    command.env_clear().env("HOME", directory).args(arguments).arg("--state-dir").arg(directory.join("state"));
    command.envs(variables.iter().copied()).stdin(Stdio::null()).output().await.unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let read = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), read(&output.stdout), read(&output.stderr))
}

fn put(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Makes an identity, and returns a file of its key.
async fn identity(directory: &Path) -> PathBuf {
    let made = run(directory, &["address"], &[]).await;
    assert!(made.status.success(), "{made:?}");
    directory.join("state/tor/state/keystore/hss/ephemeral/ks_hs_id.ed25519_expanded_private")
}

#[tokio::test]
async fn commands_of_the_socket_need_no_configuration_that_loads() {
    let directory = tempfile::tempdir().unwrap();
    let broken = put(directory.path(), "broken.toml", HALF_EDITED);
    let missing = directory.path().join("not-there.toml").to_str().unwrap().to_owned();
    let mut daemon = Daemon::start(SERVER, directory.path(), GENEROUS, &LOCAL);
    daemon.says("clearnet ").await;
    for variables in [
        &[("EPHEMERAL_CONFIG", broken.as_str()), ("LOG_LEVEL", "verbose")][..],
        &[("EPHEMERAL_CONFIG", missing.as_str()), ("PORT", "all of them"), ("RUST_LOG", "==")],
        // What a health check of a container has: its environment, and not the flags of the server.
        &[("TOR_ENABLED", "false")],
    ] {
        for arguments in [
            &["panic", "--yes"][..],
            &["check-in"],
            &["health"],
            &["status"],
            &["status", "--json"],
            &["status", "blocks"],
            &["status", "senders"],
        ] {
            let (code, _, stderr) = said(&run(directory.path(), arguments, variables).await);
            assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?} {variables:?}");
        }
    }
    let variables = [("EPHEMERAL_CONFIG", broken.as_str()), ("LOG_LEVEL", "verbose")];
    for (command, answer) in
        [("unblock", "nobody of that name is blocked"), ("drop", "none of the largest senders has that name")]
    {
        let (code, _, stderr) = said(&run(directory.path(), &[command, "nobody"], &variables).await);
        assert!(code == Some(1) && stderr.contains(answer), "the server is asked: {stderr}");
    }
    let (code, stdout, stderr) = said(&run(directory.path(), &["panic", "--keys", "--yes"], &variables).await);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(daemon.ended().await.success(), "{}", daemon.log());
}

#[tokio::test]
async fn while_its_file_is_half_edited_the_signals_of_a_server_do_what_they_should() {
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(SERVER, directory.path(), GENEROUS, &LOCAL);
    daemon.says("clearnet ").await;
    put(directory.path(), "ephemeral-server.toml", HALF_EDITED);
    daemon.signal(Signal::HUP);
    daemon.logs("the configuration stays as it was").await;
    daemon.signal(Signal::USR1);
    daemon.logs("SIGUSR1: everything that waited is erased").await;
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success(), "{}", daemon.log());
}

#[tokio::test]
async fn commands_of_the_state_directory_need_no_certificate_and_refuse_to_guess_whose_key_is_meant() {
    let directory = tempfile::tempdir().unwrap();
    let credential = "[clearnet]\nlisten = '127.0.0.1:1'\ntls_cert = '/run/credentials/x/cert'\n\
                      tls_key = '/run/credentials/x/tls_key'\n[limits]\nburst = 0\n";
    let stopped = put(directory.path(), "stopped.toml", credential);
    identity(directory.path()).await;
    let [exported, backup] =
        ["exported", "backup.age"].map(|name| directory.path().join(name).to_str().unwrap().to_owned());
    let passphrase = put(directory.path(), "passphrase", "correct horse battery staple");
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    let sealed = [backup.as_str(), "--passphrase-file", &passphrase];
    for arguments in [
        &["address"][..],
        &["clients", "list"],
        &["keys", "export", &exported],
        &[&["keys", "backup"], &sealed[..]].concat(),
        &["keys", "rotate", "--yes"],
        &[&["keys", "restore", "--force", "--yes"], &sealed[..]].concat(),
        &["keys", "import", &exported],
    ] {
        let (code, _, stderr) = said(&run(directory.path(), arguments, &[("EPHEMERAL_CONFIG", &stopped)]).await);
        assert_eq!(code, Some(0), "{arguments:?} {stderr}");
    }
    let other = put(directory.path(), "other.toml", "[onion]\nnickname = 'A Name'\n");
    for configuration in [put(directory.path(), "broken.toml", HALF_EDITED), other] {
        let variables = [("EPHEMERAL_CONFIG", configuration.as_str())];
        let (code, stdout, stderr) = said(&run(directory.path(), &["address"], &variables).await);
        assert_eq!((code, stdout.as_str()), (Some(EX_CONFIG), ""), "{stderr}");
        assert!(stderr.contains(&configuration), "{stderr}");
    }
}

#[tokio::test]
async fn doctor_finds_the_setting_that_cannot_be_used_and_keeps_its_promises() {
    let directory = tempfile::tempdir().unwrap();
    for (text, problem) in [
        (HALF_EDITED, "not TOML"),
        ("[clearnet]\nlisten = '127.0.0.1:1'\ntls_cert = '/none'\ntls_key = '/none'\n", "/none"),
        ("[limits]\nburst = 0\n", "burst = 0: must be"),
    ] {
        let configuration = put(directory.path(), "broken.toml", text);
        let variables = [("EPHEMERAL_CONFIG", configuration.as_str()), ("PATH", "/usr/bin:/bin")];
        let (code, stdout, stderr) = said(&run(directory.path(), &["doctor", "--json"], &variables).await);
        assert_eq!(code, Some(2), "{stderr}");
        let report: Value = serde_json::from_str(&stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["check"] == "config.unusable").unwrap();
        assert!(finding["what"].as_str().unwrap().contains(problem), "{finding}");
        assert_eq!(finding["level"], "problem");
        assert!(findings.len() > 5, "the rest is looked at, too: {report}");
    }
}

#[tokio::test]
async fn panic_without_a_server_leaves_a_mark_for_the_next_start_and_says_what_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let (code, _, stderr) = said(&run(directory.path(), &["panic", "--yes"], &[]).await);
    assert!(code == Some(1) && stderr.contains("nothing was erased: "), "{stderr}");
    assert!(stderr.contains(directory.path().join("state").to_str().unwrap()), "{stderr}");

    fs::create_dir(directory.path().join("state")).unwrap();
    let (code, _, stderr) = said(&run(directory.path(), &["panic", "--yes"], &[]).await);
    assert_eq!(code, Some(NOT_ERASED), "{stderr}");
    assert!(stderr.contains("state/wipe is left: the next start wipes first"), "{stderr}");
    assert!(stderr.contains("a service manager may hold what waits"), "{stderr}");
    let mark = directory.path().join("state/wipe");
    assert_eq!(fs::read_to_string(&mark).unwrap(), "messages\n");
    assert_eq!(fs::metadata(&mark).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn panic_with_keys_that_finds_none_is_an_error_that_names_where_it_looked() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("state")).unwrap();
    let (code, stdout, stderr) = said(&run(directory.path(), &["panic", "--keys", "--yes"], &[]).await);
    assert_eq!((code, stdout.as_str()), (Some(NOT_ERASED), ""), "{stderr}");
    let state = directory.path().join("state");
    assert!(stderr.contains(&format!("there is no identity in {}", state.display())), "{stderr}");
}

/// Returns a program in the server's place, on a disk that takes nothing more: no byte can be
/// overwritten.
fn on_a_disk_that_refuses(directory: &Path) -> String {
    let script = format!("#!/bin/sh\ntrap '' XFSZ\nulimit -f 0\nexec {SERVER} \"$@\"\n");
    let path = put(directory, "refused", &script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

#[tokio::test]
async fn what_could_not_be_erased_is_named_and_has_an_exit_code_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let program = on_a_disk_that_refuses(directory.path());
    let key = identity(directory.path()).await;
    assert!(key.exists());
    let mut daemon = Daemon::start(&program, directory.path(), GENEROUS, &LOCAL);
    daemon.says("clearnet ").await;
    let (code, _, stderr) = said(&run(directory.path(), &["panic", "--keys", "--yes"], &[]).await);
    assert_eq!(code, Some(NOT_ERASED), "{stderr}");
    assert!(stderr.contains("everything that waited is erased, but not the whole identity"), "{stderr}");
    assert!(stderr.contains(directory.path().join("state/tor/state/keystore").to_str().unwrap()), "{stderr}");
    assert_eq!(daemon.ended().await.code(), Some(NOT_ERASED), "no supervisor starts it again");

    // The same without a server.
    identity(directory.path()).await;
    let mut offline = Command::new(&program);
    offline.env_clear().env("HOME", directory.path()).args(["panic", "--keys", "--yes", "--state-dir"]);
    let (code, _, stderr) = said(&offline.arg(directory.path().join("state")).output().await.unwrap());
    assert_eq!(code, Some(NOT_ERASED), "{stderr}");
    assert!(stderr.contains("not the whole identity is erased: ") && stderr.contains("keystore"), "{stderr}");
}

#[tokio::test]
async fn an_identity_that_was_to_be_erased_does_not_come_back_with_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let key = identity(directory.path()).await;
    put(directory.path(), "state/wipe", "identity\n");
    let mut daemon = Daemon::start(SERVER, directory.path(), GENEROUS, &LOCAL);
    let status = daemon.ended().await;
    assert!(status.success(), "a supervisor is not to start it again: {status}, {}", daemon.log());
    assert!(!key.exists() && !directory.path().join("state/wipe").exists());
    assert!(daemon.log().contains("the identity was to be erased, and is gone"), "{}", daemon.log());
}

#[tokio::test]
async fn while_the_manager_holds_messages_a_broken_configuration_is_tried_again_unless_a_wipe_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(directory.path());
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), GENEROUS, &LOCAL);
    daemon.says("clearnet ").await;
    manager.listen();
    daemon.signal(Signal::KILL);
    daemon.ended().await;
    manager.listen();

    let no_certificate = "[clearnet]\nlisten = '127.0.0.1:0'\ntls_cert = '/none'\ntls_key = '/none'\n";
    for (broken, arguments) in
        [("[limits]\nbrust = 1\n", &LOCAL[..]), (no_certificate, &["--no-tor"]), ("", &["--brust"])]
    {
        let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), broken, arguments);
        assert_eq!(daemon.ended().await.code(), Some(TRY_AGAIN), "{}", daemon.log());
        assert!(
            daemon.log().contains("the service manager holds messages that wait: it keeps them"),
            "{}",
            daemon.log()
        );
        assert!(manager.listen().is_empty() && manager.kept.is_some(), "nothing is said to the manager");
    }
    let mut daemon = Daemon::start(SERVER, directory.path(), "[limits]\nbrust = 1\n", &LOCAL);
    assert_eq!(daemon.ended().await.code(), Some(EX_CONFIG), "nobody holds anything");
    put(directory.path(), "state/wipe", "messages\n");
    let broken = "[limits]\nbrust = 1\n";
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), broken, &LOCAL);
    assert_eq!(daemon.ended().await.code(), Some(EX_CONFIG), "a manager that gives up drops what was to be wiped");
}

#[tokio::test]
async fn what_is_passed_to_another_process_is_not_said_to_be_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(directory.path());
    for (name, value) in [("LISTEN_PID", "1"), ("LISTEN_PID", "x"), ("LISTEN_PID", ""), ("WATCHDOG_USEC", "0")] {
        let log = directory.path().join("log");
        let mut command = Command::new(SERVER);
        command.env_clear().env("HOME", directory.path()).env("NOTIFY_SOCKET", directory.path().join("notify"));
        command.env("LISTEN_FDS", "99999999999").env("LISTEN_FDNAMES", "messages").env(name, value);
        command.args(LOCAL).arg("--state-dir").arg(directory.path().join("state")).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = [0; 9];
        let mut stdout = child.stdout.take().unwrap();
        let reading = tokio::io::AsyncReadExt::read_exact(&mut stdout, &mut line);
        timeout(PATIENCE, reading).await.expect("it starts").unwrap();
        assert_eq!(&line, b"clearnet ");
        let log = fs::read_to_string(&log).unwrap();
        assert!(!log.contains("lost") && !log.contains("panicked"), "{name}={value}: {log}");
        child.kill().await.unwrap();
        manager.listen();
    }
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_any_more_is_no_complaint() {
    let directory = tempfile::tempdir().unwrap();
    identity(directory.path()).await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(SERVER);
    command.env_clear().env("HOME", directory.path()).args(["address", "--log-level=error", "--state-dir"]);
    let output =
        command.arg(directory.path().join("state")).stdout(writer).stderr(Stdio::piped()).output().await.unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[tokio::test]
async fn under_a_service_manager_stdout_does_not_name_the_address() {
    let directory = tempfile::tempdir().unwrap();
    let address = said(&run(directory.path(), &["address"], &[]).await).1;
    let mut manager = Manager::new(directory.path());
    let unreachable = "[tor.tor_network]\nauthorities = { v3idents = ['0000000000000000000000000000000000000001'], \
                       uploads = [['127.0.0.1:1']], downloads = [['127.0.0.1:1']], votes = [['127.0.0.1:1']] }\n\
                       fallback_caches = []\n[tor.storage.permissions]\ndangerously_trust_everyone = true\n";
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), unreachable, &[]);
    daemon.logs("`ephemeral-server address` prints it").await;
    daemon.signal(Signal::TERM);
    let rest = daemon.rest().await;
    assert!(daemon.ended().await.success(), "{}", daemon.log());
    let name = address.trim().trim_end_matches(".onion");
    assert!(!rest.contains(name) && !daemon.log().contains(name), "{rest}");
}
