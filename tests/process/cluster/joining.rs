//! A new machine fetches the service's key from one that has it: `cluster invite` and
//! `cluster join`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use ephemeral::cluster::joining::JoinCode;
use ephemeral_test_support::client::private;
use ephemeral_test_support::daemon::Daemon;
use ephemeral_test_support::nats::Trio;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::sleep;

use super::people::{AGAIN, PATIENCE};
use crate::SERVER;

/// A network of Tor that is not there.
const NOWHERE: &str = "[tor.tor_network]\nauthorities = { v3idents = ['0000000000000000000000000000000000000001'], \
                       uploads = [['127.0.0.1:1']], downloads = [['127.0.0.1:1']], votes = [['127.0.0.1:1']] }\n\
                       fallback_caches = []\n[tor.storage.permissions]\ndangerously_trust_everyone = true\n";
/// Where the key is below the state directory, as the guide says.
const KEY: &str = "tor/state/keystore/hss/ephemeral/ks_hs_id.ed25519_expanded_private";
const ALICE: &str = "descriptor:x25519:ZAALVFJ7RR25HHMT5SVLBEY7ADA7WYJMAIXA2KKQHVBRTBZ6ST4A";

/// NATS servers, and folders of machines with an onion service each.
pub(super) struct Machines {
    nats: Trio,
    home: TempDir,
}

impl Machines {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let nats = Trio::start(home.path());
        let machines = Self { nats, home };
        for node in ["a", "b", "c"] {
            machines.configure(node);
        }
        machines
    }

    fn folder(&self, node: &str) -> PathBuf {
        self.home.path().join(node)
    }

    fn configure(&self, node: &str) -> String {
        let folder = self.folder(node);
        std::fs::create_dir_all(&folder).unwrap();
        let secret = folder.join("secret");
        private(&secret, &[7; 32]);
        let nats = self.nats.addresses();
        let text = format!("[cluster]\nnats = {nats}\nnode = \"{node}\"\nsecret_file = {secret:?}\n{NOWHERE}");
        std::fs::write(folder.join("ephemeral-server.toml"), &text).unwrap();
        text
    }

    pub(super) fn start(&self, node: &str, arguments: &[&str]) -> Daemon {
        Daemon::start(SERVER, &self.folder(node), &self.configure(node), arguments)
    }

    /// Runs a command on a machine, with this on its stdin. Returns its exit code, stdout and
    /// stderr.
    pub(super) async fn run(&self, node: &str, arguments: &[&str], input: &str) -> (i32, String, String) {
        let folder = self.folder(node);
        let mut command = Command::new(SERVER);
        command.env_clear().env("HOME", &folder).arg("--config").arg(folder.join("ephemeral-server.toml"));
        command.arg("--state-dir").arg(folder.join("state")).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may have ended without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
        let output = child.wait_with_output().await.unwrap();
        let [said, complained] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code().unwrap(), said.trim().to_owned(), complained)
    }

    pub(super) async fn address(&self, node: &str) -> String {
        let (code, address, complained) = self.run(node, &["address"], "").await;
        assert_eq!(code, 0, "{complained}");
        address
    }

    /// Invites a machine, as soon as the one that is asked has reached NATS.
    async fn invite(&self, node: &str) -> String {
        let begun = Instant::now();
        loop {
            let (code, said, complained) = self.run(node, &["cluster", "invite"], "").await;
            if code == 0 {
                return said;
            }
            assert!(begun.elapsed() < PATIENCE, "{code}: {complained}");
            sleep(AGAIN).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_machine_is_given_the_key_for_a_code_and_nobody_is_for_another_or_a_spent_one() {
    let machines = Machines::new();
    let (code, _, complained) = machines.run("a", &["clients", "add", "alice", ALICE], "").await;
    assert_eq!(code, 0, "{complained}");
    let address = machines.address("a").await;
    let running = machines.start("a", &[]);
    let good = machines.invite("a").await;

    let other = JoinCode::generate().unwrap().written();
    let (code, _, complained) = machines.run("b", &["cluster", "join", &other], "").await;
    assert!(code == 1 && complained.contains("no machine answers to this code"), "{code}: {complained}");
    let (code, _, complained) = machines.run("b", &["cluster", "join", good.get(..38).unwrap()], "").await;
    assert!(code == 78 && complained.contains("this is no code"), "{code}: {complained}");
    let (code, said, complained) = machines.run("b", &["cluster", "join", "-"], &format!("{good}\n")).await;
    assert_eq!((code, said), (0, address.clone()), "{complained}");
    assert_eq!(machines.address("b").await, address);
    let log = running.logs("the code is spent").await;
    assert!(log.contains("with a wrong code") && !log.contains(&good) && !log.contains(&address), "{log}");
    let key = machines.folder("b").join("state").join(KEY);
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(key.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let (_, clients, _) = machines.run("b", &["clients", "list"], "").await;
    assert_eq!(clients, format!("alice {ALICE}"));

    let (code, _, complained) = machines.run("c", &["cluster", "join", &good], "").await;
    assert!(code == 1 && complained.contains("no machine answers to this code"), "{code}: {complained}");
    assert!(!machines.folder("c").join("state").join(KEY).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_there_is_kept_and_the_same_one_is_nothing_to_do() {
    let machines = Machines::new();
    let address = machines.address("a").await;
    let _running = machines.start("a", &[]);
    let own = machines.address("c").await;
    let (code, _, complained) = machines.run("c", &["cluster", "join", &machines.invite("a").await], "").await;
    assert_eq!(code, 1, "{complained}");
    for word in [KEY, &*own, &*address, "keys export"] {
        assert!(complained.contains(word), "{word}: {complained}");
    }
    assert_eq!(machines.address("c").await, own);

    for is_new in [true, false] {
        let code = machines.invite("a").await;
        let (code, said, complained) = machines.run("b", &["cluster", "join", "--json", &code], "").await;
        assert_eq!(code, 0, "{complained}");
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said, serde_json::json!({"address": address, "is_new": is_new, "clients": 0}));
        assert_eq!(complained.contains("nothing to do"), !is_new, "{complained}");
    }
    // A server that runs there is in the way, and the code is still good.
    let invited = machines.invite("a").await;
    let mut running = machines.start("b", &[]);
    running.says("onion ").await;
    let (code, _, complained) = machines.run("b", &["cluster", "join", &invited], "").await;
    assert!(code == 1 && complained.contains("stop it first"), "{code}: {complained}");
    running.signal(Signal::KILL);
    running.ended().await;
    let (code, said, complained) = machines.run("b", &["cluster", "join", &invited], "").await;
    assert_eq!((code, said), (0, address), "{complained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_onion_service_there_is_nothing_to_hand_over() {
    let machines = Machines::new();
    let local = ["--no-tor", "--clearnet=127.0.0.1:0"];
    let mut running = machines.start("a", &local);
    running.says("clearnet ").await;
    let (code, _, complained) = machines.run("a", &["cluster", "invite"], "").await;
    assert!(code == 1 && complained.contains("the onion service is off on this machine"), "{code}: {complained}");
    let other = JoinCode::generate().unwrap().written();
    let (code, _, complained) = machines.run("b", &[&local[..], &["cluster", "join", &other]].concat(), "").await;
    assert!(
        code == 78 && complained.contains("the onion service is off in this configuration"),
        "{code}: {complained}"
    );
}
