//! Sends one text to a group, and ends when the server has it for each member.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::SendArgs;
use crate::client_cli::exit::{Exit, Failure};
use crate::client_cli::output::{member_of, message_id, print, print_json};
use crate::client_cli::running::Running;
use crate::client_cli::stop;
use ephemeral_client::engine::EngineEvent;
use ephemeral_client::text::printable;
use ephemeral_e2e::core::{GroupView, PartView, Standing};
use ephemeral_e2e::effect::Event;
use ephemeral_e2e::roster::GroupId;

/// Names a text in a group.
#[derive(Clone, Copy)]
struct GroupText {
    group: GroupId,
    gmid: u64,
}

impl GroupText {
    /// Returns the members that have not acknowledged it.
    fn parts(self, running: &Running) -> Vec<PartView> {
        let mut parts = running.engine.core().group_outgoing(self.group);
        parts.retain(|part| part.gmid == self.gmid);
        parts
    }
}

pub(super) async fn send(mut running: Running, args: &SendArgs, to: &GroupView, text: String) -> Result<(), Failure> {
    if args.burn != 0 {
        return Err(Failure::usage("a text to a group cannot be asked to be deleted: leave --burn away"));
    }
    can_write(to)?;
    let gmid = running.engine.act(|core, now| core.send_group(to.group, text, now))?;
    let sent = GroupText { group: to.group, gmid };
    let outcome = deliver(&mut running, args, sent).await;
    let parts = sent.parts(&running);
    let waiting =
        parts.iter().filter(|part| part.waits).map(|part| member_of(running.engine.core(), to.group, &part.member));
    let waiting: Vec<String> = waiting.collect();
    running.finish()?;
    outcome?;
    if !waiting.is_empty() {
        let names: Vec<_> = waiting.iter().map(|name| printable(name)).collect();
        args.run.route.note(&format!("it is sent to {} when their programs have met this one", names.join(", ")));
    }
    if args.json {
        let standing = match parts.len() {
            0 => "arrived",
            count if count == waiting.len() => "kept",
            _ => "at_server",
        };
        let others = to.members.len() - 1;
        return print_json(&json!({
            "id": message_id(gmid), "group": args.to, "standing": standing, "members": others, "waiting": waiting
        }));
    }
    print(&format!("{}\n", message_id(gmid)))
}

/// Refuses to write where nobody would read it.
fn can_write(to: &GroupView) -> Result<(), Failure> {
    let why = match to {
        GroupView { out: true, .. } => "you are no longer a member of this group",
        GroupView { member: false, .. } => "the admin has not let you in yet: run `ephemeral recv`",
        GroupView { forked: true, .. } => "STOP: the admin shows different members to different people",
        GroupView { members, .. } if members.len() < 2 => "there is nobody else in the group",
        _ => return Ok(()),
    };
    Err(Failure::new(Exit::Refused, why))
}

/// Waits until the server has it for each member, or each member has it.
async fn deliver(running: &mut Running, args: &SendArgs, sent: GroupText) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(args.timeout_s().into());
    let stopped = stop::requested();
    tokio::pin!(stopped);
    loop {
        let parts = sent.parts(running);
        let open = parts.iter().filter(|part| args.wait || (part.standing == Standing::Sending && !part.waits));
        if open.count() == 0 {
            return Ok(());
        }
        let notice = tokio::select! {
            notice = running.next() => notice?,
            () = sleep_until(deadline) => return Err(late(running, args, &parts)),
            result = &mut stopped => {
                result?;
                return Err(Failure::local("interrupted: the message is kept, and sent by the next `ephemeral recv`"));
            }
        };
        match notice {
            EngineEvent::Event { id, event: Event::GroupDelivered { group, gmid, .. } }
                if (group, gmid) == (sent.group, sent.gmid) =>
            {
                running.engine.shown(id);
            }
            EngineEvent::Unusable { server, why } if running.is_own(&server) => {
                return Err(Failure::new(Exit::Unusable, format!("the message is kept: {why}")));
            }
            _ => {}
        }
    }
}

fn late(running: &mut Running, args: &SendArgs, parts: &[PartView]) -> Failure {
    let unsent = parts.iter().filter(|part| part.standing == Standing::Sending).count();
    let what = match unsent {
        0 => format!("it waits at the server, but {} members did not have it", parts.len()),
        unsent => format!("the message is kept, but the server did not take it for {unsent} members"),
    };
    let why = running.trouble.take().map(|trouble| format!(": {trouble}")).unwrap_or_default();
    Failure::new(Exit::Unreachable, format!("{what} within {} s{why}", args.timeout_s()))
}
