//! What keys, notifications and answers do.

use ephemeral_client::api::{Groups, Notification, StandingName};
use serde_json::json;

use super::support::{NOW, ScriptedChat, contact, group, sending, start};
use crate::conversation::ItemBody;
use crate::{ChatInput, ChatOutput, OpeningStart};

fn standing(scripted: &ScriptedChat) -> Option<StandingName> {
    let open = scripted.chat.conversation().unwrap();
    match &open.items.back().unwrap().body {
        ItemBody::Message(message) => message.standing,
        ItemBody::Note(..) => None,
    }
}

fn at_server(id: &str) -> Notification {
    Notification::AtServer { contact: "Bob".to_owned(), id: id.to_owned() }
}

#[test]
fn a_text_is_sent_by_enter_and_its_state_never_gets_worse() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.enter("hello");
    assert_eq!(scripted.called("send"), Some(&json!({"to": "Bob", "text": "hello", "burn_s": 0})));
    assert_eq!(standing(&scripted), Some(StandingName::Sending));
    scripted.answer("send", sending("1"));
    scripted.notified(at_server("1"));
    scripted.notified(Notification::Arrived { contact: "Bob".to_owned(), id: "1".to_owned() });
    scripted.notified(at_server("1"));
    scripted.notified(Notification::NotDelivered { contact: "Bob".to_owned(), id: "1".to_owned() });
    assert_eq!(standing(&scripted), Some(StandingName::Arrived));
}

#[test]
fn how_far_a_text_came_counts_although_its_id_is_known_later() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.enter("hello");
    scripted.notified(at_server("1"));
    scripted.answer("send", sending("1"));
    assert_eq!(standing(&scripted), Some(StandingName::AtServer));
}

#[test]
fn a_text_that_is_refused_is_in_the_composer_again_before_what_was_written_since() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.enter("first");
    scripted.write("second");
    scripted.refuse("send", "no room now");
    assert_eq!(scripted.chat.composer().text(), "first\nsecond");
    assert!(scripted.chat.conversation().unwrap().items.is_empty());
    assert!(scripted.screen(80, 24).contains("not sent: no room now"));
}

#[test]
fn each_conversation_keeps_its_draft_and_counts_what_is_unread() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob"), contact("Carol")]);
    assert_eq!(scripted.chat.open.as_deref(), Some("Bob"));
    scripted.write("for bob");
    scripted.text("Carol", 1, "are you there?");
    assert_eq!(scripted.chat.title(), "(1) ephemeral", "no name");
    scripted.key("ctrl-n");
    assert_eq!((scripted.chat.open.as_deref(), scripted.chat.composer().text()), (Some("Carol"), ""));
    assert_eq!(scripted.chat.title(), "ephemeral");
    scripted.key("ctrl-p");
    scripted.enter("bo");
    assert_eq!((scripted.chat.open.as_deref(), scripted.chat.composer().text()), (Some("Bob"), "for bob"));
}

#[test]
fn a_lost_connection_is_said_for_how_long_and_what_comes_next_and_a_draft_stays() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.write("half a sen");
    let server = super::support::SERVER.to_owned();
    scripted.notified(Notification::Offline {
        server: server.clone(),
        why: "refused".to_owned(),
        retry_in_s: 90,
        reason: None,
    });
    scripted.at(NOW + 61);
    assert!(scripted.screen(120, 24).contains("no connection for 1 min: refused; next attempt in 29 s"));
    scripted.write("tence");
    scripted.notified(Notification::Online { server });
    assert!(scripted.screen(80, 24).contains("connected"));
    assert_eq!(scripted.chat.composer().text(), "half a sentence");
}

#[test]
fn how_long_there_has_been_no_connection_counts_through_all_attempts() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    let server = super::support::SERVER.to_owned();
    let offline =
        Notification::Offline { server: server.clone(), why: "refused".to_owned(), retry_in_s: 9, reason: None };
    for minute in 0..3 {
        scripted.at(NOW + minute * 60);
        scripted.notified(Notification::Connecting {});
        scripted.at(NOW + minute * 60 + 30);
        scripted.notified(offline.clone());
    }
    assert!(scripted.screen(80, 24).contains("no connection for 2 min: refused"));
    scripted.notified(Notification::Connecting {});
    assert!(scripted.screen(80, 24).contains("no connection for 2 min; connecting now"));
    scripted.notified(Notification::Online { server });
    scripted.notified(offline);
    assert!(scripted.screen(80, 24).contains("no connection for 0 s: refused"), "it was there in between");
}

#[test]
fn nobody_is_asked_about_what_has_not_happened() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    for (command, said) in [("/trust", "nobody else has used the invite of Bob"), ("/agree", "Bob has not asked")] {
        scripted.enter(command);
        assert!(scripted.screen(80, 24).contains(said), "{command}");
    }
    let mut bob = contact("Bob");
    bob.contested = true;
    bob.wants_to_move = Some("other.onion".to_owned());
    let mut asked = ScriptedChat::with(vec![bob]);
    for (command, said, method) in [
        ("/trust", "Somebody else used the invite of Bob", "contacts.trust"),
        ("/agree", "Write to Bob at other.onion?", "contacts.agree"),
    ] {
        asked.enter(command);
        assert!(asked.screen(80, 24).contains(said), "{command}");
        asked.key("y");
        assert!(asked.called(method).is_some());
    }
}

#[test]
fn the_server_of_a_contact_changes_nothing_of_ones_own_connection() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.notified(Notification::Offline {
        server: "other.onion".to_owned(),
        why: "gone".to_owned(),
        retry_in_s: 9,
        reason: None,
    });
    assert!(scripted.screen(80, 24).contains("connected"));
}

#[test]
fn two_keys_erase_without_a_question_and_one_does_nothing() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.key("ctrl-x");
    scripted.write("a");
    scripted.key("ctrl-k");
    assert!(!scripted.outputs.contains(&ChatOutput::Erase), "another key was between them");
    scripted.key("ctrl-x");
    scripted.at(NOW + 10);
    scripted.key("ctrl-k");
    assert!(!scripted.outputs.contains(&ChatOutput::Erase), "the second came late");
    scripted.key("f1");
    scripted.key("ctrl-x");
    scripted.at(NOW + 11);
    scripted.key("ctrl-k");
    assert_eq!(scripted.outputs.last(), Some(&ChatOutput::Erase), "in front of a dialog, too");
}

#[test]
fn ctrl_s_and_ctrl_q_do_nothing_and_ctrl_c_ends_only_when_it_is_pressed_twice() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.write("x");
    for chord in ["ctrl-s", "ctrl-q", "ctrl-c", "y", "ctrl-c"] {
        scripted.key(chord);
    }
    assert!(!scripted.outputs.contains(&ChatOutput::End));
    assert_eq!(scripted.chat.composer().text(), "xy");
    scripted.key("ctrl-c");
    assert_eq!(scripted.outputs.last(), Some(&ChatOutput::End));
}

#[test]
fn a_paste_of_100_kib_is_written_does_nothing_and_goes_in_parts() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    let pasted = format!("/quit\n{}", "ä".repeat(51_200));
    scripted.take(ChatInput::Paste(pasted.clone()));
    assert_eq!(scripted.chat.composer().text(), pasted);
    assert!(scripted.outputs.is_empty() && scripted.calls.is_empty());
    assert!(scripted.screen(80, 24).contains("102406 bytes: goes in 3 messages"));
    scripted.key("enter");
    let texts: Vec<_> = scripted.calls.iter().map(|(_, _, params)| params["text"].as_str().unwrap()).collect();
    assert!(texts.iter().all(|text| text.len() <= 47_000));
    assert_eq!(texts.concat(), pasted, "nothing is lost, and no command was run");
    scripted.take(ChatInput::Paste("x".repeat(300 * 1024)));
    assert!(scripted.screen(80, 24).contains("were cut off"));
}

#[test]
fn safety_words_are_shown_and_a_yes_marks_the_contact_verified() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.enter("/verify");
    let words: Vec<_> = (0..18).map(|number| format!("word{number}")).collect();
    scripted.answer("contacts.words", json!({"words": words, "digits": "", "qr": "", "verified": false}));
    assert!(scripted.screen(80, 24).contains("word17"));
    scripted.key("y");
    assert_eq!(scripted.called("contacts.verify"), Some(&json!({"contact": "Bob"})));
}

#[test]
fn a_group_is_made_filled_and_left_by_commands() {
    let mut scripted = start(OpeningStart::Running, "C", false);
    let groups = Groups { groups: vec![group("Friends", &["Alice", "Bob"])], offers: vec![] };
    scripted.open(vec![contact("Carol")], groups);
    scripted.enter("/open Friends");
    scripted.enter("/add Carol");
    assert_eq!(scripted.called("groups.invite"), Some(&json!({"group": "Friends", "contact": "Carol"})));
    scripted.enter("/verify");
    assert!(scripted.called("contacts.words").is_none(), "a group has no safety words");
    scripted.key("ctrl-u");
    scripted.enter("/leave");
    assert!(scripted.called("groups.leave").is_none(), "it is asked first");
    scripted.key("y");
    assert_eq!(scripted.called("groups.leave"), Some(&json!({"group": "Friends"})));
}

#[test]
fn commands_and_names_are_completed_by_tab() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob"), contact("Carol")]);
    scripted.write("/ver");
    scripted.key("tab");
    assert_eq!(scripted.chat.composer().text(), "/verify ");
    scripted.key("ctrl-u");
    scripted.write("/open C");
    scripted.key("tab");
    assert_eq!(scripted.chat.composer().text(), "/open Carol");
}

#[test]
fn paths_are_whole_whatever_was_written() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    for (written, path) in [("~/a b.pdf", "/home/alice/a b.pdf"), ("c.txt", "/tmp/c.txt"), ("/d", "/d")] {
        scripted.enter(&format!("/send {written}"));
        assert_eq!(scripted.called("files.send"), Some(&json!({"contact": "Bob", "path": path})));
        let sent = json!({"file": "1", "name": "a", "size": 2048, "sha256": "", "replaced": false});
        scripted.answer("files.send", sent);
        assert!(scripted.screen(80, 24).contains("sending a (2 KiB)"));
    }
}

#[test]
fn a_text_is_gone_at_its_time_and_one_that_came_late_a_minute_after() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    for (id, text, gone_at) in [("7", "secret", "2026-11-27T20:02:00Z"), ("8", "late", "2026-11-27T19:00:00Z")] {
        scripted.notified(Notification::Text {
            contact: "Bob".to_owned(),
            id: id.to_owned(),
            at: "2026-11-27T19:59:00Z".to_owned(),
            text: text.to_owned(),
            burn_s: 180,
            missing: false,
            gone_at: Some(gone_at.to_owned()),
        });
    }
    let screen = scripted.screen(80, 24);
    assert!(screen.contains("gone in 2 min") && screen.contains("gone in 1 min"), "{screen}");
    scripted.at(NOW + 119);
    let screen = scripted.screen(80, 24);
    assert!(screen.contains("gone in 1 s") && !screen.contains("late"), "{screen}");
    scripted.at(NOW + 120);
    assert!(!scripted.screen(80, 24).contains("secret"));
}

#[test]
fn a_contact_that_is_renamed_keeps_its_conversation_and_its_draft() {
    let mut bob = contact("Bob");
    bob.identity = "01".repeat(32);
    let mut scripted = ScriptedChat::with(vec![contact("Carol"), bob.clone()]);
    scripted.enter("/open Bob");
    scripted.text("Bob", 1, "hi");
    scripted.write("draft");
    bob.contact = "Robert".to_owned();
    scripted.notified(Notification::Changed {});
    scripted.answer("contacts.list", json!([contact("Carol"), bob]));
    assert_eq!((scripted.chat.open.as_deref(), scripted.chat.composer().text()), (Some("Robert"), "draft"));
    assert!(scripted.screen(80, 24).contains("hi"));
}

#[test]
fn the_bell_says_nothing_of_what_came() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.chat.settings.notify = true;
    scripted.text("Bob", 1, "the secret");
    assert_eq!(scripted.outputs, [ChatOutput::Bell, ChatOutput::Notify("A message came".to_owned())]);
}

#[test]
fn a_search_goes_up_and_says_when_there_is_nothing() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    for number in 0..50 {
        scripted.text("Bob", number, &format!("number {number}"));
    }
    scripted.enter("/search NUMBER 7");
    let screen = scripted.screen(80, 24);
    assert!(screen.contains("number 7\n") && !screen.contains("number 8\n"), "{screen}");
    scripted.key("ctrl-f");
    scripted.key("enter");
    assert!(scripted.screen(80, 24).contains("does not occur further up"), "it goes on with the same words");
    scripted.key("ctrl-f");
    scripted.key("ctrl-u");
    scripted.enter("number 4");
    for number in [48, 47] {
        scripted.key("ctrl-f");
        scripted.key("enter");
        let screen = scripted.screen(80, 24);
        assert!(
            screen.contains(&format!("number {number}\n")) && !screen.contains(&format!("number {}\n", number + 1))
        );
    }
    scripted.enter("/search nowhere");
    assert!(scripted.screen(80, 24).contains("nowhere does not occur"));
}
