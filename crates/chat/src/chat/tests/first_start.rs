//! From nothing to the first message.

use ephemeral_client::api::{Groups, MethodError};
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::{Key, Secret};
use ephemeral_e2e::invite::{Form, Invite};
use serde_json::json;
use zeroize::Zeroizing;

use super::support::{NOW, start};
use crate::{ChatInput, ChatOutput, Opening, OpeningStart};

/// Returns the name of an onion service.
pub(crate) fn onion() -> Authority {
    Authority::from_onion_key(&Key([7; 32]), 80)
}

/// Returns an invite that is the same in each run.
pub(crate) fn invite() -> String {
    // The base points of both curves are keys like others.
    let mut door = [0x66; 32];
    door[0] = 0x58;
    let mut agreement = [0; 32];
    agreement[0] = 9;
    let form = Form::Short { secret: Secret::new([5; 32]), discovery: None };
    let not_after = u32::try_from(NOW / 60).unwrap() + 7 * 24 * 60;
    let invite = Invite {
        one_time: true,
        not_after,
        authority: onion(),
        door: Key(door),
        identity: Key(agreement),
        prekey: Key(agreement),
        form,
    };
    invite.to_text().to_string()
}

#[test]
fn a_newcomer_with_an_invite_needs_a_name_and_a_passphrase_and_writes_at_once() {
    let mut scripted = start(OpeningStart::Create, "C", false);
    scripted.enter("Alice");
    scripted.take(ChatInput::Paste(format!("{}\n", invite())));
    let screen = scripted.screen(80, 24);
    assert!(
        screen.contains("for one person, once") && screen.contains(onion().as_str()),
        "shown before its use:\n{screen}"
    );
    scripted.key("enter");
    scripted.enter("open sesame");
    scripted.enter("open sesame");
    let opening = Opening::Create {
        passphrase: Some(Zeroizing::new("open sesame".to_owned())),
        server: onion().as_str().to_owned(),
        name: "Alice".to_owned(),
    };
    assert_eq!(scripted.outputs, [ChatOutput::Open(opening)]);
    scripted.open(vec![], Groups::default());
    scripted.enter("Bob");
    scripted.enter("it is me");
    let accept = scripted.called("invites.accept").unwrap();
    assert_eq!((accept["as"].as_str(), accept["text"].as_str()), (Some("Bob"), Some("it is me")));
    assert_eq!(accept["foreign"], json!(true), "the scripted engine has another server");
    scripted.answer("invites.accept", json!({"contact": "Bob"}));
    scripted.enter("and more");
    assert_eq!(scripted.called("send").unwrap()["text"], "and more");
}

#[test]
fn a_passphrase_that_differs_is_asked_for_again_and_is_never_on_the_screen() {
    let mut scripted = start(OpeningStart::Create, "C", false);
    scripted.enter("");
    scripted.enter("http://127.0.0.1:8080");
    scripted.enter("open sesame");
    scripted.enter("open sesane");
    let screen = scripted.screen(80, 24);
    assert!(screen.contains("not the same") && !screen.contains("sesa"), "{screen}");
    assert!(scripted.outputs.is_empty());
}

#[test]
fn without_a_passphrase_the_profile_is_in_memory_only_as_the_form_says() {
    let mut scripted = start(OpeningStart::Create, "C", false);
    assert!(scripted.screen(80, 24).contains("in memory only"));
    for line in ["", "http://localhost:8080", "", ""] {
        scripted.enter(line);
    }
    let opening = Opening::Create { passphrase: None, server: "localhost:8080".to_owned(), name: String::new() };
    assert_eq!(scripted.outputs, [ChatOutput::Open(opening)]);
}

#[test]
fn what_is_no_server_and_no_invite_is_said_where_it_was_written() {
    let mut scripted = start(OpeningStart::CreateInMemory, "C", false);
    scripted.enter("Alice");
    scripted.enter("");
    assert!(scripted.screen(80, 24).contains("is needed"));
    scripted.enter("ephemeral:AAAA");
    assert!(scripted.screen(80, 24).contains("damaged"));
    assert!(scripted.outputs.is_empty());
}

#[test]
fn a_wrong_passphrase_is_said_and_asked_for_again() {
    let mut scripted = start(OpeningStart::Unlock, "C", false);
    scripted.enter("guess");
    assert_eq!(scripted.outputs, [ChatOutput::Open(Opening::Unlock(Zeroizing::new("guess".to_owned())))]);
    scripted.write("typed meanwhile");
    scripted.take(ChatInput::NotOpened(MethodError { code: 77, message: "no".to_owned(), reason: None }));
    assert!(scripted.screen(80, 24).contains("the passphrase is wrong"));
    scripted.enter("right");
    assert_eq!(scripted.outputs.last(), Some(&ChatOutput::Open(Opening::Unlock(Zeroizing::new("right".to_owned())))));
}
