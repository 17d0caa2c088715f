//! The live screen of `status --watch`.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Gauge, List, Paragraph, Sparkline};
use serde_json::Value;

use super::text;

/// Looks that the curves show, at most.
const HISTORY: usize = 300;
/// What has a curve: its title and where its total is.
const CURVES: [(&str, &str); 3] =
    [("accepted", "/messages/accepted"), ("delivered", "/messages/delivered"), ("refused", "/messages/rejected")];
/// What has a bound: its title, the value and the bound.
const BOUNDED: [(&str, &str, &str); 4] = [
    ("clients", "/clients", "/bounds/clients"),
    ("circuits", "/onion/circuits", "/bounds/circuits"),
    ("not authenticated", "/unauthenticated", "/bounds/unauthenticated"),
    ("waiting", "/pending_bytes", "/bounds/bytes"),
];

/// What is shown.
#[derive(Default)]
struct View {
    figures: Option<Value>,
    /// Why there is nothing newer.
    trouble: Option<String>,
    /// What was added between two looks, the newest last.
    curves: [VecDeque<u64>; CURVES.len()],
}

/// The terminal, until this is dropped.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    view: View,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { terminal: ratatui::try_init()?, view: View::default() })
    }

    /// Shows the figures or, where there are none, the last ones and why.
    pub(super) fn show(&mut self, figures: Result<&Value, String>) -> io::Result<()> {
        self.view.take(figures);
        let view = &self.view;
        self.terminal.draw(|frame| view.draw(frame)).map(drop)
    }

    /// Waits for so long, and says whether a key has ended it.
    pub(super) async fn wants_to_end(&mut self, wait: Duration) -> bool {
        // Reading the terminal blocks a thread; it is given back within `wait`.
        let pressed = tokio::task::spawn_blocking(move || {
            if !event::poll(wait)? {
                return Ok(false);
            }
            Ok::<_, io::Error>(match event::read()? {
                Event::Key(key) => {
                    let interrupt = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
                    interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
                }
                _ => false,
            })
        });
        !matches!(pressed.await, Ok(Ok(false)))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

impl View {
    fn take(&mut self, figures: Result<&Value, String>) {
        match figures {
            Ok(figures) => {
                for (curve, (_, pointer)) in self.curves.iter_mut().zip(CURVES) {
                    if let Some(before) = &self.figures {
                        let added = text::number(figures, pointer).saturating_sub(text::number(before, pointer));
                        curve.push_back(added);
                    }
                    if curve.len() > HISTORY {
                        curve.pop_front();
                    }
                }
                self.figures = Some(figures.clone());
                self.trouble = None;
            }
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let Some(figures) = &self.figures else { return };
        let rows = text::rows(figures);
        let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(2);
        let [head, middle, curves, events, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(height.max(10)),
            Constraint::Length(6),
            Constraint::Min(3),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let [left, right] = Layout::horizontal([Constraint::Min(40), Constraint::Length(38)]).areas(middle);
        frame.render_widget(self.headline(figures), head);
        let rows = rows.into_iter().map(|(name, value)| {
            Line::from(vec![Span::styled(format!("{name:<18} "), Style::new().fg(Color::DarkGray)), Span::raw(value)])
        });
        frame.render_widget(Paragraph::new(rows.collect::<Vec<_>>()).block(panel("now")), left);
        bounds(frame, right, figures);
        self.draw_curves(frame, curves);
        draw_events(frame, events, figures);
        let keys = Line::from("q ends this screen, not the server").fg(Color::DarkGray);
        frame.render_widget(keys, foot);
    }

    fn headline(&self, figures: &Value) -> Line<'static> {
        if let Some(trouble) = &self.trouble {
            return Line::from(trouble.clone()).style(Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        }
        let color = match text::text(figures, "/status") {
            "healthy" => Color::Green,
            "starting" => Color::Yellow,
            _ => Color::Red,
        };
        Line::from(vec![Span::styled("● ", Style::new().fg(color)), Span::raw(text::headline(figures)).bold()])
    }

    fn draw_curves(&self, frame: &mut Frame<'_>, area: Rect) {
        let areas = Layout::horizontal([Constraint::Fill(1); CURVES.len()]).split(area);
        for (((title, _), curve), area) in CURVES.iter().zip(&self.curves).zip(areas.iter()) {
            let width = usize::from(area.width.saturating_sub(2));
            let data: Vec<u64> = curve.iter().skip(curve.len().saturating_sub(width)).copied().collect();
            let title = format!("{title} · {}/s", curve.back().unwrap_or(&0));
            let curve = Sparkline::default().data(data).style(Style::new().fg(Color::Cyan)).block(panel(title));
            frame.render_widget(curve, *area);
        }
    }
}

fn panel<'title>(title: impl Into<Line<'title>>) -> Block<'title> {
    Block::bordered().border_type(BorderType::Rounded).border_style(Style::new().fg(Color::DarkGray)).title(title)
}

fn bounds(frame: &mut Frame<'_>, area: Rect, figures: &Value) {
    let shown: Vec<_> = BOUNDED.into_iter().filter(|(_, _, bound)| text::number(figures, bound) > 0).collect();
    let areas = Layout::vertical(vec![Constraint::Length(2); shown.len()]).split(panel("").inner(area));
    frame.render_widget(panel("of what there may be"), area);
    for ((title, value, bound), area) in shown.into_iter().zip(areas.iter()) {
        #[allow(clippy::cast_precision_loss, reason = "a bar on a screen")]
        let ratio = (text::number(figures, value) as f64 / text::number(figures, bound) as f64).clamp(0.0, 1.0);
        let color = if ratio < 0.7 { Color::Green } else { Color::Red };
        let gauge = Gauge::default()
            .ratio(ratio)
            .label(format!("{title} {:.0} %", ratio * 100.0))
            .gauge_style(Style::new().fg(color).bg(Color::Black));
        frame.render_widget(gauge, Rect { height: area.height.min(1), ..*area });
    }
}

fn draw_events(frame: &mut Frame<'_>, area: Rect, figures: &Value) {
    let kinds =
        text::kinds(figures).iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(", ");
    let title = if kinds.is_empty() { "security events: none".to_owned() } else { format!("security events: {kinds}") };
    let lines = text::recent(figures, usize::from(area.height));
    frame.render_widget(List::new(lines).block(panel(title)), area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    fn drawn(view: &View) -> String {
        let mut terminal = Terminal::new(TestBackend::new(110, 32)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    fn figures(accepted: u64) -> Value {
        json!({"status": "healthy", "uptime_s": 5, "version": "1", "clients": 8, "unauthenticated": 1,
            "bounds": {"clients": 10, "unauthenticated": 100, "circuits": 0, "bytes": 1000}, "pending_bytes": 250,
            "messages": {"accepted": accepted},
            "security": {"counts": {"quota": 1}, "recent": [{"at": "T", "kind": "quota", "who": "key-abc"}]}})
    }

    #[test]
    fn the_screen_shows_what_there_is_and_what_there_may_be() {
        let mut view = View::default();
        view.take(Ok(&figures(100)));
        view.take(Ok(&figures(142)));
        let screen = drawn(&view);
        for part in ["● running", "8 of 10", "clients 80 %", "waiting 25 %", "accepted · 42/s", "quota 1", "key-abc"]
        {
            assert!(screen.contains(part), "{part} is not in\n{screen}");
        }
        assert!(!screen.contains("circuits"), "there is no onion service\n{screen}");
    }

    #[test]
    fn when_the_daemon_is_gone_the_last_figures_stay_and_the_reason_is_shown() {
        let mut view = View::default();
        view.take(Ok(&figures(1)));
        view.take(Err("no ephemeral-server answers".into()));
        let screen = drawn(&view);
        assert!(screen.contains("no ephemeral-server answers") && screen.contains("8 of 10"), "{screen}");
    }

    #[test]
    fn a_small_terminal_is_no_error() {
        let mut view = View::default();
        view.take(Ok(&figures(1)));
        for (width, height) in [(1, 1), (20, 5), (40, 12)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal.draw(|frame| view.draw(frame)).unwrap();
        }
    }
}
