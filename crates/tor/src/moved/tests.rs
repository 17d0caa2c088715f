//! Notices that are right, and those that are not.

#![allow(clippy::unwrap_used)]
use super::*;

fn key() -> ServiceKey {
    ServiceKey::generate().unwrap()
}

fn moved(from: &ServiceKey, to: &ServiceKey, at: u64) -> Notice {
    Notice::sign(from, to.address(), WallTime(at)).unwrap()
}

#[test]
fn a_notice_is_read_alone_and_in_a_list() {
    let old = key();
    let new = key();
    let notice = moved(&old, &new, 1_767_355_200_000);
    let text = serde_json::to_string(&notice).unwrap();
    assert_eq!(Notice::read(&text).unwrap(), std::slice::from_ref(&notice));
    assert_eq!(Notice::read(&Notice::write(&[notice.clone(), notice.clone()])).unwrap(), [notice.clone(), notice]);
    assert_eq!(Notice::read("[]").unwrap(), []);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&json["type"], &json["from"], &json["to"]),
        (&"moved".into(), &old.address().into(), &new.address().into())
    );
    assert_eq!(json["at"], "2026-01-02T12:00:00.000Z");
}

#[test]
fn a_notice_that_was_changed_in_any_part_is_not_believed() {
    let old = key();
    let new = key();
    let other = key();
    let text = serde_json::to_string(&moved(&old, &new, 7)).unwrap();
    let swapped = text.replace(old.address(), "X").replace(new.address(), old.address()).replace('X', new.address());
    for changed in [
        text.replace(new.address(), other.address()),
        text.replace(old.address(), other.address()),
        text.replace(".007Z", ".008Z"),
        text.replace("1970-01-01T00:00:00.007Z", "1970-01-01T01:00:00.007+01:00"),
        swapped,
    ] {
        assert!(matches!(Notice::read(&changed), Err(MovedError::Signature)), "{changed}");
    }
}

#[test]
fn the_signature_of_somebody_else_is_not_believed() {
    let old = key();
    let new = key();
    let thief = key();
    let mut wire = NoticeWire::from(moved(&old, &new, 7));
    wire.signature = BASE64URL_NOPAD.encode(&thief.sign(&signed(&wire.from, &wire.to, &wire.at)));
    assert!(matches!(Notice::check(wire), Err(MovedError::Signature)));
    // The same bytes with the key's own signature, for another purpose.
    let mut wire = NoticeWire::from(moved(&old, &new, 7));
    let elsewhere = [b"ephemeral-messenger/auth/v1", wire.from.as_bytes(), wire.to.as_bytes()].join(&0);
    wire.signature = BASE64URL_NOPAD.encode(&old.sign(&elsewhere));
    assert!(matches!(Notice::check(wire), Err(MovedError::Signature)));
}

#[test]
fn what_is_not_a_notice_is_refused_with_what_is_wrong_with_it() {
    let old = key();
    let new = key();
    let text = serde_json::to_string(&moved(&old, &new, 7)).unwrap();
    let says = |text: &str| Notice::read(text).unwrap_err().to_string();
    assert!(says("hello").contains("not a notice"));
    assert!(says("{}").contains("missing field"));
    assert!(says(&text.replace("\"moved\"", "\"message\"")).contains("type"));
    assert!(says(&text.replacen(old.address(), &old.address().to_uppercase(), 1)).contains("`from`"));
    assert!(says(&text.replacen(new.address(), &format!("www.{}", new.address()), 1)).contains("`to`"));
    assert!(says(&text.replace("1970-", "last year ")).contains("`at`"));
    assert!(says(&text.replace("\"from\"", "\"from\":\"x\",\"from\"")).contains("duplicate"));
    assert!(says(&format!("{text}{}", " ".repeat(Notice::MOST_BYTES))).contains("more than"));
    assert!(matches!(Notice::sign(&old, old.address(), WallTime(7)), Err(MovedError::Nowhere)));
}

#[test]
fn a_notice_follows_in_time_whatever_the_clock_did() {
    let a = key();
    let b = key();
    let c = key();
    let ahead = moved(&a, &b, 2_000_000);
    let now = Notice::time_after(std::slice::from_ref(&ahead), WallTime(1_000_000));
    let right = Notice::sign(&b, c.address(), now).unwrap();
    let notices = [ahead, right];
    assert_eq!(Notice::way(&notices, a.address()).last().unwrap().to(), c.address());
    assert_eq!(Notice::time_after(&notices, WallTime(3_000_000)), WallTime(3_000_000));
    assert_eq!(Notice::time_after(&[], WallTime(7)), WallTime(7));
}

#[test]
fn a_staged_notice_is_adopted_where_its_key_came_into_force_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(Notice::FILE);
    let old = key();
    let new = key();
    assert!(!Notice::adopt(&path, new.address()).unwrap(), "there is none");
    private_file::stage(&path, Notice::write(&[moved(&old, &new, 7)]).as_bytes()).unwrap();
    assert!(!Notice::adopt(&path, old.address()).unwrap(), "the old key is still in force");
    assert!(Notice::adopt(&path, new.address()).unwrap());
    assert_eq!(Notice::read_file(&path).unwrap().len(), 1);
    std::fs::write(private_file::staged(&path), "half a not").unwrap();
    assert!(!Notice::adopt(&path, new.address()).unwrap());
    assert_eq!(Notice::read_file(&path).unwrap().len(), 1);
}

#[test]
fn the_way_leads_over_several_moves_and_always_ends() {
    let a = key();
    let b = key();
    let c = key();
    let targets = |notices: &[Notice], from: &ServiceKey| {
        Notice::way(notices, from.address()).last().map(|notice| notice.to.clone())
    };
    let chain = [moved(&b, &c, 2), moved(&a, &b, 1)];
    assert_eq!(targets(&chain, &a).as_deref(), Some(c.address()));
    assert_eq!(targets(&chain, &c), None);
    // There and back: anyone who knows either address ends at the one it came back to.
    let back = [moved(&a, &b, 1), moved(&b, &a, 2)];
    assert_eq!(targets(&back, &a).as_deref(), Some(a.address()));
    assert_eq!(targets(&back, &b).as_deref(), Some(a.address()));
}
