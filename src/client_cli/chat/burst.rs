//! Pastes of a terminal that does not mark them (no bracketed paste): their lines come as keys, and
//! each end of a line as Enter, which would send the first line, or run it as a command.
//!
//! A person does not write on within some milliseconds of Enter, nor several letters within some
//! before it. So what comes in one go, and has letters behind an end of a line or several in front
//! of it, is handed on as one: the state knows what to do with it.

use ephemeral_chat::{ChatInput, KeyPress};

/// Puts one burst in place of the keys that it came as.
pub(super) fn joined(inputs: Vec<ChatInput>) -> Vec<ChatInput> {
    let mut out = Vec::with_capacity(inputs.len());
    let mut run: Vec<KeyPress> = Vec::new();
    for input in inputs {
        match input {
            ChatInput::Key(key) if key.written().is_some() => run.push(key),
            other => {
                flush(&mut run, &mut out);
                out.push(other);
            }
        }
    }
    flush(&mut run, &mut out);
    out
}

/// Tells whether it ends a line: then it is waited a little for what comes behind it.
pub(super) fn ends_a_line(input: &ChatInput) -> bool {
    matches!(input, ChatInput::Key(key) if key.written() == Some('\n'))
}

fn flush(run: &mut Vec<KeyPress>, out: &mut Vec<ChatInput>) {
    let keys = std::mem::take(run);
    if KeyPress::are_pasted(&keys) {
        out.push(ChatInput::Burst(keys));
    } else {
        out.extend(keys.into_iter().map(ChatInput::Key));
    }
}

#[cfg(test)]
mod tests {
    use ephemeral_chat::KeyName;

    use super::*;

    fn keys(text: &str) -> Vec<ChatInput> {
        let key = |character| match character {
            '\n' => KeyPress::plain(KeyName::Enter),
            '\t' => KeyPress::plain(KeyName::Tab),
            other => KeyPress::plain(KeyName::Char(other)),
        };
        text.chars().map(|character| ChatInput::Key(key(character))).collect()
    }

    fn text_of(burst: &ChatInput) -> Option<String> {
        match burst {
            ChatInput::Burst(keys) => Some(keys.iter().filter_map(|key| key.written()).collect()),
            _ => None,
        }
    }

    #[test]
    fn lines_that_come_in_one_go_are_handed_on_as_one() {
        for text in ["one\n/quit\nthree\n", "\n\tx", "hello\n", "/quit\n", "ab\nc"] {
            let out = joined(keys(text));
            assert_eq!(out.len(), 1, "{out:?}");
            assert_eq!(text_of(&out[0]).as_deref(), Some(text));
        }
    }

    #[test]
    fn enter_with_no_more_before_it_than_a_person_types_at_once_is_what_it_is() {
        for text in ["ok\n", "\n", "\n\n", "x", "hello", "/inv\t"] {
            let typed = joined(keys(text));
            assert_eq!(typed.len(), text.chars().count());
            assert!(typed.iter().all(|input| matches!(input, ChatInput::Key(_))), "{typed:?}");
        }
    }

    #[test]
    fn keys_that_write_nothing_stay_where_they_are() {
        let mut inputs = keys("a\nb");
        inputs.push(ChatInput::Key(KeyPress::ctrl('x')));
        inputs.push(ChatInput::Key(KeyPress::ctrl('k')));
        inputs.extend(keys("c\n"));
        let out = joined(inputs);
        assert_eq!(text_of(&out[0]).as_deref(), Some("a\nb"));
        assert!(matches!(out[1], ChatInput::Key(key) if key == KeyPress::ctrl('x')));
        assert_eq!(out.len(), 5);
    }
}
