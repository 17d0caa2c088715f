//! Which lists of nodes are believed, and for how long.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::*;

const NOW: WallTime = WallTime(1_767_355_200_000);

fn later(duration: Duration) -> WallTime {
    NOW.plus(milliseconds(duration))
}

fn key() -> ServiceKey {
    ServiceKey::generate().unwrap()
}

fn written_down(list: &NodeList) -> Value {
    serde_json::to_value(list).unwrap()
}

#[test]
fn a_signed_list_is_read_again_until_its_time_has_run_out() {
    let service = key();
    let node = key().address().to_owned();
    let nodes = [node.clone(), format!("{}:81", key().address()), "wss://chat.example:8443".to_owned()];
    let list = NodeList::sign(&service, &nodes, NOW).unwrap();
    let wire = written_down(&list);
    assert_eq!(NodeList::read(&wire, service.address(), NOW).unwrap(), list);
    assert_eq!(list.onions().collect::<Vec<_>>(), [nodes[0].as_str(), nodes[1].as_str()]);
    let last = later(NodeList::LIFE).0 - 1;
    assert!(NodeList::read(&wire, service.address(), WallTime(last)).is_ok());
    let over = NodeList::read(&wire, service.address(), later(NodeList::LIFE));
    assert_eq!(over, Err(NodeListError::Time));
}

#[test]
fn a_list_that_holds_for_longer_than_any_is_refused() {
    let service = key();
    let nodes = [key().address().to_owned()];
    let early = later(Duration::from_secs(2 * 24 * 3600));
    let wire = written_down(&NodeList::sign(&service, &nodes, early).unwrap());
    assert_eq!(NodeList::read(&wire, service.address(), NOW), Err(NodeListError::Time));
}

#[test]
fn what_was_changed_or_is_another_services_is_refused() {
    let service = key();
    let thief = key();
    let nodes = [key().address().to_owned(), key().address().to_owned()];
    let wire = written_down(&NodeList::sign(&service, &nodes, NOW).unwrap());
    let read = |wire: &Value| NodeList::read(wire, service.address(), NOW);
    let changed = |field: &str, value: Value| {
        let mut wire = wire.clone();
        wire[field] = value;
        read(&wire)
    };
    let more = json!([nodes[0], nodes[1], thief.address()]);
    assert_eq!(changed("nodes", more), Err(NodeListError::Signature));
    assert_eq!(changed("nodes", json!([nodes[1], nodes[0]])), Err(NodeListError::Signature));
    let until = later(Duration::from_secs(60)).to_string();
    assert_eq!(changed("until", json!(until)), Err(NodeListError::Signature));
    assert_eq!(changed("service", json!(thief.address())), Err(NodeListError::Service));
    assert_eq!(changed("type", json!("moved")), Err(NodeListError::Malformed));
    assert_eq!(changed("signature", json!("AAAA")), Err(NodeListError::Signature));
    for garbage in [json!(null), json!([]), json!("nodes"), json!({"type": "nodes"})] {
        assert_eq!(read(&garbage), Err(NodeListError::Malformed), "{garbage}");
    }
    assert!(changed("more", json!(1)).is_ok(), "what is not known is not signed, and ignored");
    let theirs = written_down(&NodeList::sign(&thief, &nodes, NOW).unwrap());
    assert_eq!(read(&theirs), Err(NodeListError::Service));
}

#[test]
fn a_notice_of_a_move_is_no_list_and_no_signature_of_one_is_the_others() {
    let service = key();
    let to = key();
    let nodes = [to.address().to_owned()];
    let notice = crate::Notice::sign(&service, to.address(), NOW).unwrap();
    let mut wire = written_down(&NodeList::sign(&service, &nodes, NOW).unwrap());
    wire["signature"] = serde_json::to_value(&notice).unwrap()["signature"].take();
    assert_eq!(NodeList::read(&wire, service.address(), NOW), Err(NodeListError::Signature));
}

#[test]
fn a_list_has_between_one_and_twenty_addresses_each_once() {
    let service = key();
    let web = |number: usize| format!("wss://{number}.example");
    let sign = |nodes: &[String]| NodeList::sign(&service, nodes, NOW).map(drop);
    assert_eq!(sign(&[]), Err(NodeListError::Count));
    let most: Vec<_> = (0..NodeList::MOST).map(web).collect();
    assert_eq!(sign(&most), Ok(()));
    let more: Vec<_> = (0..=NodeList::MOST).map(web).collect();
    assert_eq!(sign(&more), Err(NodeListError::Count));
    assert_eq!(sign(&[web(1), web(1)]), Err(NodeListError::Count));
}

#[test]
fn only_onion_services_and_hosts_behind_wss_are_addresses_of_nodes() {
    let name = key().address().to_owned();
    let good = [name.clone(), format!("{name}:8443"), "wss://a.example".into(), "wss://[2001:db8::7]:444".into()];
    for address in &good {
        assert_eq!(NodeList::check_address(address), Ok(()), "{address}");
    }
    let bad = [
        String::new(),
        format!("http://{name}"),
        format!("www.{name}"),
        name.to_uppercase(),
        format!("{name}:0"),
        format!("{name}:080"),
        format!("{name}:65536"),
        format!("{name}/"),
        format!("wss://{name}"),
        "wss://".into(),
        "wss://A.example".into(),
        "wss://a.example/ws".into(),
        "ws://a.example".into(),
        "https://a.example".into(),
        "a.example".into(),
        "127.0.0.1:80".into(),
    ];
    for address in &bad {
        assert!(NodeList::check_address(address).is_err(), "{address}");
    }
}
