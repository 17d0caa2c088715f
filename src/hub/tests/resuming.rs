//! Sessions that go on with another hub of the same messages, or over another connection.

use super::*;

/// Has a session of a person go on as it was.
fn resume(hub: &Arc<Hub>, number: u8, resumption: &Resumption) -> Result<Joined, ResumeError> {
    hub.resume(person(number), true, 2, resumption)
}

#[tokio::test(start_paused = true)]
async fn a_session_that_goes_on_is_sent_nothing_again_and_acknowledges_what_it_was_sent_before() {
    let hub = hub();
    let alice = join(&hub, 1);
    let Joined { session_handle: bob, mut resumption, .. } = hub.join(person(2), true, 2).unwrap();
    assert_eq!(collected(&bob), ["caught_up -"]);
    for id in ["one", "two", "three"] {
        send(&alice, id, 2);
    }
    let sent = collect(&bob);
    let [first, second] = [0, 1].map(|place: usize| sent[place]["seq"].as_u64().unwrap());
    // The connection is lost; the hub has not noticed yet.
    resumption.progress.sent_up_to = second;
    resumption.progress.caught_up = true;
    let again = resume(&hub, 2, &resumption).unwrap().session_handle;
    assert_eq!(bob.is_over(), Err(SessionEnd::Replaced));
    assert_eq!(collected(&again), [""; 0], "two are out, which is the window");
    let mut wakes = Wakes::default();
    assert_eq!(again.acknowledge(first, &mut wakes), Ok(()));
    let third = collect(&again);
    assert_eq!((&third[0]["id"], &third[0]["delivery_type"]), (&json!("three"), &json!("direct")));
    assert_eq!(again.acknowledge(third[0]["seq"].as_u64().unwrap(), &mut wakes), Ok(()));
    assert_eq!(hub.figures().1.messages, 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_sessions_that_go_on_the_newer_one_stays_whichever_comes_first() {
    let hub = hub();
    let older = hub.join(person(1), true, 2).unwrap().resumption;
    let newer = hub.join(person(1), true, 2).unwrap().resumption;
    let stays = resume(&hub, 1, &newer).unwrap().session_handle;
    assert_eq!(resume(&hub, 1, &older).err(), Some(ResumeError::Ended(SessionEnd::Replaced)));
    assert_eq!(stays.is_over(), Ok(()));
    drop(stays);
    let first = resume(&hub, 1, &older).unwrap().session_handle;
    let _stays = resume(&hub, 1, &newer).unwrap().session_handle;
    assert_eq!(first.is_over(), Err(SessionEnd::Replaced));
}

#[tokio::test(start_paused = true)]
async fn sessions_of_a_later_term_are_newer_and_those_of_another_epoch_are_over() {
    let settings = Config { bounds: store::Config::default(), rate: Rate::new(60, 60), sessions: 1000 };
    let led = |epoch: u8, term| {
        let hub = Hub::standing_by(settings, Clock::exact(START)).unwrap();
        let seed = ephemeral_core::store::Seed { hash_key: [1, 2], first_seq: 1000 };
        hub.lead(&[epoch; 16], Store::new(settings.bounds, seed, hub.now()), term);
        hub
    };
    let first = led(1, 7);
    let before = [1, 1, 1].map(|number| first.join(person(number), true, 2).unwrap().resumption);
    let next = led(1, 8);
    let joined = next.join(person(1), true, 2).unwrap();
    assert!(before.iter().all(|before| before.rank < joined.resumption.rank));
    let of_before = resume(&next, 1, &before[2]);
    assert_eq!(of_before.err(), Some(ResumeError::Ended(SessionEnd::Replaced)));
    assert!(resume(&led(1, 9), 1, &joined.resumption).is_ok());
    assert_eq!(resume(&led(2, 9), 1, &joined.resumption).err(), Some(ResumeError::Ended(SessionEnd::Draining)));
    next.stand_by();
    let standing_by = resume(&next, 1, &joined.resumption);
    assert_eq!(standing_by.err(), Some(ResumeError::NotNow(JoinError::Draining)), "it is asked again");
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_costs_no_rate_where_it_is_known_and_is_answered_as_if_it_came_first() {
    let hub = hub_with(Rate::new(1, 2), 1000);
    let alice = join(&hub, 1);
    let expires_at = hub.now().plus(60_000);
    let message = NewMessage { to: person(2), escaped_content: "hello".to_owned().into(), expires_at, given: None };
    let mut wakes = Wakes::default();
    let mut turn = alice.turn(hub.now(), &mut wakes).unwrap();
    turn.submit("m", Some(&message)).unwrap();
    for _ in 0..10 {
        let (accepted, _) = turn.submit_again("m", Some(&message)).unwrap().parts();
        assert!(!accepted.duplicate);
    }
    let (new, _) = turn.submit_again("n", Some(&message)).unwrap().parts();
    assert!(!new.duplicate, "it had been lost on its way");
    assert!(matches!(turn.submit_again("o", Some(&message)), Err(SubmitError::RateLimited { .. })));
}

#[test]
fn sessions_elsewhere_are_bounded_counted_and_learn_what_concerns_them() {
    let hub = hub_with(Rate::new(60, 60), 2);
    let [one, two] = [1, 2].map(|number| hub.enter_elsewhere(person(number)).unwrap());
    assert!(hub.enter_elsewhere(person(3)).is_none());
    let counted = hub.count_by_other();
    assert_eq!(hub.elsewhere(), (2, 1));
    drop(counted);
    hub.evict(&person(1));
    assert!(one.signal().is_evicted() && !two.signal().is_evicted());
    drop(one);
    hub.wipe().unwrap();
    assert!(two.signal().is_ended(), "what it holds for its client is erased with it");
    let three = hub.enter_elsewhere(person(3)).unwrap();
    hub.drain();
    assert!(three.signal().is_ended());
    drop((two, three));
    assert_eq!(hub.elsewhere(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_front_is_lost_gets_its_receipts_when_it_comes_back() {
    let hub = hub();
    let Joined { session_handle: alice, resumption, .. } = hub.join(person(1), true, 2).unwrap();
    let bob = join(&hub, 2);
    assert_eq!(collected(&bob), ["caught_up -"]);
    for id in ["one", "two"] {
        send(&alice, id, 2);
    }
    let sent = collect(&bob);
    acknowledge(&bob, &sent[0]["seq"]);
    alice.leave_for_a_while();
    assert_eq!(hub.figures().0, 1);
    acknowledge(&bob, &sent[1]["seq"]);
    let again = resume(&hub, 1, &resumption).unwrap().session_handle;
    assert_eq!(collected(&again), ["receipt one", "receipt two", "caught_up -"]);
    let other = hub.join(person(1), true, 2).unwrap().session_handle;
    other.leave_for_a_while();
    assert_eq!((again.is_over(), hub.figures().0), (Err(SessionEnd::Replaced), 1));
}
