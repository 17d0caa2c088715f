//! What one sender may have of the store, of a mailbox, and of the time.

use super::*;

/// Returns a person of so high a number that it is none of the others.
fn person(number: u32) -> Fingerprint {
    let mut bytes = [9; 32];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    Fingerprint::from_bytes(bytes)
}

fn long<'letter>(id: &'letter str, to: Fingerprint, content: &'letter str) -> Letter<'letter> {
    Letter { id, to, escaped_content: content, expires_at: NOW.plus(7 * 86_400_000) }
}

/// Sends as many messages of this size as `sender` can, each to somebody else. Returns why it can
/// send no more.
fn floods(store: &mut Store, sender: u32, size: usize) -> QuotaExceeded {
    let (account, _) = store.attach(NOW, person(sender), true);
    let content = "x".repeat(size);
    for number in 0.. {
        let letter = long("m", person(1_000_000 + sender * 10_000 + number), &content);
        let id = number.to_string();
        if let Err(full) = store.put(NOW, account, &Letter { id: &id, ..letter }) {
            store.detach(NOW, account);
            return full;
        }
    }
    unreachable!("it is never full")
}

#[test]
fn a_sender_may_have_a_sixteenth_of_what_is_free_and_the_next_one_less() {
    let total_bytes = 8 << 20;
    let mut store = store_with(Config { total_bytes, ..Config::default() });
    let mut free = total_bytes;
    for sender in 0..66 {
        assert_eq!(floods(&mut store, sender, 1000), QuotaExceeded::Sender);
        let used = free - (total_bytes - store.figures().bytes);
        free -= used;
        // What the recipients cost is nobody's share.
        let cost = RECORD_COST + 1000 + ACCOUNT_COST + 4;
        assert!(used <= free.max(SENDER_SHARE * SMALL) / SENDER_SHARE * 3 / 2 + cost, "{sender}: {used} of {free}");
    }
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert!(store.put(NOW, alice, &long("m", BOB, "hello")).is_ok(), "an honest one still has room");
}

#[test]
fn as_the_store_fills_messages_are_kept_for_a_shorter_time_and_what_was_granted_stays_granted() {
    const DAY: u64 = 86_400_000;
    let total_bytes = 4 << 20;
    let bounds = Config { total_bytes, kept_for_online: total_bytes / 8, crowded_life_ms: DAY, ..Config::default() };
    let mut store = store_with(bounds);
    let open = total_bytes - bounds.kept_for_online;
    let mut granted = Vec::new();
    for sender in 0..200 {
        let before = store.figures().bytes;
        let (account, _) = store.attach(NOW, person(sender), true);
        let content = "x".repeat(20_000);
        let Ok(deposited) = store.put(NOW, account, &long("m", person(1000 + sender), &content)) else { break };
        granted.push(deposited.expires_at);
        let longest = match before - ACCOUNT_COST * sender as usize {
            _ if store.figures().bytes < open / 2 => 7 * DAY,
            _ if before >= open - open / 8 => NEARLY_FULL_LIFE_MS,
            _ if before >= open / 2 => DAY,
            _ => continue,
        };
        assert_eq!(deposited.expires_at, NOW.plus(longest), "{before} of {open}");
    }
    let lives: std::collections::BTreeSet<u64> = granted.iter().map(|end| end.since(NOW)).collect();
    assert_eq!(lives.into_iter().collect::<Vec<_>>(), [NEARLY_FULL_LIFE_MS, DAY, 7 * DAY]);
    let asked_for_less = Letter { expires_at: NOW.plus(5), ..long("n", BOB, "hello") };
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert_eq!(store.put(NOW, alice, &asked_for_less).unwrap().expires_at, NOW.plus(5));
    assert_eq!(expire(&mut store, NOW.plus(5)).0.len(), 1, "and nothing else gives way");
}

#[test]
fn a_sender_may_have_an_eighth_of_a_mailbox_and_strangers_leave_a_quarter_of_it_to_those_whom_the_owner_knows() {
    let mut store = store_with(Config { mailbox_messages: 64, ..Config::default() });
    let (bob, _) = store.attach(NOW, BOB, true);
    let (carol, _) = store.attach(NOW, CAROL, true);
    store.put(NOW, bob, &letter("hello", CAROL, NOW)).unwrap();
    let mut total = 0;
    for sender in 0..8 {
        let (account, _) = store.attach(NOW, person(sender), true);
        let accepted = (0..9).filter(|id| store.put(NOW, account, &letter(&id.to_string(), BOB, NOW)).is_ok());
        let accepted = accepted.count();
        assert_eq!(accepted, if sender < 6 { 8 } else { 0 }, "stranger {sender}");
        total += accepted;
    }
    assert_eq!(total, 48);
    for id in 0..12 {
        assert!(store.put(NOW, carol, &letter(&id.to_string(), BOB, NOW)).is_ok(), "{id}: he has written to her");
    }
    let notes = (0..20).filter(|id| store.put(NOW, bob, &letter(&format!("note-{id}"), BOB, NOW)).is_ok()).count();
    assert_eq!(notes, 4, "the rest is for his own notes");
}

#[test]
fn who_was_written_to_may_have_half_of_the_mailbox_whether_it_is_taken_or_waits() {
    let mut store = store_with(Config { mailbox_messages: 64, ..Config::default() });
    // Bob declines receipts: what he takes goes on counting.
    let (bob, _) = store.attach(NOW, BOB, false);
    let (carol, _) = store.attach(NOW, CAROL, true);
    store.put(NOW, bob, &letter("hello", CAROL, NOW)).unwrap();
    let sends = |store: &mut Store, from, prefix: &str| {
        (0..50).filter(|id| store.put(NOW, from, &letter(&format!("{prefix}-{id}"), BOB, NOW)).is_ok()).count()
    };
    assert_eq!(sends(&mut store, carol, "a"), 32);
    fetch(&mut store, NOW, bob, 64);
    acknowledge_all(&mut store, bob);
    assert_eq!(sends(&mut store, carol, "b"), 0, "or she would learn that he was there");
    let (stranger, _) = store.attach(NOW, person(1), true);
    assert_eq!(sends(&mut store, stranger, "c"), 8);
}

#[test]
fn the_bytes_of_a_mailbox_are_shared_like_its_messages() {
    let mut store = store_with(Config { mailbox_bytes: 8000, ..Config::default() });
    let content = "x".repeat(500);
    let (bob, _) = store.attach(NOW, BOB, true);
    let mut accepted = Vec::new();
    for sender in 0..8 {
        let (account, _) = store.attach(NOW, person(sender), true);
        let ids = (0..4).map(|id: u32| id.to_string());
        accepted.push(ids.filter(|id| store.put(NOW, account, &long(id, BOB, &content)).is_ok()).count());
    }
    assert_eq!(accepted, [2, 2, 2, 2, 2, 2, 0, 0]);
    assert_eq!(store.put(NOW, bob, &long("whole", CAROL, &"x".repeat(8000))).map(|_| ()), Ok(()), "a first one");
}

#[test]
fn who_was_written_to_is_known_for_as_long_as_that_message_is_and_no_longer() {
    let mut store = store_with(Config { mailbox_messages: 4, ..Config::default() });
    let (bob, _) = store.attach(NOW, BOB, true);
    let (carol, _) = store.attach(NOW, CAROL, true);
    store.put(NOW, bob, &letter("hello", CAROL, NOW)).unwrap();
    let seq = fetch(&mut store, NOW, carol, 1)[0];
    acknowledge(&mut store, carol, seq).unwrap();
    for sender in 0..4 {
        let (account, _) = store.attach(NOW, person(sender), true);
        let kept = store.put(NOW, account, &long("m", BOB, "hello")).is_ok();
        assert_eq!(kept, sender < 3, "three quarters are for strangers");
    }
    // She has left, been forgotten by everything but his message, and come back.
    store.detach(NOW, carol);
    let then = NOW.plus(MINUTE - 1);
    expire(&mut store, then);
    let (carol, _) = store.attach(then, CAROL, true);
    assert!(store.put(then, carol, &long("1", BOB, "hello")).is_ok());
    let later = NOW.plus(2 * MINUTE);
    expire(&mut store, later);
    fetch(&mut store, later, bob, 4);
    let (dave, _) = store.attach(later, person(7), true);
    acknowledge_all(&mut store, bob);
    for (id, whom) in [(0, 100), (1, 101), (2, 102)] {
        let (account, _) = store.attach(later, person(whom), true);
        store.put(later, account, &long(&id.to_string(), BOB, "hello")).unwrap();
    }
    assert_eq!(store.put(later, dave, &long("2", BOB, "hello")), Err(QuotaExceeded::Mailbox));
    assert_eq!(store.put(later, carol, &long("2", BOB, "hello")), Err(QuotaExceeded::Mailbox), "a stranger again");
}

#[test]
fn what_is_kept_for_those_who_are_online_goes_to_recipients_who_take_what_they_are_sent() {
    let kept_for_online = 1 << 20;
    let bounds = Config { total_bytes: 8 << 20, kept_for_online, ..Config::default() };
    let mut store = store_with(bounds);
    let mut sender = 0;
    while floods(&mut store, sender, 20_000) == QuotaExceeded::Sender && sender < 400 {
        sender += 1;
    }
    // Nearly nothing is left for recipients who are offline.
    while store.deposit_one_byte(5000 + sender).is_ok() {
        sender += 1;
    }
    let (alice, _) = store.attach(NOW, ALICE, true);
    let (bob, _) = store.attach(NOW, BOB, true);
    assert_eq!(store.put(NOW, alice, &long("m", CAROL, "x")), Err(QuotaExceeded::Store), "she is offline");
    let mut accepted = 0;
    while store.put(NOW, alice, &long(&accepted.to_string(), BOB, "hello")).is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted, SMALL / (RECORD_COST + "0".len() + "hello".len()), "he does not take what he is sent");
    fetch(&mut store, NOW, bob, 100);
    acknowledge_all(&mut store, bob);
    assert!(store.put(NOW, alice, &long("again", BOB, "hello")).is_ok(), "now he does");
    let share = (kept_for_online / 1024).max(SMALL);
    assert_eq!(
        store.put(NOW, bob, &long("long", ALICE, &"x".repeat(share))),
        Err(QuotaExceeded::Sender),
        "more than a recipient's share"
    );
}

impl Store {
    /// Sends one byte from somebody new to somebody new.
    fn deposit_one_byte(&mut self, sender: u32) -> Result<Put, QuotaExceeded> {
        let (account, _) = self.attach(NOW, person(sender), true);
        let deposited = self.put(NOW, account, &long("m", person(2_000_000_000 + sender), "x"));
        self.detach(NOW, account);
        deposited
    }
}
