//! The commands of `ephemeral`, the client for people and scripts. Results go to stdout, everything
//! else to stderr; the exit code says how it ended.

mod accept;
mod chat;
mod contacts;
mod directories;
mod discovery;
mod exit;
mod group;
mod heal;
mod holder;
mod incoming;
mod init;
mod invite;
mod keep;
mod moved;
mod outbox;
mod output;
mod passphrase;
mod picture;
mod profile;
mod reach;
mod recv;
mod route;
mod rpc;
mod running;
mod send;
mod serve;
mod socket;
mod stdio;
mod stop;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::hardening;
use exit::{Exit, Failure, say};
use words::{Language, files, fl};

/// Sends and receives messages through an Ephemeral Messenger Server.
#[derive(Parser)]
#[command(name = "ephemeral", version, max_term_width = 100, after_help = exit::HELP, after_long_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a profile: who you are to your contacts.
    Init(init::InitArgs),
    /// Make an invite for somebody.
    Invite(invite::InviteArgs),
    /// Take somebody's invite, and send the first message.
    Accept(Box<accept::AcceptArgs>),
    /// List your invites, and those who wait for your yes.
    Invites(invite::InvitesArgs),
    /// Take an invite back.
    Revoke(invite::RevokeArgs),
    /// Say yes to somebody who used a reusable invite.
    Admit(invite::AdmitArgs),
    /// Say no to somebody who used a reusable invite. It is not told.
    Decline(invite::DeclineRequestArgs),
    /// List your contacts; rename, block or forget one.
    Contacts(contacts::ContactsArgs),
    /// Compare safety words with a contact.
    Verify(contacts::VerifyArgs),
    /// Begin conversations anew, with new keys: after somebody had this device.
    Heal(heal::HealArgs),
    /// Write to several people at once: make, join, change and leave groups.
    #[command(subcommand)]
    Group(group::Command),
    /// Send a message to a contact or a group.
    Send(Box<send::SendArgs>),
    /// Talk to your contacts on a screen, or line by line.
    Chat(Box<chat::ChatArgs>),
    /// Print what comes.
    Recv(Box<recv::RecvArgs>),
    /// Serve a program by lines of JSON on standard input and output.
    Rpc(Box<rpc::RpcArgs>),
    /// Run the profile, and serve programs and other commands by a socket.
    Serve(Box<serve::ServeArgs>),
    /// Show the files that contacts send; decline one.
    Files(incoming::FilesArgs),
    /// Show what is still on its way.
    Outbox(outbox::OutboxArgs),
    /// Change the passphrase.
    Passphrase(keep::PassphraseCommand),
    /// Write a backup of the profile.
    Backup(keep::BackupArgs),
    /// Make the profile from a backup.
    Restore(keep::RestoreArgs),
    /// Erase the profile at once, without a question.
    Panic(keep::PanicArgs),
    /// Make or show the key for a server that not everybody can find.
    #[command(subcommand)]
    Discovery(discovery::Command),
    /// Check a server's notice of its move, and follow it from now on.
    Moved(Box<moved::MovedArgs>),
}

/// Returns the definition of the command line, from which the manual is made.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Returns the definition in each other language, by its name in BCP 47, for the manual there. The
/// process speaks the last of them from then on, unless it spoke before.
#[must_use]
pub fn commands_in_other_languages() -> Vec<(&'static str, clap::Command)> {
    let others = [Language::German];
    let command = |language: Language| {
        words::speak(language);
        (language.code(), words::help::translate(Cli::command().disable_help_subcommand(true), language))
    };
    others.map(command).into()
}

/// Parses the command line, runs the command, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let code = parse_and_run();
    hardening::wipe_stack();
    code.into()
}

/// Does so, in a frame of its own: what that leaves on the stack is wiped.
#[inline(never)]
fn parse_and_run() -> u8 {
    let arguments = take_arguments();
    let language = Language::of_environment();
    words::speak(language);
    hardening::silence_panics(say);
    if hardening::forbid_core_dumps().is_err() {
        say(&fl!("core-dumps"));
    }
    let command = words::help::translate(without_empty_variables(Cli::command()), language);
    // A definition that does not fit its own type is a mistake in the program, which clap reports.
    let cli = command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let outcome = match cli {
        Ok(cli) => carry_out(cli.command),
        Err(error) => return words::usage::report(&error, language),
    };
    match outcome {
        Ok(()) => Exit::Ok as u8,
        Err(failure) => {
            failure.report();
            failure.exit as u8
        }
    }
}

/// Returns the command line, and has the system forget what may be a text, a name or an invite. Its
/// command is left, by which a person finds the process.
fn take_arguments() -> Vec<OsString> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let is_command = |word: &OsString| Cli::command().get_subcommands().any(|command| word == command.get_name());
    let kept = if arguments.get(1).is_some_and(is_command) { 2 } else { 1 };
    // Where there is no `/proc`, it stays until the end.
    let _ = hardening::wipe_arguments(&arguments, kept);
    arguments
}

fn carry_out(command: Command) -> Result<(), Failure> {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Invite(args) => on_runtime(invite::make(&args)),
        Command::Accept(args) => on_runtime(accept::run(*args)),
        Command::Invites(args) => on_runtime(invite::list(&args)),
        Command::Revoke(args) => on_runtime(invite::revoke(&args)),
        Command::Admit(args) => on_runtime(invite::admit(&args)),
        Command::Decline(args) => on_runtime(invite::decline(&args)),
        Command::Contacts(args) => on_runtime(contacts::run(&args)),
        Command::Verify(args) => on_runtime(contacts::verify(&args)),
        Command::Heal(args) => on_runtime(heal::run(&args)),
        Command::Group(command) => on_runtime(group::run(&command)),
        Command::Send(args) => on_runtime(send::run(*args)),
        Command::Chat(args) => on_runtime(chat::run(*args)),
        Command::Recv(args) => on_runtime(recv::run(*args)),
        Command::Rpc(args) => on_runtime(rpc::run(*args)),
        Command::Serve(args) => on_runtime(serve::run(*args)),
        Command::Files(args) => on_runtime(incoming::run(&args)),
        Command::Outbox(args) => on_runtime(outbox::run(&args)),
        Command::Passphrase(args) => keep::change_passphrase(&args),
        Command::Backup(args) => keep::back_up(&args),
        Command::Restore(args) => keep::restore(&args),
        Command::Panic(args) => on_runtime(keep::panic(&args)),
        Command::Discovery(command) => discovery::run(&command),
        Command::Moved(args) => on_runtime(moved::run(*args)),
    }
}

/// Takes an empty environment variable for one that is not set: that is how container tools write
/// "unset".
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let forget = |argument: clap::Arg| match argument.get_env() {
        Some(name) if is_empty(name) => argument.env(None::<&str>),
        _ => argument,
    };
    command.mut_args(forget).mut_subcommands(without_empty_variables)
}

/// How long threads may take to end, and to wipe what they leave behind.
const THREADS_END: Duration = Duration::from_millis(500);

fn on_runtime(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_stop(hardening::wipe_stack)
        .build()
        .map_err(|error| Failure::local(fl!("cannot-start", why = files::system(&error))))?;
    let outcome = runtime.block_on(command);
    // A thread that still waits for the terminal's input must not keep the program.
    runtime.shutdown_timeout(THREADS_END);
    outcome
}
