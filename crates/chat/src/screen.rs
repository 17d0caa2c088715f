//! Draws the state. What is drawn costs what is visible, however much there is.

mod dialogs;
mod draw;
mod parts;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Clear, Widget as _};

use crate::chat::Chat;
use crate::panes::Panes;
use crate::status::status_height;

/// The outcome of drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Where the cursor is.
    pub cursor: Option<Position>,
    /// How many rows of messages were laid out.
    pub laid_out: usize,
}

impl Chat {
    /// Draws everything into a buffer of the size that the terminal has.
    pub fn draw(&self, buffer: &mut Buffer) -> Drawn {
        let area = *buffer.area();
        let inside = |place: Rect| place.intersection(area);
        let panes = Panes::of(self);
        let mut drawn = Drawn::default();
        if self.running {
            parts::header(self, inside(panes.header), buffer);
            if let Some(list) = panes.list {
                parts::list(self, inside(list), buffer);
            }
            drawn.laid_out = parts::messages(self, inside(panes.messages), buffer);
            drawn.cursor = parts::composer(self, inside(panes.composer), buffer);
        }
        let Some(dialog) = self.dialogs.last() else {
            parts::status(self, inside(panes.status), buffer);
            return drawn;
        };
        let said = status_height(self, (area.width, area.height));
        let room = Rect { height: area.height.saturating_sub(said), ..area };
        let below = Rect { y: room.bottom(), height: said, ..area };
        Clear.render(area, buffer);
        drawn.cursor = dialogs::draw(self, dialog, room, buffer);
        parts::status(self, inside(below), buffer);
        drawn
    }
}
