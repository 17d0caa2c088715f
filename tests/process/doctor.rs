//! `ephemeral-server doctor` on this machine: things are broken, and it says so.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use ephemeral_test_support::daemon::Daemon;
use ephemeral_test_support::ports::free_port;
use serde_json::Value;

use crate::SERVER;

fn doctor(state: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(SERVER);
    command.env_clear().env("HOME", state.parent().unwrap()).env("PATH", "/usr/bin:/bin");
    command.arg("doctor").args(arguments).arg("--state-dir").arg(state).output().unwrap()
}

/// Returns the exit code, and the level of the worst finding of one check.
fn level(output: &Output, check: &str) -> (i32, String) {
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(json["version"], 1);
    let order = ["ok", "note", "warning", "problem"];
    let findings = json["findings"].as_array().unwrap().iter();
    for finding in findings.clone() {
        let keys: Vec<_> = finding.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["check", "level", "remedy", "what", "why"]);
    }
    let levels = findings.filter(|finding| finding["check"] == check).map(|finding| finding["level"].as_str().unwrap());
    let worst = levels.max_by_key(|level| order.iter().position(|known| known == level).unwrap());
    let worst = worst.unwrap_or_else(|| panic!("no finding of {check}")).to_owned();
    (output.status.code().unwrap(), worst)
}

fn open_to_others(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_state_directory_that_is_opened_to_others_is_found_and_the_remedy_mends_it() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    fs::create_dir(&state).unwrap();
    open_to_others(&state, 0o700);
    assert_eq!(level(&doctor(&state, &["--json"]), "state.permissions").1, "ok");
    open_to_others(&state, 0o755);
    assert_eq!(level(&doctor(&state, &["--json"]), "state.permissions"), (2, "problem".into()));
    let said = doctor(&state, &[]);
    let said = String::from_utf8(said.stdout).unwrap();
    let remedy = said.lines().find_map(|line| line.trim().strip_prefix("do:  chmod 700")).expect("a remedy");
    assert!(Command::new("chmod").arg("700").arg(remedy.trim()).status().unwrap().success());
    assert_eq!(level(&doctor(&state, &["--json"]), "state.permissions").1, "ok");
}

#[test]
fn a_key_that_others_can_read_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let made = Command::new(SERVER).arg("address").arg("--state-dir").arg(&state).output();
    assert!(made.unwrap().status.success());
    let output = doctor(&state, &["--json"]);
    assert_eq!((level(&output, "state.permissions").1, level(&output, "tor.key").1), ("ok".into(), "ok".into()));
    open_to_others(&state.join("tor/state/keystore/hss/ephemeral"), 0o755);
    let output = doctor(&state, &["--json"]);
    assert_eq!(level(&output, "state.permissions"), (2, "problem".into()));
    assert_eq!(level(&output, "tor.key").1, "problem", "and Arti refuses it");
}

#[test]
fn plaintext_off_loopback_and_other_traps_in_the_configuration_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let file = directory.path().join("config.toml");
    let traps = "[clearnet]\nlisten = \"0.0.0.0:18443\"\nallow_plaintext = true\n[onion]\nvanguards = \"lite\"\nlocation_is_public = true\n\
                 [store]\ntotal_bytes = 1099511627776\n[limits]\nmessages_per_minute = 1000000\n";
    fs::write(&file, traps).unwrap();
    open_to_others(&file, 0o666);
    let output = doctor(&state, &["--json", "--config", file.to_str().unwrap()]);
    for (check, expected) in [
        ("config.plaintext", "problem"),
        ("config.location", "warning"),
        ("config.vanguards", "warning"),
        ("config.memory", "problem"),
        ("config.limits", "warning"),
        ("config.permissions", "problem"),
        ("state.permissions", "note"),
        ("tor.network", "note"),
        ("server.running", "note"),
    ] {
        assert_eq!(level(&output, check), (2, expected.into()), "{check}");
    }
    assert!(!state.exists(), "it changes nothing");
}

#[test]
fn a_port_that_another_program_has_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--clearnet={}", taken.local_addr().unwrap());
    let output = doctor(&directory.path().join("state"), &["--json", "--no-tor", &listen]);
    assert_eq!(level(&output, "network.port"), (2, "problem".into()));
    drop(taken);
    let output = doctor(&directory.path().join("state"), &["--json", "--no-tor", &listen]);
    assert_eq!((level(&output, "network.port").1, level(&output, "config.plaintext").1), ("ok".into(), "ok".into()));
}

#[tokio::test]
async fn a_running_server_is_seen_to_be_hardened_and_healthy() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let listen = format!("--clearnet=127.0.0.1:{port}");
    let mut daemon = Daemon::start(SERVER, directory.path(), "", &["--no-tor", &listen]);
    daemon.says("clearnet ").await;
    let output = doctor(&directory.path().join("state"), &["--json", "--no-tor", &listen]);
    assert_eq!(level(&output, "process.core_dumps").1, "ok", "{output:?}");
    assert_eq!(level(&output, "network.port").1, "ok");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let what = |check: &str| {
        let findings = json["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["check"] == check).unwrap()["what"].as_str().unwrap().to_owned()
    };
    assert!(what("server.running").contains("healthy"), "{}", what("server.running"));
    assert!(what("process.core_dumps").contains("leaves no core dump"), "{}", what("process.core_dumps"));
    assert!(!output.stdout.is_empty());
    let privileges: Vec<_> =
        json["findings"].as_array().unwrap().iter().filter(|f| f["check"] == "process.privileges").collect();
    assert!(!privileges.iter().any(|f| f["what"].as_str().unwrap().contains("could gain")), "{privileges:?}");
}

#[test]
fn the_exit_codes_are_in_the_help() {
    let help = doctor(Path::new("/nonexistent/state"), &["--help"]);
    assert!(
        String::from_utf8(help.stdout)
            .unwrap()
            .contains("Exit codes: 0 nothing worse than a note, 1 warnings, 2 problems")
    );
}

#[tokio::test]
async fn a_certificate_that_clients_refuse_is_told_by_check_config_the_start_a_reload_and_doctor() {
    let directory = tempfile::tempdir().unwrap();
    let mut issued = rcgen::CertificateParams::new(vec!["elsewhere.example".to_owned()]).unwrap();
    issued.not_before = rcgen::date_time_ymd(2019, 1, 1);
    issued.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let files = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
    fs::write(&files[0], issued.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&files[1], key.serialize_pem()).unwrap();
    open_to_others(&files[1], 0o600);
    let [cert, key] = files.each_ref().map(|file| file.display());
    let configuration =
        format!("[clearnet]\ntls_cert = \"{cert}\"\ntls_key = \"{key}\"\nserver_names = [\"chat.example\"]\n");
    let told = |said: &str| {
        let expired = said.matches("expired on").count();
        let elsewhere = said.matches("is not for chat.example, one of server_names: it is for elsewhere.example");
        (expired, elsewhere.count())
    };

    let arguments = ["--no-tor", "--clearnet=127.0.0.1:0"];
    let mut daemon = Daemon::start(SERVER, directory.path(), &configuration, &arguments);
    daemon.says("clearnet ").await;
    daemon.logs_until("one of each", |log| told(log) == (1, 1)).await;
    daemon.signal(rustix::process::Signal::HUP);
    daemon.logs("the configuration was read again").await;
    daemon.logs_until("two of each", |log| told(log) == (2, 2)).await;

    let state = directory.path().join("state");
    let file = directory.path().join("ephemeral-server.toml");
    let file = file.to_str().unwrap();
    let mut command = Command::new(SERVER);
    let checked = command.env_clear().args(arguments).args(["check-config", "--config", file]).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(told(&String::from_utf8_lossy(&checked.stderr)), (1, 1), "{checked:?}");
    // A port of its own: of 0 there is nothing to find out.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = doctor(&state, &["--json", "--config", file, "--no-tor", &format!("--clearnet={free}")]);
    assert_eq!(level(&output, "config.certificate").1, "warning");
    assert_eq!(told(&String::from_utf8_lossy(&output.stdout)), (1, 1), "{output:?}");
}
