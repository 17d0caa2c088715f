//! `ephemeral run`: a profile for programs, which ask and are told by lines of JSON (JSON-RPC 2.0)
//! on standard input and output.

mod methods;

use std::collections::HashMap;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::exit::Failure;
use super::init::authority;
use super::output::{hex, message_id, name_of, object};
use super::profile::in_memory;
use super::running::{RunArgs, Running};
use super::stdio::{Input, Output, stdin, stdout};
use super::stop;
use ephemeral_client::ServerUrl;
use ephemeral_client::engine::EngineEvent;
use ephemeral_client::text::printable_json;
use ephemeral_e2e::effect::{Event, InviteId};
use methods::Answer;

/// The longest request in bytes: a text of 47,000 bytes, each written as an escape of six.
const MAX_LINE: u64 = 512 * 1024;
/// The version of the methods and events.
const VERSION: u32 = 1;

#[derive(Args)]
#[command(after_help = "\
Example:
  echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"contacts.list\"}' | ephemeral run

A request is an object on a line, and so is its answer: JSON-RPC 2.0. What comes is told by
notifications of the method `event`; what could not be written comes again the next time. The end of
standard input ends it. `docs/client.md` lists the methods and events.")]
pub(super) struct ServeArgs {
    /// Keep nothing on the disk: the profile lives as long as the process.
    #[arg(long, requires = "server")]
    ephemeral: bool,
    /// The server of a profile that is not kept.
    #[arg(long, env = "EPHEMERAL_SERVER", value_name = "URL")]
    server: Option<ServerUrl>,
    /// What contacts of a profile that is not kept are told that it is called.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    #[command(flatten)]
    run: RunArgs,
}

/// A request, or a notification if it has no `id`.
#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    id: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

/// The process: its profile, and the requests that wait for something.
struct Service {
    running: Running,
    stdout: Output,
    /// The requests for invites whose texts are still to be made durable.
    invites: HashMap<InviteId, Value>,
}

pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let profile = match &args.server {
        Some(server) if args.ephemeral => in_memory(authority(server)?, &args.name)?,
        _ => args.run.profile.open()?,
    };
    let running = args.run.run(profile, args.run.fetching())?;
    let mut service = Service { running, stdout: stdout(), invites: HashMap::new() };
    let outcome = service.serve().await;
    service.running.finish()?;
    outcome
}

impl Service {
    async fn serve(&mut self) -> Result<(), Failure> {
        let mut stdin = BufReader::new(stdin());
        let mut line = Vec::new();
        let stopped = stop::requested();
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                read = next_line(&mut stdin, &mut line) => {
                    if !read? {
                        return Ok(());
                    }
                    let request = std::mem::take(&mut line);
                    self.request(&request).await?;
                }
                news = self.running.next() => self.tell(news?).await?,
                result = &mut stopped => return result,
            }
        }
    }

    async fn request(&mut self, line: &[u8]) -> Result<(), Failure> {
        let request: Request = match serde_json::from_slice(line) {
            Ok(request) => request,
            Err(error) => return self.refuse(Value::Null, -32_700, &format!("not a request: {error}")).await,
        };
        let Request { id, method, params } = request;
        match methods::call(&mut self.running, &method, params) {
            Ok(Answer::Now(result)) if id.is_null() => {
                drop(result);
                Ok(())
            }
            Ok(Answer::Now(result)) => self.write(&json!({"jsonrpc": "2.0", "id": id, "result": result})).await,
            Ok(Answer::WithInvite(invite)) => {
                self.invites.insert(invite, id);
                Ok(())
            }
            Err(methods::CallError { code, message }) => self.refuse(id, code, &message).await,
        }
    }

    async fn refuse(&mut self, id: Value, code: i64, message: &str) -> Result<(), Failure> {
        self.write(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})).await
    }

    async fn tell(&mut self, news: EngineEvent) -> Result<(), Failure> {
        let params = match news {
            EngineEvent::Event { id, event: Event::Invite { invite, text } } => {
                if let Some(request) = self.invites.remove(&invite) {
                    let result = json!({"invite": invite, "text": text});
                    self.write(&json!({"jsonrpc": "2.0", "id": request, "result": result})).await?;
                    self.running.engine.shown(id);
                }
                return Ok(());
            }
            // It waits for a process that writes files: only what was written may go out of the
            // profile.
            EngineEvent::Event { event: Event::File { chunk, .. }, .. } if chunk.index > 0 => return Ok(()),
            EngineEvent::Event { event: event @ Event::File { .. }, .. } => object(self.running.engine.core(), &event),
            EngineEvent::Event { id, event } => {
                let params = object(self.running.engine.core(), &event);
                self.event(params).await?;
                // Written: now it may go out of the profile.
                self.running.engine.shown(id);
                return Ok(());
            }
            EngineEvent::AtServer { link, mid: Some(mid) } => {
                json!({"event": "at_server", "contact": name_of(self.running.engine.core(), link), "id": message_id(mid)})
            }
            EngineEvent::Online(server) => json!({"event": "online", "server": server.as_str()}),
            EngineEvent::Offline { server, why, retry_in } => {
                json!({"event": "offline", "server": server, "why": why, "retry_in_s": retry_in.as_secs()})
            }
            EngineEvent::Unusable { server, why } => json!({"event": "unusable", "server": server, "why": why}),
            EngineEvent::FileSent { file } => json!({
                "event": "file_sent", "contact": name_of(self.running.engine.core(), file.link),
                "file": hex(&file.id), "parts": file.arrived, "of": file.count
            }),
            EngineEvent::FileUnreadable { file, why } => {
                json!({"event": "file_unreadable", "file": hex(&file.id), "why": why})
            }
            EngineEvent::Elsewhere => json!({"event": "elsewhere"}),
            EngineEvent::ShortMemory(_)
            | EngineEvent::Dropped { .. }
            | EngineEvent::AtServer { .. }
            | EngineEvent::Connecting
            | EngineEvent::AllFetched
            | EngineEvent::Settled => return Ok(()),
        };
        self.event(params).await
    }

    async fn event(&mut self, params: Value) -> Result<(), Failure> {
        self.write(&json!({"jsonrpc": "2.0", "method": "event", "params": params})).await
    }

    async fn write(&mut self, value: &Value) -> Result<(), Failure> {
        let line = printable_json(&value.to_string()) + "\n";
        let written = async {
            self.stdout.write_all(line.as_bytes()).await?;
            self.stdout.flush().await
        };
        written.await.map_err(|error| Failure::output(&error))
    }
}

/// Reads on until there is a whole line in `line`. Returns `false` at the end of the input.
/// Cancelling it loses nothing.
async fn next_line(stdin: &mut BufReader<Input>, line: &mut Vec<u8>) -> Result<bool, Failure> {
    let room = MAX_LINE.saturating_sub(line.len() as u64);
    let read = stdin.take(room).read_until(b'\n', line).await;
    read.map_err(|error| Failure::local(format!("cannot read standard input: {error}")))?;
    match line.last() {
        Some(b'\n') => Ok(true),
        _ if line.len() as u64 >= MAX_LINE => Err(Failure::usage("a request is longer than 512 KiB")),
        // Without a line break at its end it is half a request, which nobody wants carried out.
        _ => Ok(false),
    }
}
