//! `ephemeral chat`: the terminal for people. The crate `ephemeral-chat` knows what is shown and
//! what keys do; here are the terminal, the clock, and the engine.
//!
//! | file | contents |
//! | --- | --- |
//! | `frontend` | the terminal, or lines; whichever it is |
//! | `terminal` | raw mode, the alternate screen |
//! | `typing`, `keyboard`, `burst` | reading the terminal; keys; pastes that come as keys |
//! | `lines` | standard input and output, a line at a time |
//! | `link` | the connection with the engine |
//! | `open` | opens or makes the profile |
//! | `keep` | the settings |

mod burst;
mod frontend;
mod keep;
mod keyboard;
mod lines;
mod link;
mod open;
mod terminal;
mod typing;

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::exit::{Exit, Failure};
use super::running::RunArgs;
use super::stop;
use super::words::{Language, said};
use ephemeral_chat::{Chat, ChatInput, ChatOutput, ChatStart, ChatTime, OpeningStart, Words};
use ephemeral_client::api::MethodError;
use frontend::Frontend;
use link::EngineLink;
use open::{OpenedEngine, Opener};

/// How often the clock is looked at: times that are left are shown in seconds.
const TICK: Duration = Duration::from_secs(1);
/// How many notifications are taken before the screen is drawn again.
const BATCH: usize = 64;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ephemeral chat
  ephemeral chat --plain
  ephemeral chat --ephemeral

Without a profile it asks for a name, for the invite that you were given or a server, and for a
passphrase, and makes one. F1 shows all keys and commands. Ctrl-X Ctrl-K erases the profile at once,
without a question. --plain is for screen readers: each event is a line, and nothing is drawn twice;
a terminal that can do no more (TERM=dumb) gets it by itself. NO_COLOR leaves out colours.

It uses the engine of `ephemeral serve`, if one runs; otherwise it is one, which the other commands
use. If that engine ends, it looks for another one; /unlock opens the profile in this program.")]
pub(super) struct ChatArgs {
    /// Print lines instead of drawing a screen.
    #[arg(long)]
    plain: bool,
    /// Keep nothing on the disk: the profile lives as long as the process.
    #[arg(long)]
    ephemeral: bool,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn run(args: ChatArgs) -> Result<(), Failure> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let plain = args.plain || !is_terminal || variable("TERM").is_none_or(|term| term == "dumb");
    let path = |path: std::io::Result<std::path::PathBuf>| {
        path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let words = Words::of(Language::of_environment().code());
    let settings = keep::read(&words)?;
    let mut opener = Opener::new(args.run, args.ephemeral);
    let (opening, link) = opener.begin().await?;
    let mut chat = Chat::new(ChatStart {
        words,
        settings,
        opening,
        home: variable("HOME").unwrap_or_default(),
        here: path(std::env::current_dir()),
        explain: said::explained,
        colour: variable("NO_COLOR").is_none(),
        plain,
    });
    chat.take(ChatInput::Tick(now()));
    let frontend = Frontend::open(plain)?;
    let mut chat_loop = ChatLoop { chat, frontend, opener, link: None };
    if opening == OpeningStart::Running
        && let Some(link) = link
    {
        chat_loop.connected(link).await;
    }
    let outcome = chat_loop.run().await;
    let ChatLoop { frontend, link, .. } = chat_loop;
    // The terminal is as it was before anything is said.
    drop(frontend);
    if let Some(link) = link {
        link.finish().await?;
    }
    outcome
}

/// Returns the time, and how far the person's clock is from UTC.
fn now() -> ChatTime {
    let now = Timestamp::now();
    ChatTime { unix_s: now.as_second(), offset_s: TimeZone::system().to_offset(now).seconds() }
}

/// Everything that runs.
struct ChatLoop {
    chat: Chat,
    frontend: Frontend,
    opener: Opener,
    link: Option<EngineLink>,
}

impl ChatLoop {
    async fn run(&mut self) -> Result<(), Failure> {
        let mut clock = interval_at(Instant::now() + TICK, TICK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let stopped = stop::requested();
        tokio::pin!(stopped);
        loop {
            if self.perform().await? {
                return Ok(());
            }
            self.frontend.show(&mut self.chat)?;
            if let Some(link) = &mut self.link {
                link.shown().await;
            }
            tokio::select! {
                input = self.frontend.next(&self.chat) => match input {
                    Some(input) => self.chat.take(input),
                    // Nobody writes any more.
                    None => return Ok(()),
                },
                heard = hear(&mut self.link) => self.heard(heard),
                opened = self.opener.next() => self.opened(opened).await,
                _ = clock.tick() => {
                    self.chat.take(ChatInput::Tick(now()));
                    if self.link.is_none() && self.chat.is_running() {
                        self.opener.seek();
                    }
                }
                result = &mut stopped => return result,
            }
            self.drain();
        }
    }

    async fn opened(&mut self, opened: OpenedEngine) {
        match opened {
            OpenedEngine::Here(Ok(link)) => self.connected(link).await,
            OpenedEngine::Here(Err(failure)) => self.chat.take(ChatInput::NotOpened(failed(&failure))),
            OpenedEngine::Elsewhere(Some((link, greeting))) if self.link.is_none() => {
                self.link = Some(link);
                self.chat.take(ChatInput::Opened(greeting));
            }
            OpenedEngine::Elsewhere(_) => {}
        }
    }

    /// Takes what is there already, so that the screen is drawn once for all of it.
    fn drain(&mut self) {
        for _ in 0..BATCH {
            let Some(input) = self.frontend.now() else { break };
            self.chat.take(input);
        }
    }

    fn heard(&mut self, heard: ChatInput) {
        if matches!(heard, ChatInput::Gone(_)) {
            self.link = None;
        }
        self.chat.take(heard);
    }

    /// Does what the state wants. Returns whether it was the end.
    async fn perform(&mut self) -> Result<bool, Failure> {
        loop {
            let outputs = self.chat.outputs();
            if outputs.is_empty() {
                return Ok(false);
            }
            for output in outputs {
                if self.carry_out(output).await? {
                    return Ok(true);
                }
            }
        }
    }

    async fn carry_out(&mut self, output: ChatOutput) -> Result<bool, Failure> {
        match output {
            ChatOutput::Call(ticket, method, params) => match &mut self.link {
                Some(link) => link.call(ticket, method, params).await,
                None => self.chat.take(ChatInput::Answered(ticket, Err(nobody()))),
            },
            ChatOutput::Open(opening) => self.opener.open(opening),
            ChatOutput::Save(settings) => {
                if let Err(failure) = keep::write(&settings) {
                    self.chat.take(ChatInput::NotSaved(failure.to_string()));
                }
            }
            ChatOutput::Erase => {
                self.frontend.wipe();
                self.opener.erase(self.link.take()).await?;
                return Ok(true);
            }
            ChatOutput::End => return Ok(true),
            other => self.frontend.signal(&other)?,
        }
        Ok(false)
    }

    async fn connected(&mut self, mut link: EngineLink) {
        match link.greeting().await {
            Ok(greeting) => {
                self.link = Some(link);
                self.chat.take(ChatInput::Opened(greeting));
            }
            Err(failure) => self.chat.take(ChatInput::NotOpened(failed(&failure))),
        }
    }
}

/// Returns the answer to a method when there is no engine any more: the state has the sentence.
fn nobody() -> MethodError {
    MethodError { code: Exit::Local as i64, message: String::new(), reason: None }
}

fn failed(failure: &Failure) -> MethodError {
    MethodError { code: failure.exit as i64, message: failure.to_string(), reason: None }
}

/// Waits for the engine; for ever, while there is none.
async fn hear(link: &mut Option<EngineLink>) -> ChatInput {
    match link {
        Some(link) => link.hear().await,
        None => std::future::pending().await,
    }
}
