//! What people's engines do when the server of a contact forgets what waits there: over two servers
//! in this process, in paused time.

use std::time::Duration;

use ephemeral_e2e::core::Accept;
use ephemeral_e2e::effect::Event;
use ephemeral_test_support::rig::Rig;
use ephemeral_tor::ServiceKey;
use tokio::time::{Instant, timeout};

use crate::server_trouble::{Net, Person, meet, until};

const HOUR: Duration = Duration::from_secs(3_600);
/// Longer than a connection stays after everything was sent.
const LEFT: Duration = Duration::from_secs(120);

/// Returns two servers, the address of the second, and Bob, who is there, and Alice.
fn strangers() -> (Net, String, [Person; 2]) {
    let [here, there] = [(); 2].map(|()| ServiceKey::generate().unwrap());
    let net = Net::with(&[here.address(), there.address()]);
    let people = [Person::new(&net, there.address(), "Bob"), Person::new(&net, here.address(), "Alice")];
    (net, there.address().to_owned(), people)
}

/// Returns the same where they know each other, and a message of Alice's waits at Bob's server:
/// his computer sleeps. And how many of hers came to a server until then.
async fn one_waits() -> (Net, String, [Person; 2], usize) {
    let (net, there, mut people) = strangers();
    meet(&mut people, ["Bob", "Alice"], true).await;
    people[1].say("Bob", "while you slept");
    until(&mut people[1..], |people| people[0].at_server >= 1).await;
    // The connection by which it went is over: its loss would tell of another server, too.
    assert!(timeout(LEFT, until(&mut people[1..], |_| false)).await.is_err(), "nobody ends it");
    let sent = people[1].at_server;
    (net, there, people, sent)
}

#[tokio::test(start_paused = true)]
async fn what_the_server_of_a_contact_forgot_goes_again_although_nobody_sends() {
    let (net, there, mut people, sent) = one_waits().await;
    net.put(&there, Rig::new());
    let took = until(&mut people[1..], |people| people[0].at_server > sent).await;
    assert!(took < 4 * HOUR, "{took:?}");
    until(&mut people, |people| people[0].heard("while you slept")).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_looked_at_is_looked_at_later_and_nobody_looks_once_all_has_arrived() {
    let (net, there, mut people, sent) = one_waits().await;
    drop(net.take(&there));
    let again = until(&mut people[1..], |people| people[0].at_server > sent);
    assert!(timeout(2 * HOUR, again).await.is_err(), "there is no server");
    net.put(&there, Rig::new());
    let took = until(&mut people[1..], |people| people[0].at_server > sent).await;
    assert!(took < 8 * HOUR, "{took:?}");
    until(&mut people, |people| people[0].heard("while you slept")).await;
    until(&mut people, |people| people[1].engine.core().lookouts().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_message_that_the_other_server_forgot_goes_again_although_nobody_sends() {
    let (net, there, mut people) = strangers();
    let invite = people[0].invite("Alice").await;
    let accept = Accept { name: "Bob".to_owned(), text: Some("it is me".to_owned()), foreign: true };
    people[1].engine.act(|core, now| core.accept(&invite, accept, now)).unwrap();
    until(&mut people[1..], |people| people[0].at_server >= 1).await;
    net.put(&there, Rig::new());
    let start = Instant::now();
    until(&mut people, |people| people[0].heard("it is me")).await;
    assert!(start.elapsed() < 6 * HOUR, "{:?}", start.elapsed());
    let answered = |event: &Event| matches!(event, Event::Answered { .. });
    until(&mut people, |people| people[1].has_seen(answered)).await;
}
