//! Onion services move between C tor and this server, over a private Tor network: the key is all
//! that it takes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ephemeral_client::dial::Arti;
use ephemeral_client::{Dial as _, Identity, ServerUrl, Socks};
use ephemeral_test_support::daemon::{Daemon, GENEROUS, PATIENCE, Person};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::SERVER;
use crate::network;

fn keys(state: &Path, line: &str, path: &Path) -> String {
    let mut command = Command::new(SERVER);
    command.env_clear().args(["keys", line]).arg(path).arg("--state-dir").arg(state);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns a `HiddenServiceDir` and its address, made by C tor without a network: what it had
/// published, this small network would keep for some minutes.
async fn made_by_c_tor(directory: &Path) -> (PathBuf, String) {
    let service = directory.join("c-tor/service");
    let mut tor = Command::new("tor");
    tor.args(["--ignore-missing-torrc", "-f", "none", "--defaults-torrc", "none", "--SocksPort", "0"]);
    tor.args(["--DisableNetwork", "1", "--DataDirectory"]).arg(directory.join("c-tor"));
    // In this order: the port is that of the directory before it.
    tor.arg("--HiddenServiceDir").arg(&service).args(["--HiddenServicePort", "80 127.0.0.1:1"]).stdout(Stdio::null());
    let mut tor = tor.spawn().expect("the program `tor`: apt-get install tor");
    let made = async {
        loop {
            match fs::read_to_string(service.join("hostname")) {
                Ok(name) if name.ends_with('\n') => return name.trim().to_owned(),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let address = timeout(PATIENCE, made).await;
    tor.kill().unwrap();
    tor.wait().unwrap();
    (service, address.expect("a key of C tor's"))
}

fn arti(directory: &TempDir) -> Arti {
    Arti::new(network::shared().tor_table(), &directory.path().join("client")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_onion_that_c_tor_generated_is_published_here_and_c_tor_reaches_it() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let network = network::shared();
    let (service, address) = made_by_c_tor(directory.path()).await;
    let state = directory.path().join("server/state");
    assert_eq!(keys(&state, "import", &service), address);
    let configuration = format!("{GENEROUS}{}", network.arti_toml());
    let mut daemon = Daemon::start(SERVER, &directory.path().join("server"), &configuration, &[]);
    let url = daemon.reachable().await;
    assert_eq!(url.host(), address);
    let client = network.start_client().unwrap();
    let mut alice = Person::new(1, Arc::new(Socks::new(client.socks).unwrap()), &url);
    alice.send(alice.fingerprint, "to myself, over C tor".into());
    alice.until("a message", |alice| alice.received.len() == 1).await;
}

/// Holds although each of them numbers its descriptors by the time since the shared random value
/// began, in a cipher that keeps the order, but with keys of their own: the directories refuse the
/// new one until it is ahead in both. And a network that is younger than its first shared random
/// value has them count from moments that are half a time period apart.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "five minutes: until a descriptor of ours counts more than the last of C tor's (--ignored)"]
async fn an_onion_that_c_tor_has_just_published_moves_here_and_is_reached() {
    let directory = tempfile::tempdir().unwrap();
    let network = network::shared();
    let (service, address) = made_by_c_tor(directory.path()).await;
    let published = network.start_onion_service_with(&service, "127.0.0.1:1".parse().unwrap()).unwrap();
    assert_eq!(published.address, address);
    drop(published);
    let state = directory.path().join("server/state");
    assert_eq!(keys(&state, "import", &service), address);
    let configuration = format!("{GENEROUS}{}", network.arti_toml());
    let mut daemon = Daemon::start(SERVER, &directory.path().join("server"), &configuration, &[]);
    let url: ServerUrl = daemon.says("onion ").await.parse().unwrap();
    let dialer = arti(&directory);
    let reached = async {
        while dialer.isolated().dial(&url).await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    timeout(5 * PATIENCE, reached).await.expect("a descriptor of ours");
    daemon.says("reachable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_exported_is_published_by_c_tor_and_arti_reaches_it() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let network = network::shared();
    let state = directory.path().join("server/state");
    let configuration = format!("{GENEROUS}{}", network.arti_toml());
    let mut daemon = Daemon::start(SERVER, &directory.path().join("server"), &configuration, &[]);
    let url: ServerUrl = daemon.reachable().await;
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success());

    let service = directory.path().join("service");
    fs::create_dir(&service).unwrap();
    fs::set_permissions(&service, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(keys(&state, "export", &service.join("hs_ed25519_secret_key")), url.host());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let published = network.start_onion_service_with(&service, listener.local_addr().unwrap()).unwrap();
    assert_eq!(published.address, url.host());

    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"C tor has it").await.unwrap();
        stream.shutdown().await.unwrap();
    };
    let asking = async {
        let mut stream = arti(&directory).dial(&url).await.expect("a connection");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (answer, ()) = timeout(PATIENCE, async { tokio::join!(asking, answering) }).await.expect("an answer");
    assert_eq!(answer, "C tor has it");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_the_new_address_is_published_and_the_notice_leads_there() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("server");
    let configuration = format!("{GENEROUS}{}", network::shared().arti_toml());
    let mut daemon = Daemon::start(SERVER, &home, &configuration, &[]);
    let old = daemon.reachable().await;
    let refused = Command::new(SERVER)
        .env_clear()
        .args(["keys", "rotate", "--yes", "--state-dir"])
        .arg(home.join("state"))
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("stop it first"), "{refused:?}");
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success());

    let mut rotate = Command::new(SERVER);
    rotate.env_clear().args(["keys", "rotate", "--yes", "--state-dir"]).arg(home.join("state"));
    let rotated = rotate.output().unwrap();
    assert!(rotated.status.success(), "{rotated:?}");
    let mut daemon = Daemon::start(SERVER, &home, &configuration, &[]);
    let new = daemon.reachable().await;
    assert_ne!(new, old);

    // A client that knows the old address and has the notice.
    let mut book = ephemeral_client::moved::Book::open(&directory.path().join("moved")).unwrap();
    let arti = arti(&directory);
    // Right after its bootstrap a Tor client may not have chosen its guards: an attempt then fails
    // at once.
    let asking = async {
        loop {
            if let Ok(notices) = ephemeral_client::moved::ask(&arti, &new).await {
                return notices;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let notices = tokio::time::timeout(PATIENCE, asking).await.expect("the notice");
    book.add(notices).unwrap();
    assert_eq!(book.follow(&old), Some(new.clone()));
    let mut alice = Person::new(1, Arc::new(arti), &book.follow(&old).unwrap());
    assert_eq!(alice.fingerprint, Identity::from_seed(&[1; 32]).fingerprint());
    alice.send(alice.fingerprint, "at the new address".into());
    alice.until("a message", |alice| alice.received.len() == 1).await;
}
