//! A session against a server that does what it is told: what is sent again, shown, acknowledged.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::testing::{Arrivals, TestServer, accepted, alice, bob, message, url, wire};
use super::*;

fn session() -> (Session, Arrivals) {
    let (wire, arrivals) = wire();
    (Session::new(wire, url(), alice(), ConnectOptions::default()), arrivals)
}

/// Returns the next event that is not about connecting.
async fn next(session: &mut Session) -> ClientEvent {
    loop {
        match session.next().await.unwrap() {
            ClientEvent::Connecting | ClientEvent::Connected { .. } | ClientEvent::Disconnected { .. } => {}
            event => return event,
        }
    }
}

async fn next_message(session: &mut Session) -> ReceivedMessage {
    match next(session).await {
        ClientEvent::Message(message) => message,
        event => panic!("instead of a message: {event:?}"),
    }
}

fn to_bob(content: &str) -> Outgoing {
    Outgoing::new(bob().fingerprint(), content)
}

#[tokio::test(start_paused = true)]
async fn what_was_not_accepted_is_sent_again_under_the_same_id_after_a_lost_connection() {
    let (mut session, mut arrivals) = session();
    let id = session.send(&to_bob("hello")).unwrap();
    let server = async {
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        let first = peer.next().await.unwrap();
        drop(peer);
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        assert_eq!(peer.next().await.unwrap(), first);
        peer.send(accepted(&first["id"])).await;
        peer
    };
    let (event, _peer) = tokio::join!(next(&mut session), server);
    assert!(matches!(event, ClientEvent::Accepted { id: accepted, duplicate: false, .. } if accepted == id));
    assert!(session.is_idle());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_a_lost_connection() {
    let (mut session, mut arrivals) = session();
    session.send(&to_bob("hello")).unwrap();
    let server = async {
        let mut deaf = TestServer::login(&mut arrivals, &alice(), "e").await;
        deaf.next().await.unwrap();
        // It keeps reading, and answers pings, but says nothing.
        assert_eq!(deaf.next().await, None);
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        let again = peer.next().await.unwrap();
        peer.send(accepted(&again["id"])).await;
        peer
    };
    let (event, _peer) = tokio::join!(next(&mut session), server);
    assert!(matches!(event, ClientEvent::Accepted { .. }), "{event:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_message_is_sent_again_after_the_wait_and_the_next_one_behind_it() {
    let (mut session, mut arrivals) = session();
    for content in ["one", "two"] {
        session.send(&to_bob(content)).unwrap();
    }
    let server = async {
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        let first = peer.next().await.unwrap();
        let start = Instant::now();
        peer.send(json!({"type": "error", "code": "rate_limited", "message": "Slow down.", "id": first["id"],
            "retry_after_ms": 2500}))
            .await;
        assert_eq!(peer.next().await.unwrap(), first);
        assert!(start.elapsed() >= Duration::from_millis(2500));
        peer.send(accepted(&first["id"])).await;
        let second = peer.next().await.unwrap();
        assert_eq!(second["content"], "two");
        peer.send(accepted(&second["id"])).await;
        peer
    };
    let client = async {
        assert!(matches!(next(&mut session).await, ClientEvent::Delayed { .. }));
        assert!(matches!(next(&mut session).await, ClientEvent::Accepted { .. }));
        assert!(matches!(next(&mut session).await, ClientEvent::Accepted { .. }));
    };
    tokio::join!(client, server);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_reported_and_the_next_message_goes_out() {
    let (mut session, mut arrivals) = session();
    let ids = ["one", "two"].map(|content| session.send(&to_bob(content)).unwrap());
    let server = async {
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        let first = peer.next().await.unwrap();
        peer.send(json!({"type": "error", "code": "mailbox_full", "message": "Full.", "id": first["id"]})).await;
        peer.send(json!({"type": "error", "code": "malformed", "message": "What?"})).await;
        let second = peer.next().await.unwrap();
        peer.send(accepted(&second["id"])).await;
        peer
    };
    let client = async {
        let event = next(&mut session).await;
        assert!(matches!(event, ClientEvent::Refused { id, code: ErrorCode::MailboxFull, .. } if id == ids[0]));
        assert!(matches!(next(&mut session).await, ClientEvent::Complaint { code: ErrorCode::Malformed, .. }));
        assert!(matches!(next(&mut session).await, ClientEvent::Accepted { id, .. } if id == ids[1]));
    };
    tokio::join!(client, server);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_server_would_not_take_is_refused_here_and_costs_no_session() {
    let (mut session, mut arrivals) = session();
    let id = session.send(&to_bob(&"x".repeat(1001))).unwrap();
    let alice = alice();
    let (event, mut peer) = tokio::join!(next(&mut session), TestServer::login(&mut arrivals, &alice, "e"));
    assert!(
        matches!(event, ClientEvent::Refused { id: refused, code: ErrorCode::ContentTooLarge, .. } if refused == id)
    );
    let (confirmed, nothing) = tokio::join!(session.close(), peer.next());
    assert!(confirmed && nothing.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_kept_message_is_sent_again_in_a_new_epoch_and_another_one_is_not() {
    let (mut session, mut arrivals) = session();
    session.send(&to_bob("forgotten")).unwrap();
    session.send(&Outgoing { until_receipt: true, ..to_bob("kept") }).unwrap();
    let server = async {
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        for _ in 0..2 {
            let frame = peer.next().await.unwrap();
            peer.send(accepted(&frame["id"])).await;
        }
        peer.close(1001, "draining").await;
        let mut peer = TestServer::login(&mut arrivals, &alice(), "another").await;
        let frame = peer.next().await.unwrap();
        assert_eq!(frame["content"], "kept");
        peer.send(accepted(&frame["id"])).await;
        peer.send(json!({"type": "receipt", "id": frame["id"], "to": bob().fingerprint(), "status": "delivered",
            "at": "2026-01-02T12:00:00.000Z"}))
            .await;
        peer
    };
    let client = async {
        for _ in 0..3 {
            assert!(matches!(next(&mut session).await, ClientEvent::Accepted { .. }));
        }
        let event = next(&mut session).await;
        assert!(matches!(event, ClientEvent::Receipt { status: ReceiptStatus::Delivered, .. }), "{event:?}");
    };
    tokio::join!(client, server);
    assert!(session.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_another_client_of_the_same_identity_got_is_asked_for() {
    let (mut session, mut arrivals) = session();
    session.send(&Outgoing { until_receipt: true, ..to_bob("kept") }).unwrap();
    let server = async {
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        let first = peer.next().await.unwrap();
        peer.send(accepted(&first["id"])).await;
        // The other client takes over, and the receipt comes in its turn.
        peer.close(4409, "replaced").await;
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        let question = peer.next().await.unwrap();
        assert_eq!((&question["id"], &question["content"]), (&first["id"], &json!("")));
        let mut answer = accepted(&first["id"]);
        answer["duplicate"] = true.into();
        answer["delivered"] = true.into();
        peer.send(answer).await;
        peer
    };
    let client = async {
        assert!(matches!(next(&mut session).await, ClientEvent::Accepted { .. }));
        let event = next(&mut session).await;
        assert!(matches!(event, ClientEvent::Receipt { status: ReceiptStatus::Delivered, .. }), "{event:?}");
    };
    tokio::join!(client, server);
    assert!(session.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_server_has_forgotten_meanwhile_is_reported_and_not_sent_again() {
    let (mut session, mut arrivals) = session();
    let id = session.send(&Outgoing { until_receipt: true, ..to_bob("kept") }).unwrap();
    let server = async {
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        let first = peer.next().await.unwrap();
        peer.send(accepted(&first["id"])).await;
        peer.close(4409, "replaced").await;
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        let question = peer.next().await.unwrap();
        peer.send(json!({"type": "error", "code": "content_empty", "message": "Empty.", "id": question["id"]})).await;
        peer
    };
    let client = async {
        assert!(matches!(next(&mut session).await, ClientEvent::Accepted { .. }));
        assert!(matches!(next(&mut session).await, ClientEvent::Forgotten { id: forgotten } if forgotten == id));
    };
    tokio::join!(client, server);
    assert!(session.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_http_ends_a_session_that_never_worked_and_interrupts_one_that_did() {
    let refuse = async |arrivals: &mut Arrivals| {
        let mut stream = arrivals.recv().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    };
    let (mut session, mut arrivals) = session();
    let first = async {
        loop {
            if let Err(error) = session.next().await {
                return error;
            }
        }
    };
    let (error, ()) = tokio::join!(first, refuse(&mut arrivals));
    assert!(matches!(error, ConnectError::Refused { status: 404, .. }), "{error}");

    let server = async {
        TestServer::login(&mut arrivals, &alice(), "e").await.close(1001, "draining").await;
        refuse(&mut arrivals).await;
        TestServer::login(&mut arrivals, &alice(), "e").await
    };
    let client = async {
        let mut connected = 0;
        while connected < 2 {
            connected += usize::from(matches!(session.next().await.unwrap(), ClientEvent::Connected { .. }));
        }
    };
    tokio::join!(client, server);
}

#[tokio::test(start_paused = true)]
async fn an_unconfirmed_message_is_not_acknowledged_and_a_redelivered_one_is_shown_once() {
    let (mut session, mut arrivals) = session();
    let server = async {
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        peer.send(message("m-1", 1, "hello")).await;
        // The client has not confirmed it when the connection breaks off.
        peer.close(4408, "too_slow").await;
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        peer.send(message("m-1", 1, "hello")).await;
        peer.send(message("m-2", 2, "again")).await;
        assert_eq!(peer.next().await.unwrap(), json!({"type": "ack", "seq": 2}));
        peer
    };
    let client = async {
        let first = next_message(&mut session).await;
        let second = next_message(&mut session).await;
        assert_eq!((first.id.as_str(), second.id.as_str()), ("m-1", "m-2"));
        // In the wrong order: the ack of the second waits for the first.
        session.ack(&second);
        session.ack(&first);
        assert!(session.next().await.is_ok());
    };
    tokio::select! {
        () = client => panic!("nothing more was to happen"),
        _peer = server => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_confirmed_message_whose_ack_was_lost_is_acknowledged_again_and_not_shown_again() {
    let (mut session, mut arrivals) = session();
    let server = async {
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        peer.send(message("m-1", 1, "hello")).await;
        peer.next().await.expect("the ack");
        drop(peer);
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        peer.send(message("m-1", 1, "hello")).await;
        assert_eq!(peer.next().await.unwrap(), json!({"type": "ack", "seq": 1}));
        peer.send(json!({"type": "caught_up"})).await;
        peer
    };
    let client = async {
        let first = next_message(&mut session).await;
        session.ack(&first);
        assert!(matches!(next(&mut session).await, ClientEvent::CaughtUp));
    };
    tokio::join!(client, server);
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_carries_the_last_acknowledgement() {
    let (mut session, mut arrivals) = session();
    let (message, mut peer) = tokio::join!(next_message(&mut session), async {
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        peer.send(message("m-1", 1, "hello")).await;
        peer
    });
    session.ack(&message);
    let (confirmed, ack) = tokio::join!(session.close(), async {
        let ack = peer.next().await.unwrap();
        assert_eq!(peer.next().await, None);
        ack
    });
    assert!(confirmed);
    assert_eq!(ack, json!({"type": "ack", "seq": 1}));
}

#[tokio::test(start_paused = true)]
async fn messages_that_cannot_be_end_the_session_before_anybody_sees_them() {
    let cannot_be = |field: &str, value: serde_json::Value| {
        let mut message = message("m-1", 1, "hello");
        message[field] = value;
        message
    };
    for message in [
        cannot_be("from", json!("\u{1b}[2J")),
        cannot_be("to", json!(bob().fingerprint())),
        cannot_be("id", json!("a b")),
    ] {
        let (mut session, mut arrivals) = session();
        let client = async {
            loop {
                match session.next().await.unwrap() {
                    ClientEvent::Disconnected { why: ConnectError::Lost(Lost::Protocol(_)), .. } => return,
                    ClientEvent::Message(_) => panic!("it was shown"),
                    _ => {}
                }
            }
        };
        let ((), _peer) = tokio::join!(client, async {
            let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
            peer.send(message).await;
            peer
        });
    }
}

#[tokio::test(start_paused = true)]
async fn after_being_replaced_it_does_not_come_back_at_once() {
    let (mut session, mut arrivals) = session();
    let server = async {
        TestServer::login(&mut arrivals, &alice(), "e").await.close(4409, "replaced").await;
        let replaced = Instant::now();
        let peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        assert!(replaced.elapsed() >= Session::UNWELCOME_WAIT);
        peer
    };
    let client = async {
        loop {
            session.next().await.unwrap();
        }
    };
    tokio::select! {
        () = client => {}
        _peer = server => {}
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_come_less_and_less_often_and_never_stop() {
    let (mut session, arrivals) = session();
    drop(arrivals);
    let mut waits = Vec::new();
    while waits.len() < 50 {
        if let ClientEvent::Disconnected { retry_in, .. } = session.next().await.unwrap() {
            waits.push(retry_in);
        }
    }
    assert!(waits[0] <= Duration::from_millis(500) && waits[3] <= Duration::from_secs(4));
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(60)));
    assert!(waits[10..].iter().sum::<Duration>() > Duration::from_secs(40 * 15), "about 30 s on average");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_throws_everybody_out_is_not_hammered() {
    let (mut session, mut arrivals) = session();
    let start = Instant::now();
    let server = async {
        for _ in 0..30 {
            TestServer::login(&mut arrivals, &alice(), "e").await.close(1011, "internal").await;
        }
    };
    let client = async {
        loop {
            session.next().await.unwrap();
        }
    };
    tokio::select! {
        () = client => {}
        () = server => {}
    }
    assert!(start.elapsed() > Duration::from_secs(120), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn cancelling_loses_nothing() {
    let (mut session, mut arrivals) = session();
    let server = async {
        let mut peer = TestServer::login(&mut arrivals, &alice(), "e").await;
        for seq in 1..=20 {
            tokio::time::sleep(Duration::from_millis(7)).await;
            peer.send(message(&format!("m-{seq}"), seq, &"x".repeat(900))).await;
        }
        peer
    };
    let client = async {
        let mut seqs = Vec::new();
        while seqs.len() < 20 {
            if let Ok(Ok(ClientEvent::Message(message))) =
                tokio::time::timeout(Duration::from_millis(2), session.next()).await
            {
                seqs.push(message.seq);
            }
        }
        assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
    };
    tokio::join!(client, server);
}
