//! `ephemeral group list` and `ephemeral group members`.

use clap::Args;
use serde_json::json;

use crate::client_cli::exit::Failure;
use crate::client_cli::output::{hex, name_of, print, print_json};
use crate::client_cli::profile::ProfileArgs;
use ephemeral_client::names;
use ephemeral_client::text::printable;
use ephemeral_e2e::core::GroupView;

#[derive(Args)]
pub(in crate::client_cli) struct ListArgs {
    /// Print JSON, an object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

#[derive(Args)]
pub(in crate::client_cli) struct MembersArgs {
    /// The group.
    #[arg(value_name = "GROUP")]
    group: String,
    /// Print JSON, an object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

/// Says how one stands with a group, in one word.
fn standing(group: &GroupView) -> &'static str {
    match group {
        GroupView { out: true, .. } => "left",
        GroupView { forked: true, .. } => "contradictory",
        GroupView { member: false, .. } => "joining",
        GroupView { admin: true, .. } => "admin",
        _ => "member",
    }
}

pub(super) fn groups(args: &ListArgs) -> Result<(), Failure> {
    let profile = args.profile.open()?;
    let core = profile.core();
    for group in core.groups() {
        let name = names::called_group(&group);
        let standing = standing(&group);
        let members = group.members.len();
        if args.json {
            let invited: Vec<_> = group.invited.iter().map(|link| name_of(core, *link)).collect();
            print_json(&json!({
                "group": name, "group_id": hex(&group.group), "standing": standing, "members": members,
                "invited": invited
            }))?;
        } else {
            print(&format!("{} ({standing}, {members} members)\n", printable(&name)))?;
        }
    }
    for offer in core.offers() {
        let from = name_of(core, offer.admin);
        if args.json {
            let id = hex(&offer.group);
            print_json(&json!({"group": offer.name, "group_id": id, "standing": "invited", "contact": from}))?;
        } else {
            print(&format!("{} (invited by {})\n", printable(&offer.name), printable(&from)))?;
        }
    }
    Ok(())
}

pub(super) fn members(args: &MembersArgs) -> Result<(), Failure> {
    let profile = args.profile.open()?;
    let core = profile.core();
    let group = names::group(core, &args.group)?;
    for member in &group.members {
        let name = if member.me { "you".to_owned() } else { names::called_member(core, member) };
        let identity = member.identity.to_hex();
        if args.json {
            print_json(&json!({"member": name, "identity": identity, "admin": member.admin, "me": member.me}))?;
        } else {
            let role = if member.admin { ", admin" } else { "" };
            print(&format!("{} ({}{role})\n", printable(&name), identity.get(..16).unwrap_or_default()))?;
        }
    }
    for link in &group.invited {
        let name = name_of(core, *link);
        if args.json {
            print_json(&json!({"contact": name, "standing": "invited"}))?;
        } else {
            print(&format!("{} (invited, has not answered)\n", printable(&name)))?;
        }
    }
    Ok(())
}
