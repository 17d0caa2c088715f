//! `panic` on the active machine, with the identity, by a signal and by the dead-man switch; and a
//! machine that was not there.

use std::time::{Duration, Instant};

use ephemeral_core::protocol::WallTime;
use ephemeral_test_support::client::private;
use rustix::process::Signal;
use serde_json::Value;
use tokio::time::sleep;

use super::machines::Cluster;
use super::people::Person;
use super::{ALICE, BOB};

const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(100);
const MARKER: &str = "dsungaripterus-weii";
const HOUR: u64 = 3_600_000;
/// A dead-man switch of two days.
const SWITCH: &str = "[panic]\nafter_days = 2\n";

/// Has something wait, and returns the person who sent it.
async fn somebody_who_sent(cluster: &Cluster) -> Person {
    let mut alice = Person::connect(ALICE, cluster).await;
    alice.send_many(cluster, BOB, MARKER, 5).await;
    alice
}

/// Checks that nothing from before waits anywhere, and that there is a new epoch.
async fn all_is_new(cluster: &Cluster, alice: &Person, awake: &[usize]) {
    for number in awake {
        cluster.forgets(*number, MARKER).await;
    }
    let mut bob = Person::connect(BOB, cluster).await;
    let anew = bob.send_many(cluster, BOB, "anew", 3).await;
    bob.receives_all(cluster, &anew).await;
    assert_eq!(bob.received.len(), 3, "nothing else waits: {:?}", bob.received);
    assert!(bob.epochs.is_disjoint(&alice.epochs), "a new epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_on_the_active_machine_erases_what_waits_on_all_of_them() {
    let cluster = Cluster::start().await;
    let active = cluster.active().await;
    let alice = somebody_who_sent(&cluster).await;
    let (code, said) = cluster.asks(active, &["panic", "--yes"]).await;
    let other = format!("m{}", 1 - active);
    assert!(code == 0 && said.contains("5 messages") && said.contains(&other), "{code}: {said}");
    all_is_new(&cluster, &alice, &[0, 1]).await;
    // The other machine has the new keys.
    cluster.has_keys(1 - active).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_to_the_machine_that_stands_by_erases_what_waits_on_all_of_them() {
    let cluster = Cluster::start().await;
    let active = cluster.active().await;
    let alice = somebody_who_sent(&cluster).await;
    cluster.signal(1 - active, Signal::USR1);
    cluster.logs(1 - active, "the whole cluster is wiped").await;
    all_is_new(&cluster, &alice, &[0, 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_with_the_keys_ends_the_machine_that_is_asked_and_the_other_one_goes_on_empty() {
    for on_active in [true, false] {
        let mut cluster = Cluster::start().await;
        let active = cluster.active().await;
        let alice = somebody_who_sent(&cluster).await;
        let asked = if on_active { active } else { 1 - active };
        let (code, said) = cluster.asks(asked, &["panic", "--keys", "--yes"]).await;
        assert_eq!(code, 0, "{said}");
        cluster.ends(asked).await;
        all_is_new(&cluster, &alice, &[1 - asked]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_off_during_a_panic_finds_it_when_it_starts_again() {
    let mut cluster = Cluster::under_managers("").await;
    let active = cluster.active().await;
    let by = 1 - active;
    let alice = somebody_who_sent(&cluster).await;
    cluster.managers[by].as_mut().unwrap().listen();
    assert!(cluster.managers[by].as_ref().unwrap().kept.is_some(), "its manager has the keys of before");
    cluster.kill(by);
    let (code, said) = cluster.asks(active, &["panic", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    cluster.begin(by);
    cluster.listens(by).await;
    cluster.logs(by, "another machine wiped the whole cluster").await;
    all_is_new(&cluster, &alice, &[0, 1]).await;
    cluster.has_keys(by).await;
    let mut bob = Person::connect(BOB, &cluster).await;
    let later = bob.send_many(&cluster, BOB, "later", 2).await;
    cluster.kill(active);
    let mut again = Person::connect(BOB, &cluster).await;
    again.receives_all(&cluster, &later).await;
    assert_eq!(again.epochs, bob.epochs);
}

/// Writes when somebody checked in on a machine last.
fn checked_in(cluster: &Cluster, number: usize, hours_ago: u64) {
    let now = WallTime(
        u64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap(),
    );
    let state = cluster.folder(number).join("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::set_permissions(&state, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let at = WallTime(now.0 - hours_ago * HOUR);
    private(&state.join("check-in"), format!("{at}\n{now}\n").as_bytes());
}

/// Waits until a machine says that so many seconds are left, at least.
async fn has_left(cluster: &Cluster, number: usize, seconds: u64) {
    let begun = Instant::now();
    loop {
        let (_, said) = cluster.asks(number, &["status", "--json"]).await;
        let left = serde_json::from_str::<Value>(&said).unwrap()["dead_man"]["left_s"].as_u64().unwrap();
        if left >= seconds {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{left} s are left");
        sleep(AGAIN).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_in_on_any_machine_counts_for_all_also_for_one_that_was_off() {
    let mut cluster = Cluster::configured(SWITCH);
    // One of them was off for three days, and somebody checked in on the other one.
    checked_in(&cluster, 0, 72);
    checked_in(&cluster, 1, 24);
    cluster = cluster.begun().await;
    has_left(&cluster, 0, 23 * 3600).await;
    let (code, said) = cluster.asks(0, &["check-in"]).await;
    assert_eq!(code, 0, "{said}");
    has_left(&cluster, 1, 47 * 3600).await;
    let alice = somebody_who_sent(&cluster).await;
    assert_eq!(alice.epochs.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_man_switch_wipes_all_machines_when_nobody_checks_in_on_any() {
    let is_wiped = |cluster: &Cluster| (0..2).any(|number| cluster.said(number).contains("the whole cluster is wiped"));
    // The switch goes off soon after the start. On a machine that is very busy that may be before
    // she has sent everything: what comes afterwards stays.
    let (cluster, alice) = loop {
        let mut cluster = Cluster::configured(SWITCH);
        for number in 0..2 {
            checked_in(&cluster, number, 72);
        }
        cluster = cluster.begun().await;
        let alice = somebody_who_sent(&cluster).await;
        if !is_wiped(&cluster) {
            break (cluster, alice);
        }
    };
    let begun = Instant::now();
    while !is_wiped(&cluster) {
        assert!(begun.elapsed() < PATIENCE, "nothing is wiped: {}", cluster.said(0));
        sleep(AGAIN).await;
    }
    all_is_new(&cluster, &alice, &[0, 1]).await;
}
