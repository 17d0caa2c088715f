//! The terminal: raw mode, the alternate screen, bracketed paste; and as it was before, however the
//! program ends.

use std::io::{self, Write as _, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use data_encoding::BASE64;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::typing;
use ephemeral_chat::{Chat, ChatInput, ChatOutput};

/// How many events wait until they are taken.
const QUEUE: usize = 1024;
/// Columns and rows that are drawn, at most: a terminal may say that it has billions of cells.
const LARGEST: (u16, u16) = (500, 200);
/// The size of a terminal that does not say its own.
const USUAL: (u16, u16) = (80, 24);
/// The longest text that is handed to a clipboard, in bytes.
const MOST_COPIED: usize = 74_994;
/// The terminal keeps its title, and takes it back (XTWINOPS 22 and 23).
const KEEP_TITLE: &[u8] = b"\x1b[22;0t";
const TITLE_BACK: &[u8] = b"\x1b[23;0t";

/// The terminal, until this is dropped.
pub(super) struct TerminalScreen {
    terminal: Terminal<CrosstermBackend<io::Stdout>>,
    area: Rect,
    title: String,
    events: mpsc::Receiver<ChatInput>,
    resized: Signal,
    ends: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl TerminalScreen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        let area = area(terminal::size());
        let resized = signal(SignalKind::window_change())?;
        restore_on_panic();
        enable_raw_mode()?;
        let options = TerminalOptions { viewport: Viewport::Fixed(area) };
        let entered = stdout().write_all(KEEP_TITLE);
        let enter = |()| execute!(stdout(), EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste);
        let entered = entered.and_then(enter);
        let terminal = entered.and_then(|()| Terminal::with_options(CrosstermBackend::new(stdout()), options));
        let terminal = terminal.inspect_err(|_| restore())?;
        let (sender, events) = mpsc::channel(QUEUE);
        let ends = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ends);
        let reader = Some(std::thread::spawn(move || typing::read(&sender, &stop)));
        Ok(Self { terminal, area, title: String::new(), events, resized, ends, reader })
    }

    /// Returns the size.
    pub(super) fn size(&self) -> ChatInput {
        ChatInput::Resize(self.area.width, self.area.height)
    }

    pub(super) async fn next(&mut self) -> Option<ChatInput> {
        tokio::select! {
            input = self.events.recv() => input,
            _ = self.resized.recv() => {
                let area = area(terminal::size());
                Some(ChatInput::Resize(area.width, area.height))
            }
        }
    }

    pub(super) fn now(&mut self) -> Option<ChatInput> {
        self.events.try_recv().ok()
    }

    /// Draws the state.
    pub(super) fn draw(&mut self, chat: &mut Chat) -> io::Result<()> {
        let area = area(terminal::size());
        if area != self.area {
            self.area = area;
            self.terminal.resize(area)?;
            chat.take(ChatInput::Resize(area.width, area.height));
        }
        let title = chat.title();
        if title != self.title {
            execute!(stdout(), SetTitle(&title))?;
            self.title = title;
        }
        let chat = &*chat;
        self.terminal
            .draw(|frame| {
                let drawn = chat.draw(frame.buffer_mut());
                if let Some(cursor) = drawn.cursor {
                    frame.set_cursor_position(cursor);
                }
            })
            .map(drop)
    }

    /// Does what has no place on the screen.
    pub(super) fn signal(output: &ChatOutput) -> io::Result<()> {
        let mut out = stdout().lock();
        match output {
            ChatOutput::Bell => out.write_all(b"\x07")?,
            // The sentence is the program's own, and says nothing of what came.
            ChatOutput::Notify(sentence) => write!(out, "\x1b]9;{sentence}\x07")?,
            ChatOutput::Copy(text) if text.len() <= MOST_COPIED => {
                write!(out, "\x1b]52;c;{}\x07", BASE64.encode(text.as_bytes()))?;
            }
            _ => {}
        }
        out.flush()
    }

    /// Leaves nothing on the screen.
    pub(super) fn wipe(&mut self) {
        // If it cannot be cleared, there is still everything else to erase.
        let _ = execute!(stdout(), Clear(ClearType::All));
    }
}

impl Drop for TerminalScreen {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.events.close();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        restore();
    }
}

/// Gives the terminal back as it was. If it is gone, there is nothing to give back.
fn restore() {
    let _ = execute!(stdout(), DisableBracketedPaste, Clear(ClearType::All), LeaveAlternateScreen, Show);
    let _ = stdout().write_all(TITLE_BACK);
    let _ = stdout().flush();
    let _ = disable_raw_mode();
}

fn restore_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        restore();
        before(info);
    }));
}

/// Returns what is drawn on, whatever the terminal says of its size.
fn area(size: io::Result<(u16, u16)>) -> Rect {
    let (width, height) = size.ok().filter(|(width, height)| *width > 0 && *height > 0).unwrap_or(USUAL);
    Rect::new(0, 0, width.min(LARGEST.0), height.min(LARGEST.1))
}
