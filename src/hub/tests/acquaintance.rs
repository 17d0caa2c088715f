//! Places for sessions, by how well the store knows whose they are.

use super::*;
use ephemeral_core::store::OLD_MS;

#[test]
fn throw_away_keys_leave_sessions_to_those_whom_the_store_knows() {
    let hub = hub_with(Rate::new(1_000_000, 1_000_000), 8);
    let alice = join(&hub, 100);
    send(&alice, "1", 101);
    let _strangers: Vec<_> = (1..6).map(|number| join(&hub, number)).collect();
    assert!(matches!(hub.join(person(7), true, 2), Err(JoinError::Overloaded)), "six of eight");
    assert_eq!(hub.acquaintance(&person(7)), Acquaintance::Stranger);
    let _awaited = join(&hub, 101);
    let _again = join(&hub, 100);
}

#[tokio::test(start_paused = true)]
async fn keys_for_which_messages_were_left_just_now_leave_sessions_to_those_who_have_been_known_for_long() {
    let hub = hub_with(Rate::new(1_000_000, 1_000_000), 8);
    let alice = join(&hub, 100);
    let day = Duration::from_secs(86_400);
    assert!(submit(&alice, "old", person(101), day).is_ok());
    drop(alice);
    tokio::time::advance(Duration::from_millis(OLD_MS - 1)).await;
    assert_eq!(hub.acquaintance(&person(101)), Acquaintance::Recent);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(hub.acquaintance(&person(101)), Acquaintance::Old);

    let mallory = join(&hub, 1);
    for number in 2..9 {
        assert!(submit(&mallory, &number.to_string(), person(number), day).is_ok());
    }
    let mut prepared = vec![mallory];
    while let Ok(joined) = hub.join(person(u8::try_from(prepared.len() + 1).unwrap()), true, 2) {
        prepared.push(joined.session_handle);
    }
    assert_eq!(prepared.len(), 7, "of eight");
    let _old = join(&hub, 101);
}
