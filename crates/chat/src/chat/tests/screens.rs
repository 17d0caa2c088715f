//! What the screen looks like.

use ephemeral_client::api::{GroupOfferInfo, Groups, Notification};
use serde_json::json;

use super::first_start::invite;
use super::support::{Desk, NOW, contact, group, sending, start};
use crate::{ChatInput, OpeningStart};

macro_rules! assert_screens {
    ($desk:expr) => {
        insta::assert_snapshot!($desk.screen(80, 24));
        insta::assert_snapshot!($desk.screen(40, 15));
    };
}

/// A conversation in which much has happened.
pub(crate) fn talk(locale: &str) -> Desk {
    let mut desk = start(OpeningStart::Running, locale, false);
    let mut bob = contact("Bob");
    bob.verified = true;
    let groups = Groups { groups: vec![group("Friends", &["Alice", "Bob", "~Carol"])], offers: vec![] };
    desk.open(vec![bob, contact("Carol"), contact("שלום")], groups);
    desk.text("Bob", 1, "Are you there? The train is late, and I have no idea when it comes.");
    desk.enter("Yes. Take your time.");
    desk.answer("send", sending("a1"));
    desk.told(Notification::Arrived { contact: "Bob".to_owned(), id: "a1".to_owned() });
    desk.text("Bob", 2, "🚂 日本語 e\u{301} 👨\u{200d}👩\u{200d}👧\nSecond line");
    desk.text("שלום", 1, "مرحبا");
    desk.text("Carol", 1, "1");
    desk.text("Carol", 2, "2");
    desk.enter("I wait at the exit");
    desk.answer("send", sending("a2"));
    desk.told(Notification::AtServer { contact: "Bob".to_owned(), id: "a2".to_owned() });
    desk
}

#[test]
fn a_conversation() {
    let mut desk = talk("C");
    desk.write("half a sentence");
    assert_screens!(desk);
}

#[test]
fn a_conversation_in_german() {
    assert_screens!(talk("de_DE.UTF-8"));
}

#[test]
fn text_from_right_to_left() {
    let mut desk = talk("fa_IR");
    desk.enter("/open שלום");
    assert_screens!(desk);
}

#[test]
fn three_states_of_the_connection() {
    let mut desk = talk("C");
    desk.told(Notification::TorStarting { percent: 45 });
    insta::assert_snapshot!(desk.screen(80, 24));
    let server = super::support::SERVER.to_owned();
    desk.told(Notification::Offline {
        server: server.clone(),
        why: "no answer".to_owned(),
        retry_in_s: 70,
        reason: None,
    });
    desk.at(NOW + 65);
    insta::assert_snapshot!(desk.screen(80, 24));
    desk.told(Notification::Unusable { server, why: "it does not know this client".to_owned(), reason: None });
    assert_screens!(desk);
}

#[test]
fn without_colour_the_same_is_said_by_weight_and_reversal() {
    let mut desk = talk("C");
    let colours = |desk: &mut Desk| {
        let buffer = desk.buffer(80, 24);
        buffer.content().iter().filter(|cell| cell.fg != ratatui::style::Color::Reset).count()
    };
    assert!(colours(&mut desk) > 0);
    desk.chat.colour = false;
    assert_eq!(colours(&mut desk), 0);
    let modifiers = desk.buffer(80, 24).content().iter().filter(|cell| !cell.modifier.is_empty()).count();
    assert!(modifiers > 0);
    insta::assert_snapshot!(desk.screen(80, 24));
}

#[test]
fn the_first_start() {
    let mut desk = start(OpeningStart::Create, "C", false);
    desk.enter("Alice");
    desk.take(ChatInput::Paste(invite().chars().take(60).collect()));
    desk.key("enter");
    desk.write("secret");
    assert_screens!(desk);
}

#[test]
fn the_passphrase() {
    let mut desk = start(OpeningStart::Unlock, "C", false);
    desk.write("secret");
    assert_screens!(desk);
}

#[test]
fn nobody_is_here_yet() {
    let mut desk = Desk::with(vec![]);
    assert_screens!(desk);
}

#[test]
fn the_help() {
    let mut desk = talk("C");
    desk.key("f1");
    assert_screens!(desk);
}

#[test]
fn the_finder() {
    let mut desk = talk("C");
    desk.key("ctrl-p");
    desk.write("o");
    assert_screens!(desk);
}

#[test]
fn safety_words() {
    let mut desk = talk("C");
    desk.enter("/verify");
    let words: Vec<_> = (10..28).map(|number| format!("word{number}")).collect();
    desk.answer("contacts.words", json!({"words": words, "digits": "", "qr": "", "verified": false}));
    assert_screens!(desk);
}

#[test]
fn an_invite_is_made() {
    let mut desk = talk("C");
    desk.enter("/invite");
    assert_screens!(desk);
    desk.enter("Dora");
    desk.key("enter");
    // A text that is the same in each run; it is no invite.
    desk.answer("invites.create", json!({"invite": 3, "text": "ephemeral:AQMB"}));
    assert_screens!(desk);
}

#[test]
fn an_invite_is_used() {
    let mut desk = talk("C");
    desk.enter("/accept");
    desk.write("ephemeral:AQMB");
    assert_screens!(desk);
}

#[test]
fn lists_to_choose_from() {
    let mut desk = talk("C");
    let request = json!({"identity": "abcd", "calls_itself": "Eve"});
    let invites = json!([{"invite": 1, "name": "Dora", "reusable": true, "not_after": "2026-12-01T00:00:00Z", "used": false, "used_by": null, "requests": [request]}]);
    desk.told(Notification::Changed {});
    desk.answer("invites.list", invites);
    desk.answer(
        "groups.list",
        json!(Groups {
            groups: vec![],
            offers: vec![GroupOfferInfo { group: "Choir".to_owned(), group_id: String::new(), from: "Bob".to_owned() }]
        }),
    );
    for command in ["/invites", "/requests", "/groups", "/settings", "/outbox"] {
        desk.enter(command);
        insta::assert_snapshot!(desk.screen(80, 24));
        desk.key("esc");
    }
    for command in ["/invites", "/requests", "/groups", "/settings", "/outbox"] {
        desk.enter(command);
        assert_narrow_and_without_colour(&mut desk, command);
        desk.key("esc");
    }
}

/// Holds what is shown in front to a narrow terminal, and to one without colours.
fn assert_narrow_and_without_colour(desk: &mut Desk, name: &str) {
    let name = name.trim_start_matches('/');
    insta::assert_snapshot!(format!("narrow_{name}"), desk.screen(40, 15));
    desk.chat.colour = false;
    insta::assert_snapshot!(format!("without_colour_{name}"), desk.marks(40, 15));
    let coloured = desk.buffer(40, 15).content().iter().filter(|cell| cell.fg != ratatui::style::Color::Reset).count();
    assert_eq!(coloured, 0, "{name}");
    desk.chat.colour = true;
}

#[test]
fn what_is_asked_of_a_request_and_of_a_group_and_an_invite_in_a_narrow_terminal() {
    let mut desk = talk("C");
    desk.enter("/invite");
    assert_narrow_and_without_colour(&mut desk, "invite_form");
    desk.key("esc");
    let request = json!({"identity": "abcd", "calls_itself": "Eve"});
    let invites = json!([{"invite": 1, "name": "Dora", "reusable": true, "not_after": "2026-12-01T00:00:00Z",
        "used": false, "used_by": null, "requests": [request]}]);
    desk.told(Notification::Changed {});
    desk.answer("invites.list", invites);
    let offer = GroupOfferInfo { group: "Choir".to_owned(), group_id: String::new(), from: "Bob".to_owned() };
    desk.answer("groups.list", json!(Groups { groups: vec![], offers: vec![offer] }));
    for (command, name) in [("/requests", "request"), ("/groups", "offer")] {
        desk.enter(command);
        desk.key("enter");
        assert_narrow_and_without_colour(&mut desk, name);
        desk.key("esc");
        desk.key("esc");
    }
}

#[test]
fn a_code_is_dark_on_light_also_where_no_colours_are_wanted() {
    let mut desk = talk("C");
    desk.chat.colour = false;
    desk.enter("/invite Dora");
    desk.answer("invites.create", json!({"invite": 3, "text": "ephemeral:AQMB"}));
    let buffer = desk.buffer(80, 60);
    let code = buffer.content().iter().filter(|cell| cell.symbol() == "█" && cell.fg != cell.bg);
    let ink = ratatui::style::Color::Indexed(16);
    let paper = ratatui::style::Color::Indexed(231);
    let cells: Vec<_> = code.map(|cell| (cell.fg, cell.bg)).collect();
    assert!(cells.len() > 50 && cells.iter().all(|cell| *cell == (ink, paper)), "{cells:?}");
}

#[test]
fn a_question() {
    let mut desk = talk("C");
    desk.enter("/block");
    assert_screens!(desk);
}

#[test]
fn a_group_and_its_members() {
    let mut desk = talk("C");
    desk.enter("/open Friends");
    desk.told(Notification::GroupText {
        group: "Friends".to_owned(),
        member: "~Carol".to_owned(),
        id: "g1".to_owned(),
        at: "2026-11-27T19:59:00Z".to_owned(),
        text: "hello, all of you".to_owned(),
        missing: true,
    });
    assert_screens!(desk);
    desk.enter("/members");
    assert_screens!(desk);
}

#[test]
fn files() {
    let mut desk = talk("C");
    desk.told(Notification::File {
        contact: "Bob".to_owned(),
        id: "f1".to_owned(),
        name: "report.pdf".to_owned(),
        size: 3_500_000,
    });
    desk.enter("/take ~/Downloads");
    assert_eq!(desk.called("files.take"), Some(&json!({"contact": "Bob", "folder": "/home/alice/Downloads"})));
    desk.told(Notification::FileProgress {
        contact: "Bob".to_owned(),
        file: "f1".to_owned(),
        name: "report.pdf".to_owned(),
        arrived: 1_750_000,
        size: 3_500_000,
        mine: false,
    });
    desk.at(NOW + 20);
    assert_screens!(desk);
    desk.enter("/files");
    assert_screens!(desk);
}
