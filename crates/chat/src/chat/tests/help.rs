//! How a person finds the help, and what it calls the keys.

use serde_json::json;

use super::screens::talk;
use super::support::{ScriptedChat, contact};

#[test]
fn a_question_mark_alone_is_a_text_and_the_key_and_the_commands_show_the_help() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.enter("?");
    assert_eq!(scripted.called("send"), Some(&json!({"to": "Bob", "text": "?", "burn_s": 0})));
    for shown in ["/help", "/?"] {
        scripted.enter(shown);
        assert!(scripted.screen(80, 24).contains("Keys and commands"), "{shown}");
        scripted.key("esc");
    }
    scripted.key("f1");
    assert!(scripted.screen(80, 24).contains("Keys and commands"));
}

#[test]
fn keys_have_the_names_of_the_persons_keyboard() {
    let mut scripted = talk("de_DE.UTF-8");
    scripted.key("f1");
    let screen = scripted.screen(80, 24);
    for row in ["\nStrg-P          eine", "\nUmschalt-Tab    vor", "\nBild auf        ä", "\nStrg-X Strg-K   alles"] {
        assert!(screen.contains(row), "{row}: {screen}");
    }
    assert!(!screen.contains("Ctrl"), "{screen}");
}
