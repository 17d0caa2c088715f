//! What is drawn and kept is bounded by what is seen, however much there is.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::support::{ScriptedChat, contact};
use crate::conversation::{MOST_BYTES, MOST_ITEMS};
use crate::{ChatInput, KeyName, KeyPress};

#[test]
fn with_10_000_messages_a_key_press_lays_out_only_what_is_seen() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    for number in 0..10_000 {
        scripted.text(
            "Bob",
            number,
            "a message of some words that goes over more than one row of the screen, as many do",
        );
    }
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    for chord in ["a", "pgup", "pgup", "up", "b", "pgdn", "esc", "c"] {
        scripted.key(chord);
        let drawn = scripted.chat.draw(&mut buffer);
        assert!(drawn.laid_out <= 24 + 4, "{chord}: {} rows were laid out for 21", drawn.laid_out);
    }
}

/// Measures how long a key press takes, from the state to the last cell of the screen: by hand, as
/// its figure is only worth something where nothing else runs.
#[test]
#[ignore = "it is a measurement: docs/performance.md has its command"]
#[allow(clippy::print_stdout, reason = "it is a measurement that a person asked for")]
fn how_long_a_key_press_takes_with_10_000_messages() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    for number in 0..10_000 {
        scripted.text("Bob", number, "a message of some words that goes over more than one row, wie üblich 日本語");
    }
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        let mut took = Vec::new();
        for chord in ["a", "pgup", "pgup", "up", "b", "pgdn", "esc", "c"].into_iter().cycle().take(2_000) {
            let begun = Instant::now();
            scripted.key(chord);
            scripted.chat.draw(&mut buffer);
            took.push(begun.elapsed());
        }
        took.sort_unstable();
        let [median, p99, most] = [took.len() / 2, took.len() * 99 / 100, took.len() - 1].map(|at| took[at]);
        println!("{columns}×{rows}: median {median:.1?}, p99 {p99:.1?}, most {most:.1?}");
    }
}

#[test]
fn no_more_than_the_bound_is_kept_and_the_latest_is() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    let wide = "x".repeat(5_000);
    for number in 0..11_000 {
        scripted.text("Bob", number, if number % 2 == 0 { &wide } else { "short" });
    }
    let open = scripted.chat.conversation().unwrap();
    assert!(open.items.len() <= MOST_ITEMS && open.kept() <= MOST_BYTES);
    let kept: usize = open
        .items
        .iter()
        .map(|item| match &item.body {
            crate::conversation::ItemBody::Message(message) => message.text.len(),
            crate::conversation::ItemBody::Note(text, _) => text.len(),
        })
        .sum();
    assert_eq!(kept, open.kept());
    assert!(scripted.screen(80, 24).contains("short"));
}

#[test]
fn scrolling_to_the_first_message_and_back_loses_no_row() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    for number in 0..40 {
        scripted.text("Bob", number, &format!("<{number}>\nsecond row\nthird row"));
    }
    let latest = scripted.screen(80, 24);
    let mut seen = String::new();
    for _ in 0..20 {
        seen.push_str(&scripted.screen(80, 24));
        scripted.key("pgup");
    }
    assert!((0..40).all(|number| seen.contains(&format!("<{number}>"))));
    let oldest = scripted.screen(80, 24);
    assert!(oldest.lines().nth(2).unwrap().contains("<0>"), "the first message is at the top: {oldest}");
    for _ in 0..20 {
        scripted.key("pgdn");
    }
    assert_eq!(scripted.screen(80, 24), latest);
    assert!(scripted.chat.conversation().unwrap().anchor.is_none());
}

#[test]
fn no_size_of_a_terminal_is_an_error() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.text("Bob", 1, "日本語 and 👨\u{200d}👩\u{200d}👧 and more");
    for size in [(0, 0), (1, 1), (2, 1), (1, 2), (3, 3), (5, 2), (20, 5), (60, 3), (300, 100)] {
        scripted.buffer(size.0, size.1);
        for key in [KeyName::F(1), KeyName::Down, KeyName::PageUp, KeyName::Esc] {
            scripted.take(ChatInput::Key(KeyPress::plain(key)));
            scripted.buffer(size.0, size.1);
        }
    }
}
