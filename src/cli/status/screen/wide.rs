//! The screen on a terminal with room: panels, bars and curves.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Gauge, List, Paragraph, Sparkline};

use super::{CURVES, text};
use crate::metrics::Stats;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    head: Vec<Line<'static>>,
    stats: &Stats,
    history: &[VecDeque<u64>; CURVES.len()],
) {
    let rows = text::rows(stats);
    let height = |lines: usize| u16::try_from(lines).unwrap_or(u16::MAX);
    let [top, middle, curves, events, foot] = Layout::vertical([
        Constraint::Length(height(head.len())),
        Constraint::Length(height(rows.len()).saturating_add(2).max(10)),
        Constraint::Length(6),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [left, right] = Layout::horizontal([Constraint::Min(40), Constraint::Length(38)]).areas(middle);
    frame.render_widget(Paragraph::new(head), top);
    let rows = rows.into_iter().map(|(name, value)| {
        Line::from(vec![Span::styled(format!("{name:<18} "), Style::new().fg(Color::DarkGray)), Span::raw(value)])
    });
    frame.render_widget(Paragraph::new(rows.collect::<Vec<_>>()).block(panel("now")), left);
    draw_bounds(frame, right, stats);
    draw_curves(frame, curves, history);
    draw_events(frame, events, stats);
    frame.render_widget(Line::from("q ends this screen, not the server").fg(Color::DarkGray), foot);
}

fn panel<'title>(title: impl Into<Line<'title>>) -> Block<'title> {
    Block::bordered().border_type(BorderType::Rounded).border_style(Style::new().fg(Color::DarkGray)).title(title)
}

fn draw_curves(frame: &mut Frame<'_>, area: Rect, history: &[VecDeque<u64>; CURVES.len()]) {
    let areas = Layout::horizontal([Constraint::Fill(1); CURVES.len()]).split(area);
    for (((title, _), curve), area) in CURVES.iter().zip(history).zip(areas.iter()) {
        let width = usize::from(area.width.saturating_sub(2));
        let data: Vec<u64> = curve.iter().skip(curve.len().saturating_sub(width)).copied().collect();
        let title = format!("{title} · {}/s", curve.back().unwrap_or(&0));
        let curve = Sparkline::default().data(data).style(Style::new().fg(Color::Cyan)).block(panel(title));
        frame.render_widget(curve, *area);
    }
}

/// Returns what has a bound: its name, how much there is, and how much there may be.
fn bounded(stats: &Stats) -> Vec<(&'static str, usize, usize)> {
    let circuits = stats.onion.as_ref().map_or(0, |onion| onion.circuits);
    let all = [
        ("clients", stats.clients, stats.bounds.clients),
        ("circuits", circuits, stats.bounds.circuits),
        ("not authenticated", stats.unauthenticated, stats.bounds.unauthenticated),
        ("waiting", stats.pending_bytes, stats.bounds.bytes),
    ];
    all.into_iter().filter(|(_, _, bound)| *bound > 0).collect()
}

fn draw_bounds(frame: &mut Frame<'_>, area: Rect, stats: &Stats) {
    let shown = bounded(stats);
    let areas = Layout::vertical(vec![Constraint::Length(2); shown.len()]).split(panel("").inner(area));
    frame.render_widget(panel("of what there may be"), area);
    for ((title, value, bound), area) in shown.into_iter().zip(areas.iter()) {
        #[allow(clippy::cast_precision_loss, reason = "a bar on a screen")]
        let ratio = (value as f64 / bound as f64).clamp(0.0, 1.0);
        let color = if ratio < 0.7 { Color::Green } else { Color::Red };
        let gauge = Gauge::default()
            .ratio(ratio)
            .label(format!("{title} {:.0} %", ratio * 100.0))
            .gauge_style(Style::new().fg(color).bg(Color::Black));
        frame.render_widget(gauge, Rect { height: area.height.min(1), ..*area });
    }
}

fn draw_events(frame: &mut Frame<'_>, area: Rect, stats: &Stats) {
    let title = text::kinds_line(stats).unwrap_or_else(|| "security events: none".to_owned());
    let lines = text::recent(stats, usize::from(area.height));
    frame.render_widget(List::new(lines).block(panel(title)), area);
}
