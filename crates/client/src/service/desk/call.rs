//! Which method is carried out by what: names and parameters in, answers out.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Carry, Desk, DeskAnswer};
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
    ($desk:ident, $caller:ident, $name:ident, $params:ident: $($method:ident)*) => {
        match $name {
            CreateInvite::NAME => $desk.create_invite(read($params)?),
            $($method::NAME => answered(&$desk.carry(read::<$method>($params)?, $caller)?),)*
            _ => Err(MethodRefusal::NoSuchMethod($name.to_owned()).into()),
        }
    };
}

fn answered(answer: &impl serde::Serialize) -> Result<DeskAnswer, MethodError> {
    let failed = |error: serde_json::Error| MethodError { code: LOCAL, message: error.to_string(), reason: None };
    serde_json::to_value(answer).map(DeskAnswer::Now).map_err(failed)
}

impl Desk {
    /// Carries out a method.
    pub(in crate::service) fn call(
        &mut self,
        name: &str,
        params: Value,
        caller: u64,
    ) -> Result<DeskAnswer, MethodError> {
        carry_out!(self, caller, name, params:
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
