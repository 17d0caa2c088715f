//! The linear mode: lines in, lines out.

use ephemeral_client::api::{Groups, Notification};

use super::support::{contact, sending, start};
use crate::{ChatInput, ChatOutput, Opening, OpeningStart};

#[test]
fn each_event_is_a_line_of_its_own_and_choices_have_numbers() {
    let mut scripted = start(OpeningStart::Running, "C", true);
    scripted.open(vec![contact("Bob"), contact("Carol")], Groups::default());
    let mut lines = Vec::new();
    scripted.take(ChatInput::Line("/find".to_owned()));
    lines.extend(scripted.chat.lines());
    scripted.take(ChatInput::Line("1".to_owned()));
    scripted.text("Bob", 1, "two\nlines \u{1b}[31m");
    scripted.text("Carol", 1, "hi");
    scripted.take(ChatInput::Line("hello".to_owned()));
    scripted.answer("send", sending("9"));
    scripted.notified(Notification::AtServer { contact: "Bob".to_owned(), id: "9".to_owned() });
    scripted.take(ChatInput::Line("/block".to_owned()));
    scripted.take(ChatInput::Line("no".to_owned()));
    lines.extend(scripted.chat.lines());
    assert!(lines.iter().all(|line| !line.contains(['\n', '\r', '\u{1b}'])), "{lines:?}");
    insta::assert_snapshot!(lines.join("\n"));
    assert!(scripted.called("contacts.block").is_none());
}

#[test]
fn the_first_start_is_a_question_after_the_other_and_a_secret_is_known_as_one() {
    let mut scripted = start(OpeningStart::Create, "C", true);
    for (line, secret) in [("Alice", false), ("http://localhost:8080", false), ("sesame", true), ("sesame", true)] {
        assert_eq!(scripted.chat.is_secret(), secret);
        scripted.take(ChatInput::Line(line.to_owned()));
    }
    assert!(matches!(scripted.outputs.last(), Some(ChatOutput::Open(Opening::Create { .. }))));
    let lines = scripted.chat.lines().join("\n");
    assert!(!lines.contains("sesame"));
    insta::assert_snapshot!(lines);
}

#[test]
fn everything_is_erased_by_a_command_that_nobody_writes_by_accident() {
    let mut scripted = start(OpeningStart::Running, "C", true);
    scripted.open(vec![contact("Bob")], Groups::default());
    scripted.take(ChatInput::Line("/panic".to_owned()));
    assert!(!scripted.outputs.contains(&ChatOutput::Erase));
    scripted.take(ChatInput::Line("/panic panic".to_owned()));
    assert_eq!(scripted.outputs.last(), Some(&ChatOutput::Erase));
}

#[test]
fn a_yes_is_a_yes_in_both_languages() {
    for yes in ["y", "ja"] {
        let mut scripted = start(OpeningStart::Running, "de_DE.UTF-8", true);
        scripted.open(vec![contact("Bob")], Groups::default());
        scripted.take(ChatInput::Line("/forget".to_owned()));
        scripted.take(ChatInput::Line(yes.to_owned()));
        assert!(scripted.called("contacts.forget").is_some());
    }
}

#[test]
fn a_text_from_right_to_left_is_isolated_on_its_line() {
    let mut scripted = start(OpeningStart::Running, "C", true);
    scripted.open(vec![contact("Bob")], Groups::default());
    scripted.text("Bob", 1, "مرحبا 123");
    assert!(scripted.chat.lines().contains(&"Bob: \u{2068}مرحبا 123\u{2069}".to_owned()));
}
