//! What becomes of keys and clients that are forgotten, interrupted, or come from elsewhere: the
//! real binary, files, and no network.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::SERVER;
use crate::keys::{Place, text};

/// Returns the files of Arti's that have the service's own key in them.
fn identity_file(place: &Place, state: &str) -> PathBuf {
    place.path(&format!("{state}/tor/state/keystore/hss/ephemeral/ks_hs_id.ed25519_expanded_private"))
}

#[test]
fn the_bytes_of_a_forgotten_key_are_overwritten_under_every_name_that_they_have() {
    let place = Place::new();
    place.does("one", "address");
    let link = place.path("hard-link");
    fs::hard_link(identity_file(&place, "one"), &link).unwrap();
    let length = fs::metadata(&link).unwrap().len();
    place.does("one", "keys rotate --yes --forget-old");
    assert_eq!(fs::read(&link).unwrap(), vec![0; usize::try_from(length).unwrap()]);

    let exported = place.path("exported");
    place.does("one", "keys export key");
    fs::hard_link(place.path("key"), &exported).unwrap();
    place.does("two", "address");
    place.does("two", "keys export key --force --yes");
    assert_eq!(fs::read(&exported).unwrap(), [0; 96], "and so are those of an exported key that is replaced");
}

#[test]
fn a_rotation_that_was_killed_before_its_notice_was_in_place_is_finished_by_the_next_command_or_start() {
    let place = Place::new();
    for (state, starts) in [("one", false), ("two", true)] {
        let old = place.does(state, "address");
        let new = place.does(state, "keys rotate --yes --forget-old");
        // As it is when the process is killed between the key and the notice.
        let moved = place.path(&format!("{state}/moved.json"));
        let staged = place.path(&format!("{state}/moved.json.new"));
        fs::rename(&moved, &staged).unwrap();
        if starts {
            let mut server = Command::new(SERVER);
            server.env_clear().args(["--clearnet=127.0.0.1:0", "--state-dir"]).arg(place.path(state));
            // No Tor network is dialled: the process is ended as soon as it has printed where it
            // listens.
            let config = place.path("offline.toml");
            fs::write(
                &config,
                "[tor.bridges]\nenabled = true\nbridges = ['127.0.0.1:1 0bac39417268b96b9f514ef763fa6fba1a788956']\n",
            )
            .unwrap();
            server.arg("--config").arg(&config);
            let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let mut line = String::new();
            let stdout = server.stdout.take().unwrap();
            std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
            server.kill().unwrap();
            server.wait().unwrap();
        } else {
            place.does(state, "keys export again");
        }
        let notices = fs::read_to_string(&moved).unwrap();
        assert!(notices.contains(&old) && notices.contains(&new) && !staged.exists(), "{state}: {notices}");
    }
}

#[test]
fn a_staged_notice_for_a_key_that_never_came_into_force_is_not_adopted() {
    let place = Place::new();
    let old = place.does("one", "address");
    place.does("one", "keys export key");
    place.does("one", "keys rotate --yes");
    fs::rename(place.path("one/moved.json"), place.path("moved.json")).unwrap();
    assert_eq!(place.does("one", "keys import key --force --yes"), old);
    fs::rename(place.path("moved.json"), place.path("one/moved.json.new")).unwrap();
    place.does("one", "keys export again");
    assert!(!place.path("one/moved.json").exists());
}

#[test]
fn the_clients_of_c_tors_service_are_taken_over_and_those_that_cannot_be_are_named() {
    let place = Place::new();
    let address = place.does("one", "address");
    let clients = place.path("service/authorized_clients");
    fs::create_dir_all(&clients).unwrap();
    place.does("one", "keys export service/hs_ed25519_secret_key");
    let key = "descriptor:x25519:ZAALVFJ7RR25HHMT5SVLBEY7ADA7WYJMAIXA2KKQHVBRTBZ6ST4A";
    fs::write(clients.join("alice.auth"), format!("{key}\n")).unwrap();
    fs::write(clients.join("Bob.Smith.auth"), key).unwrap();
    fs::write(clients.join("carol.auth"), "something else").unwrap();
    let output = place.server("two", "keys import service");
    assert!(output.status.success() && text(&output.stdout).trim() == address, "{output:?}");
    let said = text(&output.stderr);
    assert_eq!(place.does("two", "clients list"), format!("alice {key}"));
    assert!(said.contains("Bob.Smith.auth is NOT taken over: \"Bob.Smith\" cannot be the name"), "{said}");
    assert!(said.contains("carol.auth is NOT taken over: not a discovery key"), "{said}");
    assert!(said.contains("until restricted = true"), "{said}");
    assert!(place.server("two", "keys import service").status.success(), "a second time, too");
}

#[test]
fn a_client_that_is_removed_while_the_server_is_stopped_is_not_let_in_by_the_next_start() {
    let place = Place::new();
    place.does("one", "address");
    let state = place.path("one/tor/state/hss/ephemeral");
    fs::create_dir_all(&state).unwrap();
    let files = ["ipts.json", "iptpub.json"].map(|name| state.join(name));
    files.iter().for_each(|path| fs::write(path, "{}").unwrap());
    place.does("one", "clients add alice descriptor:x25519:ZAALVFJ7RR25HHMT5SVLBEY7ADA7WYJMAIXA2KKQHVBRTBZ6ST4A");
    assert!(files.iter().all(|path| path.exists()));
    // A server that runs holds this lock, and does it itself.
    let lock = fs::File::create(place.path("one/tor/state/hss/ephemeral.lock")).unwrap();
    lock.lock().unwrap();
    place.does("one", "clients remove alice");
    assert!(files.iter().all(|path| path.exists()));
    drop(lock);
    place.does("one", "clients add alice descriptor:x25519:ZAALVFJ7RR25HHMT5SVLBEY7ADA7WYJMAIXA2KKQHVBRTBZ6ST4A");
    place.does("one", "clients remove alice");
    assert!(files.iter().all(|path| !path.exists()));
}

#[test]
fn a_client_whose_name_the_service_refuses_is_in_no_backup_and_is_named() {
    let place = Place::new();
    let address = place.does("one", "address");
    fs::create_dir(place.path("one/clients")).unwrap();
    fs::write(place.path("one/clients/Bob.Smith.auth"), "descriptor:x25519:BBBB\n").unwrap();
    let output = place.server("one", "keys backup onion.age --passphrase-file passphrase");
    assert!(output.status.success() && text(&output.stderr).contains("\"Bob.Smith\" is left out"), "{output:?}");
    assert_eq!(place.does("two", "keys restore onion.age --passphrase-file passphrase"), address);
    assert_eq!(place.does("two", "clients list"), "");
}

#[test]
fn a_state_directory_of_another_users_is_refused_with_user_path_and_remedy() {
    let place = Place::new();
    fs::create_dir(place.path("state")).unwrap();
    for (path, mode) in [(place.0.path().to_owned(), 0o755), (place.path("state"), 0o755)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let program = place.path("server");
    fs::copy(SERVER, &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
    let output = command.arg("address").arg("--state-dir").arg(place.path("state")).env_clear().output().unwrap();
    let said = text(&output.stderr);
    if said.starts_with("setpriv:") {
        assert!(!rustix::process::geteuid().is_root(), "{said}");
        return;
    }
    assert!(said.contains("permission denied to user 65534: "), "{said}");
    assert!(said.contains(&format!("{} belongs to user 0", place.path("state").display())), "{said}");
    assert!(said.contains("chown 65534"), "{said}");
    assert_eq!(said.matches("denied").count(), 1, "{said}");
}
