//! Files that are to be sent are read beside the loop.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use ephemeral_e2e::files::Source;

use super::*;
use crate::api::{AcceptInvite, Method as _, SendFile};
use crate::source::SourceError;

/// Reads nothing until it is told to stop, and says then that it was.
fn until_stopped(stopped: mpsc::Sender<()>) -> Describing {
    Describing::by(move |path: &Path, stop: &AtomicBool| -> Result<Source, SourceError> {
        while !stop.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let _ = stopped.send(());
        Err(SourceError::NotAFile(path.to_owned()))
    })
}

/// Returns a service that has a contact, bob.
async fn with_bob(describing: Describing) -> Running {
    let inviting = running().service.client().await.call(CreateInvite::default()).await.unwrap();
    let running = running_by(describing);
    let accept =
        AcceptInvite { invite: inviting.text, name: "bob".to_owned(), foreign: true, ..AcceptInvite::default() };
    running.service.client().await.call(accept).await.unwrap();
    running
}

fn send_file() -> (&'static str, Value) {
    (SendFile::NAME, json!(SendFile { contact: "bob".to_owned(), path: "/large".to_owned() }))
}

#[tokio::test]
async fn others_are_answered_while_a_large_file_is_read() {
    let (read, may_read) = mpsc::channel::<()>();
    let may_read = std::sync::Mutex::new(may_read);
    let describing = Describing::by(move |path: &Path, _: &AtomicBool| -> Result<Source, SourceError> {
        may_read.lock().unwrap().recv().unwrap();
        Err(SourceError::NotAFile(path.to_owned()))
    });
    let running = with_bob(describing).await;
    let mut client = running.service.client().await;
    let (method, params) = send_file();
    let asked = client.ask(method, params).await.unwrap();
    // Of the same connection, and of another one.
    client.call(Hello {}).await.unwrap();
    running.service.client().await.call(ListGroups {}).await.unwrap();
    read.send(()).unwrap();
    let Heard::Answer(answered, Err(error)) = client.hear().await.unwrap() else { panic!("no answer") };
    assert_eq!((answered, error.code), (asked, refusal::USAGE), "{error}");
}

#[tokio::test]
async fn reading_a_file_ends_with_the_connection_that_asked_for_it() {
    let (stopped, is_stopped) = mpsc::channel();
    let running = with_bob(until_stopped(stopped)).await;
    let mut stream = running.raw(1 << 16).await;
    let (method, params) = send_file();
    let request = json!({"id": 1, "method": method, "params": params}).to_string();
    // It breaks off in the middle of the next line: who only has nothing more to ask is answered.
    stream.write_all(format!("{request}\n{{\"id\"").as_bytes()).await.unwrap();
    drop(stream);
    let over = tokio::task::spawn_blocking(move || is_stopped.recv_timeout(PATIENCE));
    over.await.unwrap().expect("it goes on reading");
    running.service.client().await.call(Hello {}).await.unwrap();
}

#[tokio::test]
async fn reading_a_file_ends_with_the_engine() {
    let (stopped, is_stopped) = mpsc::channel();
    let mut running = with_bob(until_stopped(stopped)).await;
    let mut client = running.service.client().await;
    let (method, params) = send_file();
    client.ask(method, params).await.unwrap();
    client.call(Hello {}).await.unwrap();
    running.service.stop().await;
    assert_eq!(running.task.join_next().await.unwrap().unwrap().unwrap(), EngineEnd::Stopped);
    let over = tokio::task::spawn_blocking(move || is_stopped.recv_timeout(PATIENCE));
    over.await.unwrap().expect("it goes on reading");
}
