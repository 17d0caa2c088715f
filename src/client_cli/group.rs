//! `ephemeral group`: makes groups, joins, changes and leaves them. None of it needs the network:
//! `ephemeral recv` tells the others.

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure, say};
use super::profile::ProfileArgs;
use ephemeral_client::engine::Profile;
use ephemeral_client::names;
use ephemeral_client::text::printable;
use ephemeral_e2e::core::{Core, GroupView};
use ephemeral_e2e::payload::MAX_NAME;
use ephemeral_e2e::roster::MAX_MEMBERS;

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
    New(NewArgs),
    /// List your groups, and those that you are invited to.
    List(list::ListArgs),
    /// List the members of a group.
    Members(list::MembersArgs),
    /// Invite a contact. It becomes a member when it says yes.
    Invite(OfContactArgs),
    /// Say yes to an invitation.
    Join(JoinArgs),
    /// Say no to an invitation. Who invited is not told.
    Decline(DeclineArgs),
    /// Remove a member. It is told, and gets nothing that members write once they know of it.
    Remove(OfMemberArgs),
    /// Make another member the admin.
    HandOver(OfMemberArgs),
    /// Leave a group. All members are told.
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

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New(args) => new(args),
        Command::List(args) => list::groups(args),
        Command::Members(args) => list::members(args),
        Command::Invite(args) => invite(args),
        Command::Join(args) => join(args),
        Command::Decline(args) => decline(args),
        Command::Remove(args) => remove(args),
        Command::HandOver(args) => hand_over(args),
        Command::Leave(args) => leave(args),
    }
}

fn new(args: &NewArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    is_free(profile.core(), &args.name)?;
    profile.change(|core, now| core.found(&args.name, now))?;
    Ok(())
}

/// Refuses a name that does not name one thing.
fn is_free(core: &Core, name: &str) -> Result<(), Failure> {
    let plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if !plain || name.len() > MAX_NAME || ["group-", "contact-", "~"].iter().any(|taken| name.starts_with(taken)) {
        return Err(Failure::usage("a group's name has 1 to 64 bytes, and does not begin with group-, contact- or ~"));
    }
    if names::is_taken(core, name) {
        let name = printable(name);
        return Err(Failure::usage(format!("a contact or a group is called {name} already: choose another name")));
    }
    Ok(())
}

/// Finds a group that one is a member of.
fn of(profile: &Profile, name: &str) -> Result<GroupView, Failure> {
    let group = names::group(profile.core(), name)?;
    if !group.member {
        let name = printable(name);
        let why = if group.out { "you are no longer a member of" } else { "the admin has not let you in yet to" };
        return Err(Failure::new(Exit::Refused, format!("{why} {name}")));
    }
    Ok(group)
}

/// Finds a group of which one is the admin.
fn own(profile: &Profile, name: &str) -> Result<GroupView, Failure> {
    let group = of(profile, name)?;
    if !group.admin {
        let admin = group.members.iter().find(|member| member.admin);
        let admin = admin.map(|admin| names::called_member(profile.core(), admin)).unwrap_or_default();
        let name = printable(name);
        let admin = printable(&admin);
        return Err(Failure::new(Exit::Refused, format!("only the admin of {name} can do this: {admin}")));
    }
    Ok(group)
}

fn invite(args: &OfContactArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let group = own(&profile, &args.group)?;
    let contact = names::contact(profile.core(), &args.contact)?;
    let name = printable(&names::called(&contact));
    if group.members.iter().any(|member| member.identity == contact.identity) {
        return Err(Failure::usage(format!("{name} is a member already")));
    }
    if group.members.len() + group.invited.len() >= MAX_MEMBERS {
        return Err(Failure::new(Exit::NotNow, format!("a group has at most {MAX_MEMBERS} members")));
    }
    profile.change(|core, now| core.add_member(group.group, contact.link, now))?;
    say(&format!("{name} hears of it when `ephemeral recv` runs"));
    Ok(())
}

fn join(args: &JoinArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let offer = names::offer(profile.core(), &args.group, args.from.as_deref())?;
    let name = args.name.as_ref().unwrap_or(&offer.name);
    is_free(profile.core(), name).map_err(|failure| match args.name {
        Some(_) => failure,
        None => Failure::usage(format!("{failure}; call it something else with --as NAME")),
    })?;
    profile.change(|core, now| core.join(offer.group, offer.admin, name, now))?;
    say("you are in it when the admin's program has answered: run `ephemeral recv`");
    Ok(())
}

fn decline(args: &DeclineArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let offer = names::offer(profile.core(), &args.group, args.from.as_deref())?;
    profile.change(|core, _| {
        core.decline_group(offer.group, offer.admin);
        Ok(())
    })?;
    Ok(())
}

fn remove(args: &OfMemberArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let group = own(&profile, &args.group)?;
    let member = names::member(profile.core(), &group, &args.member)?;
    if member.me {
        return Err(Failure::usage("this is you: hand the group over with `ephemeral group hand-over`, and leave it"));
    }
    profile.change(|core, now| core.remove_member(group.group, &member.identity, now))?;
    say("the members hear of it when `ephemeral recv` runs");
    Ok(())
}

fn hand_over(args: &OfMemberArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let group = own(&profile, &args.group)?;
    let member = names::member(profile.core(), &group, &args.member)?;
    if member.me {
        return Err(Failure::usage("you are the admin already"));
    }
    profile.change(|core, now| core.hand_over(group.group, &member.identity, now))?;
    say("the members hear of it when `ephemeral recv` runs");
    Ok(())
}

fn leave(args: &GroupArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let group = names::group(profile.core(), &args.group)?;
    if group.out {
        return Err(Failure::new(Exit::Refused, "you are no longer a member"));
    }
    if group.admin && group.members.len() > 1 {
        let what = "nobody could change the group any more: hand it over first with `ephemeral group hand-over`";
        return Err(Failure::new(Exit::Refused, what));
    }
    profile.change(|core, now| core.leave_group(group.group, now))?;
    say("the members hear of it when `ephemeral recv` runs");
    Ok(())
}
