//! What an engine says in English is said in German.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ephemeral_client::downloads::DownloadError;
use ephemeral_client::names::NameError;
use ephemeral_client::source::SourceError;
use ephemeral_client::{ConnectError, DialError, Lost};
use ephemeral_e2e::core::{CoreError, Obstacle, Room};

use super::super::Language;
use super::*;

fn german(cause: &Cause) -> String {
    by(&Language::German.load("ephemeral", Language::English), cause)
}

#[test]
fn each_cause_has_a_sentence_with_its_arguments_in_each_language() {
    // These are said without one.
    let own = ["words", "system", "several"];
    for language in [Language::English, Language::German] {
        let loader = language.load("ephemeral", Language::English);
        for (name, fields) in Cause::ALL.iter().filter(|(name, _)| !own.contains(name)) {
            let id = in_locales(name);
            assert!(loader.has(&id), "{id}");
            // A verb that is none of those that a sentence knows is the usual one.
            let arguments = fields.iter().filter(|field| **field != "action");
            let arguments: HashMap<_, _> = arguments.map(|field| (in_locales(field), format!("<{field}>"))).collect();
            let text = loader.get_args(&id, arguments.clone());
            arguments.values().for_each(|value| assert!(text.contains(value.as_str()), "{id}: {text}"));
            assert!(!text.contains("{$") || fields.contains(&"action"), "{id}: {text}");
        }
    }
}

#[test]
fn a_reason_within_a_reason_is_translated_too() {
    let path = PathBuf::from("/nowhere/file");
    let read = SourceError::Read { path: path.clone(), source: io::Error::from_raw_os_error(28) };
    assert_eq!(german(&Cause::from(&read)), "/nowhere/file kann nicht gelesen werden: der Datenträger ist voll");
    assert_eq!(german(&Cause::from(&CoreError::Full(Room::Outbox))), "kein Platz für mehr: Ausgang");
    let unknown = NameError::Unknown("bob".to_owned());
    assert_eq!(german(&Cause::from(&unknown)), "kein Kontakt und keine Gruppe heißt bob");
    let over = CoreError::NotNow(Obstacle::Over);
    let expected = "mit diesem Kontakt jetzt nicht möglich: die Unterhaltung ist beendet";
    assert_eq!(german(&Cause::from(&over)), expected);
    let why = Box::new(Cause::from(&DownloadError::NotAFolder(path)));
    let refused = Cause::RefusedFolder { path: "/nowhere/file".to_owned(), why };
    assert_eq!(german(&refused), "in /nowhere/file kann nicht geschrieben werden: /nowhere/file ist kein Ordner");
    let several = Cause::Several { reasons: vec![Cause::FileDiskFull {}, Cause::NoHome {}] };
    assert!(german(&several).starts_with("der Datenträger ist voll: dort Platz schaffen; "), "{}", german(&several));
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
        assert_eq!(german(&Cause::from(&error)), expected);
    }
    let old = german(&Cause::from(&refused(400, "invalid_fingerprint")));
    assert!(old.contains("400 invalid_fingerprint. Er ist älter"), "{old}");
}

#[test]
fn the_english_sentence_of_a_connection_is_what_the_engine_says() {
    let english = Language::English.load("ephemeral", Language::English);
    let refused = |status, code: &str| ConnectError::Refused { status, code: code.to_owned(), retry_after: None };
    let errors = [
        ConnectError::Lost(Lost::Closed { code: 1005, reason: String::new() }),
        ConnectError::Lost(Lost::Closed { code: 4401, reason: String::new() }),
        ConnectError::Lost(Lost::Closed { code: 1001, reason: "going away".to_owned() }),
        ConnectError::Lost(Lost::Dropped),
        ConnectError::Lost(Lost::Io(io::Error::from_raw_os_error(104))),
        ConnectError::Lost(Lost::Silent),
        ConnectError::Lost(Lost::NotReading),
        ConnectError::Lost(Lost::Protocol("a binary frame")),
        refused(429, ""),
        refused(599, ""),
        refused(400, "invalid_fingerprint"),
        ConnectError::Timeout("welcome"),
    ];
    errors.iter().for_each(|error| assert_eq!(by(&english, &Cause::from(error)), error.to_string()));
}

#[test]
fn marks_stand_around_an_argument_whose_direction_demands_it() {
    let path = Cause::from(&SourceError::NotAFile(PathBuf::from("/tmp/סוד")));
    assert_eq!(german(&path), "\u{2068}/tmp/סוד\u{2069} ist keine Datei");
    let name = Cause::RefusedMemberAlready { name: "סוד\u{1b}".to_owned() };
    assert_eq!(german(&name), "\u{2068}סוד\\u{1b}\u{2069} ist schon Mitglied");
}

#[test]
fn a_sentence_without_a_cause_stays_english_and_acts_on_no_terminal() {
    for text in ["", "something of a later version", " is no file"] {
        assert_eq!(explained(text, None), text);
    }
    assert_eq!(explained("\u{1b}[2J", None), "\\u{1b}[2J");
    assert_eq!(explained("x", Some(&Cause::NoHome {})), "there is no home directory: set HOME");
}
