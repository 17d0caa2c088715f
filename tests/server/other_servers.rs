//! Contacts on servers that cannot be used: what is for others goes on.

use std::sync::Arc;

use ephemeral_client::engine::{Engine, EngineEvent, Fetching, Isolate, Profile};
use ephemeral_client::moved::Book;
use ephemeral_client::{ByteStream, Dial, DialError, ServerUrl};
use ephemeral_core::session;
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::core::{Accept, Core, InviteOptions};
use ephemeral_e2e::effect::{Effect, Event};
use ephemeral_test_support::rig::{self, Rig};
use futures::future::BoxFuture;

use crate::end_to_end::{Person, ToRig, clock, invited, together};

/// Leads to one's own server, and to servers of others that cannot be used: each for another
/// reason.
#[derive(Clone)]
struct Ways {
    own: ToRig,
    small: ToRig,
    unreadable: String,
    never: String,
}

impl Isolate for Ways {
    fn isolated(&self, to: &ServerUrl) -> Result<Arc<dyn Dial>, DialError> {
        match to.host() {
            host if host == self.unreadable => Err(DialError::NoWay("the key for it cannot be read".into())),
            _ => Ok(Arc::new(self.clone())),
        }
    }
}

impl Dial for Ways {
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        match url.host() {
            host if host == self.never => Box::pin(async { Err(DialError::OnionDirectly) }),
            rig::HOST => self.own.dial(url),
            _ => self.small.dial(url),
        }
    }
}

fn onion(number: u8) -> Authority {
    Authority::from_onion_key(&Key([number; 32]), 80)
}

/// Makes an invite of somebody on another server.
fn invite_from(server: Authority) -> String {
    let mut core = Core::create(server, "somebody", clock()).unwrap();
    core.invite(InviteOptions::default(), clock()).unwrap();
    let effects = core.commit(|_| Ok::<(), ()>(())).unwrap();
    let text = effects.into_iter().find_map(|effect| match effect {
        Effect::Show { event: Event::Invite { text, .. }, .. } => Some(text),
        _ => None,
    });
    text.unwrap()
}

#[tokio::test(start_paused = true)]
async fn servers_of_contacts_that_cannot_be_used_stop_nothing_that_is_for_others_and_are_named() {
    let own = ToRig::new();
    let rules = session::Config { content_bytes: 1_000, ..rig::unlimited() };
    let small = ToRig::with(Rig::with(rig::Options { rules, ..rig::Options::default() }));
    let [unreadable, never, too_small] = [1, 2, 3].map(onion);
    let ways =
        Ways { own: own.clone(), small, unreadable: unreadable.as_str().to_owned(), never: never.as_str().to_owned() };
    let profile = Profile::create(None, Authority::loopback(rig::HOST).unwrap(), "Alice").unwrap().with_clock(clock);
    let engine = Engine::new(profile, Box::new(ways), Book::default(), Fetching::HASTY).unwrap();
    let mut alice = Person::running(engine);
    for server in [&unreadable, &never, &too_small] {
        let invite = invite_from(server.clone());
        let accept = Accept { name: String::new(), text: Some("hello".to_owned()), foreign: true };
        alice.engine.act(|core, now| core.accept(&invite, accept, now)).unwrap();
    }
    let mut named = std::collections::BTreeSet::new();
    while named.len() < 3 {
        if let EngineEvent::Unusable { server, .. } = alice.engine.next().await.unwrap() {
            named.insert(server);
        }
    }
    assert!([&unreadable, &never, &too_small].iter().all(|server| named.contains(server.as_str())), "{named:?}");

    let mut bob = Person::over(Box::new(own), "Bob", Fetching::HASTY);
    invited(&mut alice, &mut bob, "it is me").await;
    together(&mut alice, &mut bob, |alice, _| alice.texts() == ["it is me"]).await;
    let contact = alice.engine.core().contacts().last().unwrap().link;
    alice.engine.act(|core, now| core.send(contact, "and me".to_owned(), 0, now)).unwrap();
    together(&mut alice, &mut bob, |_, bob| bob.texts() == ["and me"]).await;
}
