//! What the table says, and what is said about one that is wrong.

use crate::cluster::{self, NatsAddress, NatsTls};
use crate::config::{Config, Flags};

/// Returns what a table with every key is.
pub(in crate::config) fn everything() -> cluster::Config {
    cluster::Config {
        node: "a".into(),
        nats: ["10.0.0.1:4222", "nats-2.example:4222"].map(|at| NatsAddress::parse(at).expect("an address")).to_vec(),
        secret_file: "/etc/secret".into(),
        link: Some("192.0.2.1:7443".parse().expect("an address")),
        link_announced: Some("198.51.100.1:7443".parse().expect("an address")),
        tls: Some(NatsTls { ca: "/etc/ca.pem".into(), cert: "/etc/cert.pem".into(), key: "/etc/key.pem".into() }),
    }
}

fn load(table: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, format!("[cluster]\n{table}")).unwrap();
    let flags = Flags { config: Some(path), state_dir: Some("/state".into()), ..Flags::default() };
    Config::load(&flags, &|_| None).map_err(|error| error.to_string())
}

const THREE: &str =
    "nats = ['10.0.0.1:4222', 'b.example:4222', '[2001:db8::1]:4222']\nnode = 'a'\nsecret_file = '/s'\n";
const TLS: &str = "tls_ca = '/ca'\ntls_cert = '/c'\ntls_key = '/k'\n";

#[test]
fn without_the_table_a_server_is_the_only_one() {
    assert_eq!(load("").unwrap().cluster, None);
}

#[test]
fn a_cluster_off_loopback_has_certificates_on_both_sides() {
    let config = load(&format!("{THREE}{TLS}")).unwrap().cluster.unwrap();
    assert_eq!((config.nats.len(), config.node.as_str()), (3, "a"));
    assert!(config.tls.is_some());
    assert!(load(THREE).unwrap_err().contains("off loopback without TLS"));
    let local = THREE.replace("10.0.0.1", "127.0.0.1").replace("b.example", "localhost").replace("2001:db8::1", "::1");
    assert_eq!(load(&local).unwrap().cluster.unwrap().tls, None);
    let two = TLS.replace("tls_key = '/k'\n", "");
    assert!(load(&format!("{THREE}{two}")).unwrap_err().contains("needs the other two"));
}

#[test]
fn each_setting_is_read_exactly_and_none_is_without_effect() {
    for (table, says) in [
        ("nats = ['10.0.0.1']", "must be a list of at most 16 addresses"),
        ("nats = ['10.0.0.1:0']", "must be a list of at most 16 addresses"),
        ("nats = ['nats://10.0.0.1:4222']", "must be a list of at most 16 addresses"),
        ("node = 'A'", "must be 1 to 32 of a-z, 0-9 and -"),
        ("node = 'a'", "has no effect without nats"),
        ("link = '10.0.0.1:7443'", "has no effect without nats"),
        ("link = 'a.example:7443'", "at which this machine listens for the others"),
        ("link_announced = '198.51.100.1:7443'", "has no effect without nats"),
        ("link_announced = '0.0.0.0:7443'", "at which the other machines reach this one"),
        ("link_announced = '198.51.100.1:0'", "at which the other machines reach this one"),
        ("tls_ca = '/ca'", "has no effect without nats"),
        ("secret_file = ''", "must be the path of a file"),
        ("nats = ['127.0.0.1:4222']\nsecret_file = '/s'", "needs node as well"),
        ("nats = ['127.0.0.1:4222']\nnode = 'a'", "needs secret_file as well"),
    ] {
        let problem = load(table).unwrap_err();
        assert!(problem.contains(says), "{table}: {problem}");
    }
}

#[test]
fn behind_nat_a_machine_listens_at_one_address_and_is_reached_at_another() {
    let with = |link: &str| load(&format!("{THREE}{TLS}{link}"));
    let nat = with("link = '0.0.0.0:7443'\nlink_announced = '198.51.100.1:17443'").unwrap().cluster.unwrap();
    assert_eq!(nat.link.map(|at| at.to_string()).as_deref(), Some("0.0.0.0:7443"));
    assert_eq!(nat.link_announced.map(|at| at.to_string()).as_deref(), Some("198.51.100.1:17443"));
    assert!(with("link = '[::]:7443'").unwrap_err().contains("give that one as link_announced"));
    assert!(with("link_announced = '198.51.100.1:7443'").unwrap_err().contains("has no effect without link"));
}

#[test]
fn a_machine_may_be_called_as_its_host_is() {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let of_host = THREE.replace("node = 'a'", "node = '@hostname'");
    assert!(of_host != THREE, "{THREE}");
    match load(&format!("{of_host}{TLS}")) {
        Ok(config) => assert_eq!(config.cluster.unwrap().node, host.trim().to_ascii_lowercase()),
        // A host may have a name that a machine of a cluster may not.
        Err(error) => assert!(error.contains("@hostname"), "{error}"),
    }
}

#[test]
fn a_cluster_that_is_shown_is_the_same_when_it_is_read() {
    let config = load(&format!("{THREE}{TLS}link = '[2001:db8::1]:7443'\n")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, config.to_toml()).unwrap();
    let flags = Flags { config: Some(path), state_dir: Some("/state".into()), ..Flags::default() };
    assert_eq!(Config::load(&flags, &|_| None).unwrap(), config);
}

#[test]
fn the_machines_of_a_cluster_ask_nobody_for_proof_of_work() {
    let local = "nats = ['127.0.0.1:4222']\nnode = 'a'\nsecret_file = '/s'\n";
    let onion = |more: &str| load(&format!("{local}[onion]\n{more}"));
    for said in ["", "proof_of_work = false\n"] {
        assert!(!onion(said).unwrap().onion.unwrap().proof_of_work);
    }
    let problem = onion("proof_of_work = true\n").unwrap_err();
    assert!(problem.contains("proof_of_work = true: beside [cluster]: each machine would ask"), "{problem}");
}
