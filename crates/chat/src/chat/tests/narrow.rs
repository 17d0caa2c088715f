//! What is longer than the screen or a row of it can be read and written all the same.

use ephemeral_client::api::Notification;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::json;

use super::screens::talk;
use super::support::{NOW, SERVER, ScriptedChat, contact};
use crate::ChatInput;

/// Returns the letters in front of the cursor in its row.
fn before_cursor(scripted: &mut ScriptedChat, width: u16, height: u16) -> String {
    scripted.take(ChatInput::Resize(width, height));
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let cursor = scripted.chat.draw(&mut buffer).cursor.unwrap();
    (0..cursor.x).map(|x| buffer[(x, cursor.y)].symbol()).collect()
}

#[test]
fn the_cursor_stands_in_the_word_that_went_to_the_next_row() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.write("twenty letters and five, extraordinary");
    for _ in 0..12 {
        scripted.key("left");
    }
    assert_eq!(before_cursor(&mut scripted, 30, 15), "  e");
    scripted.write("!");
    assert_eq!(before_cursor(&mut scripted, 30, 15), "  e!");
}

#[test]
fn the_cursor_of_a_form_stands_behind_what_was_written_however_its_words_are_broken() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.enter("/accept");
    scripted.key("down");
    scripted.key("down");
    scripted.write("extraordinarily extraordinarily unbelievable words");
    assert_eq!(before_cursor(&mut scripted, 40, 15), "> unbelievable words");
}

#[test]
fn an_invite_that_is_longer_than_the_screen_can_be_read_to_its_end() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.screen(40, 15);
    let text: String = (0..400).map(|number| format!("{number:04}.")).collect();
    let text = format!("ephemeral:{text}");
    scripted.enter("/invite Dora");
    scripted.answer("invites.create", json!({"invite": 3, "text": text}));
    let mut seen = String::new();
    for _ in 0..8 {
        seen.push_str(&scripted.screen(40, 15).replace('\n', ""));
        scripted.key("pgdn");
    }
    assert!((0..400).all(|number| seen.contains(&format!("{number:04}."))), "{seen}");
    for _ in 0..400 {
        scripted.key("down");
    }
    let last = scripted.screen(40, 15);
    assert!(last.lines().filter(|line| line.contains('█')).count() > 6, "the last rows are at the bottom: {last}");
    scripted.key("down");
    assert_eq!(scripted.screen(40, 15), last);
    scripted.key("up");
    assert_ne!(scripted.screen(40, 15), last, "one key goes back");
}

#[test]
fn what_is_asked_of_the_safety_words_stands_below_them_on_a_low_screen() {
    for (locale, last) in [("C", "Otherwise stop\nwriting."), ("de", "nicht\nweiterschreiben.")] {
        let mut scripted = talk(locale);
        scripted.screen(40, 15);
        scripted.enter("/open Carol");
        scripted.enter("/verify");
        let words = vec!["abandon"; 18];
        scripted.answer("contacts.words", json!({"words": words, "digits": "", "qr": "", "verified": false}));
        let screen = scripted.screen(40, 15);
        assert!(screen.contains(last), "{screen}");
    }
}

#[test]
fn in_a_narrow_terminal_too_it_says_for_how_long_there_is_no_connection_and_what_comes_next() {
    for (locale, last) in [("C", "attempt in 5 s"), ("de", "Versuch in 5 s")] {
        let mut scripted = talk(locale);
        scripted.notified(Notification::Offline {
            server: SERVER.to_owned(),
            why: "the server does not answer".to_owned(),
            retry_in_s: 70,
            reason: None,
        });
        scripted.at(NOW + 65);
        let screen = scripted.screen(40, 15);
        let rows: Vec<_> = screen.lines().collect();
        assert!(screen.contains("1 min") && rows[13].ends_with(last) && rows[14] == "> ".trim_end(), "{screen}");
        assert!(rows[11].ends_with("I wait at the exit"), "the messages are above: {screen}");
        scripted.key("f1");
        assert!(scripted.screen(40, 15).lines().last().unwrap().ends_with(last), "in front, too");
    }
}

#[test]
fn what_is_said_once_is_said_whole_in_a_narrow_terminal() {
    let mut scripted = talk("C");
    scripted.key("ctrl-x");
    let screen = scripted.screen(40, 15).replace('\n', " ");
    assert!(screen.contains("any other key goes back"), "{screen}");
    scripted.enter("hello");
    scripted.refuse("send", &"the engine says more about why than a screen has room for, ".repeat(4));
    let screen = scripted.screen(40, 15);
    assert!(screen.contains('…'), "what is left out is marked: {screen}");
}

#[test]
fn beside_or_below_a_choice_stands_what_is_known_of_it() {
    let mut scripted = talk("C");
    scripted.enter("/settings");
    let screen = scripted.screen(40, 15);
    assert!(screen.contains(" Notification of the terminal, without\n content\n   off\n"), "{screen}");
}
