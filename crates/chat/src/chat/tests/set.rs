//! Keys and times that a person sets.

use ephemeral_client::api::Groups;

use super::support::{NOW, ScriptedChat, contact, group, start};
use crate::{ChatOutput, OpeningStart};

#[test]
fn a_key_is_set_as_the_help_shows_it_and_does_what_it_is_set_to() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.enter("/set key find Ctrl-T");
    assert!(matches!(scripted.outputs.last(), Some(ChatOutput::Save(_))));
    scripted.key("ctrl-t");
    assert!(scripted.screen(80, 24).contains("Find a conversation"));
}

#[test]
fn a_key_without_which_nothing_can_be_sent_or_ended_is_not_set_and_the_reason_is_said() {
    let mut scripted = start(OpeningStart::Running, "de_DE.UTF-8", false);
    scripted.open(vec![contact("Bob")], Groups::default());
    for chord in ["enter", "ctrl-m", "ctrl-c", "esc"] {
        scripted.enter(&format!("/set key find {chord}"));
        let screen = scripted.screen(80, 24);
        assert!(screen.contains(&format!("keys.find: {chord} tut immer dasselbe")), "{screen}");
    }
    assert!(scripted.outputs.is_empty(), "nothing is written");
}

#[test]
fn that_the_next_key_erases_everything_is_said_so_long_as_it_is_so() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    let says = |scripted: &mut ScriptedChat| scripted.screen(80, 24).contains("erases everything, at once");
    scripted.key("ctrl-x");
    assert!(says(&mut scripted));
    scripted.at(NOW + 5);
    assert!(!says(&mut scripted), "it came to its end");
    scripted.key("ctrl-b");
    scripted.enter("/help");
    scripted.key("ctrl-x");
    assert!(says(&mut scripted));
    scripted.key("down");
    assert!(!says(&mut scripted), "another key was pressed, in front of a page");
}

#[test]
fn no_time_is_promised_for_texts_to_a_group_nor_where_no_conversation_is_open() {
    let mut scripted = start(OpeningStart::Running, "C", false);
    let groups = Groups { groups: vec![group("Friends", &["Alice", "Bob"])], offers: vec![] };
    scripted.chat.settings.burn_s = 3_600;
    scripted.open(vec![contact("Carol")], groups);
    scripted.enter("/open Carol");
    assert!(scripted.screen(80, 24).contains("gone 1 h after it was written"));
    scripted.enter("/open Friends");
    assert!(!scripted.screen(80, 24).contains("gone 1 h"));
    scripted.enter("to all");
    assert_eq!(scripted.called("send").unwrap()["burn_s"], 0);
    let mut alone = ScriptedChat::with(vec![]);
    alone.key("ctrl-b");
    assert!(alone.screen(80, 24).contains("No conversation is open"));
}
