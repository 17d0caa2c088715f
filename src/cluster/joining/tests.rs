//! Who gets the key, and who does not.

use super::*;

const NOW: Millis = Millis(1_000_000);

fn door(secret: u8) -> JoinDoor {
    JoinDoor::new(Zeroizing::new(vec![secret; 32]))
}

fn opened(door: &JoinDoor) -> JoinCode {
    JoinCode::parse(&door.open(NOW).unwrap()).unwrap()
}

fn asking(secret: u8, code: &JoinCode) -> JoinRequest {
    JoinRequest::new(&[secret; 32], code).unwrap()
}

fn proven(door: &JoinDoor, request: &[u8], now: Millis) -> ProvenJoiner {
    match door.asked(request, now) {
        JoinAsked::Proven(joiner) => joiner,
        JoinAsked::Wrong { .. } => panic!("the code is not proven"),
        JoinAsked::Nothing => panic!("nothing is open"),
    }
}

#[test]
fn who_has_secret_and_code_is_given_what_it_asks_for_and_nobody_a_second_time() {
    let door = door(1);
    let code = opened(&door);
    let request = asking(1, &code);
    let answer = proven(&door, request.sealed(), NOW).answer(b"the key").unwrap();
    assert_eq!(&**request.open(&answer).unwrap(), b"the key");
    // A NATS server says it again, and another machine asks with the same code.
    assert!(matches!(door.asked(request.sealed(), NOW), JoinAsked::Nothing));
    assert!(matches!(door.asked(asking(1, &code).sealed(), NOW), JoinAsked::Nothing));
}

#[test]
fn a_code_without_the_secret_and_the_secret_without_the_code_open_nothing() {
    let door = door(1);
    let code = opened(&door);
    // Of another cluster: it does not even count as wrong.
    for _ in 0..2 * WRONG {
        assert!(matches!(door.asked(asking(2, &code).sealed(), NOW), JoinAsked::Nothing));
    }
    let other = JoinCode::generate().unwrap();
    assert!(matches!(door.asked(asking(1, &other).sealed(), NOW), JoinAsked::Wrong { spent: false }));
    let request = asking(1, &code);
    let answer = proven(&door, request.sealed(), NOW).answer(b"the key").unwrap();
    // Who has neither the private key nor the code reads nothing of the answer.
    for stranger in [asking(1, &code), asking(1, &other), asking(2, &code)] {
        assert_eq!(stranger.open(&answer).unwrap_err(), NotOpened);
    }
    let with = |code: &JoinCode, secret: u8| JoinRequest {
        private: request.private.clone(),
        shared: shared(&[secret; 32], code),
        sealed: request.sealed.clone(),
    };
    assert!(with(&code, 1).open(&answer).is_ok());
    assert!(with(&other, 1).open(&answer).is_err() && with(&code, 2).open(&answer).is_err());
}

#[test]
fn five_wrong_requests_spend_a_code_and_four_do_not() {
    let door = door(1);
    let mistaken = || asking(1, &JoinCode::generate().unwrap());
    let code = opened(&door);
    for _ in 1..WRONG {
        assert!(matches!(door.asked(mistaken().sealed(), NOW), JoinAsked::Wrong { spent: false }));
    }
    proven(&door, asking(1, &code).sealed(), NOW);
    let code = opened(&door);
    for number in 1..=WRONG {
        assert!(
            matches!(door.asked(mistaken().sealed(), NOW), JoinAsked::Wrong { spent } if spent == (number == WRONG))
        );
    }
    assert!(matches!(door.asked(asking(1, &code).sealed(), NOW), JoinAsked::Nothing));
}

#[test]
fn a_code_is_good_for_ten_minutes_at_the_machine_that_made_it_and_until_the_next_one() {
    let first = door(1);
    let code = opened(&first);
    let last = Millis(NOW.0 + GOOD_FOR_MS - 1);
    proven(&first, asking(1, &code).sealed(), last);
    let code = opened(&first);
    let late = Millis(NOW.0 + GOOD_FOR_MS);
    assert!(matches!(first.asked(asking(1, &code).sealed(), late), JoinAsked::Nothing));
    assert!(matches!(first.asked(asking(1, &code).sealed(), NOW), JoinAsked::Nothing), "it is gone for good");

    // Another machine of the cluster knows nothing of it.
    let other = door(1);
    let code = opened(&first);
    assert!(matches!(other.asked(asking(1, &code).sealed(), NOW), JoinAsked::Nothing));
    opened(&other);
    assert!(matches!(other.asked(asking(1, &code).sealed(), NOW), JoinAsked::Wrong { .. }));
    let next = opened(&first);
    assert!(matches!(first.asked(asking(1, &code).sealed(), NOW), JoinAsked::Wrong { .. }), "there is a newer one");
    proven(&first, asking(1, &next).sealed(), NOW);
    let code = opened(&first);
    first.close();
    assert!(matches!(first.asked(asking(1, &code).sealed(), NOW), JoinAsked::Nothing));
}

#[test]
fn what_a_nats_server_changes_swaps_or_makes_up_is_not_taken() {
    let door = door(1);
    let code = opened(&door);
    let request = asking(1, &code);
    let mut changed = request.sealed().to_vec();
    for place in 0..changed.len() {
        changed[place] ^= 1;
        assert!(matches!(door.asked(&changed, NOW), JoinAsked::Nothing), "{place}");
        changed[place] ^= 1;
    }
    assert!(matches!(door.asked(&[0; REQUEST_BYTES + 1], NOW), JoinAsked::Nothing));
    let mut answer = proven(&door, request.sealed(), NOW).answer(b"the key").unwrap();
    for place in 0..answer.len() {
        answer[place] ^= 1;
        assert!(request.open(&answer).is_err(), "{place}");
        answer[place] ^= 1;
    }
    for cut in 0..answer.len() {
        assert!(request.open(&answer[..cut]).is_err());
    }
    assert!(request.open(request.sealed()).is_err(), "a question is no answer");
    assert!(request.open(&answer).is_ok());
}
