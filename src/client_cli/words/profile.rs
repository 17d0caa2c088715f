//! Says why a profile cannot be used, and what is not possible with its contacts, invites and
//! groups.

use super::{files, fl, network, path, shown};
use ephemeral_client::engine::EngineError;
use ephemeral_client::vault::VaultError;
use ephemeral_e2e::core::CoreError;
use ephemeral_e2e::invite::InviteError;

/// Says why a profile's file or a backup cannot be used.
pub(in super::super) fn vault(error: &VaultError) -> String {
    match error {
        VaultError::Locked { directory, process: None } => fl!("vault-locked", path = path(directory)),
        VaultError::Locked { directory, process: Some(process) } => {
            fl!("vault-locked-by", path = path(directory), process = process.to_string())
        }
        VaultError::WrongPassphrase(file) => fl!("vault-wrong-passphrase", path = path(file)),
        VaultError::OtherPassphrase(file) => fl!("vault-other-passphrase", path = path(file)),
        VaultError::EmptyPassphrase => fl!("vault-empty-passphrase"),
        VaultError::Missing(directory) => fl!("vault-missing", path = path(directory)),
        VaultError::Exists(file) => fl!("vault-exists", path = path(file)),
        VaultError::Occupied(directory) => fl!("vault-occupied", path = path(directory)),
        VaultError::Damaged { path: file, why } => fl!("vault-damaged", path = path(file), why = why.as_str()),
        VaultError::NotABackup { path: file, why } => fl!("vault-no-backup", path = path(file), why = why.as_str()),
        VaultError::TooLong => fl!("vault-too-long"),
        VaultError::Erased(directory) => fl!("vault-erased", path = path(directory)),
        VaultError::Stopped(directory) => fl!("vault-stopped", path = path(directory)),
        VaultError::Encrypt(why) => fl!("vault-unencrypted", why = why.as_str()),
        VaultError::Directory(error) => network::tor(error),
        VaultError::File(error) => files::private_file(error),
    }
}

/// Says what the core refuses.
pub(in super::super) fn core(error: &CoreError) -> String {
    match error {
        CoreError::Stopped => fl!("core-stopped"),
        CoreError::NotAState => fl!("core-no-state"),
        CoreError::Unknown => fl!("core-unknown"),
        CoreError::Invite(error) => invite(*error),
        CoreError::Expired => fl!("core-expired"),
        CoreError::OwnInvite => fl!("core-own-invite"),
        CoreError::ForeignServer(server) => fl!("core-foreign", server = format!("{server:?}")),
        CoreError::Full(what) => fl!("core-full", what = full(what)),
        CoreError::TooLong => fl!("core-too-long"),
        CoreError::NotNow(why) => fl!("core-not-now", why = not_now(why)),
        CoreError::Group => fl!("core-group"),
    }
}

/// Says what is wrong with an invite.
fn invite(error: InviteError) -> String {
    match error {
        InviteError::Damaged => fl!("invite-damaged"),
        InviteError::Version => fl!("invite-version"),
        InviteError::NotGenuine => fl!("invite-not-genuine"),
    }
}

/// Says what there is no room for. A test holds that these are all that the core says.
fn full(what: &str) -> String {
    match what {
        "inbox" => fl!("full-inbox"),
        "contacts" => fl!("full-contacts"),
        "outbox" => fl!("full-outbox"),
        "files that are being sent" => fl!("full-sending"),
        "files that are coming: 256 MiB" => fl!("full-coming"),
        "groups" => fl!("full-groups"),
        "invites" => fl!("full-invites"),
        other => other.to_owned(),
    }
}

/// Says why it is not possible now. A test holds that these are all that the core says.
fn not_now(why: &str) -> String {
    match why {
        "the conversation is over" => fl!("not-now-over"),
        "its identity is not complete yet" => fl!("not-now-identity"),
        "it has not answered yet" => fl!("not-now-unanswered"),
        "it has not answered yet, or the conversation is over" => fl!("not-now-no-answer"),
        "this chunk is not wanted" => fl!("not-now-chunk"),
        "not a member, or the admin contradicts itself" => fl!("not-now-member"),
        other => other.to_owned(),
    }
}

/// Says why an engine cannot go on.
pub(in super::super) fn engine(error: &EngineError) -> String {
    match error {
        EngineError::Vault(error) => vault(error),
        EngineError::Core(error) => core(error),
        EngineError::Dial(error) => network::dial(error),
        EngineError::Address(server, error) => format!("{}: {}", shown(server), network::url(*error)),
        EngineError::Elsewhere => fl!("engine-elsewhere"),
        EngineError::Task(why) => fl!("engine-task", why = why.as_str()),
    }
}
