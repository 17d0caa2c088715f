//! People who write to each other with the engine of the client, over the server in this process, in paused time.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use ephemeral_client::engine::{Engine, EngineEvent, Fetching, Isolate, Profile};
use ephemeral_client::moved::Book;
use ephemeral_client::{ByteStream, Dial, DialError, ServerUrl};
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::core::{Accept, InviteOptions};
use ephemeral_e2e::effect::{Event, LinkId};
use ephemeral_test_support::rig::{HOST, Rig, START};
use futures::future::BoxFuture;
use tokio::time::Instant;

/// A way to a rig.
#[derive(Clone)]
struct ToRig(Arc<Mutex<Rig>>);

impl Dial for ToRig {
    fn dial<'a>(&'a self, _: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        let stream = self.0.lock().unwrap().connect();
        Box::pin(async move { Ok(Box::new(stream) as Box<dyn ByteStream>) })
    }
}

impl Isolate for ToRig {
    fn isolated(&self, _: &ServerUrl) -> Result<Arc<dyn Dial>, DialError> {
        Ok(Arc::new(self.clone()))
    }
}

thread_local! {
    static BEGINNING: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The machine's clock, which follows the paused one.
fn clock() -> u64 {
    let now = Instant::now();
    let beginning = BEGINNING.get().unwrap_or(now);
    BEGINNING.set(Some(beginning));
    START.0 + u64::try_from(now.duration_since(beginning).as_millis()).unwrap()
}

struct Person {
    engine: Engine,
    events: Vec<Event>,
    at_server: usize,
}

impl Person {
    fn new(rig: &ToRig, name: &str, fetching: Fetching) -> Self {
        let server = Authority::loopback(HOST).unwrap();
        let profile = Profile::create(None, server, name).unwrap().with_clock(clock);
        let engine = Engine::new(profile, Box::new(rig.clone()), Book::default(), fetching).unwrap();
        Self { engine, events: Vec::new(), at_server: 0 }
    }

    async fn step(&mut self) {
        match self.engine.next().await.unwrap() {
            EngineEvent::Event { id, event } => {
                self.events.push(event);
                self.engine.shown(id);
            }
            EngineEvent::AtServer { .. } => self.at_server += 1,
            _ => {}
        }
    }

    async fn until<T>(&mut self, found: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = self.events.iter().find_map(&found) {
                return found;
            }
            self.step().await;
        }
    }

    fn contact(&self) -> LinkId {
        self.engine.core().contacts().first().unwrap().link
    }

    fn say(&mut self, text: &str) {
        let contact = self.contact();
        self.engine.act(|core, now| core.send(contact, text.to_owned(), 0, now)).unwrap();
    }

    fn texts(&self) -> Vec<&str> {
        let text = |event: &'_ Event| matches!(event, Event::Text { .. });
        self.events.iter().filter(|event| text(event)).map(text_of).collect()
    }

    fn delivered(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Delivered { .. })).count()
    }
}

fn text_of(event: &Event) -> &str {
    match event {
        Event::Text { text, .. } => text,
        _ => panic!("no text: {event:?}"),
    }
}

fn invite_text(event: &Event) -> Option<String> {
    match event {
        Event::Invite { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// Lets both go on until something is so.
async fn together(one: &mut Person, other: &mut Person, done: impl Fn(&Person, &Person) -> bool) {
    while !done(one, other) {
        tokio::select! {
            () = one.step() => {}
            () = other.step() => {}
        }
    }
}

/// Two people, the second of whom has just accepted an invite of the first, with a text.
async fn invited(rig: &ToRig, fetching: Fetching) -> (Person, Person) {
    let mut alice = Person::new(rig, "Alice", fetching);
    let mut bob = Person::new(rig, "Bob", fetching);
    alice.engine.act(|core, now| core.invite(InviteOptions::default(), now)).unwrap();
    let invite = alice.until(invite_text).await;
    let accept = Accept { name: "alice".to_owned(), text: Some("hello".to_owned()), foreign: false };
    bob.engine.act(|core, now| core.accept(&invite, accept, now)).unwrap();
    (alice, bob)
}

#[tokio::test(start_paused = true)]
async fn two_people_meet_by_an_invite_and_talk_and_each_learns_that_it_arrived() {
    let rig = ToRig(Arc::new(Mutex::new(Rig::new())));
    for fetching in [Fetching::HASTY, Fetching::PATIENT] {
        let (mut alice, mut bob) = invited(&rig, fetching).await;
        together(&mut alice, &mut bob, |alice, bob| {
            alice.texts() == ["hello"] && bob.events.iter().any(|event| matches!(event, Event::Answered { .. }))
        })
        .await;
        for round in 0..20 {
            alice.say(&format!("a{round}"));
            bob.say(&format!("b{round}"));
        }
        together(&mut alice, &mut bob, |alice, bob| {
            alice.texts().len() == 21 && bob.texts().len() == 20 && alice.delivered() == 20 && bob.delivered() == 21
        })
        .await;
        assert!(alice.at_server >= 20 && bob.at_server >= 21);
    }
}
