//! What an engine does with lanes that are full, forget too much, or cannot be had.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ephemeral_core::protocol::{DeliveryType, ReceivedMessage};
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Secret;
use ephemeral_e2e::effect::{Frame, MailboxAccess};
use tokio::sync::mpsc;

use super::agenda::Deferred;
use super::dispatch::{LaneId, Order, Plan};
use super::lane::Lane;
use super::*;
use crate::cause::Explanation;
use crate::inbox::Inbox;
use crate::testing::{self, Wire};
use crate::{Dial, DialError, Identity, ServerUrl};

mod trouble;

struct ToNobody(Arc<Wire>);

impl Isolate for ToNobody {
    fn isolated(&self, _: &ServerUrl) -> Result<Arc<dyn Dial>, DialError> {
        Ok(Arc::clone(&self.0) as Arc<dyn Dial>)
    }
}

fn server() -> Authority {
    Authority::loopback("localhost").unwrap()
}

fn engine(wire: &Arc<Wire>) -> Engine {
    let profile = Profile::create(None, server(), "me").unwrap();
    let route = Box::new(ToNobody(Arc::clone(wire)));
    Engine::new(profile, route, Book::default(), Fetching::PATIENT).unwrap()
}

fn plan(id: &LaneId, wire: &Arc<Wire>) -> Plan {
    Plan {
        id: id.clone(),
        identity: testing::alice(),
        dialer: Arc::clone(wire) as Arc<dyn Dial>,
        url: testing::url(),
        stays: true,
        linger: Duration::ZERO,
        start: Instant::now(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_finds_its_lane_full_is_asked_for_again_and_one_without_a_lane_is_not() {
    let (wire, _arrivals) = testing::wire();
    let mut engine = engine(&wire);
    let seed = Secret::new([1; 32]);
    let key = Key(*Identity::from_seed(&[1; 32]).fingerprint().as_bytes());
    let now = Instant::now();
    let access =
        MailboxAccess { key, seed, authority: server(), after_ms: 0, active_at: 0, door: false, awaited_ms: 0 };
    engine.mailboxes.insert(access, now);
    let id = LaneId { pseudonym: key, authority: "localhost".to_owned() };
    engine.do_now(Deferred::Acknowledge(key, 7), now);
    assert!(engine.agenda.is_empty(), "it comes again, and is acknowledged then");

    // Its task has not had its turn.
    engine.lanes.start(plan(&id, &wire));
    while engine.lanes.order(&id, Order::Stay(true)).is_ok() {}
    engine.do_now(Deferred::Acknowledge(key, 7), now);
    let at = engine.agenda.wake_at().expect("it is kept");
    assert!(at > now && at < now + Duration::from_secs(1), "{:?}", at - now);
    let again = engine.agenda.take(at).unwrap();
    assert!(matches!(again, Deferred::Acknowledge(mailbox, 7) if mailbox == key));

    // The lane has had its turn.
    while engine.lanes.order(&id, Order::Stay(true)).is_err() {
        tokio::task::yield_now().await;
    }
    engine.do_now(again, at);
    assert!(engine.agenda.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_contacts_server_invents_for_the_pseudonym_that_writes_there_changes_nothing() {
    let (wire, _arrivals) = testing::wire();
    let mut engine = engine(&wire);
    engine.write().unwrap();
    let id = LaneId { pseudonym: Key([9; 32]), authority: "localhost".to_owned() };
    for seq in 0..100 {
        let content = zeroize::Zeroizing::new("A".repeat(4_096));
        engine.handle(&id, super::dispatch::Report::Message { seq, from: None, content }).unwrap();
    }
    assert!(!engine.dirty, "no commit for each of them");
    assert!(engine.agenda.is_empty(), "and no acknowledgement");
}

#[tokio::test(start_paused = true)]
async fn what_a_lane_remembers_of_a_server_that_goes_beyond_every_window_is_bounded() {
    let (wire, _arrivals) = testing::wire();
    let id = LaneId { pseudonym: Key([1; 32]), authority: "localhost".to_owned() };
    let (sender, mut reports) = mpsc::channel(1);
    let mut lane = Lane::new(plan(&id, &wire), sender);
    for seq in 0..2 * Inbox::MAX_UNACKNOWLEDGED as u64 + 3 {
        let message = ReceivedMessage {
            id: format!("id-{seq}"),
            from: testing::bob().fingerprint().to_string(),
            to: testing::alice().fingerprint().to_string(),
            content: "AAAA".to_owned(),
            timestamp: "2026-01-02T12:00:00.000Z".to_owned(),
            expires_at: "2026-01-03T12:00:00.000Z".to_owned(),
            delivery_type: DeliveryType::Stored,
            seq,
        };
        assert!(lane.message(message).await.is_ok());
        reports.recv().await.unwrap();
    }
    assert_eq!(lane.remembered(), Inbox::MAX_UNACKNOWLEDGED);
}

#[tokio::test(start_paused = true)]
async fn a_server_to_which_there_is_no_way_ends_nothing_and_is_named() {
    struct NoWay;
    impl Isolate for NoWay {
        fn isolated(&self, to: &ServerUrl) -> Result<Arc<dyn Dial>, DialError> {
            Err(DialError::NoWay(format!("the key for {} cannot be read", to.host()).into()))
        }
    }
    let profile = Profile::create(None, server(), "me").unwrap();
    let mut engine = Engine::new(profile, Box::new(NoWay), Book::default(), Fetching::HASTY).unwrap();
    let onion = Authority::from_onion_key(&Key([7; 32]), 80);
    let frame = Frame { id: 9, sender: None, to: Key([2; 32]), authority: onion.clone(), content: "AAAA".to_owned() };
    engine.do_now(Deferred::Send(Box::new(frame)), Instant::now());
    let Some(EngineEvent::Unusable { server, why }) = engine.news.pop_front() else { panic!("it says nothing") };
    assert_eq!(server, onion.as_str());
    assert!(why.text.contains("cannot be read"), "{why}");
    // One's own mailboxes are asked for again and again, not in a loop.
    engine.act(|core, now| core.invite(ephemeral_e2e::core::InviteOptions::default(), now)).unwrap();
    let mut told = 0;
    let minutes = tokio::time::timeout(Duration::from_secs(600), async {
        loop {
            match engine.next().await.unwrap() {
                EngineEvent::Unusable { .. } => told += 1,
                EngineEvent::Event { id, .. } => engine.shown(id),
                _ => {}
            }
        }
    });
    assert!(minutes.await.is_err());
    assert!((2..=12).contains(&told), "{told}");
}
