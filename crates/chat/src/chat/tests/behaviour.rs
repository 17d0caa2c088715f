//! What keys, notifications and answers do.

use ephemeral_client::api::{Groups, Notification, StandingName};
use serde_json::json;

use super::support::{Desk, NOW, contact, group, sending, start};
use crate::conversation::ItemBody;
use crate::{ChatInput, ChatOutput, OpeningStart};

fn standing(desk: &Desk) -> Option<StandingName> {
    let open = desk.chat.conversation().unwrap();
    match &open.items.back().unwrap().body {
        ItemBody::Post(post) => post.standing,
        ItemBody::Note(..) => None,
    }
}

fn at_server(id: &str) -> Notification {
    Notification::AtServer { contact: "Bob".to_owned(), id: id.to_owned() }
}

#[test]
fn a_text_is_sent_by_enter_and_its_state_never_gets_worse() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    desk.enter("hello");
    assert_eq!(desk.called("send"), Some(&json!({"to": "Bob", "text": "hello", "burn_s": 0})));
    assert_eq!(standing(&desk), Some(StandingName::Sending));
    desk.answer("send", sending("1"));
    desk.told(at_server("1"));
    desk.told(Notification::Arrived { contact: "Bob".to_owned(), id: "1".to_owned() });
    desk.told(at_server("1"));
    desk.told(Notification::NotDelivered { contact: "Bob".to_owned(), id: "1".to_owned() });
    assert_eq!(standing(&desk), Some(StandingName::Arrived));
}

#[test]
fn how_far_a_text_came_counts_although_its_id_is_known_later() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    desk.enter("hello");
    desk.told(at_server("1"));
    desk.answer("send", sending("1"));
    assert_eq!(standing(&desk), Some(StandingName::AtServer));
}

#[test]
fn a_text_that_is_refused_is_in_the_composer_again_before_what_was_written_since() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    desk.enter("first");
    desk.write("second");
    desk.refuse("send", "no room now");
    assert_eq!(desk.chat.composer().text(), "first\nsecond");
    assert!(desk.chat.conversation().unwrap().items.is_empty());
    assert!(desk.screen(80, 24).contains("not sent: no room now"));
}

#[test]
fn each_conversation_keeps_its_draft_and_counts_what_is_unread() {
    let mut desk = Desk::with(vec![contact("Bob"), contact("Carol")]);
    assert_eq!(desk.chat.open.as_deref(), Some("Bob"));
    desk.write("for bob");
    desk.text("Carol", 1, "are you there?");
    assert_eq!(desk.chat.title(), "(1) ephemeral", "no name");
    desk.key("ctrl-n");
    assert_eq!((desk.chat.open.as_deref(), desk.chat.composer().text()), (Some("Carol"), ""));
    assert_eq!(desk.chat.title(), "ephemeral");
    desk.key("ctrl-p");
    desk.enter("bo");
    assert_eq!((desk.chat.open.as_deref(), desk.chat.composer().text()), (Some("Bob"), "for bob"));
}

#[test]
fn a_lost_connection_is_said_for_how_long_and_what_comes_next_and_a_draft_stays() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    desk.write("half a sen");
    let server = super::support::SERVER.to_owned();
    desk.told(Notification::Offline {
        server: server.clone(),
        why: "refused".to_owned(),
        retry_in_s: 90,
        reason: None,
    });
    desk.at(NOW + 61);
    assert!(desk.screen(120, 24).contains("no connection for 1 min: refused; next attempt in 29 s"));
    desk.write("tence");
    desk.told(Notification::Online { server });
    assert!(desk.screen(80, 24).contains("connected"));
    assert_eq!(desk.chat.composer().text(), "half a sentence");
}

#[test]
fn the_server_of_a_contact_changes_nothing_of_ones_own_connection() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    desk.told(Notification::Offline {
        server: "other.onion".to_owned(),
        why: "gone".to_owned(),
        retry_in_s: 9,
        reason: None,
    });
    assert!(desk.screen(80, 24).contains("connected"));
}

#[test]
fn two_keys_erase_without_a_question_and_one_does_nothing() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    desk.key("ctrl-x");
    desk.write("a");
    desk.key("ctrl-k");
    assert!(!desk.outputs.contains(&ChatOutput::Erase), "another key was between them");
    desk.key("ctrl-x");
    desk.at(NOW + 10);
    desk.key("ctrl-k");
    assert!(!desk.outputs.contains(&ChatOutput::Erase), "the second came late");
    desk.key("f1");
    desk.key("ctrl-x");
    desk.at(NOW + 11);
    desk.key("ctrl-k");
    assert_eq!(desk.outputs.last(), Some(&ChatOutput::Erase), "in front of a dialog, too");
}

#[test]
fn ctrl_s_and_ctrl_q_do_nothing_and_ctrl_c_ends_only_when_it_is_pressed_twice() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    desk.write("x");
    for chord in ["ctrl-s", "ctrl-q", "ctrl-c", "y", "ctrl-c"] {
        desk.key(chord);
    }
    assert!(!desk.outputs.contains(&ChatOutput::End));
    assert_eq!(desk.chat.composer().text(), "xy");
    desk.key("ctrl-c");
    assert_eq!(desk.outputs.last(), Some(&ChatOutput::End));
}

#[test]
fn a_paste_of_100_kib_is_written_does_nothing_and_goes_in_parts() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    let pasted = format!("/quit\n{}", "ä".repeat(51_200));
    desk.take(ChatInput::Paste(pasted.clone()));
    assert_eq!(desk.chat.composer().text(), pasted);
    assert!(desk.outputs.is_empty() && desk.calls.is_empty());
    assert!(desk.screen(80, 24).contains("102406 bytes: goes in 3 messages"));
    desk.key("enter");
    let texts: Vec<_> = desk.calls.iter().map(|(_, _, params)| params["text"].as_str().unwrap()).collect();
    assert!(texts.iter().all(|text| text.len() <= 47_000));
    assert_eq!(texts.concat(), pasted, "nothing is lost, and no command was run");
    desk.take(ChatInput::Paste("x".repeat(300 * 1024)));
    assert!(desk.screen(80, 24).contains("were cut off"));
}

#[test]
fn safety_words_are_shown_and_a_yes_marks_the_contact_verified() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    desk.enter("/verify");
    let words: Vec<_> = (0..18).map(|number| format!("word{number}")).collect();
    desk.answer("contacts.words", json!({"words": words, "digits": "", "qr": "", "verified": false}));
    assert!(desk.screen(80, 24).contains("word17"));
    desk.key("y");
    assert_eq!(desk.called("contacts.verify"), Some(&json!({"contact": "Bob"})));
}

#[test]
fn a_group_is_made_filled_and_left_by_commands() {
    let mut desk = start(OpeningStart::Running, "C", false);
    let groups = Groups { groups: vec![group("Friends", &["Alice", "Bob"])], offers: vec![] };
    desk.open(vec![contact("Carol")], groups);
    desk.enter("/open Friends");
    desk.enter("/add Carol");
    assert_eq!(desk.called("groups.invite"), Some(&json!({"group": "Friends", "contact": "Carol"})));
    desk.enter("/verify");
    assert!(desk.called("contacts.words").is_none(), "a group has no safety words");
    desk.key("ctrl-u");
    desk.enter("/leave");
    assert!(desk.called("groups.leave").is_none(), "it is asked first");
    desk.key("y");
    assert_eq!(desk.called("groups.leave"), Some(&json!({"group": "Friends"})));
}

#[test]
fn commands_and_names_are_completed_by_tab() {
    let mut desk = Desk::with(vec![contact("Bob"), contact("Carol")]);
    desk.write("/ver");
    desk.key("tab");
    assert_eq!(desk.chat.composer().text(), "/verify ");
    desk.key("ctrl-u");
    desk.write("/open C");
    desk.key("tab");
    assert_eq!(desk.chat.composer().text(), "/open Carol");
}

#[test]
fn paths_are_whole_whatever_was_written() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    for (written, path) in [("~/a b.pdf", "/home/alice/a b.pdf"), ("c.txt", "/tmp/c.txt"), ("/d", "/d")] {
        desk.enter(&format!("/send {written}"));
        assert_eq!(desk.called("files.send"), Some(&json!({"contact": "Bob", "path": path})));
        let sent = json!({"file": "1", "name": "a", "size": 2048, "sha256": "", "replaced": false});
        desk.answer("files.send", sent);
        assert!(desk.screen(80, 24).contains("sending a (2 KiB)"));
    }
}

#[test]
fn a_text_is_gone_at_its_time_and_one_that_came_late_a_minute_after() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    for (id, text, gone_at) in [("7", "secret", "2026-11-27T20:02:00Z"), ("8", "late", "2026-11-27T19:00:00Z")] {
        desk.told(Notification::Text {
            contact: "Bob".to_owned(),
            id: id.to_owned(),
            at: "2026-11-27T19:59:00Z".to_owned(),
            text: text.to_owned(),
            burn_s: 180,
            missing: false,
            gone_at: Some(gone_at.to_owned()),
        });
    }
    let screen = desk.screen(80, 24);
    assert!(screen.contains("gone in 2 min") && screen.contains("gone in 1 min"), "{screen}");
    desk.at(NOW + 119);
    let screen = desk.screen(80, 24);
    assert!(screen.contains("gone in 1 s") && !screen.contains("late"), "{screen}");
    desk.at(NOW + 120);
    assert!(!desk.screen(80, 24).contains("secret"));
}

#[test]
fn a_contact_that_is_renamed_keeps_its_conversation_and_its_draft() {
    let mut bob = contact("Bob");
    bob.identity = "01".repeat(32);
    let mut desk = Desk::with(vec![contact("Carol"), bob.clone()]);
    desk.enter("/open Bob");
    desk.text("Bob", 1, "hi");
    desk.write("draft");
    bob.contact = "Robert".to_owned();
    desk.told(Notification::Changed {});
    desk.answer("contacts.list", json!([contact("Carol"), bob]));
    assert_eq!((desk.chat.open.as_deref(), desk.chat.composer().text()), (Some("Robert"), "draft"));
    assert!(desk.screen(80, 24).contains("hi"));
}

#[test]
fn the_bell_says_nothing_of_what_came() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    desk.chat.settings.notify = true;
    desk.text("Bob", 1, "the secret");
    assert_eq!(desk.outputs, [ChatOutput::Bell, ChatOutput::Notify("A message came".to_owned())]);
}

#[test]
fn a_search_goes_up_and_says_when_there_is_nothing() {
    let mut desk = Desk::with(vec![contact("Bob")]);
    for number in 0..50 {
        desk.text("Bob", number, &format!("number {number}"));
    }
    desk.enter("/search NUMBER 7");
    let screen = desk.screen(80, 24);
    assert!(screen.contains("number 7\n") && !screen.contains("number 8\n"), "{screen}");
    desk.enter("/search nowhere");
    assert!(desk.screen(80, 24).contains("nowhere does not occur"));
}
