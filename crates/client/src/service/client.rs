//! The other end: asks a service, and hears what happens.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};

use super::line::{LineFault, LineReader};
use super::pipes::Pipe;
use crate::api::{EventParams, Method, MethodError, Shown};

/// The longest answer in bytes: all of a history, each byte written as an escape of six.
const MAX_ANSWER: usize = 128 << 20;
/// How many notifications wait here while an answer is waited for.
const MAX_WAITING: usize = 65_536;

/// Says why nothing more comes of an engine.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// What was asked is not possible.
    #[error(transparent)]
    Refused(#[from] MethodError),
    /// The engine has ended, or does not want this connection any more.
    #[error("the engine has ended the connection")]
    Ended,
    /// The connection.
    #[error("the connection with the engine is broken: {0}")]
    Broken(#[from] std::io::Error),
    /// What came is not what an engine says.
    #[error("the engine is of another version: {0}")]
    Strange(String),
}

impl From<LineFault> for ClientError {
    fn from(fault: LineFault) -> Self {
        match fault {
            LineFault::Read(error) => Self::Broken(error),
            LineFault::Half => Self::Ended,
            LineFault::Long => Self::Strange("an answer of more than 128 MiB".to_owned()),
        }
    }
}

/// A line that came over the stream: an answer, an error, or a notification.
#[derive(Deserialize)]
struct Said {
    id: Option<u64>,
    #[serde(default)]
    result: Value,
    error: Option<MethodError>,
    params: Option<Value>,
}

/// A message from an engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The answer to what was asked under this number.
    Answer(u64, Result<Value, MethodError>),
    /// Something is told.
    Event(EventParams),
}

/// Asks an engine, in this process or another one.
pub struct EngineClient {
    lines: LineReader<ReadHalf<Box<dyn Pipe>>>,
    writer: WriteHalf<Box<dyn Pipe>>,
    next: u64,
    told: VecDeque<EventParams>,
}

impl EngineClient {
    /// Talks over a stream.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let stream: Box<dyn Pipe> = Box::new(stream);
        let (reader, writer) = tokio::io::split(stream);
        Self { lines: LineReader::new(reader, MAX_ANSWER, None), writer, next: 1, told: VecDeque::new() }
    }

    async fn write(&mut self, value: &Value) -> Result<(), ClientError> {
        let line = format!("{value}\n");
        self.writer.write_all(line.as_bytes()).await?;
        Ok(self.writer.flush().await?)
    }

    /// Calls a method. It must not be cancelled.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn call<M: Method>(&mut self, method: M) -> Result<M::Answer, ClientError> {
        let id = self.next;
        self.next += 1;
        let strange = |error: serde_json::Error| ClientError::Strange(error.to_string());
        let params = serde_json::to_value(method).map_err(strange)?;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": M::NAME, "params": params})).await?;
        loop {
            match self.heard().await? {
                Said { id: Some(answered), result, error: None, .. } if answered == id => {
                    return serde_json::from_value(result).map_err(strange);
                }
                // Without an id it is the connection that is refused.
                Said { id: answered, error: Some(error), .. } if answered.is_none() || answered == Some(id) => {
                    return Err(error.into());
                }
                Said { params: Some(params), .. } => self.keep(params)?,
                _ => {}
            }
        }
    }

    /// Says that an event was shown. Whether it was heard, the answer to the next method shows.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn shown(&mut self, number: u64) -> Result<(), ClientError> {
        self.write(&json!({"jsonrpc": "2.0", "method": Shown::NAME, "params": {"number": number}})).await
    }

    /// Returns what is told next. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn next(&mut self) -> Result<EventParams, ClientError> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Ok(told);
            }
            match self.heard().await? {
                Said { params: Some(params), .. } => self.keep(params)?,
                Said { error: Some(error), .. } => return Err(error.into()),
                _ => {}
            }
        }
    }

    /// Calls a method by its name, and does not wait: [`hear`](Self::hear) returns the answer under
    /// the number that this returns. It must not be cancelled.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ask(&mut self, method: &str, params: Value) -> Result<u64, ClientError> {
        let id = self.next;
        self.next += 1;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await?;
        Ok(id)
    }

    /// Returns what comes next: an answer to [`ask`](Self::ask), or what is told. Cancelling it
    /// loses nothing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn hear(&mut self) -> Result<Heard, ClientError> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Ok(Heard::Event(told));
            }
            match self.heard().await? {
                Said { id: Some(id), error: Some(error), .. } => return Ok(Heard::Answer(id, Err(error))),
                Said { id: Some(id), result, .. } => return Ok(Heard::Answer(id, Ok(result))),
                Said { params: Some(params), .. } => self.keep(params)?,
                // Without an id it is the connection that is refused.
                Said { error: Some(error), .. } => return Err(error.into()),
                _ => {}
            }
        }
    }

    async fn heard(&mut self) -> Result<Said, ClientError> {
        let line = self.lines.next().await?.ok_or(ClientError::Ended)?;
        serde_json::from_slice(&line).map_err(|error| ClientError::Strange(error.to_string()))
    }

    fn keep(&mut self, params: Value) -> Result<(), ClientError> {
        let told = serde_json::from_value(params).map_err(|error| ClientError::Strange(error.to_string()))?;
        if self.told.len() >= MAX_WAITING {
            return Err(ClientError::Strange("it tells more than it answers".to_owned()));
        }
        self.told.push_back(told);
        Ok(())
    }
}
