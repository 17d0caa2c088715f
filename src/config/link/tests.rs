//! What makes a machine a hub or a front, and what is said about one that is neither.

use super::super::Flags;
use super::super::tests::{load, problem};
use crate::transport::link::HubConfig;

/// Returns the hub of the file with everything in it.
pub(in crate::config) fn hub() -> HubConfig {
    let fronts = vec![format!("{:064}", 1).parse().expect("a key")];
    HubConfig { listen: "192.0.2.1:7443".parse().expect("an address"), fronts }
}

/// A machine that is a front.
pub(in crate::config) const FRONT: &str = "[front]\nhub = '192.0.2.1:7443'\nhub_key = '\
                     0000000000000000000000000000000000000000000000000000000000000002'\n";

const CLUSTER: &str = "[cluster]\nnats = ['127.0.0.1:4222']\nnode = 'a'\nsecret_file = '/cluster.secret'\n";

#[test]
fn a_front_names_its_hub_and_the_hubs_key() {
    let front = load(FRONT, &[], Flags::default()).expect("valid").front.expect("a front");
    let [hub] = front.hubs.as_slice() else { panic!("{front:?}") };
    assert_eq!(hub.address, "192.0.2.1:7443".parse().expect("an address"));
    assert_eq!(hub.key.to_string(), format!("{:064}", 2));
    let shown = load(FRONT, &[], Flags::default()).expect("valid").to_toml();
    assert!(shown.contains("[front]\nhub = \"192.0.2.1:7443\"\n"), "{shown}");
    let hub = format!("[hub]\nlisten = '[::1]:1'\nfronts = ['{:064}']\n", 1);
    for (text, says) in [
        (format!("{FRONT}{hub}"), "a hub or a front, and not both"),
        (format!("{FRONT}{CLUSTER}"), "a front holds no messages"),
        (format!("{FRONT}[onion]\nnodes = ['wss://a.example']"), "has no effect on a front"),
        ("[front]\nhub = '192.0.2.1:7443'".to_owned(), "needs hub_key as well"),
        ("[front]\nhub = 'a.example'".to_owned(), "must be an IP address with a port"),
        ("[front]\nhub = '192.0.2.1:0'".to_owned(), "must be an IP address with a port"),
        (format!("[front]\nhub_key = '{:064}'", 1), "has no effect without hub"),
        ("[front]\nhub_key = 'x'".to_owned(), "64 hex digits"),
        ("[hub]\nlisten = '[::1]:1'".to_owned(), "has no effect without fronts"),
        (format!("[hub]\nfronts = ['{:064}']", 1), "has no effect without listen"),
        (hub.replace("']", &format!("', '{:064}']", 1)), "each once"),
    ] {
        let problem = problem(&text);
        assert!(problem.contains(says), "{text}: {problem}");
    }
}

#[test]
fn a_front_may_name_the_machines_of_a_cluster_each_with_its_key() {
    let keys = format!("hub_key = ['{:064}', '{:064}']\n", 2, 3);
    let two = format!("[front]\nhub = ['192.0.2.1:1', '[2001:db8::1]:1']\n{keys}");
    let config = load(&two, &[], Flags::default()).expect("valid");
    let hubs = config.front.clone().expect("a front").hubs;
    assert_eq!(hubs.iter().map(|hub| hub.address.to_string()).collect::<Vec<_>>(), ["192.0.2.1:1", "[2001:db8::1]:1"]);
    assert_eq!(hubs.iter().map(|hub| hub.key.to_string()).collect::<Vec<_>>(), [2, 3].map(|key| format!("{key:064}")));
    assert_eq!(load(&config.to_toml(), &[], Flags::default()).as_ref(), Ok(&config), "{}", config.to_toml());
    for (text, says) in [
        (two.replace("'[2001:db8::1]:1'", "'192.0.2.1:1'"), "in the same order, each once"),
        (two.replace(&format!("{:064}", 3), &format!("{:064}", 2)), "in the same order, each once"),
        (two.replace(", '[2001:db8::1]:1'", ""), "in the same order, each once"),
        (format!("[front]\nhub = []\n{keys}"), "a list of 1 to 16"),
    ] {
        let problem = problem(&text);
        assert!(problem.contains(says), "{text}: {problem}");
    }
}

#[test]
fn the_fronts_of_a_cluster_connect_where_its_machines_do() {
    let cluster = format!("{CLUSTER}link = '127.0.0.1:7443'\n");
    let hub = format!("[hub]\nfronts = ['{:064}']\n", 1);
    let config = load(&format!("{cluster}{hub}"), &[], Flags::default()).expect("valid");
    assert_eq!(config.hub.as_ref().expect("a hub").listen, "127.0.0.1:7443".parse().expect("an address"));
    assert_eq!(load(&config.to_toml(), &[], Flags::default()).as_ref(), Ok(&config), "{}", config.to_toml());
    let other = problem(&format!("{cluster}{hub}listen = '127.0.0.1:1'\n"));
    assert!(other.contains("another address than link in [cluster]"), "{other}");
}

#[test]
fn the_shipped_file_says_how_to_make_a_front() {
    let shipped = include_str!("../../../systemd/ephemeral-server.toml");
    for line in ["\n[front]\n", "\n# hub = ", "\n# hub_key = "] {
        assert!(shipped.contains(line), "{line}");
    }
}
