//! Groups and files in the terminal, by nothing but what the screens say; and a paste of a terminal
//! that does not mark it.

use std::fs;

use crate::chatters::chatting;

#[test]
fn a_group_is_made_joined_talked_in_and_somebody_is_removed() {
    let people = chatting();
    let alice = &people.alice.terminal;
    let bob = &people.bob.terminal;
    alice.enter("/group friends");
    alice.until("the group friends is there");
    alice.enter("/open friends");
    alice.until("group of one");
    alice.enter("/add Bob");
    alice.until("Bob is invited");
    bob.until("invites you to the group friends");
    bob.enter("/groups");
    bob.until_all(&["Invitations to groups", "from Alice"]);
    bob.keys(&["Enter"]);
    bob.until("Join friends");
    bob.keys(&["Enter"]);
    bob.until("  friends");
    bob.enter("/open friends");
    bob.until_all(&["you are in the group friends", "group of 2"]);
    alice.until("group of 2");
    alice.enter("welcome, all");
    bob.until("welcome, all");
    bob.enter("thank you");
    alice.until("thank you");
    alice.enter("/members");
    alice.until_all(&["Members of friends", "you, admin"]);
    alice.escape();
    alice.enter("/remove Bob");
    alice.until("Remove Bob from this group?");
    alice.keys(&["y"]);
    bob.until("you are no longer a member");
    alice.until("group of one");
}

#[test]
fn a_file_is_sent_taken_and_stands_in_the_folder_and_another_one_is_declined() {
    let people = chatting();
    let alice = &people.alice.terminal;
    let bob = &people.bob.terminal;
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.txt");
    fs::write(&plan, "at noon").unwrap();
    let other = folder.path().join("other.txt");
    fs::write(&other, "unwanted").unwrap();
    alice.enter(&format!("/send {}", other.display()));
    alice.until("sending other.txt (8 bytes)");
    bob.until("sends the file other.txt (8 bytes)");
    bob.enter("/files");
    bob.until_all(&["other.txt", "waits for your /take FOLDER"]);
    bob.keys(&["Enter"]);
    bob.until("Drop it");
    bob.keys(&["Enter"]);
    bob.until("other.txt: stopped");
    let taken = tempfile::tempdir().unwrap();
    alice.enter(&format!("/send {}", plan.display()));
    bob.until("sends the file plan.txt (7 bytes)");
    bob.enter(&format!("/take {}", taken.path().display()));
    bob.until("saved: plan.txt (7 bytes)");
    alice.until("the file plan.txt has arrived");
    assert_eq!(fs::read_to_string(taken.path().join("plan.txt")).unwrap(), "at noon");
    let names: Vec<_> = fs::read_dir(taken.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["plan.txt"], "what was declined is not there");
}

#[test]
fn lines_that_a_terminal_pastes_as_keys_are_written_and_neither_sent_nor_run() {
    let people = chatting();
    let alice = &people.alice.terminal;
    let bob = &people.bob.terminal;
    alice.paste_as_keys("first line\n/quit\nlast line");
    let screen = alice.until_all(&["first line", "/quit", "last line"]);
    assert!(!screen.contains("arrived") && !screen.contains("ended with"), "nothing was sent or run:\n{screen}");
    alice.keys(&["Enter"]);
    bob.until_all(&["first line", "/quit", "last line"]);
    alice.paste_as_keys("a single line with its end\n");
    alice.until_all(&["pasted, and not sent", "a single line with its end"]);
    alice.keys(&["Enter"]);
    bob.until("a single line with its end");
}
