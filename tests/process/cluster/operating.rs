//! What an operator does with a cluster: looks at it, drains a machine, starts all of them again.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use ephemeral_test_support::nats;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::sleep;

use super::machines::Cluster;
use super::people::Person;
use super::{ALICE, BOB};
use crate::SERVER;

const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(100);

/// Asks a machine about its cluster, until that is so.
async fn until(cluster: &Cluster, number: usize, what: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let (code, said) = cluster.asks(number, &["cluster", "status", "--json"]).await;
        let survey: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{code}: {error}: {said}"));
        if what(&survey) {
            return survey;
        }
        assert!(begun.elapsed() < PATIENCE, "it is not so: {said}");
        sleep(AGAIN).await;
    }
}

fn is_whole(survey: &Value) -> bool {
    let streams = survey["streams"].as_array().unwrap();
    let current = |stream: &Value| stream["followers"].as_array().unwrap().iter().all(|one| one["current"] == true);
    streams.len() == 2 && streams.iter().all(current)
}

#[tokio::test(flavor = "multi_thread")]
async fn any_machine_shows_the_whole_cluster_and_what_does_not_answer() {
    let mut cluster = Cluster::start().await;
    let active = cluster.active().await;
    for number in 0..2 {
        let survey = until(&cluster, number, is_whole).await;
        let machines = survey["machines"].as_array().unwrap();
        let role = |name: usize| machines.iter().find(|one| one["node"] == format!("m{name}")).unwrap()["role"].clone();
        assert_eq!((role(active), role(1 - active)), ("active".into(), "stands_by".into()));
        assert!(machines.iter().all(|one| one["has_keys"] == true && one["version"] == env!("CARGO_PKG_VERSION")));
        let nats = survey["nats"].as_array().unwrap();
        assert!(nats.len() == 3 && nats.iter().all(|one| one["server"]["Ok"]["version"].is_string()), "{survey}");
    }
    let (code, said) = cluster.asks(active, &["cluster", "status"]).await;
    assert!(code == 0 && said.contains(&format!("m{active}: the active one")), "{code}: {said}");
    cluster.kill(1 - active);
    cluster.nats.kill(0);
    let gone = format!("m{}", 1 - active);
    let survey = until(&cluster, active, |survey| survey["silent"][0]["node"] == gone.as_str()).await;
    let nats = survey["nats"].as_array().unwrap();
    assert_eq!(nats.iter().filter(|one| one["server"]["Err"].is_string()).count(), 1, "{survey}");
    let (code, said) = cluster.asks(active, &["cluster", "status"]).await;
    assert!(code == 3 && said.contains(&format!("{gone}: DOES NOT ANSWER")), "{code}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_drained_hands_over_and_takes_nothing_over_until_that_is_undone() {
    let mut cluster = Cluster::start().await;
    let first = cluster.active().await;
    let other = 1 - first;
    cluster.has_keys(other).await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 20).await;
    // From the other machine, by name.
    let (code, said) = cluster.asks(other, &["cluster", "drain", &format!("m{first}")]).await;
    assert!(code == 0 && said.contains(&format!("m{other} is the active one")), "{code}: {said}");
    ledger.extend(alice.send_many(&cluster, BOB, "after", 5).await);
    assert_eq!(alice.epochs.len(), 1, "nothing is lost: {:?}", alice.epochs);
    // Now nobody is left who could take over from that one.
    let (code, said) = cluster.asks(other, &["cluster", "drain"]).await;
    assert!(code == 1 && said.contains("no other machine could take over"), "{code}: {said}");
    let (code, said) = cluster.asks(first, &["cluster", "drain", "nobody"]).await;
    assert!(code == 1 && said.contains("no machine answers that is called \"nobody\""), "{code}: {said}");
    let (code, said) = cluster.asks(first, &["cluster", "drain", "--undo"]).await;
    assert_eq!(code, 0, "{said}");
    until(&cluster, other, |survey| survey["machines"].as_array().unwrap().iter().all(|one| one["drained"] == false))
        .await;
    cluster.has_keys(first).await;
    cluster.kill(other);
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!(bob.epochs, alice.epochs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_stands_by_names_the_active_one_to_who_wants_to_drop_something() {
    let cluster = Cluster::start().await;
    let active = cluster.active().await;
    cluster.has_keys(1 - active).await;
    let (code, said) = cluster.asks(1 - active, &["drop", "key-abcdefghijklm"]).await;
    assert!(code == 1 && said.contains(&format!("ask the active machine (that is m{active})")), "{code}: {said}");
    let (code, said) = cluster.asks(active, &["drop", "key-abcdefghijklm"]).await;
    assert!(code == 1 && said.contains("none of the largest senders has that name"), "{code}: {said}");
}

/// Returns what the service manager of a machine keeps.
fn kept(cluster: &mut Cluster, number: usize) -> Option<Vec<u8>> {
    let manager = cluster.managers[number].as_mut().unwrap();
    manager.listen();
    let file: &File = manager.kept.as_ref()?;
    let mut bytes = vec![0; 4096];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_machines_are_started_again_at_once_and_nothing_is_lost() {
    let mut cluster = Cluster::under_managers("").await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let ledger = alice.send_many(&cluster, BOB, "m", 20).await;
    for number in 0..2 {
        let kept = kept(&mut cluster, number).expect("the manager keeps the keys");
        assert!(kept.starts_with(b"ephemeral keys 1"));
        cluster.kill(number);
    }
    for number in 0..2 {
        cluster.begin(number);
        cluster.listens(number).await;
        cluster.logs(number, "the keys of the journal are taken over from an earlier process").await;
    }
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!(bob.epochs, alice.epochs, "it is the same epoch");
    // A panic leaves nothing of them to the next process.
    let active = cluster.active().await;
    let before = kept(&mut cluster, 1 - active).unwrap();
    let key = before[44..76].to_vec();
    assert!(key.iter().any(|byte| *byte != 0), "a key stands there");
    let (code, said) = cluster.asks(1 - active, &["panic", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    for number in 0..2 {
        let after = kept(&mut cluster, number).unwrap();
        assert!(!after.windows(32).any(|window| window == key), "the old key is in the file of {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_to_the_service_manager_where_nothing_is_to_survive() {
    let mut cluster = Cluster::under_managers("[store]\nsurvive_restart = false\n").await;
    for number in 0..2 {
        assert_eq!(kept(&mut cluster, number), None);
    }
}

#[tokio::test]
async fn what_is_made_for_containers_is_what_the_server_and_nats_take() {
    let directory = tempfile::tempdir().unwrap();
    let made = directory.path().join("cluster");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/cluster-secrets");
    let run = || Command::new(script).arg(&made).output();
    let output = run().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!run().await.unwrap().status.success(), "what is there is not overwritten");
    // The containers' folders are here.
    let here = |name: &str, inside: &str, folder: &str| {
        let path = made.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(inside), "{text}");
        std::fs::write(&path, text.replace(inside, made.join(folder).to_str().unwrap())).unwrap();
        path
    };
    for number in 1..=3 {
        let configuration = here(&format!("nats-{number}.conf"), "/etc/nats/tls", "nats-tls");
        let (is_taken, said) = nats::takes(&configuration);
        assert!(is_taken, "{said}");
    }
    let configuration = here("server/ephemeral-server.toml", "/etc/ephemeral", "server");
    let mut command = Command::new(SERVER);
    let output = command.env_clear().arg("--config").arg(configuration).arg("check-config").output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(!shown.contains("@hostname"), "it stands for the host's name");
    assert!(!shown.contains("\n[onion]\nenabled = true"), "containers with keys of their own are no cluster: {shown}");
    assert!(shown.contains("listen = \"0.0.0.0:8080\""), "a proxy reaches it: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_asks_the_nats_servers_and_the_machines() {
    let mut cluster = Cluster::start().await;
    until(&cluster, 0, is_whole).await;
    let configuration = cluster.folder(0).join("ephemeral-server.toml");
    let configuration = configuration.to_str().unwrap();
    let arguments = ["--config", configuration, "--no-tor", "doctor", "--json"];
    // What it says on stderr comes after what it found.
    let found = async |cluster: &Cluster| -> Value {
        let (_, said) = cluster.asks(0, &arguments).await;
        serde_json::Deserializer::from_str(&said).into_iter().next().expect("what it found").unwrap()
    };
    let level = |found: &Value, check: &str| {
        let findings = found["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["check"] == check).map(|finding| finding["level"].clone())
    };
    let well = found(&cluster).await;
    for check in ["cluster.nats", "cluster.streams", "cluster.clocks"] {
        assert_eq!(level(&well, check), Some("ok".into()), "{check}: {well}");
    }
    cluster.nats.kill(0);
    let ill = found(&cluster).await;
    assert_eq!(level(&ill, "cluster.nats"), Some("warning".into()), "{ill}");
}
