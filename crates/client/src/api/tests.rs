//! The types, `docs/rpc.schema.json` and `docs/rpc.md` say the same.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::*;

/// Returns the schema.
fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/rpc.schema.json")).unwrap()
}

const MANUAL: &str = include_str!("../../../../docs/rpc.md");

fn text() -> String {
    "x".to_owned()
}

fn reason() -> Option<Cause> {
    Some(Cause::LostDropped {})
}

/// Returns a value's kind in the words of the schema.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Checks a value against its schema, as far as the schema uses the language.
fn check(value: &Value, schema: &Value, whole: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let named = whole.pointer(name.trim_start_matches('#'));
        return check(value, named.unwrap_or_else(|| panic!("{place}: no {name}")), whole, place);
    }
    if let Some(word) = schema.get("const") {
        return assert_eq!(value, word, "{place}");
    }
    // Causes have a test of their own.
    if schema["discriminator"].is_object() {
        return assert!(value["kind"].is_string(), "{place}");
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        assert!(choices.iter().any(|choice| choice["type"] == kind(value) || choice["$ref"].is_string()), "{place}");
        return;
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        one => vec![one.clone()],
    };
    assert!(kinds.contains(&json!(kind(value))), "{place}: {value} is none of {kinds:?}");
    if let Some(words) = schema["oneOf"].as_array() {
        assert!(words.iter().any(|word| &word["const"] == value), "{place}: {value}");
    }
    if let Some(items) = value.as_array() {
        items.iter().for_each(|item| check(item, &schema["items"], whole, place));
    }
    if let Some(fields) = value.as_object() {
        let known = schema["properties"].as_object().unwrap_or_else(|| panic!("{place}: no properties"));
        let same = fields.keys().eq(known.keys());
        assert!(same, "{place}: the type has {:?}, the schema {:?}", fields.keys(), known.keys());
        fields.iter().for_each(|(name, field)| check(field, &known[name], whole, &format!("{place}.{name}")));
    }
}

/// Checks that a row of the manual begins with this name, and names these fields.
fn check_row(name: &str, fields: impl Iterator<Item = String>) {
    let beginning = format!("| `{name}` |");
    let row = MANUAL.lines().find(|line| line.starts_with(&beginning));
    let row = row.unwrap_or_else(|| panic!("docs/rpc.md has no row for {name}"));
    for field in fields {
        assert!(row.contains(&format!("`{field}`")), "docs/rpc.md: the row of {name} lacks `{field}`");
    }
}

fn keys(value: &Value) -> impl Iterator<Item = String> {
    value.as_object().cloned().unwrap_or_default().into_iter().map(|(name, _)| name)
}

#[test]
fn every_method_and_parameter_is_in_the_schema_and_the_manual_and_nothing_else_is() {
    let whole = schema();
    let listed: Vec<_> = whole["methods"].as_array().unwrap().iter().map(|method| method["name"].clone()).collect();
    assert_eq!(json!(listed), json!(METHODS));
    for ((name, defaults, answer), method) in methods::samples().iter().zip(whole["methods"].as_array().unwrap()) {
        let mut known = BTreeMap::new();
        for parameter in method["params"].as_array().unwrap() {
            let parameter_name = parameter["name"].as_str().unwrap().to_owned();
            check(&defaults[&parameter_name], &parameter["schema"], &whole, &format!("{name}.{parameter_name}"));
            known.insert(parameter_name, ());
        }
        assert!(keys(defaults).eq(known.into_keys()), "{name}: {defaults}");
        check_row(name, keys(defaults));
        let result = &method["result"]["schema"];
        let of = result["$ref"].as_str().or(result["items"]["$ref"].as_str()).unwrap();
        let of = of.rsplit('/').next().unwrap();
        let said = if result["type"] == "array" { format!("Vec<{of}>") } else { of.to_owned() };
        assert_eq!(said, answer.replace(' ', ""), "{name}");
    }
}

#[test]
fn every_event_and_field_is_in_the_schema_and_the_manual_and_nothing_else_is() {
    let whole = schema();
    let events = whole["x-events"].as_object().unwrap();
    let mut known = Vec::new();
    let first = Notification::Text {
        contact: text(),
        id: text(),
        at: text(),
        text: text(),
        burn_s: 7,
        missing: true,
        gone_at: Some(text()),
    };
    let mut next = Some(first);
    while let Some(event) = next {
        let value = json!(event);
        let name = value["event"].as_str().unwrap().to_owned();
        check(&value, &events[&name], &whole, &name);
        check_row(&name, keys(&value).filter(|field| field != "event"));
        let read: EventParams = serde_json::from_value(value).unwrap();
        assert_eq!(read.event, event);
        next = after(&event);
        known.push(name);
    }
    known.sort();
    let mut listed: Vec<_> = events.keys().cloned().collect();
    listed.sort();
    assert_eq!(known, listed);
}

/// Returns the sample after this one. Whoever adds an event has to add an arm, and a sample in the
/// arm before.
fn after(event: &Notification) -> Option<Notification> {
    Some(match event {
        Notification::Text { .. } => {
            Notification::Sent { to: text(), id: text(), at: text(), text: text(), burn_s: 7, gone_at: Some(text()) }
        }
        Notification::Sent { .. } => Notification::AtServer { contact: text(), id: text() },
        Notification::AtServer { .. } => Notification::SentAgain { contact: text(), why: Some(text()) },
        Notification::SentAgain { .. } => Notification::Arrived { contact: text(), id: text() },
        Notification::Arrived { .. } => Notification::NotDelivered { contact: text(), id: text() },
        Notification::NotDelivered { .. } => Notification::Contact { contact: text(), invite: 7, calls_itself: text() },
        Notification::Contact { .. } => {
            Notification::Request { invite: 7, identity: text(), calls_itself: text(), text: Some(text()) }
        }
        Notification::Request { .. } => Notification::Answered { contact: text(), calls_itself: text() },
        Notification::Answered { .. } => Notification::WantsToMove { contact: text(), server: text() },
        Notification::WantsToMove { .. } => Notification::Contested { contact: text() },
        Notification::Contested { .. } => Notification::NotWhoInviteSays { contact: text() },
        Notification::NotWhoInviteSays { .. } => Notification::Left { contact: text() },
        Notification::Left { .. } => Notification::Unstable { contact: text() },
        Notification::Unstable { .. } => Notification::Resumed { contact: text() },
        Notification::Resumed { .. } => Notification::NeedsInvite { contact: text() },
        Notification::NeedsInvite { .. } => Notification::ClockDisputed {},
        Notification::ClockDisputed { .. } => Notification::Changed {},
        Notification::Changed { .. } => Notification::File { contact: text(), id: text(), name: text(), size: 7 },
        Notification::File { .. } => {
            Notification::FileProgress { contact: text(), file: text(), name: text(), arrived: 7, size: 7, mine: true }
        }
        Notification::FileProgress { .. } => {
            Notification::FileSaved { contact: text(), name: text(), size: 7, sha256: text(), path: text() }
        }
        Notification::FileSaved { .. } => {
            Notification::FileDamaged { contact: text(), name: text(), size: 7, sha256: text() }
        }
        Notification::FileDamaged { .. } => {
            Notification::FileLost { contact: text(), name: text(), size: 7, sha256: text(), gone: true }
        }
        Notification::FileLost { .. } => Notification::FileWaits { contact: text(), name: text(), size: 7 },
        Notification::FileWaits { .. } => Notification::FolderFailed { folder: text(), why: text(), reason: reason() },
        Notification::FolderFailed { .. } => Notification::FileArrived { contact: text(), file: text(), name: text() },
        Notification::FileArrived { .. } => Notification::FileDeclined { contact: text(), file: text(), name: text() },
        Notification::FileDeclined { .. } => {
            Notification::FileNotDelivered { contact: text(), file: text(), name: text() }
        }
        Notification::FileNotDelivered { .. } => {
            Notification::FileUnreadable { file: text(), why: text(), reason: reason() }
        }
        Notification::FileUnreadable { .. } => {
            Notification::GroupOffer { contact: text(), group: text(), group_id: text() }
        }
        Notification::GroupOffer { .. } => Notification::GroupJoined { group: text() },
        Notification::GroupJoined { .. } => Notification::GroupText {
            group: text(),
            member: text(),
            id: text(),
            at: text(),
            text: text(),
            missing: true,
        },
        Notification::GroupText { .. } => Notification::GroupAtServer { group: text(), member: text(), id: text() },
        Notification::GroupAtServer { .. } => Notification::GroupArrived { group: text(), member: text(), id: text() },
        Notification::GroupArrived { .. } => {
            Notification::GroupNotDelivered { group: text(), member: text(), id: text() }
        }
        Notification::GroupNotDelivered { .. } => Notification::GroupMembers { group: text(), members: vec![text()] },
        Notification::GroupMembers { .. } => Notification::GroupGap { group: text() },
        Notification::GroupGap { .. } => Notification::GroupForked { group: text() },
        Notification::GroupForked { .. } => Notification::GroupRemoved { group: text() },
        Notification::GroupRemoved { .. } => Notification::Connecting {},
        Notification::Connecting { .. } => Notification::TorStarting { percent: 7 },
        Notification::TorStarting { .. } => Notification::TorSearching {},
        Notification::TorSearching { .. } => Notification::Online { server: text() },
        Notification::Online { .. } => {
            Notification::Offline { server: text(), why: text(), retry_in_s: 7, reason: reason() }
        }
        Notification::Offline { .. } => Notification::Unusable { server: text(), why: text(), reason: reason() },
        Notification::Unusable { .. } => Notification::ShortMemory { server: text() },
        Notification::ShortMemory { .. } => Notification::Elsewhere {},
        Notification::Elsewhere { .. } => Notification::AllFetched {},
        Notification::AllFetched { .. } => Notification::Settled {},
        Notification::Settled { .. } => return None,
        Notification::Unknown => return None,
    })
}

/// Checks a view, all of whose fields have a value.
fn check_view(view: &impl Serialize, name: &str) {
    let whole = schema();
    let value = json!(view);
    check(&value, &whole["components"]["schemas"][name], &whole, name);
    check_row(name, keys(&value));
}

#[test]
fn every_field_of_an_answer_is_in_the_schema_and_the_manual() {
    let server = ServerStatus {
        server: text(),
        own: true,
        state: text(),
        why: Some(text()),
        reason: reason(),
        for_s: 7,
        retry_in_s: Some(7),
    };
    check_view(&server, "ServerStatus");
    let servers = vec![server];
    check_view(&EngineStatus { tor: text(), tor_percent: 7, servers, settled: true, fetched: true }, "EngineStatus");
    check_view(&Greeting { version: VERSION, name: text(), server: text() }, "Greeting");
    let contact = ContactInfo {
        contact: text(),
        identity: text(),
        answered: true,
        verified: true,
        contested: true,
        left: true,
        wants_to_move: Some(text()),
        outgoing: 7,
    };
    check_view(&contact, "ContactInfo");
    check_view(&SafetyInfo { words: vec![text()], digits: text(), qr: text(), verified: true }, "SafetyInfo");
    check_view(&InviteText { invite: 7, text: text() }, "InviteText");
    check_view(&NewContact { contact: text() }, "NewContact");
    let request = RequestInfo { identity: text(), calls_itself: text() };
    check_view(&request, "RequestInfo");
    let invite = InviteInfo {
        invite: 7,
        name: text(),
        reusable: true,
        not_after: text(),
        used: true,
        used_by: Some(text()),
        requests: vec![request],
    };
    check_view(&invite, "InviteInfo");
}

#[test]
fn every_field_of_texts_and_files_is_in_the_schema_and_the_manual() {
    let standing = StandingName::AtServer;
    let sent = SentText { id: text(), standing, at: text(), gone_at: Some(text()), members: Some(7) };
    check_view(&sent, "SentText");
    let outgoing =
        OutboxItem { to: text(), member: Some(text()), id: text(), file: Some(text()), at: text(), standing };
    check_view(&outgoing, "OutboxItem");
    let kept = HistoryItem {
        id: text(),
        from: Some(text()),
        at: text(),
        text: text(),
        standing: Some(standing),
        gone_at: Some(text()),
        missing: true,
    };
    check_view(&kept, "HistoryItem");
    check_view(&SentFile { file: text(), name: text(), size: 7, sha256: text(), replaced: true }, "SentFile");
    let file = FileInfo { file: text(), contact: text(), name: text(), size: 7, mine: true, waits: true, arrived: 7 };
    check_view(&file, "FileInfo");
}

#[test]
fn every_field_of_groups_is_in_the_schema_and_the_manual() {
    let member = MemberInfo { member: text(), identity: text(), admin: true, me: true };
    check_view(&member, "MemberInfo");
    let group = GroupInfo {
        group: text(),
        group_id: text(),
        admin: true,
        member: true,
        out: true,
        forked: true,
        members: vec![member],
        invited: vec![text()],
    };
    check_view(&group, "GroupInfo");
    let offer = GroupOfferInfo { group: text(), group_id: text(), from: text() };
    check_view(&offer, "GroupOfferInfo");
    check_view(&Groups { groups: vec![group], offers: vec![offer] }, "Groups");
}

#[test]
fn words_that_a_field_may_have_are_those_of_the_schema() {
    let whole = schema();
    let standings = [
        StandingName::Kept,
        StandingName::Sending,
        StandingName::AtServer,
        StandingName::Arrived,
        StandingName::NotDelivered,
        StandingName::Declined,
    ];
    let takings = [Taking::Written, Taking::Acknowledged, Taking::Watched];
    let words = |name: &str| -> Vec<Value> {
        let schema = &whole["components"]["schemas"][name];
        schema["oneOf"].as_array().unwrap().iter().map(|word| word["const"].clone()).collect()
    };
    assert_eq!(json!(words("StandingName")), json!(standings));
    assert_eq!(json!(words("Taking")), json!(takings));
    standings.iter().for_each(|standing| assert!(MANUAL.contains(&format!("`{}`", json!(standing).as_str().unwrap()))));
    takings.iter().for_each(|taking| assert!(MANUAL.contains(&format!("`{}`", json!(taking).as_str().unwrap()))));
}

#[test]
fn what_a_later_version_says_is_ignored() {
    let told = json!({"number": 3, "event": "text", "contact": "a", "id": "1", "at": "", "text": "x", "burn_s": 0,
        "missing": false, "later": {"more": 1}});
    let told: EventParams = serde_json::from_value(told).unwrap();
    assert_eq!(told.number, Some(3));
    assert!(matches!(told.event, Notification::Text { .. }));
    let strange: EventParams = serde_json::from_value(json!({"event": "invented_later", "x": [1]})).unwrap();
    assert_eq!(strange.event, Notification::Unknown);
    let asked: SendText = serde_json::from_value(json!({"to": "a", "text": "x", "later": 1})).unwrap();
    assert_eq!((asked.to.as_str(), asked.burn_s), ("a", 0));
}

#[test]
fn every_reason_is_in_the_schema_and_the_manual_and_nothing_else_is() {
    let whole = schema();
    let listed = whole["components"]["schemas"]["Cause"]["oneOf"].as_array().unwrap();
    let described = |cause: &Value| {
        let fields = cause["properties"].as_object().unwrap();
        let names: Vec<_> = fields.keys().filter(|name| *name != "kind").cloned().collect();
        (cause["properties"]["kind"]["const"].as_str().unwrap().to_owned(), names)
    };
    let known: BTreeMap<_, _> = listed.iter().map(described).collect();
    let sorted = |fields: &&[&str]| {
        let mut fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        fields.sort();
        fields
    };
    let own: BTreeMap<_, _> = Cause::ALL.iter().map(|(name, fields)| ((*name).to_owned(), sorted(fields))).collect();
    assert_eq!(own, known);
    own.into_iter().for_each(|(name, fields)| check_row(&name, fields.into_iter()));
}

#[test]
fn a_reason_is_read_as_it_is_written_and_one_of_a_later_version_is_none() {
    let why = Box::new(Cause::System { code: 28, text: text() });
    let reason = Some(Cause::SourceUnread { path: text(), why });
    let error = MethodError { code: 1, message: text(), reason };
    let written = json!(error);
    assert_eq!(written["data"]["reason"]["why"]["kind"], "system");
    assert_eq!(serde_json::from_value::<MethodError>(written).unwrap(), error);
    for data in [json!({"reason": {"kind": "invented_later"}}), json!(7), json!({"other": 1}), Value::Null] {
        let read: MethodError = serde_json::from_value(json!({"code": 1, "message": "x", "data": data})).unwrap();
        assert_eq!(read.reason, None);
    }
    let told = json!({"event": "unusable", "server": "a", "why": "x", "reason": {"kind": "invented_later"}});
    let told: EventParams = serde_json::from_value(told).unwrap();
    assert_eq!(told.event, Notification::Unusable { server: "a".to_owned(), why: text(), reason: None });
}
