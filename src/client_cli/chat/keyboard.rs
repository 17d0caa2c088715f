//! Events of the terminal as the state understands them.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use ephemeral_chat::{ChatInput, KeyName, KeyPress};

/// Returns what an event says, if it says anything.
pub(super) fn input(event: Event) -> Option<ChatInput> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => press(key).map(ChatInput::Key),
        Event::Paste(text) => Some(ChatInput::Paste(text)),
        Event::Resize(columns, rows) => Some(ChatInput::Resize(columns, rows)),
        _ => None,
    }
}

fn press(key: KeyEvent) -> Option<KeyPress> {
    let code = match key.code {
        // Terminals send Ctrl-J as the line feed that it is.
        KeyCode::Char('\n') => return Some(KeyPress::ctrl('j')),
        KeyCode::Char(character) => KeyName::Char(character),
        KeyCode::Enter => KeyName::Enter,
        KeyCode::Esc => KeyName::Esc,
        KeyCode::Tab => KeyName::Tab,
        KeyCode::BackTab => KeyName::BackTab,
        KeyCode::Backspace => KeyName::Backspace,
        KeyCode::Delete => KeyName::Delete,
        KeyCode::Left => KeyName::Left,
        KeyCode::Right => KeyName::Right,
        KeyCode::Up => KeyName::Up,
        KeyCode::Down => KeyName::Down,
        KeyCode::Home => KeyName::Home,
        KeyCode::End => KeyName::End,
        KeyCode::PageUp => KeyName::PageUp,
        KeyCode::PageDown => KeyName::PageDown,
        KeyCode::F(number) => KeyName::F(number),
        _ => return None,
    };
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    Some(KeyPress { code, ctrl, alt })
}
