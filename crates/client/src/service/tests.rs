//! The service over pipes in memory, with an engine that dials nothing.

mod files;

use std::time::Duration;

use ephemeral_e2e::authority::Authority;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex};
use tokio::task::JoinSet;

use super::*;
use crate::api::{CreateGroup, CreateInvite, Hello, ListGroups, METHODS, Notification, Panic, Subscribe};
use crate::engine::{Fetching, Isolate, Profile};
use crate::moved::Book;
use crate::{Dial, DialError, ServerUrl};

/// How long a line may take here.
const PATIENCE: Duration = Duration::from_secs(30);

struct NoWay;

impl Isolate for NoWay {
    fn isolated(&self, _: &ServerUrl) -> Result<Arc<dyn Dial>, DialError> {
        Err(DialError::Tcp(std::io::ErrorKind::NotConnected.into()))
    }
}

/// A service that runs, and ends with this value.
struct Running {
    service: ServiceHandle,
    task: JoinSet<Result<EngineEnd, EngineError>>,
}

fn running() -> Running {
    running_by(Describing::default())
}

/// Returns a service that reads files like this.
fn running_by(describing: Describing) -> Running {
    let profile = Profile::create(None, Authority::loopback("localhost").unwrap(), "me").unwrap();
    let engine = Engine::new(profile, Box::new(NoWay), Book::default(), Fetching::NONE).unwrap();
    let (mut engine_service, service) =
        EngineService::new(engine, ServiceOptions { offline: true, ..ServiceOptions::default() });
    engine_service.describing = describing;
    let mut task = JoinSet::new();
    task.spawn(engine_service.run());
    Running { service, task }
}

impl Running {
    /// Opens a connection that keeps to no rules. `room`: bytes that fit into its pipe.
    async fn raw(&self, room: usize) -> BufReader<DuplexStream> {
        let (ours, theirs) = duplex(room);
        drop(self.service.connect(theirs, Some(PATIENCE)).await);
        BufReader::new(ours)
    }
}

async fn line(stream: &mut BufReader<DuplexStream>) -> Option<Value> {
    let mut line = String::new();
    // A pipe that was cut off is at its end, perhaps in the middle of a line.
    stream.read_line(&mut line).await.ok()?;
    line.strip_suffix('\n')?;
    Some(serde_json::from_str(&line).unwrap())
}

async fn ask(stream: &mut BufReader<DuplexStream>, line_of_it: &str) -> Value {
    stream.write_all(line_of_it.as_bytes()).await.unwrap();
    line(stream).await.unwrap()
}

#[tokio::test]
async fn every_method_is_carried_out_by_something() {
    for method in METHODS {
        let running = running();
        let mut stream = running.raw(1 << 16).await;
        let answer = ask(&mut stream, &(json!({"id": 1, "method": method}).to_string() + "\n")).await;
        assert_eq!(answer["id"], 1, "{answer}");
        let code = answer["error"]["code"].as_i64().unwrap_or_default();
        assert!(code > refusal::NO_SUCH_METHOD, "{method}: {answer}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_answered_with_an_error_and_harms_nobody() {
    let running = running();
    let mut stream = running.raw(1 << 20).await;
    for (said, code) in [
        ("hello\n", refusal::NOT_JSON),
        ("\u{0}\n", refusal::NOT_JSON),
        ("[]\n", refusal::NOT_A_REQUEST),
        ("{\"id\":1}\n", refusal::NOT_A_REQUEST),
        ("{\"id\":1,\"method\":\"nothing\"}\n", refusal::NO_SUCH_METHOD),
        ("{\"id\":1,\"method\":\"send\",\"params\":{\"to\":7}}\n", refusal::WRONG_PARAMETERS),
        ("{\"id\":1,\"method\":\"send\",\"params\":[\"a\"]}\n", refusal::NOT_A_REQUEST),
    ] {
        let answer = ask(&mut stream, said).await;
        assert_eq!(answer["error"]["code"], code, "{said}: {answer}");
    }
    // Without an id nothing is answered, and the next request is.
    let said = "{\"method\":\"status\"}\n{\"id\":\"x\",\"method\":\"hello\",\"later\":1}\n";
    assert_eq!(ask(&mut stream, said).await["id"], "x");
}

#[tokio::test(start_paused = true)]
async fn half_a_line_and_one_that_is_too_long_end_their_connection_with_an_error() {
    let running = running();
    let mut half = running.raw(1 << 20).await;
    let started = Instant::now();
    let answer = ask(&mut half, "{\"id\":1,").await;
    assert_eq!(answer["error"]["code"], refusal::NOT_JSON, "{answer}");
    assert!(started.elapsed() >= PATIENCE, "it had its time");
    assert_eq!(line(&mut half).await, None);

    let mut cut = running.raw(1 << 20).await;
    cut.write_all(b"{\"id\":1,").await.unwrap();
    cut.shutdown().await.unwrap();
    assert_eq!(line(&mut cut).await.unwrap()["error"]["code"], refusal::NOT_JSON);

    let mut long = running.raw(1 << 20).await;
    long.write_all(&vec![b'x'; wire::MAX_REQUEST + 1]).await.unwrap();
    assert_eq!(line(&mut long).await.unwrap()["error"]["code"], refusal::NOT_A_REQUEST);
    assert_eq!(line(&mut long).await, None);
    running.service.client().await.call(Hello {}).await.unwrap();
}

#[tokio::test]
async fn of_a_hundred_connections_thirty_two_are_served_and_the_others_told_so() {
    let running = running();
    let mut served = 0;
    let mut streams = Vec::new();
    for _ in 0..100 {
        let mut stream = running.raw(1 << 16).await;
        stream.write_all(b"{\"id\":1,\"method\":\"subscribe\"}\n").await.unwrap();
        let answer = line(&mut stream).await.unwrap();
        served += usize::from(answer["result"].is_object());
        let refused = answer["error"]["code"] == refusal::NOT_NOW;
        assert!(answer["result"].is_object() || refused, "{answer}");
        streams.push(stream);
    }
    assert_eq!(served, 32);
    // A place is free as soon as one goes.
    drop(streams.remove(0));
    let mut free = false;
    while !free {
        let mut stream = running.raw(1 << 16).await;
        free = ask(&mut stream, "{\"id\":1,\"method\":\"hello\"}\n").await["result"].is_object();
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_read_is_cut_off_and_the_others_go_on() {
    let running = running();
    let mut deaf = running.raw(256).await;
    deaf.write_all(b"{\"id\":1,\"method\":\"subscribe\"}\n").await.unwrap();
    let mut hearing = running.service.client().await;
    hearing.call(Subscribe::default()).await.unwrap();
    let mut busy = running.service.client().await;
    for number in 0..30 {
        busy.call(CreateGroup { name: format!("group {number}") }).await.unwrap();
        assert_eq!(hearing.next().await.unwrap().event, Notification::Changed {});
    }
    tokio::time::sleep(2 * PATIENCE).await;
    let mut heard = 0;
    while line(&mut deaf).await.is_some_and(|line| line.is_object()) {
        heard += 1;
    }
    assert!(heard < 20, "{heard} lines, and then the end");
    assert_eq!(busy.call(ListGroups {}).await.unwrap().groups.len(), 30);
}

#[tokio::test]
async fn requests_that_came_before_the_end_of_a_stream_are_answered() {
    let running = running();
    let (ours, theirs) = duplex(1 << 16);
    let over = running.service.connect(theirs, None).await;
    let mut stream = BufReader::new(ours);
    let said = b"{\"id\":1,\"method\":\"invites.create\"}\n{\"id\":2,\"method\":\"invites.list\"}\n";
    stream.write_all(said).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answers = Vec::new();
    while let Some(answer) = line(&mut stream).await {
        answers.push(answer);
    }
    answers.sort_by_key(|answer| answer["id"].as_u64());
    assert!(answers[0]["result"]["text"].as_str().unwrap().starts_with("ephemeral:"), "{answers:?}");
    assert_eq!(answers[1]["result"].as_array().unwrap().len(), 1);
    // The sender is dropped with the connection.
    assert!(over.await.is_err());
}

#[tokio::test]
async fn a_client_asks_and_hears_and_an_erased_profile_ends_the_service() {
    let mut running = running();
    let mut client = running.service.client().await;
    client.call(Subscribe::default()).await.unwrap();
    assert!(client.call(Subscribe::default()).await.unwrap_err().to_string().contains("subscribed already"));
    let invite = client.call(CreateInvite { name: "bob".to_owned(), ..CreateInvite::default() }).await.unwrap();
    assert!(invite.text.starts_with("ephemeral:"));
    client.call(Panic {}).await.unwrap();
    assert!(matches!(client.next().await, Err(ClientError::Ended)));
    assert_eq!(running.task.join_next().await.unwrap().unwrap().unwrap(), EngineEnd::Erased);
}
