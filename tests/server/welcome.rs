//! What a client is told once it has authenticated, and nothing before.

use ephemeral_core::session;
use ephemeral_core::store;
use ephemeral_test_support::rig::{HOST, Options, Rig, at, fingerprint, message, sign};
use serde_json::json;

use crate::raw::{Frame, Raw, upgrade_request};

#[tokio::test(start_paused = true)]
async fn welcome_says_what_is_in_force() {
    let mut rig = Rig::new();
    let (_socket, mut welcome) = rig.login_with(1, json!({"window": 7})).await;
    let epoch = welcome["epoch"].take();
    assert!(epoch.as_str().is_some_and(|epoch| epoch.len() >= 16), "{epoch}");
    assert_eq!(
        welcome,
        json!({
            "type": "welcome", "fingerprint": fingerprint(1), "epoch": null, "pending": 0, "server_time": at(0),
            "limits": {
                "content_bytes": 65536, "ttl_s": 86400, "max_ttl_s": 604_800, "messages_per_minute": 1_000_000,
                "burst": 1_000_000, "window": 7, "mailbox_messages": 1000, "mailbox_bytes": 16_777_216
            }
        })
    );
}

#[tokio::test(start_paused = true)]
async fn the_limits_are_the_configured_ones_and_by_default_those_of_the_specification() {
    let rules = session::Config {
        content_bytes: 1,
        default_ttl_s: 2,
        max_ttl_s: 3,
        messages_per_minute: 4,
        message_burst: 5,
        window: 6,
        ..session::Config::default()
    };
    let bounds = store::Config { mailbox_messages: 7, mailbox_bytes: 8, ..store::Config::default() };
    for (options, limits) in [
        (
            Options { rules, bounds, ..Options::default() },
            json!({"content_bytes": 1, "ttl_s": 2, "max_ttl_s": 3, "messages_per_minute": 4, "burst": 5, "window": 6, "mailbox_messages": 7, "mailbox_bytes": 8}),
        ),
        (
            Options { rules: session::Config::default(), ..Options::default() },
            json!({"content_bytes":65536,"ttl_s":86400,"max_ttl_s":604_800,"messages_per_minute":100,"burst":64,"window":32,"mailbox_messages":1000,"mailbox_bytes":16_777_216}),
        ),
    ] {
        let (_socket, welcome) = Rig::with(options).login_with(1, json!({})).await;
        assert_eq!(welcome["limits"], limits);
    }
}

#[tokio::test(start_paused = true)]
async fn the_window_is_cut_to_the_servers_own() {
    let mut rig = Rig::new();
    for (asked, got) in [
        (json!(null), 32),
        (json!(1), 1),
        (json!(32), 32),
        (json!(33), 32),
        (json!(u64::MAX), 32),
        (json!(0), 1),
        (json!(-5), 1),
    ] {
        let (_socket, welcome) = rig.login_with(1, json!({"window": asked})).await;
        assert_eq!(welcome["limits"]["window"], json!(got), "{asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_epoch_is_the_stores_and_not_the_sessions() {
    let mut rig = Rig::new();
    let (_alice, welcome) = rig.login_with(1, json!({})).await;
    let (_bob, other) = rig.login_with(2, json!({})).await;
    let (_carol, elsewhere) = Rig::new().login_with(3, json!({})).await;
    assert_eq!(welcome["epoch"], other["epoch"]);
    assert_ne!(welcome["epoch"], elsewhere["epoch"]);
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_of_an_auth_frame_are_ignored() {
    let mut rig = Rig::new();
    let (_socket, welcome) =
        rig.login_with(1, json!({"version": 9, "content": [], "id": 5, "name": fingerprint(2)})).await;
    assert_eq!(welcome["fingerprint"], json!(fingerprint(1)));
}

#[tokio::test(start_paused = true)]
async fn an_upper_case_fingerprint_is_the_same_client() {
    let mut rig = Rig::new();
    let mut raw = Raw::connect(&mut rig);
    raw.write(upgrade_request(&fingerprint(1).to_uppercase(), HOST)).await;
    assert_eq!(raw.head().await.status, 101);
    let challenge = raw.next().await;
    let auth = json!({"type": "auth", "signature": sign(&challenge, 1, HOST)});
    raw.send(&[Frame::text(auth.to_string())]).await;
    assert_eq!(raw.next().await["fingerprint"], json!(fingerprint(1)));
}

#[tokio::test(start_paused = true)]
async fn what_follows_the_answer_at_once_is_done_after_welcome() {
    let mut rig = Rig::new();
    let mut raw = Raw::upgrade(&mut rig, 1).await;
    let challenge = raw.next().await;
    let auth = json!({"type": "auth", "signature": sign(&challenge, 1, HOST)}).to_string();
    raw.send(&[Frame::text(auth), Frame::text(message("m", 2, "hi").to_string())]).await;
    let types = [raw.next().await, raw.next().await, raw.next().await].map(|frame| frame["type"].clone());
    assert_eq!(types[0], "welcome");
    assert!(types.contains(&json!("accepted")) && types.contains(&json!("caught_up")), "{types:?}");
}

#[tokio::test(start_paused = true)]
async fn a_second_auth_frame_is_malformed_and_the_session_goes_on() {
    let mut rig = Rig::new();
    let mut socket = rig.login(1).await;
    let answer = socket.ask(&json!({"type": "auth", "signature": "AAAA", "id": "a-1"})).await;
    assert_eq!((&answer["code"], &answer["id"]), (&json!("malformed"), &json!("a-1")));
    socket.goes_on().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_about_the_mailbox_is_revealed_before_welcome() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.sends("m", 2, "secret").await;
    let mut bob = rig.socket(2).await;
    let challenge = bob.next().await;
    assert_eq!(challenge.as_object().unwrap().len(), 5, "{challenge}");
    bob.hears_nothing().await;
    bob.send(&json!({"type": "auth", "signature": "wrong"})).await;
    assert_eq!(bob.closed().await, (4401, "auth_failed".into()));
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_no_longer_counts_among_the_unauthenticated() {
    let mut rig = Rig::with(Options { unauthenticated: 1, ..Options::default() });
    let sessions = [rig.login(1).await, rig.login(2).await, rig.login(3).await];
    let _unauthenticated = rig.socket(4).await;
    assert_eq!((rig.unauthenticated(), rig.hub.figures().0, sessions.len()), (1, 3, 3));
}
