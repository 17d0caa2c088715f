//! `ephemeral group list` and `ephemeral group members`.

use clap::Args;
use serde_json::json;

use crate::client_cli::exit::Failure;
use crate::client_cli::output::{print, print_json};
use crate::client_cli::profile::ProfileArgs;
use crate::client_cli::words::fl;
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

/// Says how one stands with a group, in one word for programs.
fn standing(group: &GroupInfo) -> &'static str {
    match group {
        GroupInfo { out: true, .. } => "left",
        GroupInfo { forked: true, .. } => "contradictory",
        GroupInfo { member: false, .. } => "joining",
        GroupInfo { admin: true, .. } => "admin",
        _ => "member",
    }
}

/// Says it to a person.
fn standing_words(group: &GroupInfo) -> String {
    match standing(group) {
        "left" => fl!("group-standing-left"),
        "contradictory" => fl!("group-standing-contradictory"),
        "joining" => fl!("group-standing-joining"),
        "admin" => fl!("group-standing-admin"),
        _ => fl!("group-standing-member"),
    }
}

pub(super) async fn groups(args: &ListArgs) -> Result<(), Failure> {
    let Groups { groups, offers } = args.profile.ask(ListGroups {}).await?;
    for group in groups {
        let standing = if args.json { standing(&group).to_owned() } else { standing_words(&group) };
        let GroupInfo { group: name, group_id, members, invited, .. } = group;
        let members = members.len();
        if args.json {
            print_json(&json!({
                "group": name, "group_id": group_id, "standing": standing, "members": members, "invited": invited
            }))?;
        } else {
            let name = printable(&name);
            print(&format!("{}\n", fl!("group-line", name = name, standing = standing, count = members)))?;
        }
    }
    for GroupOfferInfo { group, group_id, from } in offers {
        if args.json {
            print_json(&json!({"group": group, "group_id": group_id, "standing": "invited", "contact": from}))?;
        } else {
            let name = printable(&group);
            let from = printable(&from);
            print(&format!("{}\n", fl!("group-offered", name = name, from = from)))?;
        }
    }
    Ok(())
}

pub(super) async fn members(args: &MembersArgs) -> Result<(), Failure> {
    let group = args.profile.ask(GroupDetails { group: args.group.clone() }).await?;
    for MemberInfo { member, identity, admin, me } in group.members {
        if args.json {
            let name = if me { "you" } else { &member };
            print_json(&json!({"member": name, "identity": identity, "admin": admin, "me": me}))?;
        } else {
            let name = if me { fl!("group-you") } else { printable(&member) };
            let role = if admin { fl!("group-role-admin") } else { String::new() };
            print(&format!("{name} ({}{role})\n", identity.get(..16).unwrap_or_default()))?;
        }
    }
    for name in group.invited {
        if args.json {
            print_json(&json!({"contact": name, "standing": "invited"}))?;
        } else {
            print(&format!("{}\n", fl!("group-invited", name = printable(&name))))?;
        }
    }
    Ok(())
}
