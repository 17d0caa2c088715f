//! The shipped unit under a real systemd: hardened, restarted, killed and starved under load, and
//! told to reload.

mod alert;
mod booted;
mod client;
mod cluster;
mod full;
mod load;
mod memory;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ephemeral_client::{ConnectOptions, Connection, Direct, Identity, ServerUrl};
use ephemeral_core::protocol::ServerEvent;
use ephemeral_test_support::tls;
use rcgen::{CertificateParams, DnType, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use booted::{SystemdBox, UNIT};
use load::{Control, fetch, pair};

/// No onion service: there is no network inside. Everything else is the default, but for limits
/// that would be in the way.
const LOCAL: &str = "[onion]\nenabled = false\n[clearnet]\nlisten = '127.0.0.1:8443'\n[store]\nmailbox_messages = 100000\n\
                     [limits]\nmessages_per_minute = 1000000\nmessage_burst = 100000\nrequests_per_minute = 100000\n\
                     burst = 1000\n";
/// Who is not online while messages are sent to it.
const ABSENT: u8 = 100;

fn url() -> ServerUrl {
    "http://127.0.0.1:8443".parse().unwrap()
}

#[test]
fn the_unit_exposes_little_and_is_what_systemd_understands() {
    for unit in ["ephemeral-server", "ephemeral-nats"] {
        check_unit(&format!("{}/systemd/{unit}.service", env!("CARGO_MANIFEST_DIR")));
    }
}

fn check_unit(unit: &str) {
    let analyze = Command::new("systemd-analyze").args(["security", "--offline=true", "--no-pager", unit]).output();
    let said = analyze.expect("systemd-analyze is missing: install the package systemd").stdout;
    let said = String::from_utf8(said).unwrap();
    let (_, overall) = said.split_once("Overall exposure level for ").unwrap_or_else(|| panic!("{said}"));
    let level: f32 = overall.split([' ', ':']).find_map(|word| word.parse().ok()).unwrap();
    assert!(level <= 1.1, "{said}");
    let verify = Command::new("systemd-analyze").args(["verify", unit]).output().unwrap();
    let complaints = String::from_utf8(verify.stderr).unwrap();
    // The program is not installed here.
    let complaints: Vec<_> =
        complaints.lines().filter(|line| line.contains("ephemeral") && !line.contains("not executable")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[test]
fn restarted_killed_and_starved_under_load_the_unit_loses_nothing_and_delivers_nothing_late() {
    let machine = SystemdBox::boot(LOCAL);
    machine.systemctl(&["start"]);
    assert_eq!(machine.property("ActiveState"), "active", "started means ready");
    assert_eq!(machine.property("StatusText"), "listening on TCP; 0 sessions");
    assert_hardened(&machine);

    let control = Arc::new(Control::default());
    let pairs: Vec<_> = [1, 3, 5]
        .map(|number| {
            let control = Arc::clone(&control);
            machine.inside(move || pair(number, ABSENT, url(), control))
        })
        .into();
    let going = |machine: &SystemdBox| {
        let before = control.delivered.load(Ordering::Relaxed);
        machine.until("messages that are delivered", |_| {
            (control.delivered.load(Ordering::Relaxed) >= before + 200).then_some(())
        });
    };
    let mut fetched = BTreeSet::new();
    let mut epochs = BTreeSet::new();
    let mut process = machine.property("MainPID");
    going(&machine);
    machine.until("a count of the sessions", |machine| {
        machine.property("StatusText").ends_with("; 6 sessions").then_some(())
    });
    for (treat, result) in [
        (&["restart"][..], "success"),
        (&["kill", "--signal=KILL", "--kill-whom=main"], "signal"),
        // Nobody feeds the watchdog.
        (&["kill", "--signal=STOP", "--kill-whom=main"], "watchdog"),
    ] {
        going(&machine);
        machine.systemctl(treat);
        // It is to be seen for as long as the manager waits before it starts it again.
        machine.until(result, |machine| (machine.property("Result") == result).then_some(()));
        process = machine.restarted(&process);
        let (more, epoch) = machine.inside(|| fetch(ABSENT, url())).join().unwrap();
        fetched.extend(more);
        epochs.insert(epoch);
        going(&machine);
    }
    assert_eq!(machine.property("NRestarts"), "2", "the manager did it by itself, twice: {}", machine.told());

    control.stop.store(true, Ordering::Relaxed);
    let tallies: Vec<_> = pairs.into_iter().map(|pair| pair.join().unwrap()).collect();
    fetched.extend(machine.inside(|| fetch(ABSENT, url())).join().unwrap().0);
    for tally in tallies {
        assert!(tally.lost >= 3, "it was connected when the server went: {}", tally.lost);
        assert!(tally.short.len() > 10 && tally.kept.len() > 500, "{} {}", tally.short.len(), tally.kept.len());
        assert!(tally.short.iter().any(|id| !fetched.contains(id)), "some expired before they could be fetched");
        let missing: Vec<_> =
            tally.kept.keys().filter(|id| !tally.received.contains(*id) && !fetched.contains(*id)).collect();
        assert!(missing.is_empty(), "accepted, and lost: {missing:?}");
        epochs.extend(tally.epochs);
    }
    assert_eq!(epochs.len(), 1, "the same epoch all the time");
    assert!(!machine.log().contains("damaged"), "{}", machine.log());

    // Stopped for good, it ends well and takes everything with it.
    machine.systemctl(&["stop"]);
    assert_eq!(machine.property("Result"), "success");
    machine.systemctl(&["start"]);
    let (left, epoch) = machine.inside(|| fetch(ABSENT, url())).join().unwrap();
    assert!(left.is_empty() && !epochs.contains(&epoch));
}

/// Checks that what the unit asks for has arrived at the process.
fn assert_hardened(machine: &SystemdBox) {
    assert_eq!(machine.property("NFileDescriptorStore"), "1", "{}", machine.told());
    assert_eq!(machine.process("Seccomp"), "2");
    assert_eq!(machine.process("NoNewPrivs"), "1");
    for capabilities in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(machine.process(capabilities), "0000000000000000", "{capabilities}");
    }
    assert_ne!(machine.process("Uid").split_whitespace().next(), Some("0"));
    let limits = machine.run(&["cat", &format!("/proc/{}/limits", machine.property("MainPID"))]).stdout;
    let limits = String::from_utf8(limits).unwrap();
    let limit = |name: &str| limits.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert!(limit("Max core file size").starts_with("0 "), "{limits}");
    // Where anyone who runs this test may not raise the limit, its systemd cannot either.
    let locked = machine.process("VmLck");
    let unlimited = limit("Max locked memory").starts_with("unlimited");
    assert_eq!(unlimited, !locked.starts_with("0 "), "memory is locked: {locked}");
    if unlimited {
        assert!(!machine.log().contains("memory is not locked"), "{}", machine.log());
    } else {
        machine.logs("memory is not locked");
    }
    let state =
        machine.run(&["stat", "--format=%a %U", "/var/lib/ephemeral-server", "/run/ephemeral-server/admin.sock"]);
    assert_eq!(String::from_utf8(state.stdout).unwrap(), "700 ephemeral\n600 ephemeral\n");
    let asked = machine.run(&["ephemeral-server", "status", "--admin-socket", "/run/ephemeral-server/admin.sock"]);
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
}

/// Returns what `welcome` says of the message rate.
fn rate(machine: &SystemdBox) -> u32 {
    let asking = machine.inside(|| async {
        let identity = Identity::from_seed(&[9; 32]);
        let connected = Connection::connect(&Direct::default(), &url(), &identity, &ConnectOptions::default()).await;
        connected.unwrap().1.limits.messages_per_minute
    });
    asking.join().unwrap()
}

/// Reloads, and waits until the status says so much about it.
fn reload(machine: &SystemdBox, configuration: &str, status: &str) {
    machine.configure(configuration);
    machine.systemctl(&["reload"]);
    machine.until("a status", |machine| machine.property("StatusText").contains(status).then_some(()));
    machine.until("the end of the reload", |machine| (machine.property("ActiveState") == "active").then_some(()));
}

#[test]
fn a_reload_applies_what_can_change_and_says_what_cannot_and_a_broken_file_changes_nothing() {
    let machine = SystemdBox::boot(LOCAL);
    machine.systemctl(&["start"]);
    let process = machine.property("MainPID");
    assert_eq!(rate(&machine), 1_000_000);

    let other = LOCAL.replace("messages_per_minute = 1000000", "messages_per_minute = 1234");
    let other = other.replace("[store]\n", "[store]\ntotal_bytes = 100000000\n") + "[log]\nlevel = 'debug'\n";
    reload(&machine, &other, "some changed settings wait for a restart");
    assert_eq!(rate(&machine), 1234);
    machine.logs("from now on in force: [limits] messages_per_minute, [log] level");
    machine.logs("needs a restart, which loses no message: [store] total_bytes");

    let broken = other.replace("1234", "0") + "[shutdown]\ngrace = 1\n";
    reload(&machine, &broken, "the configuration has 2 problems");
    assert_eq!(rate(&machine), 1234);
    machine.logs("messages_per_minute = 0: must be");
    machine.logs("grace: unknown key");
    machine.logs("the configuration stays as it was");

    reload(&machine, LOCAL, "listening on TCP; ");
    assert_eq!(rate(&machine), 1_000_000);
    machine
        .until("a clean status", |machine| (!machine.property("StatusText").contains("configuration")).then_some(()));
    assert_eq!(machine.property("MainPID"), process, "it is the same process all the time");

    // What a person has to mend is not tried again and again, where nothing is lost by that.
    machine.configure(&broken);
    machine.systemctl(&["stop"]);
    let start = machine.run(&["systemctl", "start", UNIT]);
    assert!(!start.status.success());
    assert_eq!(machine.property("ActiveState"), "failed");
    assert_eq!((machine.property("ExecMainStatus"), machine.property("NRestarts")), ("78".to_owned(), "0".to_owned()));
}

/// Returns a started machine with one message that waits, and the epoch.
fn with_one_waiting(configuration: &str) -> (SystemdBox, String) {
    let machine = SystemdBox::boot(configuration);
    machine.systemctl(&["start"]);
    let sending = machine.inside(|| async {
        let identity = Identity::from_seed(&[9; 32]);
        let connected = Connection::connect(&Direct::default(), &url(), &identity, &ConnectOptions::default()).await;
        let (mut sender, welcome) = connected.unwrap();
        let to = Identity::from_seed(&[ABSENT; 32]).fingerprint();
        sender.send(&serde_json::json!({"id": "one", "to": to, "content": "canary"})).await.unwrap();
        while !matches!(sender.next_event().await.unwrap(), ServerEvent::Accepted { .. }) {}
        welcome.epoch
    });
    let epoch = sending.join().unwrap();
    (machine, epoch)
}

/// Returns how many messages wait for somebody who is absent, and the epoch.
fn waiting(machine: &SystemdBox) -> (usize, String) {
    let (left, epoch) = machine.inside(|| fetch(ABSENT, url())).join().unwrap();
    (left.len(), epoch)
}

/// Returns a command inside, as root without any flag: its exit code, and what it says.
fn asked(machine: &SystemdBox, arguments: &[&str]) -> (Option<i32>, String) {
    let ran = machine.run(&[&["/usr/bin/env", "-i", "HOME=/run/box/home", "ephemeral-server"], arguments].concat());
    (ran.status.code(), String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned())
}

#[test]
fn a_typo_and_a_restart_lose_no_message_until_the_file_is_mended() {
    let (machine, epoch) = with_one_waiting(LOCAL);
    machine.configure(&format!("{LOCAL}[shutdown]\ngrace = 1\n"));
    let restart = machine.run(&["systemctl", "restart", UNIT]);
    assert!(!restart.status.success(), "it says so");
    machine.until("it is tried again", |machine| {
        machine.property("NRestarts").parse::<u32>().is_ok_and(|times| times >= 2).then_some(())
    });
    // Between two tries: while one runs there is no status.
    machine.until("how it ends", |machine| (machine.property("ExecMainStatus") == "75").then_some(()));
    assert_eq!(machine.property("NFileDescriptorStore"), "1", "{}", machine.told());
    machine.logs("it keeps them and tries again until this is mended");
    machine.configure(LOCAL);
    machine.until("an end of the trouble", |machine| (machine.property("ActiveState") == "active").then_some(()));
    assert_eq!(waiting(&machine), (1, epoch));
}

#[test]
fn a_crash_and_panic_before_the_restart_restore_nothing() {
    let (machine, epoch) = with_one_waiting(LOCAL);
    // Long enough for a person.
    machine.write(&format!("/run/box/units/{UNIT}.d/slow.conf"), "[Service]\nRestartSec=10\n", 0o644);
    assert!(machine.run(&["systemctl", "daemon-reload"]).status.success());
    let process = machine.property("MainPID");
    machine.systemctl(&["kill", "--signal=KILL", "--kill-whom=main"]);
    machine.until("the delay", |machine| (machine.property("SubState") == "auto-restart").then_some(()));
    let (code, said) = asked(&machine, &["panic", "--yes"]);
    assert_eq!(code, Some(74), "{said}");
    for part in ["/var/lib/ephemeral-server/wipe is left", "`systemctl stop ephemeral-server` drops it now"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(machine.property("NFileDescriptorStore"), "1", "systemd holds it still");
    machine.restarted(&process);
    let (left, now) = waiting(&machine);
    assert_eq!(left, 0, "the mark is obeyed before anything is restored");
    assert_ne!(now, epoch);
    let mark = machine.run(&["test", "-e", "/var/lib/ephemeral-server/wipe"]);
    assert!(!mark.status.success(), "it is obeyed once");
}

#[test]
fn panic_reaches_what_is_kept_although_the_setting_says_that_nothing_survives() {
    let (machine, epoch) = with_one_waiting(LOCAL);
    let process = machine.property("MainPID");
    machine.configure(&LOCAL.replace("[store]\n", "[store]\nsurvive_restart = false\n"));
    machine.systemctl(&["restart"]);
    machine.restarted(&process);
    let (code, said) = asked(&machine, &["panic", "--yes"]);
    assert_eq!(code, Some(0), "root without a flag finds the service: {said}");
    assert!(said.contains("of the server on /var/lib/ephemeral-server"), "{said}");
    let process = machine.property("MainPID");
    machine.configure(LOCAL);
    machine.systemctl(&["restart"]);
    machine.restarted(&process);
    let (left, now) = waiting(&machine);
    assert_eq!(left, 0, "what was kept before is not restored");
    assert_ne!(now, epoch);
}

#[test]
fn panic_with_keys_finds_the_service_and_refuses_where_root_has_an_identity_of_its_own() {
    let (machine, _) = with_one_waiting(LOCAL);
    machine.systemctl(&["stop"]);
    machine.write("/var/lib/ephemeral-server/tor/state/keystore/key", "secret", 0o600);
    let own = asked(&machine, &["address"]);
    assert_eq!(own.0, Some(0), "{}", own.1);
    let (code, said) = asked(&machine, &["panic", "--keys", "--yes"]);
    assert_eq!(code, Some(1), "{said}");
    for directory in ["/run/box/home/.local/share/ephemeral-server", "/var/lib/ephemeral-server"] {
        assert!(said.contains(&format!("--state-dir {directory}")), "{said}");
    }
    assert!(machine.run(&["rm", "-r", "/run/box/home/.local/share/ephemeral-server"]).status.success());
    let (code, said) = asked(&machine, &["panic", "--keys", "--yes"]);
    assert_eq!(code, Some(74), "systemd may hold what waits: {said}");
    assert!(said.contains("the identity in /var/lib/ephemeral-server is gone"), "{said}");
}

/// Returns a command inside, as the service's user without any flag: its exit code, and what it
/// says.
fn asked_as_service(machine: &SystemdBox, arguments: &[&str]) -> (Option<i32>, String) {
    let user = ["/usr/bin/setpriv", "--reuid=ephemeral", "--regid=ephemeral", "--clear-groups"];
    let alone = ["/usr/bin/env", "-i", "HOME=/nonexistent", "ephemeral-server"];
    let ran = machine.run(&[&user[..], &alone, arguments].concat());
    (ran.status.code(), String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned())
}

#[test]
fn the_services_own_user_finds_the_service_as_root_does_whether_it_runs_or_not() {
    let (machine, epoch) = with_one_waiting(LOCAL);
    for arguments in [&["health"][..], &["check-in"], &["status"]] {
        let (code, said) = asked_as_service(&machine, arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    }
    let (code, said) = asked_as_service(&machine, &["panic", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 messages, of the server on /var/lib/ephemeral-server"), "{said}");
    let (left, now) = waiting(&machine);
    assert_eq!(left, 0);
    assert_ne!(now, epoch);

    machine.systemctl(&["stop"]);
    machine.write("/var/lib/ephemeral-server/tor/state/keystore/key", "secret", 0o600);
    let owned = machine.run(&["chown", "-R", "ephemeral:", "/var/lib/ephemeral-server/tor"]);
    assert!(owned.status.success(), "{owned:?}");
    let (code, said) = asked_as_service(&machine, &["panic", "--keys", "--yes"]);
    assert_eq!(code, Some(74), "systemd may hold what waits: {said}");
    assert!(said.contains("the identity in /var/lib/ephemeral-server is gone"), "{said}");
}

#[test]
fn a_server_that_could_not_erase_its_identity_is_not_started_again() {
    let (machine, _) = with_one_waiting(LOCAL);
    // Root's own file: the server can neither overwrite nor remove it.
    machine.write("/var/lib/ephemeral-server/tor/state/keystore/key", "secret", 0o600);
    let (code, said) = asked(&machine, &["panic", "--keys", "--yes"]);
    assert_eq!(code, Some(74), "{said}");
    assert!(said.contains("everything that waited is erased, but not the whole identity"), "{said}");
    assert!(said.contains("/var/lib/ephemeral-server/tor/state/keystore"), "{said}");
    machine.until("its end", |machine| (machine.property("ActiveState") == "failed").then_some(()));
    assert_eq!(machine.property("ExecMainStatus"), "74", "{}", machine.told());
    assert_eq!((machine.property("NRestarts"), machine.property("NFileDescriptorStore")), ("0".into(), "0".into()));
}

/// Returns a certificate for `localhost`, in PEM. Anyone who trusts one of this name and key,
/// trusts another one.
fn certificate(name: &str, key: &KeyPair) -> String {
    let mut certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    certificate.distinguished_name.push(DnType::CommonName, name);
    certificate.self_signed(key).unwrap().pem()
}

/// Returns what a page of `origin` is answered over TLS with this certificate; or why not.
fn ask(machine: &SystemdBox, certificate: &str, origin: &str) -> std::io::Result<String> {
    let certificate = certificate.to_owned();
    let origin = origin.to_owned();
    let asking = machine.inside(|| async move {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), certificate)?;
        let stream = tokio::net::TcpStream::connect("127.0.0.1:8443").await?;
        let mut stream = tls::handshake(file.path(), stream).await?;
        let request =
            format!("GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    });
    asking.join().unwrap()
}

#[test]
fn a_key_that_only_root_may_read_serves_tls_and_a_reload_takes_another_certificate_and_other_origins() {
    let machine = SystemdBox::boot("");
    let key = KeyPair::generate().unwrap();
    let first = certificate("first", &key);
    let next = certificate("next", &key);
    let stray = certificate("stray", &KeyPair::generate().unwrap());
    let a = "https://a.example";
    let b = "https://b.example";
    let configuration = format!(
        "{LOCAL}[clearnet]\nlisten = '127.0.0.1:8443'\ntls_cert = '/etc/ephemeral-server/chat.pem'\n\
         tls_key = '/run/credentials/{UNIT}/tls_key'\nallowed_origins = ['{a}']\n"
    )
    .replacen("[clearnet]\nlisten = '127.0.0.1:8443'\n", "", 1);
    machine.write("/etc/ssl/private/chat.key", &key.serialize_pem(), 0o600);
    machine.write("/etc/ephemeral-server/chat.pem", &first, 0o644);
    let unit = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(UNIT)).unwrap();
    let example = unit.lines().find_map(|line| line.strip_prefix("#LoadCredential=")).unwrap();
    let drop_in = format!("[Service]\nLoadCredential={}\n", example.replace("chat.example.pem", "chat.key"));
    machine.write(&format!("/run/box/units/{UNIT}.d/credential.conf"), &drop_in, 0o644);
    machine.configure(&configuration);
    assert!(machine.run(&["systemctl", "daemon-reload"]).status.success());
    machine.systemctl(&["start"]);
    let answer = ask(&machine, &first, a).unwrap();
    assert!(answer.contains(&format!("access-control-allow-origin: {a}\r\n")), "{answer}");
    assert!(ask(&machine, &first, b).unwrap().starts_with("HTTP/1.1 403 "));

    machine.write("/etc/ephemeral-server/chat.pem", &next, 0o644);
    reload(&machine, &configuration.replace(a, b), "listening on TCP; ");
    machine.until("the next certificate", |machine| ask(machine, &next, b).ok());
    assert!(ask(&machine, &first, b).is_err(), "the one before is not served any more");
    let answer = ask(&machine, &next, b).unwrap();
    assert!(answer.contains(&format!("access-control-allow-origin: {b}\r\n")), "{answer}");
    assert!(ask(&machine, &next, a).unwrap().starts_with("HTTP/1.1 403 "));

    // A certificate that is not the key's changes nothing.
    machine.write("/etc/ephemeral-server/chat.pem", &stray, 0o644);
    reload(&machine, &configuration, "the configuration has 1 problem, see the log");
    machine.logs("is not the key of");
    assert!(ask(&machine, &next, b).unwrap().starts_with("HTTP/1.1 200 "), "as before");
}

#[test]
fn without_a_network_the_onion_service_starts_under_the_sandbox_and_is_not_ready() {
    let machine = SystemdBox::boot("");
    machine.systemctl(&["start", "--no-block"]);
    let hint = "`ephemeral-server address` prints it";
    machine.logs(hint);
    assert!(!machine.said().contains(".onion") && !machine.log().contains("onion http"), "{}", machine.said());
    machine.until("a status", |machine| machine.property("StatusText").starts_with("starting: Tor").then_some(()));
    assert_eq!(machine.property("ActiveState"), "activating", "{}", machine.told());
    assert_eq!(machine.property("NRestarts"), "0");
    machine.systemctl(&["stop"]);
    assert_eq!(machine.property("Result"), "success", "{}", machine.told());
}
