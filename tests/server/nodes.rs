//! The signed list of a service's nodes, as clients are told it: before a session, and in
//! `welcome`.

use ephemeral_test_support::rig::{Options, Rig};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn who_asks_for_the_nodes_or_begins_a_session_is_told_the_list_as_it_was_signed() {
    let list = json!({"type": "nodes", "service": "s", "nodes": ["a", "b"], "until": "u", "signature": "x"});
    let mut rig = Rig::with(Options { nodes: Some(list.clone()), ..Options::default() });
    let answer = rig.ask("GET", "/nodes").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.json(), list);
    assert_eq!(rig.ask("HEAD", "/nodes").await.status, 200);
    assert_eq!(rig.ask("POST", "/nodes").await.status, 405);
    let elsewhere = rig.answer("GET /nodes HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n").await;
    assert_eq!(elsewhere.status, 421, "the rule of the host comes first");
    let (_socket, welcome) = rig.login_with(1, json!({})).await;
    assert_eq!(welcome["nodes"], list);
}

#[tokio::test(start_paused = true)]
async fn a_service_of_one_machine_has_no_list_and_says_nothing_of_it() {
    let mut rig = Rig::new();
    assert_eq!(rig.ask("GET", "/nodes").await.status, 404);
    let (_socket, welcome) = rig.login_with(1, json!({})).await;
    assert_eq!(welcome.get("nodes"), None);
}
