//! What a program can ask of a profile.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::VERSION;
use crate::client_cli::contacts::words;
use crate::client_cli::exit::Failure;
use crate::client_cli::output::{local_time, message_id, name_of, utc};
use crate::client_cli::running::Running;
use ephemeral_client::names;
use ephemeral_e2e::core::{Accept, ContactView, Core, InviteOptions, Standing};
use ephemeral_e2e::effect::InviteId;

/// JSON-RPC 2.0: there is no such method.
const NO_SUCH_METHOD: i64 = -32_601;
/// JSON-RPC 2.0: the parameters are wrong.
const WRONG_PARAMETERS: i64 = -32_602;

/// Says why a request was not carried out. `code` is JSON-RPC's, or the exit code that a command
/// would have.
pub(super) struct CallError {
    pub(super) code: i64,
    pub(super) message: String,
}

impl<E: Into<Failure>> From<E> for CallError {
    fn from(error: E) -> Self {
        let failure: Failure = error.into();
        Self { code: failure.exit as i64, message: failure.to_string() }
    }
}

/// What a request comes to.
pub(super) enum Answer {
    Now(Value),
    /// The text of this invite, as soon as its keys are kept.
    WithInvite(InviteId),
}

#[derive(Deserialize)]
struct Named {
    contact: String,
}

#[derive(Deserialize)]
struct Renamed {
    contact: String,
    new: String,
}

#[derive(Deserialize)]
struct Text {
    contact: String,
    text: String,
    #[serde(default)]
    burn_s: u32,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NewInvite {
    name: String,
    reusable: bool,
    expires_s: u64,
}

#[derive(Deserialize)]
struct Given {
    invite: String,
    #[serde(default, rename = "as")]
    name: String,
    text: Option<String>,
    #[serde(default)]
    foreign: bool,
}

#[derive(Deserialize)]
struct Numbered {
    invite: InviteId,
}

/// Carries a request out.
pub(super) fn call(running: &mut Running, method: &str, params: Value) -> Result<Answer, CallError> {
    let result = match method {
        "hello" => {
            let core = running.engine.core();
            json!({"version": VERSION, "name": core.name(), "server": core.authority().as_str()})
        }
        "contacts.list" => running.engine.core().contacts().iter().map(contact).collect(),
        "contacts.rename" => {
            let Renamed { contact, new } = read(params)?;
            change(running, &contact, |core, contact, _| core.rename(contact.link, &new))?
        }
        "contacts.block" => change(running, &named(params)?, |core, contact, now| core.block(contact.link, now))?,
        "contacts.forget" => change(running, &named(params)?, |core, contact, now| core.leave(contact.link, now))?,
        "contacts.trust" => change(running, &named(params)?, |core, contact, _| core.trust(contact.link))?,
        "contacts.verify" => change(running, &named(params)?, |core, contact, _| core.verify(contact.link))?,
        "contacts.words" => safety(running, &named(params)?)?,
        "invites.create" => return create(running, read_or_default(params)?),
        "invites.list" => running.engine.core().invites().iter().map(invite).collect(),
        "invites.revoke" => {
            let Numbered { invite } = read(params)?;
            running.engine.act(|core, now| core.revoke(invite, now))?;
            json!({})
        }
        "invites.accept" => accept(running, read(params)?)?,
        "send" => send(running, read(params)?)?,
        "outbox" => outbox(running.engine.core()),
        _ => return Err(CallError { code: NO_SUCH_METHOD, message: format!("there is no method {method:?}") }),
    };
    Ok(Answer::Now(result))
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, CallError> {
    serde_json::from_value(params).map_err(|error| CallError { code: WRONG_PARAMETERS, message: error.to_string() })
}

fn read_or_default<T: DeserializeOwned + Default>(params: Value) -> Result<T, CallError> {
    if params.is_null() { Ok(T::default()) } else { read(params) }
}

fn named(params: Value) -> Result<String, CallError> {
    read(params).map(|Named { contact }| contact)
}

fn change(
    running: &mut Running,
    name: &str,
    action: impl FnOnce(&mut Core, &ContactView, u64) -> Result<(), ephemeral_e2e::core::CoreError>,
) -> Result<Value, CallError> {
    let contact = names::contact(running.engine.core(), name)?;
    running.engine.act(|core, now| action(core, &contact, now))?;
    Ok(json!({}))
}

fn contact(contact: &ContactView) -> Value {
    json!({
        "contact": names::called(contact), "identity": contact.identity.to_hex(), "answered": contact.answered,
        "verified": contact.verified, "contested": contact.contested, "left": contact.left,
        "outgoing": contact.outgoing
    })
}

fn invite(invite: &ephemeral_e2e::core::InviteView) -> Value {
    let not_after = utc(invite.not_after / 60_000);
    json!({"invite": invite.invite, "name": invite.name, "reusable": invite.reusable, "not_after": not_after,
        "until": local_time(invite.not_after / 60_000), "used": invite.used_by.is_some()})
}

fn safety(running: &mut Running, name: &str) -> Result<Value, CallError> {
    let contact = names::contact(running.engine.core(), name)?;
    let number = running.engine.act(|core, _| core.safety_number(contact.link))?;
    let words = words(&number);
    Ok(json!({"words": words, "digits": number.digits(), "qr": number.qr_text(), "verified": contact.verified}))
}

fn create(running: &mut Running, new: NewInvite) -> Result<Answer, CallError> {
    let NewInvite { name, reusable, expires_s } = new;
    let life_ms = expires_s.saturating_mul(1_000);
    let options = InviteOptions { name, reusable, life_ms, ..InviteOptions::default() };
    Ok(Answer::WithInvite(running.engine.act(|core, now| core.invite(options, now))?))
}

fn accept(running: &mut Running, given: Given) -> Result<Value, CallError> {
    let Given { invite, name, text, foreign } = given;
    let accept = Accept { name, text, foreign };
    let link = running.engine.act(|core, now| core.accept(&invite, accept, now))?;
    Ok(json!({"contact": name_of(running.engine.core(), link)}))
}

fn send(running: &mut Running, text: Text) -> Result<Value, CallError> {
    let Text { contact, text, burn_s } = text;
    let contact = names::contact(running.engine.core(), &contact)?;
    let sent = running.engine.act(|core, now| core.send(contact.link, text, burn_s, now))?;
    Ok(json!({"id": message_id(sent.mid), "standing": if sent.waits { "kept" } else { "sending" }}))
}

fn outbox(core: &Core) -> Value {
    let of_contact = |contact: &ContactView| {
        let name = names::called(contact);
        let items = core.outgoing(contact.link).into_iter().map(move |item| {
            let standing = match item.standing {
                Standing::Sending => "sending",
                Standing::AtServer => "at_server",
            };
            json!({"contact": name, "id": message_id(item.mid), "at": utc(item.at.into()), "standing": standing})
        });
        items.collect::<Vec<_>>()
    };
    core.contacts().iter().flat_map(of_contact).collect()
}
