//! Sessions on a machine that stands by: what their clients notice when the hub goes, and another
//! one comes. Here that is always the same machine, in another term.

use std::sync::Arc;

use ephemeral::events::Kind;
use ephemeral::hub::Hub;
use ephemeral::transport::link::LinkKey;
use ephemeral::transport::link::front::Front;
use ephemeral_core::protocol::Fingerprint;
use ephemeral_core::session;
use ephemeral_core::store::{self, Seed, Store};
use ephemeral_test_support::rig::{HOST, Options, Rig, Socket, key, message, pass, seq, settle, sign, unlimited};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

const EPOCH: [u8; 16] = [1; 16];

/// A machine of a cluster, which has no other one.
struct Machine {
    rig: Rig,
    term: watch::Sender<u64>,
    _front: JoinSet<()>,
}

fn lead(hub: &Hub, term: u64, epoch: [u8; 16]) {
    let seed = Seed { hash_key: [1, 2], first_seq: term << 32 };
    hub.lead(&epoch, Store::new(store::Config::default(), seed, hub.now()), term);
}

impl Machine {
    fn new(rules: session::Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Arc::new(LinkKey::open(&folder.path().join("state")).unwrap());
        let term = watch::Sender::new(0);
        let front = Front::new(key, watch::channel(Vec::new()).1, Some(term.subscribe())).unwrap();
        let options = Options { rules, way: Some(front.way()), ..Options::default() };
        let mut tasks = JoinSet::new();
        tasks.spawn(front.run());
        Self { rig: Rig::with(options), term, _front: tasks }
    }

    /// Returns sessions of these clients that have seats, as if the hub were another machine's:
    /// when they authenticated, this one stood by.
    async fn sessions<const N: usize>(&mut self, numbers: [u8; N]) -> [Socket; N] {
        self.term.send_replace(1);
        settle().await;
        let hub = Arc::clone(&self.rig.hub);
        let mut sessions = Vec::new();
        for number in numbers {
            // Without what the others have there.
            hub.stand_by();
            let leading = async {
                settle().await;
                lead(&hub, 1, EPOCH);
            };
            sessions.push(tokio::join!(self.rig.login(number), leading).0);
        }
        // Those who came first have lost theirs meanwhile, and take them again.
        pass(1).await;
        let figures = self.rig.server.metrics.figures();
        assert_eq!((figures.clients, figures.clients_elsewhere, figures.clients_by_others), (N, 0, 0));
        sessions.try_into().ok().unwrap()
    }

    /// Ends the hub.
    fn loses_hub(&self) {
        self.term.send_replace(0);
        self.rig.hub.stand_by();
    }

    /// Has another hub begin, of these messages or of others.
    fn has_hub(&self, term: u64, epoch: [u8; 16]) {
        lead(&self.rig.hub, term, epoch);
        self.term.send_replace(term);
    }
}

fn draining() -> (u16, String) {
    (1001, "draining".into())
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_with_the_next_hub_and_is_told_nothing_twice() {
    let mut machine = Machine::new(unlimited());
    let [mut alice, mut bob] = machine.sessions([1, 2]).await;
    alice.sends("before", 2, "hi").await;
    let before = bob.receives("before").await;
    machine.loses_hub();
    settle().await;
    assert_eq!(machine.rig.server.metrics.figures().clients_elsewhere, 2, "each waits for a seat");
    alice.send(&message("meanwhile", 2, "hi")).await;
    alice.hears_nothing().await;
    bob.hears_nothing().await;
    machine.has_hub(2, EPOCH);
    let accepted = alice.next().await;
    assert_eq!((&accepted["id"], &accepted["duplicate"]), (&json!("meanwhile"), &json!(false)), "{accepted}");
    let meanwhile = bob.receives("meanwhile").await;
    assert!(seq(&meanwhile) > seq(&before));
    assert_eq!(meanwhile["delivery_type"], "direct", "he was there all the time");
    // What the first hub had sent can be acknowledged at the second one, as one session.
    bob.acks(&before).await;
    bob.acks(&meanwhile).await;
    let receipt = alice.next().await;
    assert_eq!((&receipt["type"], &receipt["id"]), (&json!("receipt"), &json!("meanwhile")), "{receipt}");
    alice.goes_on().await;
    bob.goes_on().await;
}

#[tokio::test(start_paused = true)]
async fn many_texts_are_answered_in_their_order_and_a_client_is_read_no_further_than_the_bound() {
    let mut machine = Machine::new(unlimited());
    let [mut alice] = machine.sessions([1]).await;
    machine.loses_hub();
    settle().await;
    for number in 0..1000 {
        alice.send(&message(&format!("m{number}"), 2, &"x".repeat(500))).await;
    }
    settle().await;
    machine.has_hub(2, EPOCH);
    for number in 0..1000 {
        let answer = alice.next().await;
        assert_eq!(answer["id"], format!("m{number}"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_hub_a_session_ends_after_a_minute_and_not_before() {
    let mut machine = Machine::new(unlimited());
    let [mut alice] = machine.sessions([1]).await;
    machine.loses_hub();
    pass(55).await;
    assert_eq!(machine.rig.hub.elsewhere(), (1, 0));
    assert_eq!(alice.closed().await, draining());
    let (status, body) = machine.rig.request("GET", "/ws").await;
    assert_eq!((status, &body["code"]), (503, &Value::from("no_hub")));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_comes_between_two_hubs_waits_for_the_next_one_and_is_not_sent_away() {
    let mut machine = Machine::new(unlimited());
    let [_alice] = machine.sessions([1]).await;
    machine.loses_hub();
    pass(14).await;
    let hub = Arc::clone(&machine.rig.hub);
    let term = machine.term.clone();
    let next = async {
        pass(7).await;
        lead(&hub, 2, EPOCH);
        term.send_replace(2);
    };
    let (mut bob, ()) = tokio::join!(machine.rig.login(2), next);
    bob.goes_on().await;
    let (status, _) = machine.rig.request("GET", "/health").await;
    assert_eq!(status, 200);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_wait_for_the_next_hub_holds_no_place_and_what_was_sent_too_early_is_not_lost() {
    let mut machine = Machine::new(unlimited());
    let [_alice] = machine.sessions([1]).await;
    machine.loses_hub();
    settle().await;
    let mut waiting = Vec::new();
    for number in [2, 3] {
        let mut socket = machine.rig.socket(number).await;
        let challenge = socket.next().await;
        socket.send(&json!({"type": "auth", "signature": sign(&challenge, number, HOST)})).await;
        settle().await;
        socket.send(&message("early", 1, &"x".repeat(3000))).await;
        waiting.push(socket);
    }
    settle().await;
    assert_eq!(machine.rig.unauthenticated(), 2);
    drop(waiting.pop());
    settle().await;
    assert_eq!(machine.rig.unauthenticated(), 2, "beyond a bound, nobody looks");
    let mut carol = machine.rig.socket(4).await;
    let challenge = carol.next().await;
    carol.send(&json!({"type": "auth", "signature": sign(&challenge, 4, HOST)})).await;
    settle().await;
    drop(carol);
    settle().await;
    assert_eq!(machine.rig.unauthenticated(), 2, "she is gone at once");
    machine.has_hub(2, EPOCH);
    let bob = &mut waiting[0];
    assert_eq!(bob.next().await["type"], "welcome");
    assert_eq!(bob.next().await["type"], "caught_up");
    let accepted = bob.next().await;
    assert_eq!((&accepted["type"], &accepted["id"]), (&json!("accepted"), &json!("early")), "{accepted}");
}

#[tokio::test(start_paused = true)]
async fn where_no_hub_comes_nobody_is_kept_waiting() {
    let mut machine = Machine::new(unlimited());
    let [_alice] = machine.sessions([1]).await;
    machine.loses_hub();
    settle().await;
    let (status, body) = machine.rig.request("GET", "/health").await;
    assert_eq!((status, &body["code"]), (503, &Value::from("no_hub")), "it is said at once to those who ask");
    let begun = tokio::time::Instant::now();
    let mut bob = machine.rig.socket(2).await;
    let challenge = bob.next().await;
    bob.send(&json!({"type": "auth", "signature": sign(&challenge, 2, HOST)})).await;
    assert_eq!(bob.closed().await, draining());
    assert!(begun.elapsed() < std::time::Duration::from_secs(9), "{:?}", begun.elapsed());
    pass(15).await;
    let (status, body) = machine.rig.request("GET", "/ws").await;
    assert_eq!((status, &body["code"]), (503, &Value::from("no_hub")));
}

#[tokio::test(start_paused = true)]
async fn a_session_of_another_epoch_or_with_other_limits_ends_and_so_does_each_when_all_is_erased() {
    for ends in [
        (|machine| machine.has_hub(2, [2; 16])) as fn(&Machine),
        |machine| {
            let bounds = store::Config { mailbox_messages: 7, ..store::Config::default() };
            let rate = ephemeral_core::limits::Rate::new(60, 60);
            machine.rig.hub.set_settings(ephemeral::hub::Config { bounds, rate, sessions: 100 });
            machine.has_hub(2, EPOCH);
        },
        |machine| machine.rig.server.wipe().unwrap(),
        |machine| machine.rig.drain(),
    ] {
        let mut machine = Machine::new(unlimited());
        let [mut alice] = machine.sessions([1]).await;
        machine.loses_hub();
        settle().await;
        alice.hears_nothing().await;
        ends(&machine);
        assert_eq!(alice.closed().await, draining());
        assert_eq!(machine.rig.hub.elsewhere(), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_session_of_somebody_takes_over_at_once_and_the_first_one_does_not_come_back() {
    let mut machine = Machine::new(unlimited());
    let [mut alice] = machine.sessions([1]).await;
    let mut newer = machine.rig.login(1).await;
    assert_eq!(alice.closed().await, (4409, "replaced".into()));
    newer.goes_on().await;
}

#[tokio::test(start_paused = true)]
async fn a_block_ends_a_session_whether_it_has_a_seat_or_waits_for_one() {
    for waits in [false, true] {
        let mut machine = Machine::new(unlimited());
        let [mut alice, mut bob] = machine.sessions([1, 2]).await;
        if waits {
            machine.loses_hub();
            settle().await;
        }
        machine.rig.hub.evict(&Fingerprint::from(&key(1).verifying_key()));
        assert_eq!(alice.closed().await, (4429, "blocked".into()));
        bob.hears_nothing().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_does_wrong_is_noted_where_it_is_connected() {
    let mut machine = Machine::new(unlimited());
    let [mut alice] = machine.sessions([1]).await;
    assert_eq!(alice.refused(&json!({"type": "message", "to": 7})).await, "malformed");
    assert_eq!(machine.rig.events(Kind::Malformed), 1);
    // Frames that do nothing are read more slowly.
    let begun = tokio::time::Instant::now();
    for _ in 0..400 {
        alice.goes_on().await;
    }
    assert!(begun.elapsed() > std::time::Duration::from_secs(9), "{:?}", begun.elapsed());
}
