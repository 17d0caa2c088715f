//! What there is no room for, and why something is not possible now: names for programs, with their
//! English words.

/// Names a bound of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Room {
    /// What came and was not shown yet.
    #[error("inbox")]
    Inbox,
    /// Contacts.
    #[error("contacts")]
    Contacts,
    /// What waits for one contact.
    #[error("outbox")]
    Outbox,
    /// Files that are being sent.
    #[error("files that are being sent")]
    FilesSending,
    /// The bytes of files that are coming.
    #[error("files that are coming: 256 MiB")]
    FilesComing,
    /// Groups.
    #[error("groups")]
    Groups,
    /// Invites.
    #[error("invites")]
    Invites,
}

/// Says why something is not possible with a contact now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// One of the two ended the conversation.
    #[error("the conversation is over")]
    Over,
    /// Not all of its keys are known.
    #[error("its identity is not complete yet")]
    Identity,
    /// Nothing came of it yet, or the conversation is over.
    #[error("it has not answered yet, or the conversation is over")]
    NoAnswer,
    /// A chunk of a file that it does not want, or not now.
    #[error("this chunk is not wanted")]
    Chunk,
    /// One is not a member of the group, or its admin contradicts itself.
    #[error("not a member, or the admin contradicts itself")]
    Member,
}
