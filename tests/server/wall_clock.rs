//! A wall clock that is set by days, while messages, rates and blocks are pending; and what is told
//! of it.

use std::collections::BTreeSet;
use std::time::Duration;

use ephemeral::transport::Peer;
use ephemeral_core::limits::{self, Rate};
use ephemeral_core::protocol::{MINUTE_MS, WallTime};
use ephemeral_core::session;
use ephemeral_test_support::rig::{
    Answer, Options, Rig, START, Socket, at, fingerprint, lenient, message, pass, settle, unlimited,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const DAY_MS: i64 = 86_400_000;
const STEPS: [i64; 4] = [2 * DAY_MS, -2 * DAY_MS, 400 * DAY_MS, -20_000 * DAY_MS];
const MINUTE: u64 = 60_000;

fn lasting(id: &str, seconds: u64) -> Value {
    json!({"id": id, "to": fingerprint(2), "content": "hi", "ttl_s": seconds})
}

fn time(written: &Value) -> WallTime {
    WallTime::parse(written.as_str().unwrap()).unwrap()
}

/// Asserts that a time is written to the minute, and by the clock as it was set.
#[track_caller]
fn assert_near_the_set_clock(written: &Value, milliseconds: u64, step: i64) {
    let exact = START.plus(milliseconds).0.saturating_add_signed(step);
    assert_eq!(time(written).0 % MINUTE_MS, 0, "{written}");
    assert!(time(written).0.abs_diff(exact) < MINUTE_MS, "{written} is not {}", WallTime(exact));
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_lives_as_long_as_it_should_whatever_is_done_to_the_clock() {
    for step in STEPS {
        let mut rig = Rig::new();
        let mut alice = rig.login(1).await;
        alice.ask(&lasting("short", 10)).await;
        alice.ask(&lasting("long", 86_400)).await;
        let by = json!({"id": "by", "to": fingerprint(2), "content": "hi", "expires_at": "2026-01-02T12:00:20Z"});
        alice.ask(&by).await;
        rig.clock.step(step);
        pass(9).await;
        assert_eq!(rig.waiting(), 3, "{step}");
        pass(2).await;
        assert_eq!(rig.waiting(), 2, "{step}");
        let receipt = alice.next().await;
        assert_eq!((&receipt["id"], &receipt["status"]), (&json!("short"), &json!("expired")));
        assert_near_the_set_clock(&receipt["at"], 10_000, step);
        pass(10).await;
        assert_eq!((rig.waiting(), alice.next().await["id"].clone()), (1, json!("by")), "{step}");
        let (mut bob, welcome) = rig.login_with(2, json!({})).await;
        assert_near_the_set_clock(&welcome["server_time"], 21_000, step);
        let received = bob.receives("long").await;
        assert_near_the_set_clock(&received["timestamp"], 0, step);
        assert_near_the_set_clock(&received["expires_at"], 86_400_000, step);
        assert_eq!(alice.ask(&lasting("long", 86_400)).await["duplicate"], json!(true), "its id is known");
        pass(86_378).await;
        assert_eq!(rig.waiting(), 1);
        pass(2).await;
        assert_eq!(rig.waiting(), 0, "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_that_the_sender_names_is_one_of_the_clock_at_that_moment_and_is_told_as_it_was_written() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    rig.clock.step(-2 * DAY_MS);
    let named =
        |id: &str, expires_at: &str| json!({"id": id, "to": fingerprint(2), "content": "hi", "expires_at": expires_at});
    let given = "2025-12-31T12:00:30.123Z";
    let frame = named("m", given);
    assert_eq!(alice.ask(&frame).await["expires_at"], given);
    assert_eq!(alice.ask(&named("cut", "2026-01-07T12:00:00.123Z")).await["expires_at"], "2026-01-07T12:00:00.000Z");
    assert_eq!(alice.refused(&named("past", "2025-12-31T11:59:59Z")).await, "already_expired");
    rig.clock.step(10 * DAY_MS + 12_345);
    let again = alice.ask(&frame).await;
    assert_eq!((&again["expires_at"], &again["duplicate"]), (&json!(given), &json!(true)));
    let (mut bob, _) = rig.login_with(2, json!({})).await;
    assert_eq!(bob.receives("m").await["expires_at"], given);
    tokio::time::sleep(Duration::from_millis(30_200)).await;
    assert_eq!(alice.next().await["id"], "m", "it ended 30 s after it was sent");
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_message_rate_goes_on_whatever_is_done_to_the_clock() {
    for step in STEPS {
        let rules = session::Config { messages_per_minute: 60, message_burst: 2, ..unlimited() };
        let mut rig = Rig::with(Options { rules, ..Options::default() });
        let mut alice = rig.login(1).await;
        alice.sends("1", 2, "hi").await;
        rig.clock.step(step);
        alice.sends("2", 2, "hi").await;
        let refused = alice.ask(&message("3", 2, "hi")).await;
        assert_eq!((&refused["code"], &refused["retry_after_ms"]), (&json!("rate_limited"), &json!(1000)), "{step}");
        pass(1).await;
        alice.sends("3", 2, "hi").await;
    }
}

async fn ask_as(rig: &mut Rig, peer: Peer) -> Answer {
    let mut stream = rig.connect_as(peer);
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    Answer::parse(&answer)
}

#[tokio::test(start_paused = true)]
async fn a_block_and_a_request_rate_last_as_long_as_they_should_whatever_is_done_to_the_clock() {
    for step in STEPS {
        let policy = limits::Config { requests: Rate::new(60, 3), strikes: 2, duration_ms: 30_000, ..lenient() };
        let mut rig = Rig::with(Options { policy, ..Options::default() });
        let peer = Peer::Address("127.0.0.9".parse().unwrap());
        let mut statuses = Vec::new();
        for number in 0..8 {
            if number == 5 {
                rig.clock.step(step);
            }
            statuses.push(ask_as(&mut rig, peer).await.status);
        }
        assert_eq!(statuses, [200, 200, 200, 429, 429, 429, 429, 429], "{step}");
        for _ in 0..3 {
            let mut stream = rig.connect_as(peer);
            stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
            stream.read_to_string(&mut String::new()).await.unwrap();
        }
        let refused = ask_as(&mut rig, peer).await;
        assert_eq!(refused.header("retry-after"), Some("30"), "{step}");
        let until = rig.server.admission.blocks()[0].until;
        assert_eq!(until, WallTime(START.plus(30_000).0.saturating_add_signed(step)), "shown by the clock as it is");
        rig.clock.step(-step);
        pass(29).await;
        assert_eq!(ask_as(&mut rig, peer).await.status, 403, "{step}");
        pass(1).await;
        assert_eq!(ask_as(&mut rig, peer).await.status, 200, "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn strikes_are_forgotten_in_time_whatever_is_done_to_the_clock() {
    for step in STEPS {
        let policy = limits::Config { strikes: 2, window_ms: 5000, ..lenient() };
        let mut rig = Rig::with(Options { policy, ..Options::default() });
        let mut alice = rig.login(1).await;
        let malformed = async |alice: &mut Socket| assert_eq!(alice.refused(&json!([])).await, "malformed");
        malformed(&mut alice).await;
        malformed(&mut alice).await;
        rig.clock.step(step);
        pass(5).await;
        malformed(&mut alice).await;
        malformed(&mut alice).await;
        alice.goes_on().await;
        alice.send(&json!([])).await;
        assert_eq!(alice.closed().await, (4429, "blocked".into()), "{step}");
        settle().await;
    }
}

/// Returns all times of the server's own that a client is told in one exchange.
async fn told(rig: &mut Rig, number: usize) -> Vec<Value> {
    let (mut alice, welcome) = rig.login_with(1, json!({})).await;
    alice.catches_up().await;
    let id = format!("m-{number}");
    let accepted = alice.ask(&json!({"id": id, "to": fingerprint(1), "content": "hi", "ttl_s": 600})).await;
    let message = alice.receives(&id).await;
    alice.acks(&message).await;
    let receipt = alice.next().await;
    assert_eq!(accepted["expires_at"], message["expires_at"], "one time is rounded in one way");
    [&welcome["server_time"], &accepted["expires_at"], &message["timestamp"], &receipt["at"]].map(Value::clone).into()
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_times_are_whole_minutes_and_either_one_at_any_moment() {
    for past in [0, 15, 30, 59] {
        let mut rig = Rig::new();
        pass(past).await;
        let mut ups = [0_u32; 4];
        for number in 0..200 {
            let times = told(&mut rig, number).await;
            for (place, (written, later)) in times.iter().zip([0, 600_000, 0, 0]).enumerate() {
                let before = at(later);
                let after = at(later + MINUTE);
                let up = *written == json!(after);
                assert!(up || *written == json!(before), "{written} is neither {before} nor {after}");
                ups[place] += u32::from(up);
            }
        }
        let expected = u32::try_from(past * 200 / 60).unwrap();
        for up in ups {
            // Seven standard deviations of 200 throws.
            assert!(up.abs_diff(expected) < 50, "{past} s past: {ups:?} of 200");
            assert!(past != 0 || up == 0, "a whole minute is written as it is");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn asking_again_for_a_time_tells_nothing_new() {
    let mut rig = Rig::new();
    pass(30).await;
    let mut alice = rig.login(1).await;
    let first = alice.ask(&message("m", 2, "hi")).await["expires_at"].clone();
    let mut times = BTreeSet::new();
    for _ in 0..20 {
        assert_eq!(alice.ask(&message("m", 2, "hi")).await["expires_at"], first, "a duplicate");
        let (mut bob, _) = rig.login_with(2, json!({})).await;
        let received = bob.receives("m").await;
        assert_eq!(received["expires_at"], first);
        times.insert(received["timestamp"].to_string());
        pass(1).await;
    }
    assert_eq!(times.len(), 1, "delivered again with the same time: {times:?}");
}
