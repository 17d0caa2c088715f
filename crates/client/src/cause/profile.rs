//! The profile: its file, its contacts, invites and groups, and the engine that runs it.

use ephemeral_e2e::core::{CoreError, Obstacle, Room};
use ephemeral_e2e::invite::InviteError;

use super::Cause;
use super::files::named;
use crate::engine::EngineError;
use crate::vault::VaultError;

impl From<&VaultError> for Cause {
    fn from(error: &VaultError) -> Self {
        match error {
            VaultError::Locked { directory, process: None } => Self::VaultLocked { path: named(directory) },
            VaultError::Locked { directory, process: Some(process) } => {
                Self::VaultLockedBy { path: named(directory), process: u64::from(*process) }
            }
            VaultError::WrongPassphrase(path) => Self::VaultWrongPassphrase { path: named(path) },
            VaultError::OtherPassphrase(path) => Self::VaultOtherPassphrase { path: named(path) },
            VaultError::EmptyPassphrase => Self::VaultEmptyPassphrase {},
            VaultError::Missing(path) => Self::VaultMissing { path: named(path) },
            VaultError::Exists(path) => Self::VaultExists { path: named(path) },
            VaultError::Occupied(path) => Self::VaultOccupied { path: named(path) },
            VaultError::Damaged { path, why } => Self::VaultDamaged { path: named(path), why: why.clone() },
            VaultError::NotABackup { path, why } => Self::VaultNoBackup { path: named(path), why: why.clone() },
            VaultError::TooLong => Self::VaultTooLong {},
            VaultError::Erased(path) => Self::VaultErased { path: named(path) },
            VaultError::Stopped(path) => Self::VaultStopped { path: named(path) },
            VaultError::Encrypt(why) => Self::VaultUnencrypted { why: why.clone() },
            VaultError::Directory(error) => error.into(),
            VaultError::File(error) => error.into(),
        }
    }
}

impl From<&CoreError> for Cause {
    fn from(error: &CoreError) -> Self {
        match error {
            CoreError::Stopped => Self::StateUnwritten {},
            CoreError::NotAState => Self::StateUnknown {},
            CoreError::Unknown => Self::NothingSuch {},
            CoreError::Invite(error) => error.into(),
            CoreError::Expired => Self::InviteExpired {},
            CoreError::OwnInvite => Self::InviteOwn {},
            CoreError::ForeignServer(server) => Self::InviteForeign { server: server.as_str().to_owned() },
            CoreError::Full(room) => Self::NoRoom { what: Box::new((*room).into()) },
            CoreError::TooLong => Self::TooLong {},
            CoreError::NotNow(obstacle) => Self::NotNow { why: Box::new((*obstacle).into()) },
            CoreError::Group => Self::GroupUnchanged {},
        }
    }
}

impl From<&InviteError> for Cause {
    fn from(error: &InviteError) -> Self {
        match error {
            InviteError::Damaged => Self::InviteDamaged {},
            InviteError::Version => Self::InviteVersion {},
            InviteError::NotGenuine => Self::InviteNotGenuine {},
        }
    }
}

impl From<Room> for Cause {
    fn from(room: Room) -> Self {
        match room {
            Room::Inbox => Self::RoomInbox {},
            Room::Contacts => Self::RoomContacts {},
            Room::Outbox => Self::RoomOutbox {},
            Room::FilesSending => Self::RoomSending {},
            Room::FilesComing => Self::RoomComing {},
            Room::Groups => Self::RoomGroups {},
            Room::Invites => Self::RoomInvites {},
        }
    }
}

impl From<Obstacle> for Cause {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::Over => Self::NotNowOver {},
            Obstacle::Identity => Self::NotNowIdentity {},
            Obstacle::NoAnswer => Self::NotNowNoAnswer {},
            Obstacle::Chunk => Self::NotNowChunk {},
            Obstacle::Member => Self::NotNowMember {},
        }
    }
}

impl From<&EngineError> for Cause {
    fn from(error: &EngineError) -> Self {
        match error {
            EngineError::Vault(error) => error.into(),
            EngineError::Core(error) => error.into(),
            EngineError::Dial(error) => error.into(),
            EngineError::Address(server, error) => {
                Self::ServerAddress { server: server.clone(), why: Box::new(error.into()) }
            }
            EngineError::Elsewhere => Self::EngineElsewhere {},
            EngineError::Task(why) => Self::EngineTask { why: why.clone() },
        }
    }
}
