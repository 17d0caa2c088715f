//! `ephemeral outbox`: what is still on its way.

use clap::Args;
use serde_json::json;

use super::exit::{Failure, say};
use super::output::{local_time, print, print_json};
use super::profile::ProfileArgs;
use super::words::fl;
use ephemeral_client::api::{CancelFile, ListOutbox, Nothing, OutboxItem, StandingName};
use ephemeral_client::text::printable;

#[derive(Args)]
#[command(after_help = "Examples:\n  ephemeral outbox\n  ephemeral outbox alice --json\n\n\
                  What has arrived is not listed. A file that the contact declined is, for a day.")]
pub(super) struct OutboxArgs {
    /// Only what is for this contact or group.
    #[arg(value_name = "NAME")]
    to: Option<String>,
    /// Send this file no more, and tell the contact.
    #[arg(long, value_name = "ID", conflicts_with_all = ["to", "json"])]
    cancel: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn run(args: &OutboxArgs) -> Result<(), Failure> {
    if let Some(file) = args.cancel.clone() {
        let Nothing {} = args.profile.ask(CancelFile { file }).await?;
        say(&fl!("outbox-cancelled"));
        return Ok(());
    }
    let with = args.to.clone().unwrap_or_default();
    for item in args.profile.ask(ListOutbox { with }).await? {
        if args.json {
            print_json(&json!(item))?;
        } else {
            print(&line(&item))?;
        }
    }
    Ok(())
}

fn line(item: &OutboxItem) -> String {
    let OutboxItem { to, member, id, file, at, standing } = item;
    let time = if at.is_empty() { String::new() } else { local_time(at) + " " };
    let what = match file {
        Some(file) => fl!("outbox-file", name = printable(file)),
        None => fl!("outbox-message"),
    };
    let whose = member.as_ref().map(|member| fl!("outbox-whose", member = printable(member))).unwrap_or_default();
    let how = match standing {
        StandingName::Kept => fl!("outbox-kept"),
        StandingName::Sending => fl!("outbox-sending"),
        StandingName::AtServer => fl!("outbox-at-server"),
        StandingName::Arrived => fl!("outbox-arrived"),
        StandingName::NotDelivered => fl!("outbox-given-up"),
        StandingName::Declined => fl!("outbox-declined"),
    };
    let id = id.as_str();
    let to = printable(to);
    let line = fl!("outbox-line", time = time, id = id, what = what, to = to, whose = whose, how = how);
    format!("{line}\n")
}
