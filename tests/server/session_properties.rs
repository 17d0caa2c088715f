//! Whatever text a client sends, a session answers it with one action, and only by the rules of the
//! protocol.

use data_encoding::BASE64URL_NOPAD;
use ephemeral_core::protocol::{CloseReason, Sanitize, WallTime};
use ephemeral_core::session::Action;
use ephemeral_test_support::session_rules::{
    CLOCKS, CONTENT_BYTES, NOW, challenged, check_action, expected, good_signature, is_control, is_id, own, rules,
    session,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

fn sanitize() -> impl Strategy<Value = Sanitize> {
    select(vec![Sanitize::Clean, Sanitize::Reject, Sanitize::Ciphertext])
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((any::<String>(), inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn content() -> impl Strategy<Value = String> {
    let special = prop_oneof![
        (0..0xa0_u8).prop_map(char::from),
        prop::char::range('\u{2028}', '\u{2070}'),
        select(vec!['"', '\\', '/', '\t', '\n', '\r', '\u{ad}', '\u{200f}', '\u{feff}', '🦀']),
    ];
    prop_oneof![
        vec(special, 0..40).prop_map(String::from_iter),
        "[A-Za-z0-9+/]{0,110}={0,2}",
        any::<String>(),
        (CONTENT_BYTES - 2..CONTENT_BYTES + 3).prop_map(|length| "a".repeat(length)),
    ]
}

fn time() -> impl Strategy<Value = String> {
    prop_oneof![
        (-5_000_i64..5_000).prop_map(|ms| WallTime(NOW.0.saturating_add_signed(ms)).to_string()),
        any::<u32>().prop_map(|ms| NOW.plus(u64::from(ms)).to_string()),
        Just("2026-01-02T13:30:00+01:00".to_owned()),
        any::<String>(),
    ]
}

/// Values of the right type, good ones and bad ones.
fn typed(name: &'static str) -> BoxedStrategy<Value> {
    match name {
        "type" => select(vec!["message", "ack", "auth", "welcome", "Message", ""]).prop_map(Value::from).boxed(),
        "id" => prop_oneof!["[A-Za-z0-9_-]{1,64}", "[a-z]{64,66}", any::<String>()].prop_map(Value::from).boxed(),
        "from" | "to" => {
            let own = own().to_string();
            prop_oneof![Just(own.clone()), Just(own.to_uppercase()), "[0-9a-fA-F]{63,65}", any::<String>()]
                .prop_map(Value::from)
                .boxed()
        }
        "content" => content().prop_map(Value::from).boxed(),
        "expires_at" => time().prop_map(Value::from).boxed(),
        "ttl_s" => prop_oneof![-2..5000_i64, any::<i64>()].prop_map(Value::from).boxed(),
        "delivery_type" => prop_oneof![4 => Just("direct"), 1 => Just("stored")].prop_map(Value::from).boxed(),
        "seq" => prop_oneof![(0..100_u64).boxed(), any::<u64>().boxed()].prop_map(Value::from).boxed(),
        "receipts" => any::<bool>().prop_map(Value::from).boxed(),
        "window" => any::<i64>().prop_map(Value::from).boxed(),
        _ => any::<String>().prop_map(Value::from).boxed(),
    }
}

const FIELDS: [&str; 13] = [
    "type",
    "id",
    "from",
    "to",
    "content",
    "expires_at",
    "ttl_s",
    "delivery_type",
    "seq",
    "fingerprint",
    "signature",
    "receipts",
    "window",
];

/// Returns an object with some of the protocol's fields, mostly of the right types.
fn object() -> impl Strategy<Value = Map<String, Value>> {
    let fields = FIELDS.map(|name| {
        let often = if matches!(name, "to" | "content") { 0.9 } else { 0.3 };
        let value = prop_oneof![30 => typed(name), 1 => any_json()];
        option::weighted(often, value.prop_map(move |value| (name.to_owned(), value)))
    });
    (fields.to_vec(), option::weighted(0.1, ("[a-z]{1,8}", any_json())))
        .prop_map(|(fields, unknown)| fields.into_iter().chain([unknown]).flatten().collect())
}

/// Generates text that was JSON once: characters are taken out, put in, repeated.
fn mutated(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let change =
        (any::<Index>(), 0..4_u8, prop_oneof![select(vec!['"', '\\', '{', '}', ',', ':', 'u']), any::<char>()]);
    (text, vec(change, 1..5)).prop_map(|(text, changes)| {
        let mut characters: Vec<char> = text.chars().collect();
        for (place, kind, character) in changes {
            let place = place.index(characters.len() + 1);
            match (kind, place < characters.len()) {
                (0, true) => drop(characters.remove(place)),
                (1, true) => characters[place] = character,
                (2, true) => characters.truncate(place),
                _ => characters.insert(place, character),
            }
        }
        characters.into_iter().collect()
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => object().prop_map(|object| Value::Object(object).to_string()),
        3 => mutated(object().prop_map(|object| Value::Object(object).to_string())),
        1 => any_json().prop_map(|json| json.to_string()),
        1 => any::<String>(),
        1 => vec(any::<u8>(), 0..200).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_is_answered_by_the_rules(text in any_text(), sanitize in sanitize()) {
        check_action(&text, &rules(sanitize));
    }

    #[test]
    fn any_object_is_answered_according_to_its_type(object in object()) {
        let json = Value::Object(object);
        let answer = match session().on_text(&json.to_string(), &rules(Sanitize::Clean), &CLOCKS) {
            Action::Submit(_) => Ok("message"),
            Action::Acknowledge(_) => Ok("ack"),
            Action::Reply(reply) => {
                let reply: Value = serde_json::from_str(&reply.frame).expect("JSON");
                prop_assert_eq!(reply["id"].as_str(), json["id"].as_str().filter(|id| is_id(id)), "errors carry the id");
                Err(reply["code"].as_str().expect("a code").to_owned())
            }
        };
        prop_assert_eq!(answer, expected(&json).map_err(str::to_owned));
    }

    #[test]
    fn a_message_by_the_rules_is_never_refused(
        content in content().prop_filter("by the rules", |content| {
            content.len() <= CONTENT_BYTES && !content.chars().all(is_control)
        }),
        to in "[0-9a-fA-F]{64}",
        id in option::of("[A-Za-z0-9_-]{1,64}"),
        from in option::of(select(vec![own().to_string(), own().to_string().to_uppercase()])),
        ttl_s in option::of(1..i64::MAX),
        delivery_type in option::of(Just("direct")),
    ) {
        let frame = json!({
            "id": id, "from": from, "to": to, "content": content, "ttl_s": ttl_s, "delivery_type": delivery_type,
        })
        .to_string();
        let rules = rules(Sanitize::Clean);
        let Action::Submit(submission) = session().on_text(&frame, &rules, &CLOCKS) else {
            return Err(TestCaseError::fail("not a message"));
        };
        prop_assert!(submission.verdict.is_ok(), "{:?}", submission.verdict);
        check_action(&frame, &rules);
    }

    #[test]
    fn nothing_but_the_signature_establishes_a_session(text in any_text()) {
        let reason = challenged().answer(&text, &rules(Sanitize::Clean)).err();
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        prop_assert!(reason.is_some());
        if json["type"] != "auth" {
            prop_assert_eq!(reason, Some(CloseReason::AuthRequired));
        }
    }

    #[test]
    fn a_mutilated_answer_counts_only_if_the_signature_in_it_is_whole(
        text in mutated(Just(json!({"type": "auth", "signature": good_signature(), "window": 8}).to_string())),
    ) {
        if challenged().answer(&text, &rules(Sanitize::Clean)).is_ok() {
            let json: Value = serde_json::from_str(&text).expect("JSON");
            prop_assert_eq!(&json["type"], "auth");
            prop_assert_eq!(&json["signature"], good_signature());
        }
    }

    #[test]
    fn a_signature_with_any_bit_changed_is_refused(bit in 0..512_usize) {
        let mut bytes = BASE64URL_NOPAD.decode(good_signature().as_bytes()).expect("base64url");
        bytes[bit / 8] ^= 1 << (bit % 8);
        let frame = json!({"type": "auth", "signature": BASE64URL_NOPAD.encode(&bytes)}).to_string();
        prop_assert_eq!(challenged().answer(&frame, &rules(Sanitize::Clean)).err(), Some(CloseReason::AuthFailed));
    }

    #[test]
    fn the_right_signature_establishes_the_session_that_was_asked_for(
        receipts in option::of(any::<bool>()),
        window in option::of(any::<i64>()),
    ) {
        let frame = json!({"type": "auth", "signature": good_signature(), "receipts": receipts, "window": window});
        let session = challenged().answer(&frame.to_string(), &rules(Sanitize::Clean)).expect("a session");
        prop_assert_eq!(session.fingerprint, own());
        prop_assert_eq!(session.receipts, receipts.unwrap_or(true));
        prop_assert_eq!(i64::from(session.window), window.unwrap_or(32).clamp(1, 32));
    }
}
