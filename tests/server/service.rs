//! Engines that serve: what their subscribers are told, what comes again, and when a text is gone,
//! over the server in this process, in paused time.

use std::time::Duration;

use ephemeral_client::api::{
    AcceptInvite, CreateInvite, EventParams, History, ListOutbox, Notification, SendText, StandingName, Status,
    Subscribe, Taking,
};
use ephemeral_client::engine::{Engine, EngineError, Fetching, Profile};
use ephemeral_client::moved::Book;
use ephemeral_client::service::{EngineClient, EngineEnd, EngineService, ServiceHandle, ServiceOptions};
use ephemeral_e2e::authority::Authority;
use ephemeral_test_support::rig::HOST;
use tokio::task::JoinSet;

use crate::end_to_end::{ToRig, clock};

/// Somebody whose engine serves.
struct Served {
    service: ServiceHandle,
    _task: JoinSet<Result<EngineEnd, EngineError>>,
}

impl Served {
    fn new(route: &ToRig, name: &str) -> Self {
        let profile = Profile::create(None, Authority::loopback(HOST).unwrap(), name).unwrap().with_clock(clock);
        let engine = Engine::new(profile, Box::new(route.clone()), Book::default(), Fetching::HASTY).unwrap();
        let (engine_service, service) = EngineService::new(engine, ServiceOptions::default());
        let mut task = JoinSet::new();
        task.spawn(engine_service.run());
        Self { service, _task: task }
    }

    async fn subscriber(&self, taking: Taking) -> EngineClient {
        let mut client = self.service.client().await;
        client.call(Subscribe { taking }).await.unwrap();
        client
    }
}

/// Waits for an event of which this is true.
async fn until(client: &mut EngineClient, is_it: impl Fn(&Notification) -> bool) -> EventParams {
    loop {
        let told = client.next().await.unwrap();
        if is_it(&told.event) {
            return told;
        }
    }
}

fn is_text(event: &Notification) -> bool {
    matches!(event, Notification::Text { .. })
}

/// Makes two who know each other, and a subscriber of each, which takes what it is told.
async fn pair() -> (Served, EngineClient, Served, EngineClient) {
    let route = ToRig::new();
    let alice = Served::new(&route, "Alice");
    let bob = Served::new(&route, "Bob");
    let mut of_alice = alice.subscriber(Taking::Written).await;
    let mut of_bob = bob.subscriber(Taking::Written).await;
    let invite = of_alice.call(CreateInvite { name: "bob".to_owned(), ..CreateInvite::default() }).await.unwrap();
    let accept = AcceptInvite { invite: invite.text, name: "alice".to_owned(), ..AcceptInvite::default() };
    of_bob.call(accept).await.unwrap();
    until(&mut of_bob, |event| matches!(event, Notification::Answered { .. })).await;
    until(&mut of_alice, |event| matches!(event, Notification::Contact { .. })).await;
    (alice, of_alice, bob, of_bob)
}

fn to(name: &str, text: &str, burn_s: u32) -> SendText {
    SendText { to: name.to_owned(), text: text.to_owned(), burn_s }
}

fn history(with: &str) -> History {
    History { with: with.to_owned(), last: 0 }
}

#[tokio::test(start_paused = true)]
async fn a_text_with_an_end_has_the_same_on_both_sides_and_leaves_both_histories_then() {
    let (_alice, mut of_alice, _bob, mut of_bob) = pair().await;
    let sent = of_alice.call(to("bob", "burns", 600)).await.unwrap();
    let told = until(&mut of_bob, is_text).await;
    let Notification::Text { gone_at, .. } = told.event else { panic!("{told:?}") };
    assert!(gone_at.is_some() && gone_at == sent.gone_at, "{gone_at:?} {sent:?}");
    assert_eq!(of_bob.call(history("alice")).await.unwrap()[0].gone_at, sent.gone_at);
    tokio::time::sleep(Duration::from_secs(500)).await;
    assert_eq!(of_alice.call(history("bob")).await.unwrap().len(), 1);
    tokio::time::sleep(Duration::from_secs(161)).await;
    assert!(of_alice.call(history("bob")).await.unwrap().is_empty());
    assert!(of_bob.call(history("alice")).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_its_end_is_still_shown_once() {
    let (_alice, mut of_alice, bob, of_bob) = pair().await;
    drop(of_bob);
    let mut watching = bob.subscriber(Taking::Watched).await;
    of_alice.call(to("bob", "late", 1)).await.unwrap();
    until(&mut watching, is_text).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(watching.call(history("alice")).await.unwrap().len(), 1, "nobody has seen it");
    let mut showing = bob.subscriber(Taking::Written).await;
    until(&mut showing, is_text).await;
    // The receipt of what was written is a message of its own.
    while !showing.call(history("alice")).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_stands_where_it_stands_for_the_sender() {
    let (_alice, mut of_alice, _bob, mut of_bob) = pair().await;
    let sent = of_alice.call(to("bob", "hello", 0)).await.unwrap();
    assert_eq!(sent.standing, StandingName::Sending);
    let outbox = of_alice.call(ListOutbox { with: "bob".to_owned() }).await.unwrap();
    assert_eq!((outbox[0].id.as_str(), outbox[0].to.as_str()), (sent.id.as_str(), "bob"));
    let is = |wanted: &str, id: &str| wanted == id;
    until(&mut of_alice, |event| matches!(event, Notification::AtServer { id, .. } if is(&sent.id, id))).await;
    assert_eq!(of_alice.call(history("bob")).await.unwrap()[0].standing, Some(StandingName::AtServer));
    until(&mut of_bob, is_text).await;
    until(&mut of_alice, |event| matches!(event, Notification::Arrived { id, .. } if is(&sent.id, id))).await;
    assert_eq!(of_alice.call(history("bob")).await.unwrap()[0].standing, Some(StandingName::Arrived));
    assert!(of_alice.call(ListOutbox::default()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_by_one_program_is_told_to_the_others() {
    let (alice, mut of_alice, _bob, _of_bob) = pair().await;
    let mut other = alice.service.client().await;
    let sent = other.call(to("BOB", "from elsewhere", 0)).await.unwrap();
    let told = until(&mut of_alice, |event| matches!(event, Notification::Sent { .. })).await;
    let Notification::Sent { to, id, text, .. } = told.event else { panic!("{told:?}") };
    assert_eq!((to.as_str(), id, text.as_str()), ("bob", sent.id, "from elsewhere"));
}

#[tokio::test(start_paused = true)]
async fn what_one_that_acknowledges_did_not_take_comes_again_although_another_one_has_seen_it() {
    let (_alice, mut of_alice, bob, mut of_bob) = pair().await;
    let mut failing = bob.subscriber(Taking::Acknowledged).await;
    of_alice.call(to("bob", "precious", 0)).await.unwrap();
    until(&mut of_bob, is_text).await;
    let number = until(&mut failing, is_text).await.number;
    assert!(number.is_some());
    drop(failing);
    let mut again = bob.subscriber(Taking::Acknowledged).await;
    assert_eq!(until(&mut again, is_text).await.number, number);
    again.shown(number.unwrap()).await.unwrap();
    again.call(Status {}).await.unwrap();
    drop(again);
    let mut last = bob.subscriber(Taking::Acknowledged).await;
    let first = until(&mut last, |event| is_text(event) || *event == Notification::AllFetched {}).await;
    assert_eq!(first.event, Notification::AllFetched {}, "it was taken");
}
