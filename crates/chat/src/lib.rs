//! The terminal of `ephemeral`, without a terminal: keys, pastes, notifications and answers of the
//! engine, and the time go in; calls of methods and a screen come out. No clock, no I/O, no task.
//!
//! | module | contents |
//! | --- | --- |
//! | `chat` | the state, and what happens to it |
//! | `screen` | draws the state |
//! | `conversation`, `dialog` | parts of the state |
//! | `message`, `status`, `layout`, `panes` | rows, and where they are |
//! | `editor`, `keys`, `settings` | what is written, what keys do, what is set |
//! | `times`, `words` | times and sentences, in the person's language |

mod chat;
mod conversation;
mod dialog;
mod editor;
mod keys;
mod layout;
mod message;
mod panes;
mod screen;
mod settings;
mod status;
mod times;
mod words;

pub use chat::{Chat, ChatInput, ChatOutput, ChatStart, Explain, Opening, OpeningStart};
pub use keys::{KeyAction, KeyName, KeyPress};
pub use screen::Drawn;
pub use settings::{Settings, SettingsProblem};
pub use times::ChatTime;
pub use words::Words;
