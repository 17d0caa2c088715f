//! The live screen of `status --watch`.

mod narrow;
mod wide;

use std::collections::VecDeque;
use std::io::{self, stdout};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{self, EnterAlternateScreen};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::{DefaultTerminal, Frame, TerminalOptions, Viewport};

use super::text;
use crate::admin::routes::StatsAnswer;
use crate::http::Health;
use crate::hub::Totals;

/// Looks that the curves show, at most.
const HISTORY: usize = 300;
/// Columns and rows that are drawn, at most: a terminal may say that it has billions of cells.
const LARGEST: (u16, u16) = (500, 200);
/// The size of a terminal that does not say its own.
const USUAL: (u16, u16) = (80, 24);
/// Columns and rows from which on there are panels and curves.
const WIDE: (u16, u16) = (100, 30);
/// A curve: its title, and what is counted.
type Curve = (&'static str, fn(&Totals) -> u64);
const CURVES: [Curve; 3] = [
    ("accepted", |totals| totals.accepted),
    ("delivered", |totals| totals.delivered),
    ("refused", |totals| totals.rejected),
];

/// The parts of the screen.
#[derive(Default)]
struct View {
    answer: Option<StatsAnswer>,
    /// Why there is nothing newer.
    trouble: Option<String>,
    /// What was added between two looks, the newest last.
    curves: [VecDeque<u64>; CURVES.len()],
}

/// The terminal, until this is dropped.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    area: Rect,
    view: View,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        let area = area(terminal::size());
        let viewport = Viewport::Fixed(area);
        let terminal = ratatui::try_init_with_options(TerminalOptions { viewport })?;
        let screen = Self { terminal, area, view: View::default() };
        execute!(stdout(), EnterAlternateScreen)?;
        Ok(screen)
    }

    /// Shows the figures or, where there are none, the last ones and why.
    pub(super) fn show(&mut self, next: Result<StatsAnswer, String>) -> io::Result<()> {
        self.view.take(next);
        let area = area(terminal::size());
        if area != self.area {
            self.area = area;
            self.terminal.resize(area)?;
        }
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

/// Returns what is drawn on, whatever the terminal says of its size.
fn area(size: io::Result<(u16, u16)>) -> Rect {
    let (width, height) = size.ok().filter(|(width, height)| *width > 0 && *height > 0).unwrap_or(USUAL);
    Rect::new(0, 0, width.min(LARGEST.0), height.min(LARGEST.1))
}

impl View {
    fn take(&mut self, next: Result<StatsAnswer, String>) {
        let answer = match next {
            Ok(answer) => answer,
            Err(trouble) => {
                self.trouble = Some(trouble);
                return;
            }
        };
        for (curve, (_, count)) in self.curves.iter_mut().zip(CURVES) {
            if let Some(before) = &self.answer {
                curve.push_back(count(&answer.stats.messages).saturating_sub(count(&before.stats.messages)));
            }
            if curve.len() > HISTORY {
                curve.pop_front();
            }
        }
        self.answer = Some(answer);
        self.trouble = None;
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let Some(answer) = &self.answer else { return };
        let area = frame.area();
        let head = self.head(answer, usize::from(area.width));
        if area.width >= WIDE.0 && area.height >= WIDE.1 {
            wide::draw(frame, head, &answer.stats, &self.curves);
        } else {
            narrow::draw(frame, head, &answer.stats);
        }
    }

    /// Says whether clients can connect, or why nobody knows, and then the whole address.
    fn head(&self, answer: &StatsAnswer, width: usize) -> Vec<Line<'static>> {
        let color = match answer.status {
            _ if self.trouble.is_some() => Color::Red,
            Health::Healthy => Color::Green,
            Health::Starting => Color::Yellow,
            Health::Degraded | Health::Draining => Color::Red,
        };
        let said = self.trouble.clone().unwrap_or_else(|| text::reachability(answer));
        let style = Style::new().fg(color).add_modifier(Modifier::BOLD);
        let said = wrapped(&format!("● {said}"), width).into_iter().map(|line| Line::from(line).style(style));
        let address = text::address(&answer.stats).map(|address| wrapped(&address, width)).unwrap_or_default();
        said.chain(address.into_iter().map(Line::from)).collect()
    }
}

/// Breaks a text into lines of so many columns: between words, and within those that are longer
/// than a line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        let blank = usize::from(used > 0);
        for character in " ".chars().take(blank).chain(word.chars()) {
            if used >= width {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(character);
                used += 1;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::super::text::tests::{answer, onion};
    use super::*;

    fn drawn(view: &View, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    /// Returns what is on the screen, without the ends of its lines.
    fn run_together(screen: &str) -> String {
        screen.lines().map(|line| line.trim_matches('"').trim_end()).collect()
    }

    fn accepted(accepted: u64) -> StatsAnswer {
        let totals = json!({"accepted": accepted, "duplicates": 0, "rejected": 0, "delivered": 0, "expired": 0});
        answer(&json!({"messages": totals, "clients": 8}))
    }

    #[test]
    fn the_screen_shows_what_there_is_and_what_there_may_be() {
        let mut view = View::default();
        view.take(Ok(accepted(100)));
        view.take(Ok(accepted(142)));
        let screen = drawn(&view, 110, 34);
        for part in ["● running", "8 of 10", "clients 80 %", "waiting 25 %", "accepted · 42/s", "quota 5", "key-abc"]
        {
            assert!(screen.contains(part), "{part} is not in\n{screen}");
        }
        assert!(!screen.contains("circuits"), "there is no onion service\n{screen}");
    }

    #[test]
    fn when_the_daemon_is_gone_the_last_figures_stay_and_the_reason_is_shown() {
        let mut view = View::default();
        view.take(Ok(accepted(1)));
        view.take(Err("no ephemeral-server answers".into()));
        for (width, height) in [(110, 32), (40, 24)] {
            let screen = drawn(&view, width, height);
            assert!(screen.contains("no ephemeral-server answers") && screen.contains("8 of 10"), "{screen}");
        }
    }

    #[test]
    fn at_80_and_at_40_columns_the_address_is_whole_and_one_line_says_whether_clients_can_connect() {
        for (status, phase, said) in [
            ("healthy", "reachable", "● reachable: clients can connect"),
            ("degraded", "degraded", "● NOT REACHABLE, it goes on trying: no network"),
        ] {
            let mut view = View::default();
            view.take(Ok(answer(&json!({"status": status, "onion": onion(phase)}))));
            for (width, height) in [(40, 24), (80, 24), (110, 34)] {
                let screen = drawn(&view, width, height);
                let address = format!("http://{}.onion", "a".repeat(56));
                assert!(run_together(&screen).contains(&address), "{width} columns:\n{screen}");
                let whole = run_together(&screen).replace(' ', "");
                assert!(whole.contains(&said.replace(' ', "")), "{width} columns:\n{screen}");
                assert_eq!(whole.to_lowercase().matches("reachable").count(), 1, "{width} columns:\n{screen}");
            }
        }
    }

    #[test]
    fn no_size_of_a_terminal_is_an_error() {
        let mut view = View::default();
        view.take(Ok(answer(&json!({"onion": onion("reachable")}))));
        for size in [(1, 1), (20, 5), (40, 12), (100, 30), (65_535, 65_535), (65_535, 1), (1, 65_535), (0, 0)] {
            let area = area(Ok(size));
            assert!(u32::from(area.width) * u32::from(area.height) <= 100_000, "{size:?}");
            drawn(&view, area.width, area.height);
        }
        assert_eq!(area(Err(io::ErrorKind::Other.into())), Rect::new(0, 0, 80, 24));
    }

    #[test]
    fn lines_break_between_words_and_within_those_that_are_too_long() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a longerthanthat b", 5), ["a", "longe", "rthan", "that", "b"]);
        assert_eq!(wrapped("", 0), [""]);
    }
}
