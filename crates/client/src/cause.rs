//! Why something is so, for programs and for other languages: what a sentence of an engine says,
//! and its arguments.
//!
//! An engine may serve people who speak several languages. So each of its sentences is English, and
//! comes with its [`Cause`]; a program that shows it finds the translation by that.

mod asked;
mod files;
mod network;
mod profile;

use std::fmt::{self, Display};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// An argument of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CauseArgument<'cause> {
    /// A name, a path, a word of another program.
    Text(&'cause str),
    /// A number.
    Number(i64),
    /// A cause within the cause.
    Inner(&'cause Cause),
    /// Several of them.
    All(&'cause [Cause]),
}

impl<'cause> From<&'cause String> for CauseArgument<'cause> {
    fn from(text: &'cause String) -> Self {
        Self::Text(text)
    }
}

impl From<&u64> for CauseArgument<'_> {
    fn from(number: &u64) -> Self {
        Self::Number(i64::try_from(*number).unwrap_or(i64::MAX))
    }
}

impl From<&i64> for CauseArgument<'_> {
    fn from(number: &i64) -> Self {
        Self::Number(*number)
    }
}

impl<'cause> From<&'cause Box<Cause>> for CauseArgument<'cause> {
    fn from(cause: &'cause Box<Cause>) -> Self {
        Self::Inner(cause)
    }
}

impl<'cause> From<&'cause Vec<Cause>> for CauseArgument<'cause> {
    fn from(causes: &'cause Vec<Cause>) -> Self {
        Self::All(causes)
    }
}

macro_rules! causes {
    ($($name:literal $cause:ident { $($field:ident: $type:ty),* })*) => {
        /// Names what a sentence of an engine says. `docs/rpc.md` has the sentences.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        #[allow(missing_docs, reason = "docs/rpc.md has the sentence of each, in which its fields stand")]
        pub enum Cause {
            $(#[serde(rename = $name)] $cause { $($field: $type),* },)*
        }

        impl Cause {
            /// The names of all causes, and of their arguments.
            pub const ALL: &[(&str, &[&str])] = &[$(($name, &[$(stringify!($field)),*])),*];

            /// Returns its name.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$cause { .. } => $name,)*
                }
            }

            /// Returns its arguments, by their names.
            #[must_use]
            pub fn arguments(&self) -> Vec<(&'static str, CauseArgument<'_>)> {
                match self {
                    $(Self::$cause { $($field),* } => vec![$((stringify!($field), $field.into())),*],)*
                }
            }
        }
    };
}

causes! {
    // Words that have no translation.
    "words" Words { text: String }
    "system" System { code: i64, text: String }
    "several" Several { reasons: Vec<Cause> }
    // What is not possible as it was asked.
    "refused_no_method" RefusedNoMethod { name: String }
    "refused_contact_name" RefusedContactName {}
    "refused_does_not_move" RefusedDoesNotMove {}
    "refused_several_wait" RefusedSeveralWait {}
    "refused_nobody_waits" RefusedNobodyWaits {}
    "refused_connections" RefusedConnections {}
    "refused_group_burns" RefusedGroupBurns {}
    "refused_out" RefusedOut {}
    "refused_not_yet_in" RefusedNotYetIn {}
    "refused_forked" RefusedForked {}
    "refused_alone" RefusedAlone {}
    "refused_group_name" RefusedGroupName {}
    "refused_taken" RefusedTaken { name: String }
    "refused_offer_taken" RefusedOfferTaken { name: String }
    "refused_not_admin" RefusedNotAdmin { group: String, admin: String }
    "refused_member_already" RefusedMemberAlready { name: String }
    "refused_group_full" RefusedGroupFull { most: u64 }
    "refused_remove_me" RefusedRemoveMe {}
    "refused_admin_already" RefusedAdminAlready {}
    "refused_last_admin" RefusedLastAdmin {}
    "refused_file_to_group" RefusedFileToGroup {}
    "refused_no_file" RefusedNoFile { name: String }
    "refused_folder" RefusedFolder { path: String, why: Box<Cause> }
    "send_empty" SendEmpty {}
    "send_too_long" SendTooLong {}
    "panic_incomplete" PanicIncomplete { why: Box<Cause> }
    "name_unknown" NameUnknown { name: String }
    "name_ambiguous" NameAmbiguous { name: String, unambiguous: String }
    // Contacts, invites, groups.
    "state_unwritten" StateUnwritten {}
    "state_unknown" StateUnknown {}
    "nothing_such" NothingSuch {}
    "invite_damaged" InviteDamaged {}
    "invite_version" InviteVersion {}
    "invite_not_genuine" InviteNotGenuine {}
    "invite_expired" InviteExpired {}
    "invite_own" InviteOwn {}
    "invite_foreign" InviteForeign { server: String }
    "too_long" TooLong {}
    "group_unchanged" GroupUnchanged {}
    "no_room" NoRoom { what: Box<Cause> }
    "room_inbox" RoomInbox {}
    "room_contacts" RoomContacts {}
    "room_outbox" RoomOutbox {}
    "room_sending" RoomSending {}
    "room_coming" RoomComing {}
    "room_groups" RoomGroups {}
    "room_invites" RoomInvites {}
    "not_now" NotNow { why: Box<Cause> }
    "not_now_over" NotNowOver {}
    "not_now_identity" NotNowIdentity {}
    "not_now_no_answer" NotNowNoAnswer {}
    "not_now_chunk" NotNowChunk {}
    "not_now_member" NotNowMember {}
    // The profile's file.
    "vault_locked" VaultLocked { path: String }
    "vault_locked_by" VaultLockedBy { path: String, process: u64 }
    "vault_wrong_passphrase" VaultWrongPassphrase { path: String }
    "vault_other_passphrase" VaultOtherPassphrase { path: String }
    "vault_empty_passphrase" VaultEmptyPassphrase {}
    "vault_missing" VaultMissing { path: String }
    "vault_exists" VaultExists { path: String }
    "vault_occupied" VaultOccupied { path: String }
    "vault_damaged" VaultDamaged { path: String, why: String }
    "vault_no_backup" VaultNoBackup { path: String, why: String }
    "vault_too_long" VaultTooLong {}
    "vault_erased" VaultErased { path: String }
    "vault_stopped" VaultStopped { path: String }
    "vault_unencrypted" VaultUnencrypted { why: String }
    "engine_elsewhere" EngineElsewhere {}
    "engine_task" EngineTask { why: String }
    // Files.
    "source_unread" SourceUnread { path: String, why: Box<Cause> }
    "source_no_file" SourceNoFile { path: String }
    "source_size" SourceSize { path: String, size: u64, most: u64 }
    "source_path" SourcePath { path: String }
    "source_changed" SourceChanged { path: String }
    "download_unwritten" DownloadUnwritten { path: String, why: Box<Cause> }
    "download_no_folder" DownloadNoFolder { path: String }
    "file_failed" FileFailed { action: String, path: String, why: Box<Cause> }
    "file_denied" FileDenied {}
    "file_denied_user" FileDeniedUser { user: u64 }
    "file_denied_own" FileDeniedOwn { user: u64, path: String, mode: String }
    "file_denied_other" FileDeniedOther { user: u64, path: String, owner: u64, mode: String }
    "file_disk_full" FileDiskFull {}
    "file_read_only" FileReadOnly {}
    "secret_exists" SecretExists { path: String }
    "secret_missing" SecretMissing { path: String }
    "secret_exposed" SecretExposed { path: String }
    "secret_none" SecretNone { path: String }
    "discovery_exists" DiscoveryExists { path: String }
    "discovery_other" DiscoveryOther { path: String }
    // Servers and the ways to them.
    "server_address" ServerAddress { server: String, why: Box<Cause> }
    "url_form" UrlForm {}
    "url_https" UrlHttps {}
    "url_only_host" UrlOnlyHost {}
    "url_host" UrlHost {}
    "url_onion" UrlOnion {}
    "url_port" UrlPort {}
    "no_random_numbers" NoRandomNumbers { why: String }
    "no_home" NoHome {}
    "route_unencrypted" RouteUnencrypted {}
    "route_tor_config" RouteTorConfig { path: String, why: String }
    "dial_onion_directly" DialOnionDirectly {}
    "dial_timeout" DialTimeout { seconds: u64 }
    "dial_tcp" DialTcp { why: Box<Cause> }
    "dial_socks" DialSocks { proxy: String, why: String }
    "tor_path" TorPath { path: String, why: String }
    "tor_unsafe" TorUnsafe { path: String, fix: Box<Cause> }
    "tor_fix_mode" TorFixMode { mode: String, path: String }
    "tor_fix_owner" TorFixOwner { user: u64 }
    "tor_in_use" TorInUse { path: String }
    "tor_service" TorService { why: String }
    "tor_runtime" TorRuntime { why: Box<Cause> }
    "tor_no_network" TorNoNetwork { why: String }
    "tor_no_server" TorNoServer { why: String }
    "moved_malformed" MovedMalformed { why: String }
    "moved_too_much" MovedTooMuch { most: u64, bytes: u64 }
    "moved_address" MovedAddress { field: String }
    "moved_nowhere" MovedNowhere {}
    "moved_time" MovedTime {}
    "moved_signature" MovedSignature {}
    "moved_contradiction" MovedContradiction { from: String, known: String }
    "moved_too_many" MovedTooMany { most: u64 }
    "lost_closed" LostClosed {}
    "lost_closed_code" LostClosedCode { code: u64 }
    "lost_closed_reason" LostClosedReason { code: u64, reason: String }
    "lost_dropped" LostDropped {}
    "lost_io" LostIo { why: Box<Cause> }
    "lost_silent" LostSilent {}
    "lost_not_reading" LostNotReading {}
    "lost_protocol" LostProtocol { what: String }
    "connect_refused" ConnectRefused { status: String }
    "connect_old_server" ConnectOldServer { status: String }
    "connect_timeout" ConnectTimeout { what: String }
    "unusable_limits" UnusableLimits { bytes: u64, seconds: u64, least_bytes: u64, least_seconds: u64 }
}

impl Cause {
    /// Takes words that have no translation.
    pub fn words(text: impl Display) -> Self {
        Self::Words { text: text.to_string() }
    }
}

/// Reads a cause; one of a later version is none.
pub(crate) fn known<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Cause>, D::Error> {
    let value = Value::deserialize(reader)?;
    Ok(serde_json::from_value(value).ok())
}

/// A sentence, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// In English.
    pub text: String,
    /// For programs.
    pub cause: Option<Cause>,
}

impl Explanation {
    /// Explains an error.
    pub fn of<'error, E: Display>(error: &'error E) -> Self
    where
        Cause: From<&'error E>,
    {
        Self { text: error.to_string(), cause: Some(error.into()) }
    }
}

impl Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl From<String> for Explanation {
    fn from(text: String) -> Self {
        Self { text, cause: None }
    }
}

impl From<&str> for Explanation {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}
