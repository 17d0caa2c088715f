//! `ephemeral group`: makes groups, joins, changes and leaves them. None of it needs the network:
//! `ephemeral recv` tells the others.

use clap::{Args, Subcommand};

use super::exit::{Failure, say};
use super::profile::ProfileArgs;
use super::words::fl;
use ephemeral_client::api::{
    AddMember, CreateGroup, DeclineOffer, HandOverGroup, JoinGroup, LeaveGroup, Method, Nothing, RemoveMember,
};
use ephemeral_client::text::printable;

mod list;

#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  ephemeral group new friends
  ephemeral group invite friends bob
  ephemeral group join friends
  ephemeral send friends 'hello, all of you'

A group has up to 50 members, and one of them, its admin, invites and removes. All have to use one
server. A text is encrypted for each member, and nobody else learns that there is a group; members
learn each other's keys, and the names by which the admin calls them. What a command changes, the
others hear when `ephemeral recv` or `ephemeral send` runs.")]
pub(super) enum Command {
    /// Make a group, with yourself as its admin and only member.
    #[command(after_help = "Example:\n  ephemeral group new friends")]
    New(NewArgs),
    /// List your groups, and those that you are invited to.
    #[command(after_help = "Example:\n  ephemeral group list")]
    List(list::ListArgs),
    /// List the members of a group.
    #[command(after_help = "Example:\n  ephemeral group members friends")]
    Members(list::MembersArgs),
    /// Invite a contact. It becomes a member when it says yes.
    #[command(after_help = "Example:\n  ephemeral group invite friends bob")]
    Invite(OfContactArgs),
    /// Say yes to an invitation.
    #[command(after_help = "Example:\n  ephemeral group join friends")]
    Join(JoinArgs),
    /// Say no to an invitation. Who invited is not told.
    #[command(after_help = "Example:\n  ephemeral group decline friends")]
    Decline(DeclineArgs),
    /// Remove a member. It is told, and gets nothing that members write once they know of it.
    #[command(after_help = "Example:\n  ephemeral group remove friends bob")]
    Remove(OfMemberArgs),
    /// Make another member the admin.
    #[command(after_help = "Example:\n  ephemeral group hand-over friends bob")]
    HandOver(OfMemberArgs),
    /// Leave a group. All members are told.
    #[command(after_help = "Example:\n  ephemeral group leave friends")]
    Leave(GroupArgs),
}

#[derive(Args)]
pub(super) struct NewArgs {
    /// What the group is called, at most 64 bytes. Those who are invited see it.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

#[derive(Args)]
pub(super) struct OfContactArgs {
    /// The group.
    #[arg(value_name = "GROUP")]
    group: String,
    /// The contact.
    #[arg(value_name = "CONTACT")]
    contact: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

#[derive(Args)]
pub(super) struct OfMemberArgs {
    /// The group.
    #[arg(value_name = "GROUP")]
    group: String,
    /// The member, as `ephemeral group members` lists it, or the beginning of its key.
    #[arg(value_name = "MEMBER")]
    member: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

#[derive(Args)]
pub(super) struct GroupArgs {
    /// The group.
    #[arg(value_name = "GROUP")]
    group: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

#[derive(Args)]
pub(super) struct JoinArgs {
    /// The group, as the invitation calls it.
    #[arg(value_name = "GROUP")]
    group: String,
    /// The contact that invites, if several invite to groups of this name.
    #[arg(long, value_name = "CONTACT")]
    from: Option<String>,
    /// What you call the group, if you have something of its name.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
}

#[derive(Args)]
pub(super) struct DeclineArgs {
    /// The group, as the invitation calls it.
    #[arg(value_name = "GROUP")]
    group: String,
    /// The contact that invites, if several invite to groups of this name.
    #[arg(long, value_name = "CONTACT")]
    from: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New(NewArgs { name, profile }) => {
            profile.ask(CreateGroup { name: name.clone() }).await.map(|Nothing {}| ())
        }
        Command::List(args) => list::groups(args).await,
        Command::Members(args) => list::members(args).await,
        Command::Invite(OfContactArgs { group, contact, profile }) => {
            let invite = AddMember { group: group.clone(), contact: contact.clone() };
            let hint = fl!("group-hears", name = printable(contact));
            then(profile, invite, &hint).await
        }
        Command::Join(JoinArgs { group, from, name, profile }) => {
            let from = from.clone().unwrap_or_default();
            let join = JoinGroup { group: group.clone(), from, name: name.clone().unwrap_or_default() };
            then(profile, join, &fl!("group-joins-later")).await
        }
        Command::Decline(DeclineArgs { group, from, profile }) => {
            let decline = DeclineOffer { group: group.clone(), from: from.clone().unwrap_or_default() };
            profile.ask(decline).await.map(|Nothing {}| ())
        }
        Command::Remove(OfMemberArgs { group, member, profile }) => {
            then(profile, RemoveMember { group: group.clone(), member: member.clone() }, &others_hear()).await
        }
        Command::HandOver(OfMemberArgs { group, member, profile }) => {
            then(profile, HandOverGroup { group: group.clone(), member: member.clone() }, &others_hear()).await
        }
        Command::Leave(GroupArgs { group, profile }) => {
            then(profile, LeaveGroup { group: group.clone() }, &others_hear()).await
        }
    }
}

/// Returns what the person is told where no engine runs.
fn others_hear() -> String {
    fl!("group-others-hear")
}

/// Calls a method, and says what it takes to have an effect on others, if no engine runs.
async fn then<M: Method>(profile: &ProfileArgs, method: M, hint: &str) -> Result<(), Failure> {
    let mut reached = profile.reach().await?;
    let is_elsewhere = reached.is_elsewhere();
    let done = reached.call(method).await.map(drop);
    let finished = reached.finish().await;
    done?;
    if !is_elsewhere {
        say(hint);
    }
    finished
}
