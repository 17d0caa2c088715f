//! What people's engines do when their server is killed, or moves to another address: over servers
//! in this process, in paused time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ephemeral::transport::Listener;
use ephemeral_client::engine::{Engine, EngineEvent, Fetching, Isolate, Profile};
use ephemeral_client::moved::Book;
use ephemeral_client::vault::Passphrase;
use ephemeral_client::{ByteStream, Dial, DialError, ServerUrl};
use ephemeral_core::protocol::WallTime;
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::core::{Accept, InviteOptions};
use ephemeral_e2e::effect::{Event, LinkId};
use ephemeral_e2e::roster::GroupId;
use ephemeral_test_support::client::{PASSPHRASE, make_profile};
use ephemeral_test_support::rig::{Rig, START};
use ephemeral_tor::{Notice, ServiceKey};
use futures::future::BoxFuture;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::end_to_end::clock;

/// Leads to servers by their names, as long as there are any of them.
#[derive(Clone, Default)]
pub(crate) struct Net(Arc<Mutex<BTreeMap<String, Rig>>>);

impl Net {
    pub(crate) fn with(hosts: &[&str]) -> Self {
        let net = Self::default();
        for host in hosts {
            net.put(host, Rig::new());
        }
        net
    }

    /// Puts a server in the place of whatever was there, with which its connections end.
    pub(crate) fn put(&self, host: &str, mut rig: Rig) {
        rig.listener = Arc::new(Listener { names: vec![host.into()], ..Listener::default() });
        self.0.lock().unwrap().insert(host.to_owned(), rig);
    }

    pub(crate) fn take(&self, host: &str) -> Rig {
        self.0.lock().unwrap().remove(host).unwrap()
    }
}

impl Dial for Net {
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        let stream = self.0.lock().unwrap().get_mut(url.host()).map(Rig::connect);
        Box::pin(async move {
            match stream {
                Some(stream) => Ok(Box::new(stream) as Box<dyn ByteStream>),
                None => Err(DialError::Tcp(std::io::ErrorKind::ConnectionRefused.into())),
            }
        })
    }
}

impl Isolate for Net {
    fn isolated(&self, _: &ServerUrl) -> Result<Arc<dyn Dial>, DialError> {
        Ok(Arc::new(self.clone()))
    }
}

pub(crate) struct Person {
    pub(crate) engine: Engine,
    /// Where the profile is kept.
    folder: TempDir,
    events: Vec<Event>,
    pub(crate) at_server: usize,
}

impl Person {
    pub(crate) fn new(net: &Net, host: &str, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("profile");
        let server = Authority::onion(host).unwrap();
        make_profile(&kept, server, name);
        let profile = Profile::open(&kept, &passphrase()).unwrap();
        Self { engine: running(profile, net, Book::default()), folder, events: Vec::new(), at_server: 0 }
    }

    /// Ends this process, and begins the next one, which knows of moves.
    fn again(self, net: &Net, book: Book) -> Self {
        drop(self.engine.finish().unwrap());
        let profile = Profile::open(&self.folder.path().join("profile"), &passphrase()).unwrap();
        Self { engine: running(profile, net, book), ..self }
    }

    async fn step(&mut self) {
        match self.engine.next().await.unwrap() {
            EngineEvent::Event { id, event } => {
                self.engine.shown(id);
                self.decide(&event);
                self.events.push(event);
            }
            EngineEvent::AtServer { mid: Some(_), .. } => self.at_server += 1,
            _ => {}
        }
    }

    /// Makes an invite for somebody.
    pub(crate) async fn invite(&mut self, name: &str) -> String {
        let options = InviteOptions { name: name.to_owned(), ..InviteOptions::default() };
        self.engine.act(|core, now| core.invite(options, now)).unwrap();
        let before = self.events.len();
        loop {
            self.step().await;
            let invite = self.events.iter().skip(before).find_map(|event| match event {
                Event::Invite { text, .. } => Some(text.clone()),
                _ => None,
            });
            if let Some(invite) = invite {
                return invite;
            }
        }
    }

    pub(crate) fn has_seen(&self, what: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(what)
    }

    fn decide(&mut self, event: &Event) {
        match event {
            Event::GroupOffer { group, admin, name } => {
                self.engine.act(|core, now| core.join(*group, *admin, name, now)).unwrap();
            }
            Event::WantsToMove { link, authority } => {
                self.engine.act(|core, now| core.agree(*link, authority.clone(), now)).unwrap();
            }
            _ => {}
        }
    }

    fn contact(&self, name: &str) -> LinkId {
        self.engine.core().contacts().iter().find(|contact| contact.name == name).unwrap().link
    }

    pub(crate) fn say(&mut self, to: &str, text: &str) {
        let contact = self.contact(to);
        self.engine.act(|core, now| core.send(contact, text.to_owned(), 0, now)).unwrap();
    }

    pub(crate) fn heard(&self, wanted: &str) -> bool {
        self.events.iter().any(|event| match event {
            Event::Text { text, .. } | Event::GroupText { text, .. } => text == wanted,
            _ => false,
        })
    }

    fn is_answered(&self) -> bool {
        self.engine.core().contacts().iter().all(|contact| contact.answered && contact.complete)
    }

    fn was_asked_about(&self, server: &str) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, Event::WantsToMove { authority, .. } if authority.as_str() == server))
    }
}

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned()).unwrap()
}

fn running(profile: Profile, net: &Net, book: Book) -> Engine {
    Engine::new(profile.with_clock(clock), Box::new(net.clone()), book, Fetching::PATIENT).unwrap()
}

/// Lets all go on until something is so, and returns how long that took.
pub(crate) async fn until(people: &mut [Person], done: impl Fn(&[Person]) -> bool) -> Duration {
    let start = Instant::now();
    while !done(people) {
        assert!(start.elapsed() < Duration::from_secs(24 * 3_600), "nothing came of it in a day");
        let steps = people.iter_mut().map(|person| Box::pin(person.step()));
        futures::future::select_all(steps).await;
    }
    start.elapsed()
}

/// Has the second meet the first by an invite.
pub(crate) async fn meet(people: &mut [Person], names: [&str; 2], foreign: bool) {
    let text = people[0].invite(names[1]).await;
    let accept = Accept { name: names[0].to_owned(), text: None, foreign };
    let last = people.len() - 1;
    people[last].engine.act(|core, now| core.accept(&text, accept, now)).unwrap();
    until(people, |people| people.iter().all(Person::is_answered) && !people[0].engine.core().contacts().is_empty())
        .await;
}

fn group_of(person: &Person) -> Option<GroupId> {
    person.engine.core().groups().first().filter(|group| group.members.len() == 2).map(|group| group.group)
}

fn say_to_group(person: &mut Person, text: &str) {
    let group = group_of(person).unwrap();
    person.engine.act(|core, now| core.send_group(group, text.to_owned(), now)).unwrap();
}

fn book(folder: &Path, notice: &Notice) -> Book {
    let mut book = Book::open(&folder.join("moved")).unwrap();
    book.add(vec![notice.clone()]).unwrap();
    book
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_server_forgot_goes_again_within_minutes() {
    let key = ServiceKey::generate().unwrap();
    let net = Net::with(&[key.address()]);
    let mut people = ["Alice", "Bob"].map(|name| Person::new(&net, key.address(), name));
    meet(&mut people, ["Alice", "Bob"], false).await;
    // Bob's computer sleeps.
    for number in 0..20 {
        people[0].say("Bob", &format!("text {number}"));
    }
    until(&mut people[..1], |people| people[0].at_server >= 20).await;
    net.put(key.address(), Rig::new());
    let all = |people: &[Person]| (0..20).all(|number| people[1].heard(&format!("text {number}")));
    let took = until(&mut people, all).await;
    assert!(took < Duration::from_secs(600), "{took:?}");
    let delivered = |event: &&Event| matches!(event, Event::Delivered { .. });
    until(&mut people, |people| people[0].events.iter().filter(delivered).count() == 20).await;
}

#[tokio::test(start_paused = true)]
async fn people_and_groups_go_on_at_the_new_address_of_their_server_and_a_contact_elsewhere_follows() {
    let [old, new, other] = [(); 3].map(|()| ServiceKey::generate().unwrap());
    let net = Net::with(&[old.address(), other.address()]);
    let mut people = Vec::from(["Alice", "Bob"].map(|name| Person::new(&net, old.address(), name)));
    meet(&mut people, ["Alice", "Bob"], false).await;
    let group = people[0].engine.act(|core, now| core.found("climbers", now)).unwrap();
    let bob = people[0].contact("Bob");
    people[0].engine.act(|core, now| core.add_member(group, bob, now)).unwrap();
    until(&mut people, |people| people.iter().all(|person| group_of(person).is_some())).await;
    say_to_group(&mut people[1], "before");
    until(&mut people, |people| people[0].heard("before")).await;
    people.push(Person::new(&net, other.address(), "Carol"));
    meet(&mut people, ["Alice", "Carol"], true).await;

    net.put(new.address(), net.take(old.address()));
    let folder = tempfile::tempdir().unwrap();
    let notice = Notice::sign(&old, new.address(), WallTime(START.0)).unwrap();
    let carol = people.pop().unwrap();
    let mut people: Vec<Person> =
        people.into_iter().map(|person| person.again(&net, book(folder.path(), &notice))).collect();
    assert!(people.iter().all(|person| person.engine.moved_from().map(Authority::as_str) == Some(old.address())));
    people.push(carol);
    people[0].say("Bob", "we have moved");
    say_to_group(&mut people[1], "all of us");
    let took = until(&mut people, |people| people[1].heard("we have moved") && people[0].heard("all of us")).await;
    // Connections are spread over a minute; no text waits for a new mailbox's first one.
    assert!(took < Duration::from_secs(180), "{took:?}");
    assert!(people[..2].iter().all(|person| !person.was_asked_about(new.address())), "they know of it");

    until(&mut people, |people| people[2].was_asked_about(new.address())).await;
    people[2].say("Alice", "I found you");
    until(&mut people, |people| people[0].heard("I found you")).await;
}
