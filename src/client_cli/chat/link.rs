//! The connection with the engine, in this process or another one.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::super::exit::Failure;
use super::super::reach::Host;
use ephemeral_chat::ChatInput;
use ephemeral_client::api::{Greeting, Hello, Panic};
use ephemeral_client::service::{ClientError, EngineClient, Heard};

/// How long the engine may take to erase everything, after which that is done without it.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A connection.
pub(super) struct EngineLink {
    client: EngineClient,
    host: Option<Host>,
    /// Under which numbers the state asked.
    tickets: HashMap<u64, u64>,
    /// What was taken and not drawn yet.
    unshown: Vec<u64>,
}

impl EngineLink {
    /// Uses the engine of another process.
    pub(super) fn elsewhere(stream: UnixStream) -> Self {
        Self { client: EngineClient::new(stream), host: None, tickets: HashMap::new(), unshown: Vec::new() }
    }

    /// Uses the engine of this process.
    pub(super) async fn here(host: Host) -> Self {
        let client = host.service.client().await;
        Self { client, host: Some(host), tickets: HashMap::new(), unshown: Vec::new() }
    }

    /// Asks who answers.
    pub(super) async fn greeting(&mut self) -> Result<Greeting, Failure> {
        Ok(self.client.call(Hello {}).await?)
    }

    /// Calls a method. That the engine is gone, [`hear`](Self::hear) says.
    pub(super) async fn call(&mut self, ticket: u64, method: &str, params: Value) {
        if let Ok(id) = self.client.ask(method, params).await {
            self.tickets.insert(id, ticket);
        }
    }

    /// Returns what the engine says next. Cancelling it loses nothing.
    pub(super) async fn hear(&mut self) -> ChatInput {
        match self.client.hear().await {
            // No ticket has this number: an answer to nothing changes nothing.
            Ok(Heard::Answer(id, answer)) => {
                let ticket = self.tickets.remove(&id).unwrap_or_default();
                ChatInput::Answered(ticket, answer)
            }
            Ok(Heard::Event(told)) => {
                self.unshown.extend(told.number);
                ChatInput::Notified(told.event)
            }
            Err(error) => ChatInput::Gone(self.why(error).await),
        }
    }

    /// Returns why the engine ended, in its own words where it has some. Empty: nothing went wrong.
    async fn why(&mut self, error: ClientError) -> String {
        let ended = match &mut self.host {
            Some(host) => host.ended().await.err(),
            None => None,
        };
        match (ended, error) {
            (Some(failure), _) => failure.to_string(),
            (None, ClientError::Ended) => String::new(),
            (None, error) => Failure::from(error).to_string(),
        }
    }

    /// Says that what was taken has been drawn: it does not come again.
    pub(super) async fn shown(&mut self) {
        for number in std::mem::take(&mut self.unshown) {
            drop(self.client.shown(number).await);
        }
    }

    /// Erases the profile, and ends the engine.
    pub(super) async fn erase(mut self) {
        drop(timeout(LAST_WORD, self.client.call(Panic {})).await);
    }

    /// Ends the engine, if it is this process's. Everything is durable when this returns.
    pub(super) async fn finish(mut self) -> Result<(), Failure> {
        // One connection's requests are carried out in their order.
        drop(self.client.call(Hello {}).await);
        match self.host {
            Some(host) => host.stop().await,
            None => Ok(()),
        }
    }
}
