//! The linear mode: lines in, lines out.

use ephemeral_client::api::{Groups, Notification};

use super::support::{contact, sending, start};
use crate::{ChatInput, ChatOutput, Opening, OpeningStart};

#[test]
fn each_event_is_a_line_of_its_own_and_choices_have_numbers() {
    let mut desk = start(OpeningStart::Running, "C", true);
    desk.open(vec![contact("Bob"), contact("Carol")], Groups::default());
    let mut lines = Vec::new();
    desk.take(ChatInput::Line("/find".to_owned()));
    lines.extend(desk.chat.lines());
    desk.take(ChatInput::Line("1".to_owned()));
    desk.text("Bob", 1, "two\nlines \u{1b}[31m");
    desk.text("Carol", 1, "hi");
    desk.take(ChatInput::Line("hello".to_owned()));
    desk.answer("send", sending("9"));
    desk.told(Notification::AtServer { contact: "Bob".to_owned(), id: "9".to_owned() });
    desk.take(ChatInput::Line("/block".to_owned()));
    desk.take(ChatInput::Line("no".to_owned()));
    lines.extend(desk.chat.lines());
    assert!(lines.iter().all(|line| !line.contains(['\n', '\r', '\u{1b}'])), "{lines:?}");
    insta::assert_snapshot!(lines.join("\n"));
    assert!(desk.called("contacts.block").is_none());
}

#[test]
fn the_first_start_is_a_question_after_the_other_and_a_secret_is_known_as_one() {
    let mut desk = start(OpeningStart::Create, "C", true);
    for (line, secret) in [("Alice", false), ("http://localhost:8080", false), ("sesame", true), ("sesame", true)] {
        assert_eq!(desk.chat.is_secret(), secret);
        desk.take(ChatInput::Line(line.to_owned()));
    }
    assert!(matches!(desk.outputs.last(), Some(ChatOutput::Open(Opening::Create { .. }))));
    let lines = desk.chat.lines().join("\n");
    assert!(!lines.contains("sesame"));
    insta::assert_snapshot!(lines);
}

#[test]
fn everything_is_erased_by_a_command_that_nobody_writes_by_accident() {
    let mut desk = start(OpeningStart::Running, "C", true);
    desk.open(vec![contact("Bob")], Groups::default());
    desk.take(ChatInput::Line("/panic".to_owned()));
    assert!(!desk.outputs.contains(&ChatOutput::Erase));
    desk.take(ChatInput::Line("/panic panic".to_owned()));
    assert_eq!(desk.outputs.last(), Some(&ChatOutput::Erase));
}

#[test]
fn a_yes_is_a_yes_in_both_languages() {
    for yes in ["y", "ja"] {
        let mut desk = start(OpeningStart::Running, "de_DE.UTF-8", true);
        desk.open(vec![contact("Bob")], Groups::default());
        desk.take(ChatInput::Line("/forget".to_owned()));
        desk.take(ChatInput::Line(yes.to_owned()));
        assert!(desk.called("contacts.forget").is_some());
    }
}
