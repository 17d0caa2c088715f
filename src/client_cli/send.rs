//! `ephemeral send`: sends one message, and ends when the server has accepted it.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, sleep_until, timeout_at};
use zeroize::Zeroizing;

use super::exit::{Exit, Failure};
use super::route::RouteArgs;
use super::stop;
use super::talk::Talk;
use ephemeral_client::outbox::Outbox;
use ephemeral_client::{ClientEvent, ConnectOptions, Outgoing};
use ephemeral_core::protocol::{Fingerprint, ReceiptStatus, Sanitize};

const NO_ENCRYPTION: &str = "\
messages are not encrypted end to end yet: whoever runs the server could read this one. \
Nothing was sent. If that is acceptable, add --plaintext";

#[derive(Args)]
#[command(after_help = "\
Examples (with EPHEMERAL_SERVER set, or --server URL):
  ephemeral send 4f2a… 'See you at eight' --plaintext
  tar c notes | base64 | ephemeral send 4f2a… - --plaintext --ttl 3600

There is no end-to-end encryption yet: whoever runs the server could read what you send, until the
recipient has taken it. Therefore --plaintext is required. Other users of this machine can see TEXT
in the list of processes: use - for what they may not read. Standard input is sent as it is, a final
line break included; but most servers remove control characters other than tabs and line breaks, and
characters that turn the direction of text. For other data than text use an encoding, such as base64.

A second command with the same identity, such as `ephemeral recv`, takes turns with this one. A receipt
that comes in the other's turn is asked for again: with --wait-delivered this one still learns of it.")]
pub(super) struct SendArgs {
    /// The recipient's fingerprint: 64 hex digits.
    #[arg(value_name = "TO")]
    to: Fingerprint,
    /// The message; - or nothing: read it from standard input.
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Send it although whoever runs the server could read it. Required, as long as there is no encryption.
    #[arg(long)]
    plaintext: bool,
    /// How long the message may wait for its recipient, in seconds; by default as the server has it.
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
    /// The message's id; by default a random one. Sending the same id again is safe: the first one counts.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Wait until the recipient has the message. Recipients may choose not to tell.
    #[arg(long)]
    wait_delivered: bool,
    /// Give up after this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    timeout: u32,
    /// Print a JSON object instead of the id.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    route: RouteArgs,
}

/// What is known of the message when the command ends well.
struct Sent {
    id: String,
    expires_at: String,
    duplicate: bool,
    status: &'static str,
}

pub(super) async fn run(args: SendArgs) -> Result<(), Failure> {
    if !args.plaintext {
        return Err(Failure::usage(NO_ENCRYPTION));
    }
    // A session takes what waits for this identity, too; nothing of it is acknowledged, so it comes again.
    let options = ConnectOptions { window: Some(1), ..ConnectOptions::default() };
    let mut talk = args.route.session(options)?;
    let content = match args.text.as_deref() {
        None | Some("-") => {
            tokio::select! {
                content = read_stdin(&args) => content?,
                stopped = stop::requested() => return Err(stopped.err().unwrap_or_else(|| Failure::local("interrupted"))),
            }
        }
        Some(text) => Zeroizing::new(text.to_owned()),
    };
    if content.is_empty() {
        return Err(Failure::usage("the message is empty"));
    }
    if !matches!(Sanitize::Clean.apply(&content), Ok(Cow::Borrowed(_))) {
        args.route.note("the message has control characters, which most servers remove");
    }
    let message =
        Outgoing { to: args.to, content, id: args.id.clone(), ttl_s: args.ttl, until_receipt: args.wait_delivered };
    let id = talk.session.send(&message).map_err(|error| Failure::usage(error.to_string()))?;
    let deadline = Instant::now() + Duration::from_secs(args.timeout.into());
    let sent = deliver(&mut talk, &args, id, deadline).await;
    // The time is for the goodbye, too: a server that does not answer it keeps nobody.
    let _ = timeout_at(deadline, talk.session.close()).await;
    print(&sent?, &args)
}

async fn deliver(talk: &mut Talk, args: &SendArgs, id: String, deadline: Instant) -> Result<Sent, Failure> {
    let mut sent = Sent { id, expires_at: String::new(), duplicate: false, status: "waiting" };
    let mut last_trouble = None;
    let stopped = stop::requested();
    tokio::pin!(stopped);
    loop {
        let event = tokio::select! {
            event = talk.next() => event?,
            () = sleep_until(deadline) => return Err(late(args, &sent, last_trouble)),
            result = &mut stopped => {
                result?;
                let what = if sent.status == "accepted" { "accepted, but not yet delivered" } else { "not accepted" };
                return Err(Failure::local(format!("interrupted: the message {} was {what}", sent.id)));
            }
        };
        talk.report(&event);
        match event {
            ClientEvent::Accepted { id, expires_at, duplicate } if id == sent.id => {
                sent = Sent { id, expires_at, duplicate, status: "accepted" };
                if !args.wait_delivered {
                    return Ok(sent);
                }
                talk.note("accepted; waiting for the recipient …");
            }
            ClientEvent::Receipt { id, status } if id == sent.id => match status {
                ReceiptStatus::Delivered => return Ok(Sent { status: "delivered", ..sent }),
                ReceiptStatus::Expired => {
                    let message = format!("the message {id} expired before its recipient took it");
                    return Err(Failure::new(Exit::Expired, message));
                }
            },
            ClientEvent::Refused { id, code, message } if id == sent.id => {
                return Err(Failure::refused(code, &message));
            }
            ClientEvent::Forgotten { id } if id == sent.id => {
                let message = format!(
                    "the message {id} was accepted, and its time is over without a receipt: whether it was delivered is \
                     not known"
                );
                return Err(Failure::new(Exit::Unreachable, message));
            }
            ClientEvent::Disconnected { why, .. } => last_trouble = Some(why.to_string()),
            _ => {}
        }
    }
}

fn late(args: &SendArgs, sent: &Sent, last_trouble: Option<String>) -> Failure {
    let what = match sent.status {
        "accepted" => format!("the message {} was accepted, but no receipt came", sent.id),
        _ => "not accepted".to_owned(),
    };
    let why = last_trouble.map(|trouble| format!(": {trouble}")).unwrap_or_default();
    Failure::new(Exit::Unreachable, format!("{what} within {} s{why}", args.timeout))
}

async fn read_stdin(args: &SendArgs) -> Result<Zeroizing<String>, Failure> {
    if std::io::stdin().is_terminal() {
        args.route.note("write the message, and end it with Ctrl-D on a line of its own");
    }
    let limit = Outbox::MAX_CONTENT_BYTES + 1;
    let mut bytes = Zeroizing::new(Vec::new());
    let mut input = tokio::io::stdin().take(limit as u64);
    input
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| Failure::local(format!("cannot read standard input: {error}")))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        // What was cut in the middle of a character is too large, and is told that later.
        Err(_) if bytes.len() == limit => Err(Failure::usage("the message is larger than 1 MiB")),
        Err(_) => Err(Failure::usage("the message is not UTF-8 text: encode it first, for example with base64")),
    }
}

fn print(sent: &Sent, args: &SendArgs) -> Result<(), Failure> {
    let line = if args.json {
        let Sent { id, expires_at, duplicate, status } = sent;
        let object =
            json!({"id": id, "to": args.to, "status": status, "expires_at": expires_at, "duplicate": duplicate});
        ephemeral_client::text::printable_json(&object.to_string())
    } else {
        sent.id.clone()
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| Failure::output(&error))
}
