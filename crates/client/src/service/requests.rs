//! What the service does with what comes over its connections.

use serde_json::{Value, json};

use super::describing::{Described, FileRequest};
use super::handler::{MethodOutcome, read};
use super::pipes::{RequestPermit, ServiceInput, WriteReceipt};
use super::refusal::MethodRefusal;
use super::{EngineEnd, EngineService, wire};
use crate::api::{EventParams, Method as _, MethodError, Notification, Panic, SendFile, Shown, Subscribe, Taking};
use crate::cause::{Cause, Explanation};
use crate::engine::EngineError;
use crate::vault::Vault;

impl EngineService {
    pub(super) fn take_input(&mut self, input: ServiceInput) -> Result<(), EngineError> {
        match input {
            ServiceInput::Connected { stream, patience, over } => {
                if let Some(connection) = self.connections.come(stream, patience, over) {
                    self.connections
                        .dismiss(connection, wire::error(&Value::Null, &MethodRefusal::TooManyConnections.into()));
                }
            }
            ServiceInput::Request { connection, line, permit } => return self.request(connection, &line, permit),
            ServiceInput::Fault { connection, refusal } => {
                self.connections.dismiss(connection, wire::error(&Value::Null, &refusal.into()));
            }
            ServiceInput::ReadClosed { connection } => {
                self.connections.silent(connection);
                if self.connections.is_over(connection) {
                    self.lost(connection);
                }
            }
            ServiceInput::Written { connection, receipt } => self.written(connection, receipt),
            ServiceInput::Lost { connection } => self.lost(connection),
            ServiceInput::Stop => self.end = Some(EngineEnd::Stopped),
        }
        Ok(())
    }

    fn request(&mut self, connection: u64, line: &[u8], permit: RequestPermit) -> Result<(), EngineError> {
        let wire::RpcRequest { id, method, params } = match wire::request(line) {
            Ok(asked) => asked,
            Err(refused) => {
                let (id, error) = *refused;
                self.connections.answer(connection, wire::error(&id, &error), permit, WriteReceipt::Nothing);
                return Ok(());
            }
        };
        let outcome = self.carry_out(connection, &method, params);
        self.used = true;
        // What is answered has to be durable.
        if self.end.is_none() {
            self.handler.write()?;
        }
        match (outcome, id) {
            (Ok(MethodOutcome::WithInvite(invite)), id) => {
                self.invites.insert(invite, (connection, id.unwrap_or(Value::Null), permit));
            }
            (Ok(MethodOutcome::WithFile(file)), id) => {
                self.describing.begin(FileRequest { connection, id, permit }, file);
            }
            (_, None) => self.drop_permit(connection, permit),
            (Ok(MethodOutcome::Now(result)), Some(id)) => {
                self.connections.answer(connection, wire::answer(&id, &result), permit, WriteReceipt::Nothing);
                if method == Subscribe::NAME {
                    self.tell_what_was(connection);
                }
            }
            (Err(error), Some(id)) => {
                self.connections.answer(connection, wire::error(&id, &error), permit, WriteReceipt::Nothing);
            }
        }
        Ok(())
    }

    /// Sends a file that was read, and says so.
    pub(super) fn described(&mut self, described: Described) -> Result<(), EngineError> {
        let Described { request: FileRequest { connection, id, permit }, link, outcome } = described;
        let outcome =
            outcome.map_err(MethodError::from).and_then(|source| self.handler.send_file(link, source, connection));
        // What is answered has to be durable.
        self.handler.write()?;
        let Some(id) = id else {
            self.drop_permit(connection, permit);
            return Ok(());
        };
        let line = match outcome {
            Ok(sent) => wire::answer(&id, &json!(sent)),
            Err(error) => wire::error(&id, &error),
        };
        self.connections.answer(connection, line, permit, WriteReceipt::Nothing);
        Ok(())
    }

    /// Ends a request that is not answered.
    fn drop_permit(&mut self, connection: u64, permit: RequestPermit) {
        drop(permit);
        if self.connections.is_over(connection) {
            self.lost(connection);
        }
    }

    fn carry_out(&mut self, connection: u64, method: &str, params: Value) -> Result<MethodOutcome, MethodError> {
        match method {
            Subscribe::NAME => {
                let Subscribe { taking } = read(params)?;
                if !self.connections.subscribe(connection, taking) {
                    return Err(MethodRefusal::Subscribed.into());
                }
                self.held = false;
            }
            Shown::NAME => {
                let Shown { number } = read(params)?;
                self.shown(connection, number);
            }
            Panic::NAME => {
                let Panic {} = read(params)?;
                self.panic()?;
            }
            SendFile::NAME => return self.handler.file_to_send(read(params)?).map(MethodOutcome::WithFile),
            _ => return self.handler.call(method, params, connection),
        }
        Ok(MethodOutcome::Now(json!({})))
    }

    /// Tells a new subscriber what was not shown yet.
    fn tell_what_was(&mut self, connection: u64) {
        if self.connections.taking(connection) != Some(Taking::Watched) {
            let owes = self.connections.taking(connection) == Some(Taking::Acknowledged);
            for number in self.unshown.backlog() {
                self.unshown.queue(number, connection, owes);
                self.connections.announce(connection, number);
            }
        }
        if self.handler.engine.has_fetched() {
            self.connections
                .say(connection, wire::event(&EventParams { number: None, event: Notification::AllFetched {} }));
        }
    }

    /// Erases the profile.
    fn panic(&mut self) -> Result<(), MethodError> {
        // Whatever becomes of the files: nothing goes on here.
        self.end = Some(EngineEnd::Erased);
        let Some(directory) = &self.directory else { return Ok(()) };
        let erased = Vault::erase(directory)?;
        let trouble: Vec<_> = erased.left.iter().chain(&erased.not_overwritten).collect();
        if trouble.is_empty() {
            return Ok(());
        }
        let text = trouble.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let reasons = trouble.into_iter().map(Cause::from).collect();
        Err(MethodRefusal::NotErased(Explanation { text, cause: Some(Cause::Several { reasons }) }).into())
    }

    fn shown(&mut self, connection: u64, number: u64) {
        if self.unshown.owes(number, connection) {
            self.connections.acknowledged(connection);
        }
        if self.unshown.acknowledged(number, connection) {
            self.handler.shown(number);
        }
    }
}
