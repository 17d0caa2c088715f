//! Two machines of a cluster, and its three NATS servers, as the shipped units run them.

use std::collections::BTreeSet;
use std::path::Path;

use ephemeral_client::{ConnectOptions, Connection, Direct, Identity, ServerUrl};
use ephemeral_core::protocol::ServerEvent;
use ephemeral_test_support::nats;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;

use super::ABSENT;
use super::booted::SystemdBox;
use super::load::fetch;

/// The machines, by the names of their units.
const MACHINES: [&str; 2] = ["ephemeral-server", "ephemeral-other"];
const FOLDER: &str = "/etc/ephemeral-server";
/// Messages that wait.
const MESSAGES: usize = 50;

/// Returns the configuration of one of the machines: each listens on ports of its own.
fn configuration(number: usize) -> String {
    let port = |base: usize| base + number;
    format!(
        "[onion]\nenabled = false\n[clearnet]\nlisten = '127.0.0.1:{}'\n[cluster]\nnode = 'm{number}'\nlink = '127.0.0.1:{}'\n\
         nats = ['127.0.0.1:4220', '127.0.0.1:4221', '127.0.0.1:4222']\nsecret_file = '/etc/ephemeral-server/cluster.secret'\n\
         tls_ca = '{FOLDER}/nats-ca.pem'\ntls_cert = '{FOLDER}/nats-cert.pem'\ntls_key = '{FOLDER}/nats-key.pem'\n",
        port(8443),
        port(7443)
    )
}

fn url(number: usize) -> ServerUrl {
    format!("http://127.0.0.1:{}", 8443 + number).parse().unwrap()
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)).unwrap()
}

/// Runs a command inside, which has to succeed.
fn does(machine: &SystemdBox, command: &[&str]) -> String {
    let ran = machine.run(command);
    assert!(ran.status.success(), "{command:?}: {}\n{}", String::from_utf8_lossy(&ran.stderr), machine.told());
    String::from_utf8(ran.stdout).unwrap()
}

/// Puts the certificates there: one of an authority, which machines and NATS servers show.
fn install_certificates(machine: &SystemdBox) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_cert = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    machine.write(&format!("{FOLDER}/nats-ca.pem"), &authority_cert.pem(), 0o644);
    machine.write(&format!("{FOLDER}/nats-cert.pem"), &cert.pem(), 0o644);
    machine.write(&format!("{FOLDER}/nats-key.pem"), &key.serialize_pem(), 0o600);
    does(machine, &["chown", "ephemeral", &format!("{FOLDER}/nats-key.pem")]);
}

/// Starts the shipped unit three times, with the shipped configuration.
fn start_nats(machine: &SystemdBox) {
    machine.write("/run/box/nats.sysusers", &shipped("ephemeral-nats.sysusers"), 0o644);
    does(machine, &["systemd-sysusers", "/run/box/nats.sysusers"]);
    let program = nats::program();
    for number in 0..3 {
        let unit = format!("ephemeral-nats-{number}");
        let text = shipped("ephemeral-nats.service")
            .replace("/usr/bin/nats-server", "/run/nats-server")
            .replace("nats.conf", &format!("nats-{number}.conf"))
            .replace("StateDirectory=ephemeral-nats", &format!("StateDirectory={unit}"));
        machine.write(&format!("/run/box/units/{unit}.service"), &text, 0o644);
        let routes = (0..3).map(|other| format!("\"tls://127.0.0.1:{}\"", 6220 + other)).collect::<Vec<_>>().join(", ");
        let text = shipped("ephemeral-nats.conf")
            .replace("\"tls://10.0.0.1:6222\", \"tls://10.0.0.2:6222\", \"tls://10.0.0.3:6222\"", &routes)
            .replace("server_name: a", &format!("server_name: n{number}"))
            .replace("10.0.0.1:4222", &format!("127.0.0.1:{}", 4220 + number))
            .replace("10.0.0.1:6222", &format!("127.0.0.1:{}", 6220 + number))
            .replace("ephemeral-nats.service", &format!("{unit}.service"))
            .replace("/var/lib/ephemeral-nats", &format!("/var/lib/{unit}"));
        machine.write(&format!("{FOLDER}/nats-{number}.conf"), &text, 0o644);
    }
    // The program may be where the unit sees nothing.
    does(machine, &["cp", program.to_str().unwrap(), "/run/nats-server"]);
    does(machine, &["systemctl", "daemon-reload"]);
    for number in 0..3 {
        does(machine, &["systemctl", "start", &format!("ephemeral-nats-{number}")]);
    }
}

/// Makes a unit of the second machine out of the shipped one, and starts both.
fn start_machines(machine: &SystemdBox) {
    let [_, other] = MACHINES;
    let text = shipped("ephemeral-server.service")
        .replace("Directory=ephemeral-server", &format!("Directory={other}"))
        .replace("/etc/ephemeral-server/ephemeral-server.toml", &format!("/etc/{other}/ephemeral-server.toml"));
    machine.write(&format!("/run/box/units/{other}.service"), &text, 0o644);
    machine.write(&format!("/etc/{other}/ephemeral-server.toml"), &configuration(1), 0o644);
    let secret = format!("{FOLDER}/cluster.secret");
    does(machine, &["ephemeral-server", "cluster", "secret", &secret]);
    does(machine, &["chown", "ephemeral", &secret]);
    does(machine, &["systemctl", "daemon-reload"]);
    does(machine, &[&["systemctl", "start"][..], &MACHINES].concat());
}

/// Returns a property of a unit.
fn property(machine: &SystemdBox, unit: &str, name: &str) -> String {
    does(machine, &["systemctl", "show", "--value", "--property", name, unit]).trim().to_owned()
}

/// Returns the figures of a machine's `status`; `None`: it does not answer yet.
fn status(machine: &SystemdBox, unit: &str) -> Option<serde_json::Value> {
    let socket = format!("/run/{unit}/admin.sock");
    let asked = machine.run(&["ephemeral-server", "status", "--json", "--admin-socket", &socket]);
    serde_json::from_slice(&asked.stdout).ok()
}

/// Waits until one machine is active, and both have the keys.
fn settled(machine: &SystemdBox) {
    machine.until("a cluster", |machine| {
        let all: Vec<_> = MACHINES.iter().filter_map(|unit| status(machine, unit)).collect();
        let active = all.iter().filter(|figures| figures["cluster"]["role"] == "active").count();
        let have_keys = all.iter().all(|figures| figures["cluster"]["has_keys"] == true);
        (all.len() == 2 && active == 1 && have_keys).then_some(())
    });
}

/// Sends messages to somebody who is absent. Returns their ids, and the epoch.
fn send(machine: &SystemdBox, name: &'static str) -> (BTreeSet<String>, String) {
    let sending = machine.inside(move || async move {
        let identity = Identity::from_seed(&[9; 32]);
        // While a machine that stands by does not reach the active one, it sends people away.
        let (mut sender, welcome) = loop {
            match Connection::connect(&Direct::default(), &url(0), &identity, &ConnectOptions::default()).await {
                Ok(connected) => break connected,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            }
        };
        let to = Identity::from_seed(&[ABSENT; 32]).fingerprint();
        let mut accepted = BTreeSet::new();
        for number in 0..MESSAGES {
            sender.send(&json!({"id": format!("{name}-{number}"), "to": to, "content": "canary"})).await.unwrap();
        }
        while accepted.len() < MESSAGES {
            if let ServerEvent::Accepted { id, .. } = sender.next_event().await.unwrap() {
                accepted.insert(id);
            }
        }
        (accepted, welcome.epoch)
    });
    sending.join().unwrap()
}

/// Fetches what waits, by the active machine. Returns it, and the epoch.
fn fetched(machine: &SystemdBox) -> (BTreeSet<String>, String) {
    let active = machine.until("an active machine", |machine| {
        let is_active = |unit| status(machine, unit).is_some_and(|figures| figures["cluster"]["role"] == "active");
        MACHINES.iter().position(|unit| is_active(unit))
    });
    machine.inside(move || fetch(ABSENT, url(active))).join().unwrap()
}

#[test]
fn all_machines_of_a_cluster_are_started_again_at_once_and_systemd_keeps_the_keys_of_what_waits() {
    let machine = SystemdBox::boot(&configuration(0));
    install_certificates(&machine);
    start_nats(&machine);
    start_machines(&machine);
    settled(&machine);
    let (ids, epoch) = send(&machine, "restarted");
    let before = MACHINES.map(|unit| property(&machine, unit, "MainPID"));
    for unit in MACHINES {
        assert_eq!(property(&machine, unit, "NFileDescriptorStore"), "1", "{unit}: {}", machine.told());
    }
    does(&machine, &[&["systemctl", "restart"][..], &MACHINES].concat());
    for (unit, before) in MACHINES.iter().zip(&before) {
        assert_ne!(property(&machine, unit, "MainPID"), *before);
    }
    settled(&machine);
    assert_eq!(fetched(&machine), (ids, epoch.clone()), "nothing is lost, and it is the same epoch");
    machine.logs("the keys of the journal are taken over from an earlier process");

    // Both are killed at once: the manager starts them again by itself.
    let (ids, _) = send(&machine, "killed");
    let before = MACHINES.map(|unit| property(&machine, unit, "MainPID"));
    does(&machine, &[&["systemctl", "kill", "--signal=KILL", "--kill-whom=main"][..], &MACHINES].concat());
    for (unit, before) in MACHINES.iter().zip(&before) {
        machine.until("another process", |machine| {
            let now = property(machine, unit, "MainPID");
            (now != *before && now != "0").then_some(())
        });
    }
    settled(&machine);
    assert_eq!(fetched(&machine), (ids, epoch.clone()));

    // Stopped for good, they take the keys along.
    send(&machine, "stopped");
    does(&machine, &[&["systemctl", "stop"][..], &MACHINES].concat());
    does(&machine, &[&["systemctl", "start"][..], &MACHINES].concat());
    settled(&machine);
    let (left, now) = fetched(&machine);
    assert_eq!(left.len(), 0, "nobody can read what NATS has");
    assert_ne!(now, epoch);
}
