//! What waits to be shown is bounded, by whom it is from.

use super::*;

#[test]
fn one_contact_or_member_cannot_fill_the_inbox_for_the_others() {
    let mut profile = ProfileState::new(Authority::loopback("localhost").unwrap(), String::new(), 0);
    let text = |link, length| Event::Text { link, mid: 1, text: "x".repeat(length), at: 0, burn_s: 0, missing: false };
    for _ in 0..MAX_TEXTS.0 {
        assert!(profile.has_room_for_text(1, None));
        profile.tell(text(1, 10));
    }
    assert!(!profile.has_room_for_text(1, None) && profile.has_room_for_text(2, None));
    for _ in 0..MAX_TEXTS.1 / 47_000 + 1 {
        profile.tell(text(2, 47_000));
    }
    assert!(!profile.has_room_for_text(2, None) && profile.has_room_for_text(3, None));
    let of_member = |member| Event::GroupText {
        group: [1; 16],
        member: Key([member; 32]),
        gmid: 1,
        text: "x".to_owned(),
        at: 0,
        missing: false,
    };
    for _ in 0..MAX_TEXTS.0 {
        profile.tell(of_member(1));
    }
    assert!(!profile.has_room_for_text(4, Some(([1; 16], Key([1; 32])))));
    assert!(profile.has_room_for_text(5, Some(([1; 16], Key([2; 32])))));
    for _ in 0..MAX_INBOX {
        profile.tell_members([1; 16], Vec::new());
    }
    assert!(!profile.inbox_is_full());
}
