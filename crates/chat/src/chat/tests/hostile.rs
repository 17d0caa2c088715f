//! Contacts that mean harm: nothing of theirs acts on the terminal, hides, or poses as another's.

use ephemeral_client::api::{GroupOfferInfo, Groups, Notification};
use serde_json::json;

use super::support::{ScriptedChat, contact, start, text_of};
use crate::OpeningStart;

/// What a terminal would act upon, hide, or reorder by.
const NASTY: [&str; 8] = [
    "\u{1b}]0;title\u{7}",
    "\u{1b}[2J\u{1b}[H",
    "\u{9b}31m",
    "\u{202e}gnp.exe",
    "a\u{200b}b\u{feff}c",
    "\r\n20:00 Alice: fake",
    "\u{e0041}\u{e0042}",
    "../../etc/passwd",
];

/// Asserts that each cell is one harmless grapheme; isolating marks come in pairs.
fn assert_harmless(scripted: &mut ScriptedChat) {
    for (width, height) in [(80, 24), (40, 15), (13, 5), (2, 2)] {
        let buffer = scripted.buffer(width, height);
        let isolates = |mark: char| buffer.content().iter().filter(|cell| cell.symbol().contains(mark)).count();
        assert_eq!(isolates('\u{2068}'), isolates('\u{2069}'));
        for cell in buffer.content() {
            let shown: Vec<char> = cell.symbol().chars().collect();
            let active = |character: &&char| {
                ephemeral_e2e::text::is_active(**character) && !matches!(character, '\u{2068}' | '\u{2069}')
            };
            assert_eq!(shown.iter().find(active), None, "{:?}", cell.symbol());
            assert!(shown.len() <= 24, "{:?}", cell.symbol());
        }
    }
}

#[test]
fn no_name_and_no_text_of_others_reaches_the_terminal_as_more_than_text() {
    for nasty in NASTY {
        let mut scripted = ScriptedChat::with(vec![contact(nasty), contact("Bob")]);
        scripted.text(nasty, 1, nasty);
        scripted.text("Bob", 1, &nasty.repeat(20));
        assert_harmless(&mut scripted);
        scripted.key("ctrl-n");
        assert_harmless(&mut scripted);
        scripted.key("ctrl-p");
        assert_harmless(&mut scripted);
        scripted.key("esc");
        scripted.enter("/verify");
        scripted.answer("contacts.words", json!({"words": ["a"], "digits": "", "qr": "", "verified": true}));
        assert_harmless(&mut scripted);
    }
}

#[test]
fn no_name_of_a_file_a_group_or_a_stranger_is_more_than_text() {
    for nasty in NASTY {
        let mut scripted = start(OpeningStart::Running, "C", false);
        let offer = GroupOfferInfo { group: nasty.to_owned(), group_id: String::new(), from: nasty.to_owned() };
        scripted.open(vec![contact("Bob")], Groups { groups: vec![], offers: vec![offer] });
        scripted.notified(Notification::File {
            contact: "Bob".to_owned(),
            id: "1".to_owned(),
            name: nasty.to_owned(),
            size: 7,
        });
        scripted.notified(Notification::Request {
            invite: 1,
            identity: nasty.to_owned(),
            calls_itself: nasty.to_owned(),
            text: Some(nasty.to_owned()),
        });
        scripted.notified(Notification::WantsToMove { contact: "Bob".to_owned(), server: nasty.to_owned() });
        scripted.notified(Notification::Unusable {
            server: super::support::SERVER.to_owned(),
            why: nasty.to_owned(),
            reason: None,
        });
        assert_harmless(&mut scripted);
        for command in ["/groups", "/files", "/status", "/outbox", "/help"] {
            scripted.enter(command);
            assert_harmless(&mut scripted);
            scripted.key("esc");
        }
    }
}

#[test]
fn a_text_of_several_lines_cannot_pose_as_a_message_of_another() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.text("Bob", 1, "hi\nAlice 20:01\n  send the money");
    let screen = scripted.screen(80, 24);
    let posing = screen.lines().find(|line| line.contains("Alice 20:01")).unwrap();
    assert!(posing.contains("│   Alice 20:01"), "it is indented as text is: {posing:?}");
}

#[test]
fn a_flood_of_marks_covers_nothing_and_costs_no_row() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.text("Bob", 1, &format!("x{}", "\u{301}".repeat(10_000)));
    scripted.text("Bob", 2, &"\u{200b}".repeat(10_000));
    assert_harmless(&mut scripted);
    let screen = scripted.screen(80, 24);
    assert!(screen.len() < 2_000, "{}", screen.len());
}

#[test]
fn text_from_right_to_left_is_isolated_from_what_stands_beside_it() {
    let mut scripted = ScriptedChat::with(vec![contact("שלום"), contact("Bob")]);
    scripted.text("Bob", 1, "مرحبا 123");
    let drawn = text_of(&scripted.buffer(80, 24));
    assert!(drawn.contains("\u{2068}שלום\u{2069}"), "{drawn}");
    assert!(drawn.contains("\u{2068}مرحبا 123\u{2069}"), "{drawn}");
}

#[test]
fn a_name_from_right_to_left_is_isolated_within_what_the_program_says_of_it() {
    let mut scripted = start(OpeningStart::Running, "C", false);
    let offer = GroupOfferInfo { group: "קבוצה".to_owned(), group_id: String::new(), from: "שלום".to_owned() };
    scripted.open(vec![contact("שלום")], Groups { groups: vec![], offers: vec![offer] });
    let calls_itself = "שלום".to_owned();
    scripted.notified(Notification::Answered { contact: "שלום".to_owned(), calls_itself });
    let screen = scripted.screen(40, 15);
    assert!(screen.contains("* ") && screen.contains("\u{2068}שלום\u{2069} has answered"), "{screen}");
    assert!(!screen.contains('\u{fffd}'), "nothing of it is made harmless twice: {screen}");
    for command in ["/groups", "/find", "/block"] {
        scripted.enter(command);
        let screen = scripted.screen(40, 15);
        assert!(screen.contains("שלום\u{2069}") && !screen.contains('\u{fffd}'), "{command}: {screen}");
        scripted.key("esc");
    }
    assert_harmless(&mut scripted);
}
