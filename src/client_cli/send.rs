//! `ephemeral send`: sends one text to a contact or a group, and ends when the server has it; or a
//! file to a contact.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

use super::exit::{Exit, Failure};
use super::output::{print, print_json};
use super::running::{RunArgs, Running};
use super::words::{files, fl, said};
use super::{stdio, stop};
use ephemeral_client::api::{
    EventParams, ListOutbox, Notification, OutboxItem, SendText, StandingName, Subscribe, Taking,
};
use ephemeral_client::engine::Fetching;
use ephemeral_client::text::printable;
use ephemeral_e2e::payload::MAX_TEXT;

mod file;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ephemeral send alice 'See you at eight'
  ephemeral send alice --wait < notes.txt
  ephemeral send friends 'hello, all of you'
  ephemeral send alice --file report.pdf

It ends when the message waits at the contact's server, encrypted for the contact alone. With --wait
it ends when the contact has it. Whatever happens, a message is sent again until the contact has it,
for 16 days, whenever `ephemeral recv` runs; `ephemeral outbox` shows what is still on its way.

A file of up to 64 MiB is sent in parts, as the contact takes them: `send --file` ends when the contact
has all of it. What is left when it is interrupted is sent whenever `ephemeral recv` runs, or the same
command; the file has to stay where and as it is until then. A file of more than 1 MiB waits until the
contact says yes, by `ephemeral recv --files DIR`.

Other users of this machine can see TEXT in the list of processes: use - for what they may not read.")]
pub(super) struct SendArgs {
    /// The contact or the group.
    #[arg(value_name = "NAME")]
    to: String,
    /// The message, at most 47,000 bytes; - or nothing: read it from standard input.
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Send this file instead of a text.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["text", "burn", "wait"])]
    file: Option<PathBuf>,
    /// Delete it on both sides so many seconds after the minute in which it was written; what comes
    /// later, once it was shown.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    burn: u32,
    /// Wait until the contact, or each member of the group, has it.
    #[arg(long)]
    wait: bool,
    /// Give up waiting after this many seconds: 180 unless it is a file. What was not sent is kept,
    /// and sent later.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Print a JSON object instead of the message's id.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// How long it waits for the server, unless it is told.
const TIMEOUT_S: u32 = 180;

impl SendArgs {
    fn timeout_s(&self) -> u32 {
        self.timeout.unwrap_or(TIMEOUT_S)
    }
}

/// The last stage that a message has reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nobody,
    Server,
    Contact,
}

/// A message that was handed over, and what is still on its way of it.
struct Parcel {
    id: String,
    left: Vec<OutboxItem>,
    /// The events that told of an arrival.
    arrivals: Vec<Option<u64>>,
}

impl Parcel {
    fn reached(&self) -> Reached {
        match self.left.as_slice() {
            [] => Reached::Contact,
            left if left.iter().all(|item| item.standing == StandingName::Kept) => Reached::Nobody,
            _ => Reached::Server,
        }
    }

    /// Says that its arrivals were shown, where that it arrived is what is printed. Otherwise the
    /// next command tells of them: that some members of a group have it is not printed here.
    async fn arrivals_are_said(&mut self, running: &mut Running) -> Result<(), Failure> {
        if self.reached() == Reached::Contact {
            for number in self.arrivals.drain(..) {
                running.shown(number).await?;
            }
        }
        Ok(())
    }

    /// Returns whether there is nothing to wait for any more.
    fn is_done(&self, args: &SendArgs, to_group: bool) -> bool {
        let unsent = self.left.iter().any(|item| item.standing == StandingName::Sending);
        match self.reached() {
            Reached::Contact => true,
            // The first message goes with one text; the others follow when the contact has
            // answered.
            Reached::Nobody => !to_group || !args.wait,
            Reached::Server => !args.wait && !unsent,
        }
    }
}

pub(super) async fn run(args: SendArgs) -> Result<(), Failure> {
    if let Some(path) = &args.file {
        return file::send(&args, path).await;
    }
    let text = match args.text.as_deref() {
        None | Some("-") => {
            tokio::select! {
                text = read_stdin(&args) => text?,
                stopped = stop::requested() => return Err(stopped.err().unwrap_or_else(|| Failure::local(fl!("interrupted")))),
            }
        }
        Some(text) => Zeroizing::new(text.to_owned()),
    };
    if text.is_empty() {
        return Err(Failure::usage(fl!("send-empty")));
    }
    // To learn that it arrived, the contact's answer has to be fetched.
    let fetching = if args.wait { args.run.fetching() } else { Fetching::NONE };
    let mut running = args.run.start(fetching).await?;
    running.call(Subscribe { taking: Taking::Watched }).await?;
    let sent = running.call(SendText { to: args.to.clone(), text: text.to_string(), burn_s: args.burn }).await?;
    let mut parcel = Parcel { id: sent.id, left: Vec::new(), arrivals: Vec::new() };
    let mut outcome = deliver(&mut running, &args, &mut parcel, sent.members.is_some()).await;
    if outcome.is_ok() {
        outcome = parcel.arrivals_are_said(&mut running).await;
    }
    running.finish().await?;
    outcome?;
    report(&args, &parcel, sent.members)
}

/// Waits until the server has it for its recipient, or the recipient has it.
async fn deliver(running: &mut Running, args: &SendArgs, parcel: &mut Parcel, to_group: bool) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(args.timeout_s().into());
    let mut told = false;
    let stopped = stop::requested();
    tokio::pin!(stopped);
    loop {
        parcel.left = running.call(ListOutbox { with: args.to.clone() }).await?;
        parcel.left.retain(|item| item.id == parcel.id);
        if parcel.is_done(args, to_group) {
            return Ok(());
        }
        let unsent = parcel.left.iter().filter(|item| item.standing == StandingName::Sending).count();
        if unsent == 0 && !std::mem::replace(&mut told, true) {
            running.note(&fl!("send-waiting"));
        }
        loop {
            let news = tokio::select! {
                news = running.next() => news?,
                () = sleep_until(deadline) => return Err(late(running, args, parcel.left.len(), unsent)),
                result = &mut stopped => {
                    result?;
                    return Err(Failure::local(fl!("send-interrupted")));
                }
            };
            if concerns(running, parcel, news)? {
                break;
            }
        }
    }
}

/// Takes note of what happened. Returns whether the message stands otherwise since.
fn concerns(running: &Running, sent: &mut Parcel, EventParams { number, event }: EventParams) -> Result<bool, Failure> {
    match event {
        Notification::AtServer { id, .. } | Notification::GroupAtServer { id, .. } => Ok(id == sent.id),
        Notification::Arrived { id, .. } | Notification::GroupArrived { id, .. } if id == sent.id => {
            sent.arrivals.push(number);
            Ok(true)
        }
        Notification::Unusable { server, why, reason } if running.is_own(&server) => {
            Err(Failure::new(Exit::Unusable, fl!("send-kept", why = said::explained(&why, reason.as_ref()))))
        }
        _ => Ok(false),
    }
}

fn late(running: &mut Running, args: &SendArgs, left: usize, unsent: usize) -> Failure {
    let seconds = args.timeout_s().to_string();
    let why = running.why();
    let what = match (left, unsent) {
        (1, 0) => fl!("send-contact-has-not", seconds = seconds, why = why),
        (left, 0) => fl!("send-members-have-not", count = left, seconds = seconds, why = why),
        (_, 1) => fl!("send-not-taken", seconds = seconds, why = why),
        (_, unsent) => fl!("send-not-taken-for", count = unsent, seconds = seconds, why = why),
    };
    Failure::new(Exit::Unreachable, what)
}

fn report(args: &SendArgs, parcel: &Parcel, members: Option<usize>) -> Result<(), Failure> {
    let standing = match parcel.reached() {
        Reached::Nobody => "kept",
        Reached::Server => "at_server",
        Reached::Contact => "arrived",
    };
    let waiting = parcel.left.iter().filter(|item| item.standing == StandingName::Kept);
    let waiting: Vec<String> = waiting.filter_map(|item| item.member.clone()).collect();
    if !waiting.is_empty() {
        let names: Vec<_> = waiting.iter().map(|name| printable(name)).collect();
        args.run.route.note(&fl!("send-when-met", names = names.join(", ")));
    } else if parcel.reached() == Reached::Nobody {
        args.run.route.note(&fl!("send-when-answered"));
    }
    let id = &parcel.id;
    match members {
        _ if !args.json => print(&format!("{id}\n")),
        None => print_json(&json!({"id": id, "contact": args.to, "standing": standing})),
        Some(members) => print_json(&json!({
            "id": id, "group": args.to, "standing": standing, "members": members, "waiting": waiting
        })),
    }
}

async fn read_stdin(args: &SendArgs) -> Result<Zeroizing<String>, Failure> {
    if std::io::stdin().is_terminal() {
        args.run.route.note(&fl!("send-write"));
    }
    let bytes = stdio::read_all(MAX_TEXT as u64 + 1)
        .await
        .map_err(|error| Failure::local(fl!("input-unread", why = files::system(&error))))?;
    if bytes.len() > MAX_TEXT {
        return Err(Failure::usage(fl!("send-too-long")));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::usage(fl!("send-not-text"))),
    }
}
