//! `ephemeral moved`: checks a server's notice of its move, and follows it from then on.

use std::io::{Read as _, Write as _};
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Exit, Failure};
use super::route::{RouteArgs, book_path};
use super::words::{files, fl, network, said, shown};
use ephemeral_client::ServerUrl;
use ephemeral_client::moved::{Book, BookError, NoticeRequestError, ask};
use ephemeral_client::text::printable_json;
use ephemeral_tor::{MovedError, Notice};

#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  ephemeral moved moved.json
  ephemeral moved ask --server http://….onion
  ephemeral moved list

A server that gets a new key signs with the old one where it can be found from then on. An onion
address is a public key, so whoever knows the old address can check that; a notice that is not signed
with it changes nothing. Once a notice is followed, the new address is dialled in place of the old one, and
the discovery key of the old address is used for it. The first notice of an address counts."
)]
pub(super) struct MovedArgs {
    /// The notice: a file, its text, or - for standard input.
    #[arg(value_name = "NOTICE", required = true)]
    notice: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Ask a server for its notices, and follow them.
    #[command(after_help = "Example:\n  ephemeral moved ask --server http://….onion")]
    Ask(AskArgs),
    /// List the moves that are followed.
    #[command(after_help = "Example:\n  ephemeral moved list --json")]
    List,
    /// Follow the notice of an address no more.
    #[command(after_help = "Example:\n  ephemeral moved forget ….onion")]
    Forget {
        /// The old address: NAME.onion, with http:// or without.
        address: String,
    },
}

#[derive(Args)]
struct AskArgs {
    /// The server: NAME.onion, or http://127.0.0.1:8443 on this machine.
    #[arg(long, env = "EPHEMERAL_SERVER", value_name = "URL")]
    server: ServerUrl,
    #[command(flatten)]
    route: RouteArgs,
}

pub(super) async fn run(args: MovedArgs) -> Result<(), Failure> {
    let mut book = Book::open(&book_path()?)?;
    let notices = match (&args.command, &args.notice) {
        (Some(Command::List), _) => return print(book.notices(), args.json),
        (Some(Command::Forget { address }), _) => {
            let address = match address.parse::<ServerUrl>() {
                Ok(url) => url.host().to_owned(),
                // Whatever stands in the file can be forgotten.
                Err(_) => address.to_ascii_lowercase(),
            };
            return match book.forget(&address)? {
                true => Ok(()),
                false => Err(Failure::local(fl!("moved-none-followed", address = shown(&address)))),
            };
        }
        (Some(Command::Ask(args)), _) => {
            let dialer = args.route.ways()?.to(&args.server)?;
            ask(dialer.as_ref(), &args.server).await?
        }
        (None, Some(notice)) => Notice::read(&text(notice)?)?,
        (None, None) => return Err(Failure::usage(fl!("moved-which"))),
    };
    if notices.is_empty() {
        return Err(Failure::usage(fl!("moved-empty")));
    }
    book.add(notices.clone())?;
    print(&notices, args.json)
}

/// Reads the notice: the text itself, or the file that has it. No more is read than a notice may
/// have.
fn text(given: &str) -> Result<String, Failure> {
    let limit = Notice::MOST_BYTES as u64 + 1;
    let mut text = String::new();
    let read = match given {
        given if given.trim_start().starts_with(['{', '[']) => return Ok(given.to_owned()),
        "-" => std::io::stdin().take(limit).read_to_string(&mut text),
        file => std::fs::File::open(Path::new(file)).and_then(|file| file.take(limit).read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::local(fl!("moved-unread", file = shown(given), why = files::system(&error))))?;
    Ok(text)
}

fn print(notices: &[Notice], as_json: bool) -> Result<(), Failure> {
    let mut text = String::new();
    for notice in notices {
        let from = notice.from();
        let to = notice.to();
        let at = notice.at().to_string();
        text += &match as_json {
            true => printable_json(&json!({"from": from, "to": to, "at": at}).to_string()),
            false => fl!("moved-line", from = from, to = to, at = at),
        };
        text.push('\n');
    }
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| Failure::output(&error))
}

impl From<MovedError> for Failure {
    fn from(error: MovedError) -> Self {
        Self::new(Exit::Refused, said::of(&error))
    }
}

impl From<BookError> for Failure {
    fn from(error: BookError) -> Self {
        match error {
            BookError::Notice(error) => error.into(),
            BookError::Contradiction { .. } => Self::new(Exit::Refused, said::of(&error)),
            BookError::TooMany | BookError::File(_) => Self::local(said::of(&error)),
        }
    }
}

impl From<NoticeRequestError> for Failure {
    fn from(error: NoticeRequestError) -> Self {
        let exit = match &error {
            NoticeRequestError::Dial(error) if error.is_permanent() => Exit::Local,
            NoticeRequestError::Dial(_) | NoticeRequestError::Interrupted | NoticeRequestError::Timeout => {
                Exit::Unreachable
            }
            NoticeRequestError::Answer | NoticeRequestError::None(_) | NoticeRequestError::Notice(_) => Exit::Refused,
        };
        Self::new(exit, network::notice_request(&error))
    }
}
