//! The client library against the real server, in one process and with paused time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ephemeral_client::{
    ByteStream, ClientEvent, ConnectError, Dial, DialError, Identity, Outgoing, ServerUrl, Session,
};
use ephemeral_core::protocol::{ErrorCode, ReceiptStatus};
use ephemeral_test_support::rig::{self, Rig};
use futures::future::BoxFuture;

/// Leads to the server of the moment; tests replace it.
#[derive(Clone)]
struct ToRig(Arc<Mutex<Option<Rig>>>);

impl ToRig {
    fn new(options: rig::Options) -> Self {
        Self(Arc::new(Mutex::new(Some(Rig::with(options)))))
    }

    fn session(&self, number: u8) -> Session {
        let url: ServerUrl = format!("http://{}", rig::HOST).parse().unwrap();
        Session::new(Arc::new(self.clone()), url, identity(number), ephemeral_client::ConnectOptions::default())
    }

    fn replace(&self, rig: Option<Rig>) {
        *self.0.lock().unwrap() = rig;
    }
}

impl Dial for ToRig {
    fn dial<'a>(&'a self, _: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        let stream = self.0.lock().unwrap().as_mut().map(Rig::connect);
        Box::pin(async move {
            match stream {
                Some(stream) => Ok(Box::new(stream) as Box<dyn ByteStream>),
                None => Err(DialError::Tcp(std::io::ErrorKind::ConnectionRefused.into())),
            }
        })
    }
}

fn identity(number: u8) -> Identity {
    Identity::from_seed(&[number; 32])
}

fn to(number: u8, content: &str) -> Outgoing {
    Outgoing::new(identity(number).fingerprint(), content)
}

/// Returns the first event that the function makes something of.
async fn wait_for<T>(session: &mut Session, mut wanted: impl FnMut(ClientEvent) -> Option<T>) -> T {
    let waiting = async {
        loop {
            let event = session.next().await.expect("a server worth trying again");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(3600), waiting).await.expect("it happens within an hour")
}

async fn online(session: &mut Session) {
    wait_for(session, |event| matches!(event, ClientEvent::CaughtUp).then_some(())).await;
}

async fn accepted(session: &mut Session) -> String {
    wait_for(session, |event| if let ClientEvent::Accepted { id, .. } = event { Some(id) } else { None }).await
}

/// Returns the next message, acknowledged.
async fn received(session: &mut Session) -> String {
    let message =
        wait_for(session, |event| if let ClientEvent::Message(message) = event { Some(message) } else { None }).await;
    session.ack(&message);
    message.content
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_from_one_client_to_another_and_its_receipt_comes_back() {
    let server = ToRig::new(rig::Options::default());
    let mut alice = server.session(1);
    let mut bob = server.session(2);
    let id = alice.send(&Outgoing { until_receipt: true, ..to(2, "hello\n\"Bob\" 🦀") }).unwrap();
    assert_eq!(accepted(&mut alice).await, id);
    let receiving = async {
        assert_eq!(received(&mut bob).await, "hello\n\"Bob\" 🦀");
        wait_for(&mut bob, |_| None::<()>).await
    };
    let receipt =
        wait_for(
            &mut alice,
            |event| if let ClientEvent::Receipt { id, status } = event { Some((id, status)) } else { None },
        );
    tokio::select! {
        () = receiving => {}
        receipt = receipt => assert_eq!(receipt, (id, ReceiptStatus::Delivered)),
    }
    assert!(alice.is_idle());
    assert!(alice.close().await);
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_answered_after_the_last_acknowledgement_was_taken() {
    let server = ToRig::new(rig::Options::default());
    let mut alice = server.session(1);
    let mut bob = server.session(2);
    alice.send(&to(2, "once")).unwrap();
    accepted(&mut alice).await;
    assert_eq!(received(&mut bob).await, "once");
    assert!(bob.close().await);
    let mut bob = server.session(2);
    let event = wait_for(&mut bob, |event| match event {
        ClientEvent::Message(message) => Some(Err(message.content)),
        ClientEvent::CaughtUp => Some(Ok(())),
        _ => None,
    });
    assert_eq!(event.await, Ok(()), "nothing comes again");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_confirmed_comes_again_to_the_next_client() {
    let server = ToRig::new(rig::Options::default());
    let mut alice = server.session(1);
    let mut bob = server.session(2);
    alice.send(&to(2, "precious")).unwrap();
    accepted(&mut alice).await;
    wait_for(&mut bob, |event| matches!(event, ClientEvent::Message(_)).then_some(())).await;
    drop(bob);
    assert_eq!(received(&mut server.session(2)).await, "precious");
}

#[tokio::test(start_paused = true)]
async fn messages_past_the_rate_limit_arrive_in_order_all_the_same() {
    let mut options = rig::Options::default();
    options.rules.messages_per_minute = 6;
    options.rules.message_burst = 2;
    let server = ToRig::new(options);
    let mut alice = server.session(1);
    let mut bob = server.session(2);
    for number in 0..8 {
        alice.send(&to(2, &number.to_string())).unwrap();
    }
    let mut delays = 0;
    while !alice.is_idle() {
        delays += usize::from(matches!(alice.next().await.unwrap(), ClientEvent::Delayed { .. }));
    }
    assert!(delays > 0);
    for number in 0..8 {
        assert_eq!(received(&mut bob).await, number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_of_two_clients_with_one_identity_takes_over() {
    let server = ToRig::new(rig::Options::default());
    let mut first = server.session(1);
    let mut second = server.session(1);
    online(&mut first).await;
    online(&mut second).await;
    let why =
        wait_for(&mut first, |event| if let ClientEvent::Disconnected { why, .. } = event { Some(why) } else { None });
    assert!(matches!(why.await, ConnectError::Lost(lost) if lost.close_code() == Some(4409)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_empty_gets_again_what_was_kept_for_its_receipt() {
    let server = ToRig::new(rig::Options::default());
    let mut alice = server.session(1);
    alice.send(&to(2, "gone with the store")).unwrap();
    alice.send(&Outgoing { until_receipt: true, ..to(2, "kept") }).unwrap();
    accepted(&mut alice).await;
    accepted(&mut alice).await;
    server.replace(None);
    wait_for(&mut alice, |event| matches!(event, ClientEvent::Disconnected { .. }).then_some(())).await;
    server.replace(Some(Rig::new()));
    let new_epoch =
        wait_for(
            &mut alice,
            |event| {
                if let ClientEvent::Connected { new_epoch, .. } = event { Some(new_epoch) } else { None }
            },
        );
    assert!(new_epoch.await);
    accepted(&mut alice).await;
    assert_eq!(received(&mut server.session(2)).await, "kept");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_will_not_take_is_refused_with_its_reason() {
    let server = ToRig::new(rig::Options::default());
    let mut alice = server.session(1);
    alice.send(&Outgoing { ttl_s: Some(0), ..to(2, "late") }).unwrap();
    alice.send(&to(2, &"x".repeat(65_537))).unwrap();
    for expected in [ErrorCode::ContentTooLarge, ErrorCode::AlreadyExpired] {
        let code =
            wait_for(&mut alice, |event| if let ClientEvent::Refused { code, .. } = event { Some(code) } else { None });
        assert_eq!(code.await, expected);
    }
    assert!(alice.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_session_stays_up_for_hours_in_which_nothing_happens() {
    let server = ToRig::new(rig::Options::default());
    let mut alice = server.session(1);
    online(&mut alice).await;
    let quiet = tokio::time::timeout(Duration::from_secs(3 * 3600), alice.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

#[tokio::test(start_paused = true)]
async fn many_large_messages_in_both_directions_do_not_block_each_other() {
    let server = ToRig::new(rig::Options { pipe: 4096, ..rig::Options::default() });
    let mut alice = server.session(1).with_in_flight(16);
    let mut bob = server.session(2).with_in_flight(16);
    let content = "x".repeat(60_000);
    for _ in 0..50 {
        alice.send(&to(2, &content)).unwrap();
        bob.send(&to(1, &content)).unwrap();
    }
    let exchange = |mut session: Session| {
        let expected = content.clone();
        async move {
            let mut came = 0;
            let mut gone = 0;
            while came < 50 || gone < 50 {
                match session.next().await.unwrap() {
                    ClientEvent::Message(message) => {
                        assert_eq!(message.content, expected);
                        session.ack(&message);
                        came += 1;
                    }
                    ClientEvent::Accepted { .. } => gone += 1,
                    ClientEvent::Disconnected { why, .. } => panic!("{why}"),
                    _ => {}
                }
            }
            session.close().await
        }
    };
    let exchanges = async { tokio::join!(exchange(alice), exchange(bob)) };
    let closed = tokio::time::timeout(Duration::from_secs(60), exchanges).await.expect("it does not stall");
    assert_eq!(closed, (true, true));
}
