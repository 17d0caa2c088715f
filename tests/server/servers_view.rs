//! What a server sees that logs everything: every frame of every connection, in a conversation of
//! three people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use ephemeral_client::engine::{EngineEvent, Fetching, Isolate};
use ephemeral_client::{ByteStream, Dial, DialError, ServerUrl};
use futures::future::BoxFuture;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::duplex;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{accept_hdr_async, client_async};

use crate::end_to_end::{Person, ToRig, clock, invited};

/// A frame of a connection.
struct Seen {
    connection: usize,
    from_client: bool,
    text: String,
}

/// A way to a rig past somebody who writes down every frame. The host that is signed is the one
/// that is dialled, so that the server cannot tell the difference.
#[derive(Clone)]
struct Tapped {
    rig: ToRig,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
}

impl Isolate for Tapped {
    fn isolated(&self, _: &ServerUrl) -> Result<Arc<dyn Dial>, DialError> {
        Ok(Arc::new(self.clone()))
    }
}

impl Dial for Tapped {
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        Box::pin(async move {
            let server = self.rig.dial(url).await?;
            let (ours, theirs) = duplex(1 << 20);
            let connection = {
                let mut connections = self.connections.lock().unwrap();
                *connections += 1;
                *connections
            };
            // It ends with either of the two.
            tokio::spawn(listen_in(theirs, server, connection, Arc::clone(&self.seen)));
            Ok(Box::new(ours) as Box<dyn ByteStream>)
        })
    }
}

async fn listen_in(
    client: tokio::io::DuplexStream,
    server: Box<dyn ByteStream>,
    connection: usize,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    let mut path = String::new();
    #[allow(clippy::result_large_err, reason = "the type of the callback is the library's")]
    let answer = |request: &Request, response: Response| {
        path = request.uri().to_string();
        Ok(response)
    };
    let Ok(client) = accept_hdr_async(client, answer).await else { return };
    let Ok((server, _)) = client_async(format!("ws://localhost{path}"), server).await else { return };
    let note = |from_client: bool, message: &Message| {
        if let Message::Text(text) = message {
            seen.lock().unwrap().push(Seen { connection, from_client, text: text.to_string() });
        }
    };
    let (mut to_client, mut from_client) = client.split();
    let (mut to_server, mut from_server) = server.split();
    loop {
        let passed = tokio::select! {
            Some(Ok(message)) = from_client.next() => {
                note(true, &message);
                to_server.send(message).await
            }
            Some(Ok(message)) = from_server.next() => {
                note(false, &message);
                to_client.send(message).await
            }
            else => return,
        };
        if passed.is_err() {
            return;
        }
    }
}

/// Lets three go on for so many seconds of the paused clock.
async fn pass(people: [&mut Person; 3], seconds: u64) {
    let [alice, bob, carol] = people;
    let end = clock() + seconds * 1_000;
    while clock() < end {
        tokio::select! {
            () = alice.step() => {}
            () = bob.step() => {}
            () = carol.step() => {}
            () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
        }
    }
}

/// Lists what a person is known by outside: keys in every spelling that a frame could have them in,
/// and names.
fn marks(person: &Person, name: &str) -> Vec<String> {
    let (curve, ed) = person.engine.core().identity();
    let spelled = [curve, ed].into_iter().flat_map(|key| {
        let base64 = data_encoding::BASE64URL_NOPAD.encode(&key.0);
        [key.to_hex(), base64, data_encoding::BASE64.encode(&key.0)]
    });
    spelled.chain([name.to_owned(), data_encoding::BASE64URL_NOPAD.encode(name.as_bytes())]).collect()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_logs_everything_finds_three_sizes_and_no_two_conversations_of_one_person_on_one_connection() {
    let tapped = Tapped { rig: ToRig::new(), seen: Arc::default(), connections: Arc::default() };
    let route = || -> Box<dyn Isolate> { Box::new(tapped.clone()) };
    let names = ["Alice of the newspaper", "Bob of the ministry", "Carol of the board"];
    let mut alice = Person::over(route(), names[0], Fetching::PATIENT);
    let mut bob = Person::over(route(), names[1], Fetching::PATIENT);
    let mut carol = Person::over(route(), names[2], Fetching::PATIENT);
    invited(&mut alice, &mut bob, "the first words").await;
    invited(&mut alice, &mut carol, "other first words").await;
    pass([&mut alice, &mut bob, &mut carol], 3_600).await;
    for (length, text) in [(1, "x"), (40, "who has read the file"), (1_500, "word"), (9_000, "long")] {
        let text = text.repeat(length / text.len());
        for person in [&mut alice, &mut bob, &mut carol] {
            for contact in person.engine.core().contacts() {
                let text = text.clone();
                person.engine.act(|core, now| core.send(contact.link, text, 0, now)).unwrap();
            }
        }
        pass([&mut alice, &mut bob, &mut carol], 600).await;
    }
    pass([&mut alice, &mut bob, &mut carol], 3_600).await;
    assert_eq!((alice.texts().len(), bob.texts().len(), carol.texts().len()), (10, 4, 4), "all of it was said");

    let seen = tapped.seen.lock().unwrap();
    let forbidden: Vec<String> = [(&alice, names[0]), (&bob, names[1]), (&carol, names[2])]
        .iter()
        .flat_map(|(who, name)| marks(who, name))
        .collect();
    let mut sizes = BTreeSet::new();
    let mut pseudonyms: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut partners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Seen { connection, from_client, text } in seen.iter() {
        for mark in &forbidden {
            assert!(!text.contains(mark), "{mark} is in a frame");
        }
        assert!(!text.contains("words") && !text.contains("who has read"), "a text is in a frame");
        let frame: Value = serde_json::from_str(text).unwrap();
        if let Some(fingerprint) = frame["fingerprint"].as_str() {
            pseudonyms.entry(*connection).or_default().insert(fingerprint.to_owned());
        }
        if *from_client && frame["type"] == "message" {
            sizes.insert(frame["content"].as_str().unwrap().len());
            let from = pseudonyms[connection].first().unwrap().clone();
            partners.entry(from).or_default().insert(frame["to"].as_str().unwrap().to_owned());
            assert_eq!(frame["ttl_s"], 604_800, "a time to live says nothing about a message");
            assert_eq!(frame["id"].as_str().unwrap().len(), 22);
        }
    }
    assert_eq!(sizes, BTreeSet::from([4_096, 16_384]), "nothing else was long enough for the third size");
    assert!(pseudonyms.values().all(|names| names.len() == 1), "one pseudonym a connection");
    assert!(partners.len() >= 6, "two of Alice's, one each of Bob's and Carol's, and two for first messages");
    assert!(partners.values().all(|to| to.len() == 1), "each pseudonym writes to one: {partners:?}");
}

#[tokio::test(start_paused = true)]
async fn a_first_message_comes_from_a_key_that_is_never_used_again() {
    let tapped = Tapped { rig: ToRig::new(), seen: Arc::default(), connections: Arc::default() };
    let mut alice = Person::over(Box::new(tapped.clone()), "Alice", Fetching::HASTY);
    let mut bob = Person::over(Box::new(tapped.clone()), "Bob", Fetching::HASTY);
    invited(&mut alice, &mut bob, "it is me").await;
    while !matches!(bob.engine.next().await.unwrap(), EngineEvent::AtServer { .. }) {}
    let first = {
        let seen = tapped.seen.lock().unwrap();
        let sent = seen.iter().find(|seen| seen.from_client && seen.text.contains("\"content\"")).unwrap().connection;
        seen.iter().filter(|seen| seen.connection == sent).map(|seen| seen.text.clone()).collect::<Vec<_>>()
    };
    let key = first.iter().find_map(|text| {
        let frame: Value = serde_json::from_str(text).unwrap();
        frame["fingerprint"].as_str().map(str::to_owned)
    });
    crate::end_to_end::together(&mut alice, &mut bob, |alice, _| alice.texts().len() == 1).await;
    bob.say("more");
    crate::end_to_end::together(&mut alice, &mut bob, |alice, _| alice.texts().len() == 2).await;
    let seen = tapped.seen.lock().unwrap();
    let named = |seen: &&Seen| {
        let frame: Value = serde_json::from_str(&seen.text).unwrap();
        frame["fingerprint"].as_str() == key.as_deref()
    };
    let uses: BTreeSet<usize> = seen.iter().filter(named).map(|seen| seen.connection).collect();
    assert_eq!(uses.len(), 1, "{uses:?}");
}
