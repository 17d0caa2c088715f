//! The screen on a small terminal: everything below each other, without curves.

use ratatui::Frame;
use ratatui::style::{Color, Stylize as _};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::{text, wrapped};
use crate::metrics::Stats;

/// Columns of the names beside the values.
const NAME: usize = 18;

pub(super) fn draw(frame: &mut Frame<'_>, head: Vec<Line<'static>>, stats: &Stats) {
    let width = usize::from(frame.area().width);
    let mut lines = head;
    lines.push(Line::default());
    for (name, value) in text::rows(stats) {
        // The values begin in one column where there is room for it.
        let row = if width > 3 * NAME { format!("{name:<NAME$}{value}") } else { format!("{name}: {value}") };
        lines.extend(wrapped(&row, width).into_iter().map(Line::from));
    }
    if let Some(kinds) = text::kinds_line(stats) {
        lines.push(Line::default());
        lines.extend(wrapped(&kinds, width).into_iter().map(Line::from));
        lines.extend(text::recent(stats, usize::from(frame.area().height)).into_iter().map(Line::from));
    }
    let keys = Line::from("q ends this screen, not the server").fg(Color::DarkGray);
    lines.truncate(usize::from(frame.area().height).saturating_sub(1));
    lines.push(keys);
    frame.render_widget(Paragraph::new(lines), frame.area());
}
