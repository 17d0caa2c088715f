//! What an engine says in English is said in German.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ephemeral_client::downloads::DownloadError;
use ephemeral_client::names::NameError;
use ephemeral_client::source::SourceError;
use ephemeral_client::{ConnectError, DialError, Lost};
use ephemeral_e2e::core::CoreError;

use super::*;

fn german(text: &str) -> String {
    said_by(&Language::German.load("ephemeral", Language::English), text)
}

#[test]
fn each_sentence_of_an_engine_is_found_again_with_its_arguments() {
    let english = Language::English.load("ephemeral", Language::English);
    let german = Language::German.load("ephemeral", Language::English);
    for id in SENTENCES {
        let arguments: HashMap<_, _> = ARGUMENTS.map(|name| (name, format!("<{name}>"))).into_iter().collect();
        let text = english.get_args(id, arguments.clone());
        // That one is an option and arguments.
        assert!(text != german.get_args(id, arguments) || *id == "route-tor-config", "{id}");
        let (found, values) = found(&text).unwrap_or_else(|| panic!("{id}: {text}"));
        assert_eq!(&found, id, "{text}");
        values.iter().for_each(|(name, value)| assert_eq!(*value, format!("<{name}>"), "{text}"));
        assert!(!text.contains('{') && !text.contains('\u{e000}'), "{text}");
    }
}

#[test]
fn a_reason_within_a_reason_is_translated_too() {
    let path = PathBuf::from("/nowhere/file");
    let read = SourceError::Read { path: path.clone(), source: io::Error::other("the disk is full: make room on it") };
    assert_eq!(
        german(&read.to_string()),
        "/nowhere/file kann nicht gelesen werden: der Datenträger ist voll: dort Platz schaffen"
    );
    assert_eq!(german(&CoreError::Full("outbox").to_string()), "kein Platz für mehr: Ausgang");
    assert_eq!(german(&NameError::Unknown("bob".to_owned()).to_string()), "kein Kontakt und keine Gruppe heißt bob");
    let over = CoreError::NotNow("the conversation is over");
    assert_eq!(german(&over.to_string()), "mit diesem Kontakt jetzt nicht möglich: die Unterhaltung ist beendet");
    let folder = DownloadError::NotAFolder(path);
    let refused = format!("/nowhere/file cannot be written into: {folder}");
    assert_eq!(german(&refused), "in /nowhere/file kann nicht geschrieben werden: /nowhere/file ist kein Ordner");
}

#[test]
fn every_reason_why_there_is_no_connection_is_translated() {
    let closed = |code, reason: &str| Lost::Closed { code, reason: reason.to_owned() };
    let refused = |status, code: &str| ConnectError::Refused { status, code: code.to_owned(), retry_after: None };
    let reasons = [
        (ConnectError::Lost(closed(1005, "")), "der Server hat die Verbindung ohne Angabe von Gründen geschlossen"),
        (ConnectError::Lost(closed(4401, "")), "der Server hat die Verbindung geschlossen: Code 4401"),
        (ConnectError::Lost(closed(1001, "going away")), "der Server hat die Verbindung geschlossen: 1001 going away"),
        (ConnectError::Lost(Lost::Dropped), "die Verbindung ist abgebrochen"),
        (ConnectError::Lost(Lost::Silent), "der Server antwortet nicht mehr"),
        (ConnectError::Lost(Lost::NotReading), "der Server liest nicht mehr"),
        (
            ConnectError::Lost(Lost::Protocol("a binary frame")),
            "der Server hat etwas Falsches gesendet: a binary frame",
        ),
        (refused(429, ""), "der Server hat die Verbindung abgelehnt: 429 Too Many Requests"),
        (ConnectError::Timeout("welcome"), "der Server hat nicht rechtzeitig geantwortet (welcome)"),
        (DialError::Timeout(Duration::from_secs(30)).into(), "keine Verbindung innerhalb von 30 s"),
    ];
    for (error, expected) in reasons {
        assert_eq!(german(&error.to_string()), expected);
    }
    let old = german(&refused(400, "invalid_fingerprint").to_string());
    assert!(old.contains("400 invalid_fingerprint. Er ist älter"), "{old}");
}

#[test]
fn marks_around_a_sentence_are_kept() {
    let path = "\u{2068}/tmp/סוד is no file\u{2069}";
    assert_eq!(german(path), "\u{2068}/tmp/סוד ist keine Datei\u{2069}");
    // Two names, one at each end, are not one sentence in marks.
    let name = "\u{2068}סוד\u{2069} is a member already";
    assert_eq!(german(name), "\u{2068}סוד\u{2069} ist schon Mitglied");
}

#[test]
fn what_is_not_known_stays_as_it_is() {
    for text in ["", "something of a later version", "Weird failure (os error x)", " is no file"] {
        assert_eq!(german(text), text);
    }
}
