//! What the screen looks like.

use ephemeral_client::api::{GroupOfferInfo, Groups, Notification};
use serde_json::json;

use super::first_start::invite;
use super::support::{NOW, ScriptedChat, contact, group, sending, start};
use crate::{ChatInput, OpeningStart};

macro_rules! assert_screens {
    ($scripted:expr) => {
        insta::assert_snapshot!($scripted.screen(80, 24));
        insta::assert_snapshot!($scripted.screen(40, 15));
    };
}

/// Makes a conversation in which much has happened.
pub(crate) fn talk(locale: &str) -> ScriptedChat {
    let mut scripted = start(OpeningStart::Running, locale, false);
    let mut bob = contact("Bob");
    bob.verified = true;
    let groups = Groups { groups: vec![group("Friends", &["Alice", "Bob", "~Carol"])], offers: vec![] };
    scripted.open(vec![bob, contact("Carol"), contact("שלום")], groups);
    scripted.text("Bob", 1, "Are you there? The train is late, and I have no idea when it comes.");
    scripted.enter("Yes. Take your time.");
    scripted.answer("send", sending("a1"));
    scripted.notified(Notification::Arrived { contact: "Bob".to_owned(), id: "a1".to_owned() });
    scripted.text("Bob", 2, "🚂 日本語 e\u{301} 👨\u{200d}👩\u{200d}👧\nSecond line");
    scripted.text("שלום", 1, "مرحبا");
    scripted.text("Carol", 1, "1");
    scripted.text("Carol", 2, "2");
    scripted.enter("I wait at the exit");
    scripted.answer("send", sending("a2"));
    scripted.notified(Notification::AtServer { contact: "Bob".to_owned(), id: "a2".to_owned() });
    scripted
}

#[test]
fn a_conversation() {
    let mut scripted = talk("C");
    scripted.write("half a sentence");
    assert_screens!(scripted);
}

#[test]
fn a_conversation_in_german() {
    assert_screens!(talk("de_DE.UTF-8"));
}

#[test]
fn text_from_right_to_left() {
    let mut scripted = talk("fa_IR");
    scripted.enter("/open שלום");
    assert_screens!(scripted);
}

#[test]
fn three_states_of_the_connection() {
    let mut scripted = talk("C");
    scripted.notified(Notification::TorStarting { percent: 45 });
    assert_screens!(scripted);
    let server = super::support::SERVER.to_owned();
    scripted.notified(Notification::Offline {
        server: server.clone(),
        why: "no answer".to_owned(),
        retry_in_s: 70,
        reason: None,
    });
    scripted.at(NOW + 65);
    assert_screens!(scripted);
    scripted.notified(Notification::Unusable { server, why: "it does not know this client".to_owned(), reason: None });
    assert_screens!(scripted);
}

#[test]
fn without_colour_the_same_is_said_by_weight_and_reversal() {
    let mut scripted = talk("C");
    let colours = |scripted: &mut ScriptedChat| {
        let buffer = scripted.buffer(80, 24);
        buffer.content().iter().filter(|cell| cell.fg != ratatui::style::Color::Reset).count()
    };
    assert!(colours(&mut scripted) > 0);
    scripted.chat.colour = false;
    assert_eq!(colours(&mut scripted), 0);
    let modifiers = scripted.buffer(80, 24).content().iter().filter(|cell| !cell.modifier.is_empty()).count();
    assert!(modifiers > 0);
    insta::assert_snapshot!(scripted.screen(80, 24));
}

#[test]
fn the_first_start() {
    let mut scripted = start(OpeningStart::Create, "C", false);
    scripted.enter("Alice");
    scripted.take(ChatInput::Paste(invite().chars().take(60).collect()));
    scripted.key("enter");
    scripted.write("secret");
    assert_screens!(scripted);
}

#[test]
fn the_passphrase() {
    let mut scripted = start(OpeningStart::Unlock, "C", false);
    scripted.write("secret");
    assert_screens!(scripted);
}

#[test]
fn nobody_is_here_yet() {
    let mut scripted = ScriptedChat::with(vec![]);
    assert_screens!(scripted);
}

#[test]
fn the_help() {
    let mut scripted = talk("C");
    scripted.key("f1");
    assert_screens!(scripted);
}

#[test]
fn the_finder() {
    let mut scripted = talk("C");
    scripted.key("ctrl-p");
    scripted.write("o");
    assert_screens!(scripted);
}

#[test]
fn safety_words() {
    let mut scripted = talk("C");
    scripted.enter("/verify");
    let words: Vec<_> = (10..28).map(|number| format!("word{number}")).collect();
    scripted.answer("contacts.words", json!({"words": words, "digits": "", "qr": "", "verified": false}));
    assert_screens!(scripted);
}

#[test]
fn an_invite_is_made() {
    let mut scripted = talk("C");
    scripted.enter("/invite");
    assert_screens!(scripted);
    scripted.enter("Dora");
    scripted.key("enter");
    // A text that is the same in each run; it is no invite.
    scripted.answer("invites.create", json!({"invite": 3, "text": "ephemeral:AQMB"}));
    assert_screens!(scripted);
}

#[test]
fn an_invite_is_used() {
    let mut scripted = talk("C");
    scripted.enter("/accept");
    scripted.write("ephemeral:AQMB");
    assert_screens!(scripted);
}

#[test]
fn lists_to_choose_from() {
    let mut scripted = talk("C");
    let request = json!({"identity": "abcd", "calls_itself": "Eve"});
    let invites = json!([{"invite": 1, "name": "Dora", "reusable": true, "not_after": "2026-12-01T00:00:00Z", "used": false, "used_by": null, "requests": [request]}]);
    scripted.notified(Notification::Changed {});
    scripted.answer("invites.list", invites);
    scripted.answer(
        "groups.list",
        json!(Groups {
            groups: vec![],
            offers: vec![GroupOfferInfo { group: "Choir".to_owned(), group_id: String::new(), from: "Bob".to_owned() }]
        }),
    );
    for command in ["/invites", "/requests", "/groups", "/settings", "/outbox"] {
        scripted.enter(command);
        insta::assert_snapshot!(scripted.screen(80, 24));
        scripted.key("esc");
    }
    for command in ["/invites", "/requests", "/groups", "/settings", "/outbox"] {
        scripted.enter(command);
        assert_narrow_and_without_colour(&mut scripted, command);
        scripted.key("esc");
    }
}

/// Holds what is shown in front to a narrow terminal, and to one without colours.
fn assert_narrow_and_without_colour(scripted: &mut ScriptedChat, name: &str) {
    let name = name.trim_start_matches('/');
    insta::assert_snapshot!(format!("narrow_{name}"), scripted.screen(40, 15));
    scripted.chat.colour = false;
    insta::assert_snapshot!(format!("without_colour_{name}"), scripted.marks(40, 15));
    let coloured =
        scripted.buffer(40, 15).content().iter().filter(|cell| cell.fg != ratatui::style::Color::Reset).count();
    assert_eq!(coloured, 0, "{name}");
    scripted.chat.colour = true;
}

#[test]
fn what_is_asked_of_a_request_and_of_a_group_and_an_invite_in_a_narrow_terminal() {
    let mut scripted = talk("C");
    scripted.enter("/invite");
    assert_narrow_and_without_colour(&mut scripted, "invite_form");
    scripted.key("esc");
    let request = json!({"identity": "abcd", "calls_itself": "Eve"});
    let invites = json!([{"invite": 1, "name": "Dora", "reusable": true, "not_after": "2026-12-01T00:00:00Z",
        "used": false, "used_by": null, "requests": [request]}]);
    scripted.notified(Notification::Changed {});
    scripted.answer("invites.list", invites);
    let offer = GroupOfferInfo { group: "Choir".to_owned(), group_id: String::new(), from: "Bob".to_owned() };
    scripted.answer("groups.list", json!(Groups { groups: vec![], offers: vec![offer] }));
    for (command, name) in [("/requests", "request"), ("/groups", "offer")] {
        scripted.enter(command);
        scripted.key("enter");
        assert_narrow_and_without_colour(&mut scripted, name);
        scripted.key("esc");
        scripted.key("esc");
    }
}

#[test]
fn a_code_is_dark_on_light_also_where_no_colours_are_wanted() {
    let mut scripted = talk("C");
    scripted.chat.colour = false;
    scripted.enter("/invite Dora");
    scripted.answer("invites.create", json!({"invite": 3, "text": "ephemeral:AQMB"}));
    let buffer = scripted.buffer(80, 60);
    let code = buffer.content().iter().filter(|cell| cell.symbol() == "█" && cell.fg != cell.bg);
    let ink = ratatui::style::Color::Indexed(16);
    let paper = ratatui::style::Color::Indexed(231);
    let cells: Vec<_> = code.map(|cell| (cell.fg, cell.bg)).collect();
    assert!(cells.len() > 50 && cells.iter().all(|cell| *cell == (ink, paper)), "{cells:?}");
}

#[test]
fn a_question() {
    let mut scripted = talk("C");
    scripted.enter("/block");
    assert_screens!(scripted);
}

#[test]
fn a_group_and_its_members() {
    let mut scripted = talk("C");
    scripted.enter("/open Friends");
    scripted.notified(Notification::GroupText {
        group: "Friends".to_owned(),
        member: "~Carol".to_owned(),
        id: "g1".to_owned(),
        at: "2026-11-27T19:59:00Z".to_owned(),
        text: "hello, all of you".to_owned(),
        missing: true,
    });
    assert_screens!(scripted);
    scripted.enter("/members");
    assert_screens!(scripted);
}

#[test]
fn the_search_the_connection_and_what_to_do_with_an_invite_or_a_file() {
    let mut scripted = talk("C");
    let invites = json!([{"invite": 1, "name": "Dora", "reusable": false, "not_after": "2026-12-01T00:00:00Z",
        "used": false, "used_by": null, "requests": []}]);
    scripted.notified(Notification::Changed {});
    scripted.answer("invites.list", invites);
    scripted.notified(Notification::File {
        contact: "Bob".to_owned(),
        id: "f1".to_owned(),
        name: "report.pdf".to_owned(),
        size: 3_500_000,
    });
    for (command, chosen) in [("/search", false), ("/status", false), ("/invites", true), ("/files", true)] {
        scripted.enter(command);
        if chosen {
            scripted.key("enter");
        }
        assert_screens!(scripted);
        scripted.key("esc");
        scripted.key("esc");
    }
}

#[test]
fn files() {
    let mut scripted = talk("C");
    scripted.notified(Notification::File {
        contact: "Bob".to_owned(),
        id: "f1".to_owned(),
        name: "report.pdf".to_owned(),
        size: 3_500_000,
    });
    scripted.enter("/take ~/Downloads");
    assert_eq!(scripted.called("files.take"), Some(&json!({"contact": "Bob", "folder": "/home/alice/Downloads"})));
    scripted.notified(Notification::FileProgress {
        contact: "Bob".to_owned(),
        file: "f1".to_owned(),
        name: "report.pdf".to_owned(),
        arrived: 1_750_000,
        size: 3_500_000,
        mine: false,
    });
    scripted.at(NOW + 20);
    assert_screens!(scripted);
    scripted.enter("/files");
    assert_screens!(scripted);
}
