//! `ephemeral accept`: takes somebody else's invite, and sends the first message.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::exit::{Exit, Failure};
use super::output::{local_time, print, print_json};
use super::running::{RunArgs, Running};
use super::words::{files, fl, said};
use super::{picture, stdio, stop};
use ephemeral_client::api::{AcceptInvite, Greeting, Hello, NewContact, Notification, Subscribe, Taking};
use ephemeral_client::engine::Fetching;
use ephemeral_client::text::printable;
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::core::CoreError;
use ephemeral_e2e::invite::{Invite, InviteError};
use jiff::Timestamp;

/// No invite is longer, in bytes.
const MAX_INVITE: u64 = 16 * 1024;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ephemeral accept ephemeral:AQMB… --as bob --text 'It is me'
  ephemeral accept - --as bob < invite.txt
  ephemeral accept --qr invite.png --as bob
  ephemeral accept --qr invite.png --show

The first message may go although the other side is away; it waits at the server. More can be
written when the other side has answered: `ephemeral recv` fetches the answer. An invite from
somebody with another server is taken only with --foreign: its operator sees when you send.")]
pub(super) struct AcceptArgs {
    /// The invite: ephemeral:…, or - to read it from standard input.
    #[arg(value_name = "INVITE", required_unless_present = "qr")]
    invite: Option<String>,
    /// Read the invite from the QR code in this PNG file.
    #[arg(long, value_name = "FILE", conflicts_with = "invite")]
    qr: Option<PathBuf>,
    /// Say what the invite is, until when it holds and to which server it leads, and do not use it.
    #[arg(long, conflicts_with_all = ["name", "text", "foreign"])]
    show: bool,
    /// What you call the contact; otherwise as it calls itself.
    #[arg(long = "as", value_name = "NAME", default_value = "")]
    name: String,
    /// A text that goes with the first message.
    #[arg(long)]
    text: Option<String>,
    /// Use the server of the invite, if it is not your own.
    #[arg(long)]
    foreign: bool,
    /// Give up waiting for the server after this many seconds. What was not sent is sent by
    /// `ephemeral recv`.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    timeout: u32,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn run(args: AcceptArgs) -> Result<(), Failure> {
    let invite = invite(&args).await?;
    if args.show {
        return show(&args, &invite).await;
    }
    let mut running = args.run.start(Fetching::NONE).await?;
    running.call(Subscribe { taking: Taking::Watched }).await?;
    let accept = AcceptInvite { invite, name: args.name.clone(), text: args.text.clone(), foreign: args.foreign };
    let NewContact { contact: name } = running.call(accept).await?;
    let outcome = deliver(&mut running, &name, args.timeout).await;
    running.finish().await?;
    outcome?;
    if args.json {
        print_json(&json!({"contact": name, "standing": "at_server"}))
    } else {
        print(&format!("{}\n", fl!("accept-done", name = printable(&name))))
    }
}

/// Says what an invite is.
async fn show(args: &AcceptArgs, text: &str) -> Result<(), Failure> {
    let Greeting { server, .. } = args.run.profile.ask(Hello {}).await?;
    let own = Authority::onion(&server).or_else(|_| Authority::loopback(&server));
    let own = own.map_err(|_| CoreError::Invite(InviteError::NotGenuine))?;
    let invite = Invite::from_text(text.trim(), &own).map_err(CoreError::Invite)?;
    let not_after = Timestamp::from_second(i64::from(invite.not_after) * 60).unwrap_or(Timestamp::MAX).to_string();
    let server = invite.authority.as_str();
    if args.json {
        return print_json(&json!({"reusable": !invite.one_time, "not_after": not_after, "server": server}));
    }
    let kind = if invite.one_time { fl!("invite-once") } else { fl!("invite-reusable") };
    print(&format!("{}\n", fl!("accept-shown", kind = kind, until = local_time(&not_after), server = server)))
}

async fn invite(args: &AcceptArgs) -> Result<String, Failure> {
    let unread = |error| Failure::local(fl!("input-unread", why = files::system(&error)));
    match (&args.qr, args.invite.as_deref().unwrap_or_default()) {
        (Some(file), _) => picture::read(file, "ephemeral:").map(|text| text.to_string()),
        (None, "-") => {
            let bytes = stdio::read_all(MAX_INVITE).await.map_err(unread)?;
            let text = std::str::from_utf8(&bytes).map(str::to_owned);
            text.map_err(|_| unread(std::io::ErrorKind::InvalidData.into()))
        }
        (None, given) => Ok(given.to_owned()),
    }
}

/// Waits until the server has the first message.
async fn deliver(running: &mut Running, to: &str, timeout: u32) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(timeout.into());
    let stopped = stop::requested();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            news = running.next() => {
                match news?.event {
                    Notification::AtServer { contact, .. } if contact == to => return Ok(()),
                    Notification::Unusable { server, why, reason } if running.is_own(&server) => {
                        return Err(Failure::new(Exit::Unusable, said::explained(&why, reason.as_ref())));
                    }
                    _ => {}
                }
            }
            () = sleep_until(deadline) => {
                let why = running.why();
                let what = fl!("accept-late", seconds = timeout.to_string(), why = why);
                return Err(Failure::new(Exit::Unreachable, what));
            }
            result = &mut stopped => {
                result?;
                return Err(Failure::local(fl!("accept-interrupted")));
            }
        }
    }
}
