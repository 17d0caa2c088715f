//! What is not possible as it was asked.

use ephemeral_e2e::roster::MAX_MEMBERS;

use super::Cause;
use crate::names::NameError;
use crate::service::refusal::MethodRefusal;

impl From<&NameError> for Cause {
    fn from(error: &NameError) -> Self {
        match error {
            NameError::Unknown(name) => Self::NameUnknown { name: name.clone() },
            NameError::Ambiguous(name, unambiguous) => {
                Self::NameAmbiguous { name: name.clone(), unambiguous: unambiguous.clone() }
            }
        }
    }
}

impl Cause {
    /// Returns what a refusal says; nothing, where only a program can have asked wrongly: it has
    /// the code, and its author reads the sentence.
    pub(crate) fn of_refusal(refusal: &MethodRefusal) -> Option<Self> {
        Some(match refusal {
            MethodRefusal::NotJson(_)
            | MethodRefusal::NotARequest
            | MethodRefusal::HalfALine
            | MethodRefusal::LongLine
            | MethodRefusal::Subscribed
            | MethodRefusal::Parameters(_)
            | MethodRefusal::Relative(_) => return None,
            MethodRefusal::NoSuchMethod(name) => Self::RefusedNoMethod { name: name.clone() },
            MethodRefusal::TooManyConnections => Self::RefusedConnections {},
            MethodRefusal::ContactName => Self::RefusedContactName {},
            MethodRefusal::DoesNotMove => Self::RefusedDoesNotMove {},
            MethodRefusal::SeveralWait => Self::RefusedSeveralWait {},
            MethodRefusal::NobodyWaits => Self::RefusedNobodyWaits {},
            MethodRefusal::Empty => Self::SendEmpty {},
            MethodRefusal::LongText => Self::SendTooLong {},
            MethodRefusal::FileToGroup => Self::RefusedFileToGroup {},
            MethodRefusal::NoSuchFile(name) => Self::RefusedNoFile { name: name.clone() },
            MethodRefusal::Folder(path, why) => {
                Self::RefusedFolder { path: path.clone(), why: Box::new(why.cause.clone()?) }
            }
            MethodRefusal::NotErased(why) => Self::PanicIncomplete { why: Box::new(why.cause.clone()?) },
            MethodRefusal::GroupBurns => Self::RefusedGroupBurns {},
            MethodRefusal::Out => Self::RefusedOut {},
            MethodRefusal::NotYetIn => Self::RefusedNotYetIn {},
            MethodRefusal::Forked => Self::RefusedForked {},
            MethodRefusal::Alone => Self::RefusedAlone {},
            MethodRefusal::GroupName => Self::RefusedGroupName {},
            MethodRefusal::Taken(name) => Self::RefusedTaken { name: name.clone() },
            MethodRefusal::OfferTaken(name) => Self::RefusedOfferTaken { name: name.clone() },
            MethodRefusal::NotAdmin(group, admin) => {
                Self::RefusedNotAdmin { group: group.clone(), admin: admin.clone() }
            }
            MethodRefusal::MemberAlready(name) => Self::RefusedMemberAlready { name: name.clone() },
            MethodRefusal::GroupFull => Self::RefusedGroupFull { most: MAX_MEMBERS as u64 },
            MethodRefusal::RemoveMe => Self::RefusedRemoveMe {},
            MethodRefusal::AdminAlready => Self::RefusedAdminAlready {},
            MethodRefusal::LastAdmin => Self::RefusedLastAdmin {},
        })
    }
}
