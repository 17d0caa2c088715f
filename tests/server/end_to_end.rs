//! People who write to each other with the engine of the client, over the server in this process,
//! in paused time.

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
pub(crate) struct ToRig(Arc<Mutex<Rig>>);

impl ToRig {
    pub(crate) fn new() -> Self {
        Self::with(Rig::new())
    }

    pub(crate) fn with(rig: Rig) -> Self {
        Self(Arc::new(Mutex::new(rig)))
    }
}

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

/// Returns the machine's clock, which follows the paused one.
pub(crate) fn clock() -> u64 {
    let now = Instant::now();
    let beginning = BEGINNING.get().unwrap_or(now);
    BEGINNING.set(Some(beginning));
    START.0 + u64::try_from(now.duration_since(beginning).as_millis()).unwrap()
}

pub(crate) struct Person {
    pub(crate) engine: Engine,
    events: Vec<Event>,
    at_server: usize,
}

impl Person {
    pub(crate) fn over(route: Box<dyn Isolate>, name: &str, fetching: Fetching) -> Self {
        let server = Authority::loopback(HOST).unwrap();
        let profile = Profile::create(None, server, name).unwrap().with_clock(clock);
        let engine = Engine::new(profile, route, Book::default(), fetching).unwrap();
        Self::running(engine)
    }

    pub(crate) fn running(engine: Engine) -> Self {
        Self { engine, events: Vec::new(), at_server: 0 }
    }

    pub(crate) async fn step(&mut self) {
        match self.engine.next().await.unwrap() {
            EngineEvent::Event { id, event } => {
                self.events.push(event);
                self.engine.shown(id);
            }
            EngineEvent::AtServer { .. } => self.at_server += 1,
            _ => {}
        }
    }

    fn contact(&self) -> LinkId {
        self.engine.core().contacts().first().unwrap().link
    }

    pub(crate) fn say(&mut self, text: &str) {
        let contact = self.contact();
        self.engine.act(|core, now| core.send(contact, text.to_owned(), 0, now)).unwrap();
    }

    pub(crate) fn texts(&self) -> Vec<&str> {
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
pub(crate) async fn together(one: &mut Person, other: &mut Person, done: impl Fn(&Person, &Person) -> bool) {
    while !done(one, other) {
        tokio::select! {
            () = one.step() => {}
            () = other.step() => {}
        }
    }
}

/// Has the second accept an invite of the first, with a text.
pub(crate) async fn invited(one: &mut Person, other: &mut Person, text: &str) {
    let before = one.events.len();
    one.engine.act(|core, now| core.invite(InviteOptions::default(), now)).unwrap();
    let invite = loop {
        if let Some(invite) = one.events.iter().skip(before).find_map(invite_text) {
            break invite;
        }
        one.step().await;
    };
    let accept = Accept { name: String::new(), text: Some(text.to_owned()), foreign: false };
    other.engine.act(|core, now| core.accept(&invite, accept, now)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_people_meet_by_an_invite_and_talk_and_each_learns_that_it_arrived() {
    let rig = ToRig::new();
    for fetching in [Fetching::HASTY, Fetching::PATIENT] {
        let mut alice = Person::over(Box::new(rig.clone()), "Alice", fetching);
        let mut bob = Person::over(Box::new(rig.clone()), "Bob", fetching);
        invited(&mut alice, &mut bob, "hello").await;
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
