//! What the service does with what comes over its connections.

use serde_json::{Value, json};

use super::describing::{Described, FileRequest};
use super::desk::{DeskAnswer, read};
use super::pipes::{Knock, RequestPermit, WriteReceipt};
use super::refusal::MethodRefusal;
use super::{EngineEnd, EngineService, wire};
use crate::api::{Method as _, MethodError, Notification, Panic, SendFile, Shown, Subscribe, Taking, Told};
use crate::cause::{Cause, Explanation};
use crate::engine::EngineError;
use crate::vault::Vault;

impl EngineService {
    pub(super) fn knock(&mut self, knock: Knock) -> Result<(), EngineError> {
        match knock {
            Knock::Come { stream, patience, over } => {
                if let Some(caller) = self.callers.come(stream, patience, over) {
                    self.callers.dismiss(caller, wire::error(&Value::Null, &MethodRefusal::TooManyCallers.into()));
                }
            }
            Knock::Asked { caller, line, permit } => return self.asked(caller, &line, permit),
            Knock::Fault { caller, refusal } => {
                self.callers.dismiss(caller, wire::error(&Value::Null, &refusal.into()));
            }
            Knock::Silent { caller } => {
                self.callers.silent(caller);
                if self.callers.is_over(caller) {
                    self.lost(caller);
                }
            }
            Knock::Written { caller, receipt } => self.written(caller, receipt),
            Knock::Lost { caller } => self.lost(caller),
            Knock::Stop => self.end = Some(EngineEnd::Stopped),
        }
        Ok(())
    }

    fn asked(&mut self, caller: u64, line: &[u8], permit: RequestPermit) -> Result<(), EngineError> {
        let wire::RpcRequest { id, method, params } = match wire::request(line) {
            Ok(asked) => asked,
            Err((id, error)) => {
                self.callers.answer(caller, wire::error(&id, &error), permit, WriteReceipt::Nothing);
                return Ok(());
            }
        };
        let outcome = self.carry_out(caller, &method, params);
        self.used = true;
        // What is answered has to be durable.
        if self.end.is_none() {
            self.desk.write()?;
        }
        match (outcome, id) {
            (Ok(DeskAnswer::WithInvite(invite)), id) => {
                self.invites.insert(invite, (caller, id.unwrap_or(Value::Null), permit));
            }
            (Ok(DeskAnswer::WithFile(file)), id) => {
                self.describing.begin(FileRequest { caller, id, permit }, file);
            }
            (_, None) => self.drop_permit(caller, permit),
            (Ok(DeskAnswer::Now(result)), Some(id)) => {
                self.callers.answer(caller, wire::answer(&id, &result), permit, WriteReceipt::Nothing);
                if method == Subscribe::NAME {
                    self.tell_what_was(caller);
                }
            }
            (Err(error), Some(id)) => {
                self.callers.answer(caller, wire::error(&id, &error), permit, WriteReceipt::Nothing);
            }
        }
        Ok(())
    }

    /// Sends a file that was read, and says so.
    pub(super) fn described(&mut self, described: Described) -> Result<(), EngineError> {
        let Described { request: FileRequest { caller, id, permit }, link, outcome } = described;
        let outcome = outcome.map_err(MethodError::from).and_then(|source| self.desk.send_file(link, source, caller));
        // What is answered has to be durable.
        self.desk.write()?;
        let Some(id) = id else {
            self.drop_permit(caller, permit);
            return Ok(());
        };
        let line = match outcome {
            Ok(sent) => wire::answer(&id, &json!(sent)),
            Err(error) => wire::error(&id, &error),
        };
        self.callers.answer(caller, line, permit, WriteReceipt::Nothing);
        Ok(())
    }

    /// Ends a request that is not answered.
    fn drop_permit(&mut self, caller: u64, permit: RequestPermit) {
        drop(permit);
        if self.callers.is_over(caller) {
            self.lost(caller);
        }
    }

    fn carry_out(&mut self, caller: u64, method: &str, params: Value) -> Result<DeskAnswer, MethodError> {
        match method {
            Subscribe::NAME => {
                let Subscribe { taking } = read(params)?;
                if !self.callers.subscribe(caller, taking) {
                    return Err(MethodRefusal::Subscribed.into());
                }
                self.held = false;
            }
            Shown::NAME => {
                let Shown { number } = read(params)?;
                self.shown(caller, number);
            }
            Panic::NAME => {
                let Panic {} = read(params)?;
                self.panic()?;
            }
            SendFile::NAME => return self.desk.file_to_send(read(params)?).map(DeskAnswer::WithFile),
            _ => return self.desk.call(method, params, caller),
        }
        Ok(DeskAnswer::Now(json!({})))
    }

    /// Tells a new subscriber what was not shown yet.
    fn tell_what_was(&mut self, caller: u64) {
        if self.callers.taking(caller) != Some(Taking::Watched) {
            let owes = self.callers.taking(caller) == Some(Taking::Acknowledged);
            for number in self.unshown.backlog() {
                self.unshown.queue(number, caller, owes);
                self.callers.announce(caller, number);
            }
        }
        if self.desk.engine.has_fetched() {
            self.callers.say(caller, wire::event(&Told { number: None, event: Notification::AllFetched {} }));
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

    fn shown(&mut self, caller: u64, number: u64) {
        if self.unshown.owes(number, caller) {
            self.callers.acknowledged(caller);
        }
        if self.unshown.acknowledged(number, caller) {
            self.desk.shown(number);
        }
    }
}
