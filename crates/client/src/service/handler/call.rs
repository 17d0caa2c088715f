//! Which method is carried out by what: names and parameters in, answers out.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Handle, MethodHandler, MethodOutcome};
use crate::api::{
    AcceptInvite, AddMember, AdmitRequest, AgreeToMove, BlockContact, CancelFile, CreateGroup, CreateInvite,
    DeclineFile, DeclineOffer, DeclineRequest, ForgetContact, GroupDetails, HandOverGroup, HealContacts, Hello,
    History, JoinGroup, LeaveGroup, ListContacts, ListFiles, ListGroups, ListInvites, ListOutbox, Method, MethodError,
    RemoveMember, RenameContact, RevokeInvite, SafetyWords, SendText, SlowContact, Status, TakeFiles, TrustContact,
    VerifyContact,
};
use crate::service::refusal::{LOCAL, MethodRefusal};

/// Reads the parameters of a method. None at all are an object without fields.
pub(in crate::service) fn read<M: DeserializeOwned>(params: Value) -> Result<M, MethodError> {
    let params = if params.is_null() { json!({}) } else { params };
    if !params.is_object() {
        return Err(MethodRefusal::NotARequest.into());
    }
    serde_json::from_value(params).map_err(|error| MethodRefusal::Parameters(error.to_string()).into())
}

macro_rules! carry_out {
    ($handler:ident, $connection:ident, $name:ident, $params:ident: $($method:ident)*) => {
        match $name {
            CreateInvite::NAME => $handler.create_invite(read($params)?),
            $($method::NAME => answered(&$handler.handle(read::<$method>($params)?, $connection)?),)*
            _ => Err(MethodRefusal::NoSuchMethod($name.to_owned()).into()),
        }
    };
}

fn answered(answer: &impl serde::Serialize) -> Result<MethodOutcome, MethodError> {
    let failed = |error: serde_json::Error| MethodError { code: LOCAL, message: error.to_string(), reason: None };
    serde_json::to_value(answer).map(MethodOutcome::Now).map_err(failed)
}

impl MethodHandler {
    /// Carries out a method.
    pub(in crate::service) fn call(
        &mut self,
        name: &str,
        params: Value,
        connection: u64,
    ) -> Result<MethodOutcome, MethodError> {
        carry_out!(self, connection, name, params:
            Hello Status
            ListContacts RenameContact BlockContact ForgetContact TrustContact VerifyContact SafetyWords SlowContact
            HealContacts AgreeToMove
            ListInvites RevokeInvite AcceptInvite AdmitRequest DeclineRequest
            SendText ListOutbox History
            ListFiles TakeFiles CancelFile DeclineFile
            ListGroups GroupDetails CreateGroup AddMember JoinGroup DeclineOffer RemoveMember HandOverGroup LeaveGroup
        )
    }
}
