//! What goes into the state, and what comes out.

use ephemeral_client::api::{Cause, Greeting, MethodError, Notification};
use serde_json::Value;

use super::opening::{Opening, OpeningStart};
use crate::keys::KeyPress;
use crate::settings::Settings;
use crate::times::ChatTime;
use crate::words::Words;

/// An input of the state: something that has happened.
#[derive(Clone, Debug)]
pub enum ChatInput {
    /// A key was pressed.
    Key(KeyPress),
    /// Keys came in one go, some of them behind the end of a line: perhaps a paste that the
    /// terminal does not mark.
    Burst(Vec<KeyPress>),
    /// A text was pasted.
    Paste(String),
    /// The terminal has so many columns and rows.
    Resize(u16, u16),
    /// A line was written, in the linear mode.
    Line(String),
    /// The engine tells something.
    Notified(Notification),
    /// A method answered.
    Answered(u64, Result<Value, MethodError>),
    /// The profile is open, and its engine runs.
    Opened(Greeting),
    /// The profile could not be opened or made.
    NotOpened(MethodError),
    /// The settings could not be written.
    NotSaved(String),
    /// The engine is gone.
    Gone(String),
    /// Time went on.
    Tick(ChatTime),
}

/// An output of the state: something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatOutput {
    /// Call a method, and say what it answers under this number.
    Call(u64, &'static str, Value),
    /// Open or make a profile.
    Open(Opening),
    /// Ring the bell.
    Bell,
    /// Ask the terminal to notify, with a text without content.
    Notify(String),
    /// Put a text into the terminal's clipboard.
    Copy(String),
    /// Write the settings.
    Save(String),
    /// End.
    End,
    /// Clear the screen, erase the profile, and end. Nothing else comes first.
    Erase,
}

/// Says in the person's language what an engine says in English, by its cause.
pub type Explain = fn(&str, Option<&Cause>) -> String;

/// The values that the state begins with.
#[derive(Debug)]
pub struct ChatStart {
    /// The language.
    pub words: Words,
    /// What the person has set.
    pub settings: Settings,
    /// How the profile is opened.
    pub opening: OpeningStart,
    /// The person's folder, for paths that begin with `~`.
    pub home: String,
    /// The folder in which the program was started, for paths that begin with no slash.
    pub here: String,
    /// Says what the engine says.
    pub explain: Explain,
    /// Whether there is colour.
    pub colour: bool,
    /// Whether the linear mode runs.
    pub plain: bool,
}
