//! Keys cost nothing: what as many of them as somebody likes to make can take from the others.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use ephemeral::clock::Clock;
use ephemeral::hub::{self, Hub, SessionHandle, Wakes};
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{Fingerprint, Millis, WallTime, WireTime};
use ephemeral_core::session::Established;
use ephemeral_core::store::{
    self, Accepted, KEPT_FOR_ONLINE, NEARLY_FULL_LIFE_MS, NewMessage, QuotaExceeded, SubmitError,
};
use serde_json::Value;

const START: WallTime = WallTime(1_767_355_200_000);
const WEEK: u64 = 7 * 86_400_000;
/// The longest content that is allowed by default.
const LONGEST: usize = 65_536;

fn person(number: u16) -> Fingerprint {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    Fingerprint::from(&SigningKey::from_bytes(&seed).verifying_key())
}

/// Returns a hub with the default bounds, as the daemon has them, and no limit of messages a
/// minute: that only takes time.
fn hub() -> Arc<Hub> {
    let default = store::Config::default();
    let bounds = store::Config { kept_for_online: default.total_bytes / KEPT_FOR_ONLINE, ..default };
    let settings = hub::Config { bounds, rate: Rate::new(u32::MAX, u32::MAX), sessions: 1000 };
    Hub::new(settings, Clock::anchored(START)).unwrap()
}

fn join(hub: &Arc<Hub>, number: u16) -> SessionHandle {
    hub.join(person(number), true, 32).unwrap().session_handle
}

/// Returns what the hub's clock shows in every test: time is paused.
fn now() -> Millis {
    Clock::anchored(START).now()
}

/// Asks for a week.
fn submit(from: &SessionHandle, id: &str, to: Fingerprint, content: &str) -> Result<Accepted, SubmitError> {
    let escaped_content = content.to_owned().into();
    let message = NewMessage { to, escaped_content, expires_at: now().plus(WEEK), given: None };
    from.submit(id, Some(&message), &mut Wakes::default())
}

/// Returns the frames that a session has to be sent.
fn collect(hub: &Hub, session: &SessionHandle) -> Vec<String> {
    let clocks = hub.clocks();
    session.collect(usize::MAX, &mut Wakes::default(), |delivery| Established::frame(delivery, &clocks)).unwrap().frames
}

/// Sends as many of the longest messages as it can, to as many recipients as there are, and returns
/// how many that were.
fn floods(from: &SessionHandle, to: &[Fingerprint]) -> usize {
    let content = "x".repeat(LONGEST);
    let mut accepted = 0;
    let mut full = 0;
    while full < to.len() {
        match submit(from, &accepted.to_string(), to[(accepted + full) % to.len()], &content) {
            Ok(_) => {
                accepted += 1;
                full = 0;
            }
            Err(_) => full += 1,
        }
    }
    accepted
}

/// Lets two who are online write to each other, and take what they are sent.
fn talk(hub: &Arc<Hub>) {
    let alice = join(hub, 60_001);
    let bob = join(hub, 60_002);
    for round in 0..50 {
        for (from, to, whom) in [(&alice, &bob, 60_002), (&bob, &alice, 60_001)] {
            submit(from, &round.to_string(), person(whom), "hello").unwrap();
            let frames = collect(hub, to);
            let frames = frames.iter().map(|frame| serde_json::from_str::<Value>(frame).unwrap());
            let seq = frames.filter_map(|frame| frame["seq"].as_u64()).next_back().expect("the message");
            to.acknowledge(seq, &mut Wakes::default()).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fifteen_keys_that_fill_what_they_can_leave_room_for_those_who_write_to_friends_who_are_offline() {
    let hub = hub();
    let nobody: Vec<_> = (1000..1040).map(person).collect();
    let sent: Vec<_> = (0..15).map(|key| floods(&join(&hub, key), &nobody)).collect();
    assert!(sent.is_sorted_by(|before, after| before >= after), "each has less than the one before: {sent:?}");
    assert!(hub.figures().1.bytes < 160 << 20, "{} bytes", hub.figures().1.bytes);
    let alice = join(&hub, 60_001);
    assert!(submit(&alice, "m", person(60_002), &"x".repeat(LONGEST)).is_ok());
    drop(alice);
    talk(&hub);
}

#[tokio::test(start_paused = true)]
async fn sixty_six_keys_that_write_to_each_other_silence_neither_those_who_talk_nor_those_who_write_to_friends() {
    let hub = hub();
    let keys: Vec<_> = (0..66).map(|key| join(&hub, key)).collect();
    let online: Vec<_> = (0..66).map(person).collect();
    for key in &keys {
        floods(key, &online);
    }
    drop(keys);
    talk(&hub);
    let alice = join(&hub, 60_001);
    for number in 0..10 {
        let accepted = submit(&alice, &format!("late-{number}"), person(60_003), "hello").unwrap();
        let WireTime::Own { at, .. } = accepted.expires_at else { panic!("{accepted:?}") };
        assert_eq!(at, now().plus(NEARLY_FULL_LIFE_MS), "for a shorter time, since it is nearly full");
    }
}

#[tokio::test(start_paused = true)]
async fn eight_keys_do_not_keep_a_friend_from_writing_to_somebody_who_has_written_to_her() {
    let hub = hub();
    let bob = join(&hub, 60_002);
    submit(&bob, "hello", person(60_001), "hello").unwrap();
    drop(bob);
    let mut sent = 0;
    for key in 0..8 {
        let key = join(&hub, key);
        sent += (0..1000).filter(|id| submit(&key, &id.to_string(), person(60_002), "x").is_ok()).count();
    }
    assert_eq!(sent, 750, "three quarters of his mailbox");
    let alice = join(&hub, 60_001);
    for number in 0..250 {
        assert!(submit(&alice, &number.to_string(), person(60_002), "hello").is_ok(), "{number}");
    }
    assert_eq!(
        submit(&join(&hub, 9), "m", person(60_002), "x"),
        Err(SubmitError::Quota(QuotaExceeded::Mailbox)),
        "a stranger"
    );
}

#[tokio::test(start_paused = true)]
async fn the_operator_sees_the_largest_sender_and_drops_what_it_has_waiting() {
    let hub = hub();
    let nobody: Vec<_> = (1000..1040).map(person).collect();
    let flooder = join(&hub, 1);
    let accepted = floods(&flooder, &nobody);
    assert!(submit(&join(&hub, 2), "kept", person(60_002), "hello").is_ok());
    let largest = hub.largest_senders(1)[0];
    assert_eq!((largest.fingerprint, largest.messages), (person(1), accepted));
    assert!(largest.bytes > accepted * LONGEST);
    assert_eq!(hub.drop_waiting_from(&person(1)), accepted);
    assert_eq!(hub.figures().1.messages, 1, "nobody else's");
    let told = collect(&hub, &flooder);
    let expired = told.iter().filter(|frame| frame.contains("\"expired\"")).count();
    assert_eq!(expired, accepted);
    assert_eq!(hub.drop_waiting_from(&person(9)), 0, "somebody unknown");
}
