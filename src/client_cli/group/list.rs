//! `ephemeral group list` and `ephemeral group members`.

use clap::Args;
use serde_json::json;

use crate::client_cli::exit::Failure;
use crate::client_cli::output::{print, print_json};
use crate::client_cli::profile::ProfileArgs;
use ephemeral_client::api::{GroupDetails, GroupInfo, GroupOfferInfo, Groups, ListGroups, MemberInfo};
use ephemeral_client::text::printable;

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
fn standing(group: &GroupInfo) -> &'static str {
    match group {
        GroupInfo { out: true, .. } => "left",
        GroupInfo { forked: true, .. } => "contradictory",
        GroupInfo { member: false, .. } => "joining",
        GroupInfo { admin: true, .. } => "admin",
        _ => "member",
    }
}

pub(super) async fn groups(args: &ListArgs) -> Result<(), Failure> {
    let Groups { groups, offers } = args.profile.ask(ListGroups {}).await?;
    for group in groups {
        let standing = standing(&group);
        let GroupInfo { group: name, group_id, members, invited, .. } = group;
        let members = members.len();
        if args.json {
            print_json(&json!({
                "group": name, "group_id": group_id, "standing": standing, "members": members, "invited": invited
            }))?;
        } else {
            print(&format!("{} ({standing}, {members} members)\n", printable(&name)))?;
        }
    }
    for GroupOfferInfo { group, group_id, from } in offers {
        if args.json {
            print_json(&json!({"group": group, "group_id": group_id, "standing": "invited", "contact": from}))?;
        } else {
            print(&format!("{} (invited by {})\n", printable(&group), printable(&from)))?;
        }
    }
    Ok(())
}

pub(super) async fn members(args: &MembersArgs) -> Result<(), Failure> {
    let group = args.profile.ask(GroupDetails { group: args.group.clone() }).await?;
    for MemberInfo { member, identity, admin, me } in group.members {
        let name = if me { "you".to_owned() } else { member };
        if args.json {
            print_json(&json!({"member": name, "identity": identity, "admin": admin, "me": me}))?;
        } else {
            let role = if admin { ", admin" } else { "" };
            print(&format!("{} ({}{role})\n", printable(&name), identity.get(..16).unwrap_or_default()))?;
        }
    }
    for name in group.invited {
        if args.json {
            print_json(&json!({"contact": name, "standing": "invited"}))?;
        } else {
            print(&format!("{} (invited, has not answered)\n", printable(&name)))?;
        }
    }
    Ok(())
}
