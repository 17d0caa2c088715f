//! What the state does when its engine ends and another one comes, and with pastes that come as
//! keys.

use ephemeral_client::api::{Groups, Notification};
use serde_json::json;

use super::support::{NOW, SERVER, ScriptedChat, contact};
use crate::{ChatInput, ChatOutput, KeyName, KeyPress, Opening};

fn keys(text: &str) -> Vec<KeyPress> {
    let key = |character| match character {
        '\n' => KeyPress::plain(KeyName::Enter),
        other => KeyPress::plain(KeyName::Char(other)),
    };
    text.chars().map(key).collect()
}

#[test]
fn after_the_engine_ended_another_one_is_used_and_the_draft_and_the_texts_stay() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.notified(Notification::Text {
        contact: "Bob".to_owned(),
        id: "1".to_owned(),
        at: "2026-11-27T19:59:00Z".to_owned(),
        text: "before".to_owned(),
        burn_s: 0,
        missing: false,
        gone_at: None,
    });
    scripted.enter("/take /tmp/files");
    scripted.answer("files.take", json!({}));
    scripted.write("half a draft");
    scripted.take(ChatInput::Gone(String::new()));
    scripted.at(NOW + 70);
    let screen = scripted.screen(120, 24);
    assert!(
        screen.contains("the program that ran the profile has ended; looking for another one for 1 min"),
        "{screen}"
    );
    scripted.calls.clear();
    scripted.open(vec![contact("Bob")], Groups::default());
    assert_eq!(scripted.called("files.take"), Some(&json!({"contact": "Bob", "folder": "/tmp/files"})));
    let screen = scripted.screen(80, 24);
    assert!(screen.contains("before") && screen.contains("> half a draft"), "{screen}");
    assert!(screen.contains("Another engine runs the profile now"), "{screen}");
}

#[test]
fn what_an_engine_did_not_answer_before_it_ended_goes_back_and_nobody_says_that_it_was_not_sent() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.enter("perhaps");
    scripted.take(ChatInput::Gone(String::new()));
    assert_eq!(scripted.chat.composer().text(), "perhaps");
    let screen = scripted.screen(140, 24);
    assert!(screen.contains("may have been sent") && !screen.contains("not sent"), "{screen}");
}

#[test]
fn the_profile_is_opened_here_when_the_person_gives_the_passphrase_and_not_before() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.enter("/unlock");
    assert!(scripted.chat.dialogs.is_empty(), "it is open");
    scripted.take(ChatInput::Gone(String::new()));
    assert!(scripted.chat.dialogs.is_empty(), "what is being written must not go into another field");
    scripted.enter("/unlock");
    scripted.enter("secret");
    let opened = ChatOutput::Open(Opening::Unlock("secret".to_owned().into()));
    assert!(scripted.outputs.contains(&opened), "{:?}", scripted.outputs);
    // One may go back to the conversations without it.
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.take(ChatInput::Gone(String::new()));
    scripted.enter("/unlock");
    scripted.key("esc");
    assert!(scripted.chat.dialogs.is_empty());
}

#[test]
fn the_first_of_several_attempts_counts_and_why_it_cannot_be_hurried_is_said() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    let offline = |seconds| Notification::Offline {
        server: SERVER.to_owned(),
        why: "no answer".to_owned(),
        retry_in_s: seconds,
        reason: None,
    };
    scripted.notified(offline(20));
    scripted.notified(offline(90));
    scripted.enter("/status");
    let screen = scripted.screen(100, 24);
    assert!(screen.contains("next attempt in 20 s") && screen.contains("It cannot be hurried"), "{screen}");
}

#[test]
fn a_paste_that_comes_as_keys_sends_nothing_and_runs_no_command() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.take(ChatInput::Burst(keys("one\n/quit\nthree\n")));
    assert_eq!(scripted.chat.composer().text(), "one\n/quit\nthree\n");
    assert!(scripted.called("send").is_none() && scripted.outputs.is_empty(), "{:?}", scripted.outputs);
}

#[test]
fn a_single_line_that_is_pasted_with_its_end_waits_for_enter_whether_the_paste_is_marked_or_not() {
    for (pasted, written) in [
        (ChatInput::Paste("my secret\n".to_owned()), "my secret\n"),
        (ChatInput::Burst(keys("my secret\n")), "my secret"),
        (ChatInput::Burst(keys("/quit\n")), "/quit"),
    ] {
        let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
        scripted.take(pasted.clone());
        assert_eq!(scripted.chat.composer().text(), written);
        assert!(scripted.called("send").is_none() && scripted.outputs.is_empty(), "{:?}", scripted.outputs);
        if matches!(pasted, ChatInput::Burst(_)) {
            assert!(scripted.screen(80, 24).contains("pasted, and not sent"));
        }
        if !written.starts_with('/') {
            scripted.key("enter");
            assert!(scripted.called("send").is_some());
        }
    }
}

#[test]
fn in_a_form_fast_keys_are_keys_and_what_is_left_of_them_behind_it_is_written() {
    let mut scripted = ScriptedChat::with(vec![contact("Bob")]);
    scripted.enter("/search");
    scripted.take(ChatInput::Burst(keys("word\nfirst\nsecond")));
    assert!(scripted.chat.dialogs.is_empty());
    assert_eq!(scripted.chat.composer().text(), "first\nsecond");
    assert!(scripted.called("send").is_none());
}
