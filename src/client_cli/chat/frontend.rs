//! The terminal or lines, whichever it is.

use super::super::exit::Failure;
use super::super::words::{files, fl};
use super::lines::Lines;
use super::terminal::TerminalScreen;
use ephemeral_chat::{Chat, ChatInput, ChatOutput};

/// What a person sees and writes to.
pub(super) enum Frontend {
    /// A screen.
    Screen { screen: Box<TerminalScreen>, began: bool },
    /// Lines.
    Lines(Lines),
}

impl Frontend {
    /// Takes the terminal.
    pub(super) fn open(plain: bool) -> Result<Self, Failure> {
        if plain {
            return Ok(Self::Lines(Lines::new()));
        }
        let failed = |error: std::io::Error| Failure::local(fl!("terminal-unusable", why = files::system(&error)));
        let screen = TerminalScreen::open().map_err(failed)?;
        Ok(Self::Screen { screen: Box::new(screen), began: false })
    }

    /// Shows the state.
    pub(super) fn show(&mut self, chat: &mut Chat) -> Result<(), Failure> {
        let shown = match self {
            Self::Screen { screen, began } => {
                if !std::mem::replace(began, true) {
                    chat.take(screen.size());
                }
                screen.draw(chat)
            }
            Self::Lines(_) => Lines::show(chat),
        };
        shown.map_err(|error| Failure::output(&error))
    }

    /// Returns what the person does next; `None` at the end. Cancelling it loses nothing.
    pub(super) async fn next(&mut self, chat: &Chat) -> Option<ChatInput> {
        match self {
            Self::Screen { screen, .. } => screen.next().await,
            Self::Lines(lines) => lines.next(chat).await,
        }
    }

    /// Returns what the person did already.
    pub(super) fn now(&mut self) -> Option<ChatInput> {
        match self {
            Self::Screen { screen, .. } => screen.now(),
            Self::Lines(_) => None,
        }
    }

    /// Does what has no place on the screen.
    pub(super) fn signal(&mut self, output: &ChatOutput) -> Result<(), Failure> {
        match self {
            Self::Screen { .. } => TerminalScreen::signal(output).map_err(|error| Failure::output(&error)),
            Self::Lines(_) => Ok(()),
        }
    }

    /// Leaves nothing on the screen.
    pub(super) fn wipe(&mut self) {
        if let Self::Screen { screen, .. } = self {
            screen.wipe();
        }
    }
}
