//! `ephemeral send`: sends one text to a contact or a group, and ends when the server has it; or a
//! file to a contact.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

use super::exit::{Exit, Failure};
use super::output::{message_id, print, print_json};
use super::running::{RunArgs, Running};
use super::stop;
use ephemeral_client::engine::{EngineEvent, Fetching};
use ephemeral_client::names::{self, Recipient};
use ephemeral_e2e::effect::{Event, LinkId};
use ephemeral_e2e::payload::MAX_TEXT;

mod file;
mod group;

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
    /// Ask the contact's program to delete it so many seconds after it was shown.
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

/// How far a message came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nobody,
    Server,
    Contact,
}

pub(super) async fn run(args: SendArgs) -> Result<(), Failure> {
    if let Some(path) = &args.file {
        return file::send(&args, path).await;
    }
    let text = match args.text.as_deref() {
        None | Some("-") => {
            tokio::select! {
                text = read_stdin(&args) => text?,
                stopped = stop::requested() => return Err(stopped.err().unwrap_or_else(|| Failure::local("interrupted"))),
            }
        }
        Some(text) => Zeroizing::new(text.to_owned()),
    };
    if text.is_empty() {
        return Err(Failure::usage("the message is empty"));
    }
    // To learn that it arrived, the contact's answer has to be fetched.
    let fetching = if args.wait { args.run.fetching() } else { Fetching::NONE };
    let mut running = args.run.start(fetching)?;
    let text = text.to_string();
    let contact = match names::recipient(running.engine.core(), &args.to)? {
        Recipient::Contact(contact) => contact,
        Recipient::Group(to) => return group::send(running, &args, &to, text).await,
    };
    let sent = running.engine.act(|core, now| core.send(contact.link, text, args.burn, now))?;
    let outcome = match sent.waits && contact.outgoing > 0 {
        // The first message goes with one text; the others follow when the contact has answered.
        true => Ok(Reached::Nobody),
        false => deliver(&mut running, &args, contact.link, sent.mid).await,
    };
    running.finish()?;
    report(&args, sent.mid, outcome?)
}

async fn deliver(running: &mut Running, args: &SendArgs, contact: LinkId, mid: u64) -> Result<Reached, Failure> {
    let deadline = Instant::now() + Duration::from_secs(args.timeout_s().into());
    let mut reached = Reached::Nobody;
    let stopped = stop::requested();
    tokio::pin!(stopped);
    loop {
        let news = tokio::select! {
            news = running.next() => news?,
            () = sleep_until(deadline) => return Err(late(running, args, reached)),
            result = &mut stopped => {
                result?;
                return Err(Failure::local("interrupted: the message is kept, and sent by the next `ephemeral recv`"));
            }
        };
        match news {
            EngineEvent::AtServer { link, mid: Some(which) } if (link, which) == (contact, mid) => {
                reached = Reached::Server;
                if !args.wait {
                    return Ok(reached);
                }
                running.note("it waits at the server; waiting for the contact …");
            }
            EngineEvent::Event { id, event: Event::Delivered { link, mid: which } }
                if (link, which) == (contact, mid) =>
            {
                running.engine.shown(id);
                return Ok(Reached::Contact);
            }
            EngineEvent::Unusable { server, why } if running.is_own(&server) => {
                return Err(Failure::new(Exit::Unusable, format!("the message is kept: {why}")));
            }
            _ => {}
        }
    }
}

fn late(running: &mut Running, args: &SendArgs, reached: Reached) -> Failure {
    let what = match reached {
        Reached::Server => "it waits at the server, but the contact did not have it",
        _ => "the message is kept, but the contact's server did not take it",
    };
    let why = running.trouble.take().map(|trouble| format!(": {trouble}")).unwrap_or_default();
    Failure::new(Exit::Unreachable, format!("{what} within {} s{why}", args.timeout_s()))
}

fn report(args: &SendArgs, mid: u64, reached: Reached) -> Result<(), Failure> {
    let standing = match reached {
        Reached::Nobody => "kept",
        Reached::Server => "at_server",
        Reached::Contact => "arrived",
    };
    if reached == Reached::Nobody {
        args.run.route.note("it is sent when the contact has answered");
    }
    if args.json {
        return print_json(&json!({"id": message_id(mid), "contact": args.to, "standing": standing}));
    }
    print(&format!("{}\n", message_id(mid)))
}

async fn read_stdin(args: &SendArgs) -> Result<Zeroizing<String>, Failure> {
    if std::io::stdin().is_terminal() {
        args.run.route.note("write the message, and end it with Ctrl-D on a line of its own");
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let mut input = tokio::io::stdin().take(MAX_TEXT as u64 + 1);
    input
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| Failure::local(format!("cannot read standard input: {error}")))?;
    if bytes.len() > MAX_TEXT {
        return Err(Failure::usage("the message is longer than 47,000 bytes"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::usage("the message is not UTF-8 text")),
    }
}
