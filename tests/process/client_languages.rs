//! `ephemeral` in the language that the environment asks for: sentences, help, and mistakes. What
//! programs read is the same in every language.

use std::process::{Command, Output, Stdio};

use ephemeral_test_support::client::{Client, LocalServer};
use ephemeral_test_support::serving::Serving;
use serde_json::json;

use crate::{CLIENT, SERVER};

const GERMAN: (&str, &str) = ("LANG", "de_DE.UTF-8");

fn speaking(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(CLIENT);
    command.args(arguments).env_clear().envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_first_variable_that_is_set_chooses_the_language() {
    let english = "ephemeral: there is no profile /nonexistent/default: ";
    let german = "ephemeral: das Profil /nonexistent/default gibt es nicht: ";
    for (variables, beginning) in [
        (&[][..], english),
        (&[GERMAN], german),
        (&[("LANG", "C")], english),
        (&[("LANG", "POSIX")], english),
        (&[("LANG", "fa_IR.UTF-8")], english),
        (&[("LANG", "fa")], english),
        (&[GERMAN, ("LC_ALL", "")], german),
        (&[GERMAN, ("LC_ALL", "C")], english),
        (&[GERMAN, ("LC_MESSAGES", "en_GB.UTF-8")], english),
        (&[("LANG", "C"), ("LC_ALL", "de_AT.UTF-8")], german),
        (&[("LANG", "C"), ("LC_MESSAGES", "de")], german),
        (&[("LC_MESSAGES", "de"), ("LC_ALL", "en_US.UTF-8")], english),
        (&[("LANG", "de_DE.ISO-8859-1")], english),
    ] {
        let output = speaking(variables, &["invites", "--profiles", "/nonexistent"]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{variables:?}");
        assert!(text(&output.stderr).starts_with(beginning), "{variables:?}: {output:?}");
    }
}

#[test]
fn help_in_german_has_no_english_words_of_claps() {
    let commands =
        ["", "init", "invite", "accept", "contacts", "contacts rename", "group", "group join", "send", "recv"];
    let more = ["moved", "moved ask", "discovery", "discovery new", "panic", "backup", "restore", "passphrase"];
    let engine = ["chat", "rpc", "serve", "outbox", "admit", "decline"];
    for command in commands.into_iter().chain(more).chain(engine) {
        let arguments: Vec<_> = command.split_whitespace().collect();
        let by_option = speaking(&[GERMAN], &[&arguments[..], &["--help"]].concat());
        let by_command = speaking(&[GERMAN], &[&["help"], &arguments[..]].concat());
        for output in [by_option, by_command] {
            let help = text(&output.stdout);
            assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{command}");
            assert!(help.contains("\nAufruf: ephemeral"), "{command}: {help}");
            assert!(help.contains("\nOptionen:\n"), "{command}: {help}");
            let english = ["Usage", "Commands:", "Arguments:", "Options:", "OPTIONS", "COMMAND", "Print", "default"];
            let found: Vec<_> = english.into_iter().filter(|word| help.contains(word)).collect();
            // `--profile` has a default of this name.
            assert!(
                found.is_empty() || found == ["default"] && help.contains("[Vorgabe: default]"),
                "{found:?}: {help}"
            );
        }
    }
    let help = speaking(&[GERMAN], &["--help"]);
    assert!(text(&help.stdout).contains("\n  77  die Passphrase ist falsch"), "{help:?}");
    let usage = text(&speaking(&[GERMAN], &["moved", "--help"]).stdout).to_owned();
    assert!(
        usage.contains("Aufruf: ephemeral moved [OPTIONEN] <MITTEILUNG>\n        ephemeral moved <BEFEHL>\n"),
        "{usage}"
    );
}

#[test]
fn a_wrong_command_line_is_explained_in_german() {
    for (arguments, sentences) in [
        (
            &["init"][..],
            "Fehler: diese Argumente fehlen:\n  --server <URL>\n\nAufruf: ephemeral init [OPTIONEN] --server <URL>\n\n\
             Mehr dazu mit `--help`.\n",
        ),
        (
            &["init", "--server", "https://x"],
            "Fehler: „https://x“ ist kein Wert für „--server <URL>“: https:// wird noch nicht unterstützt: die \
             Onion-Adresse des Servers verwenden (http://NAME.onion), die Tor verschlüsselt\n\nMehr dazu mit `--help`.\n",
        ),
        (
            &["invite", "--expires", "1y"],
            "Fehler: „1y“ ist kein Wert für „--expires <ZEIT>“: \"1y\" ist keine Zeitangabe wie 90m, 12h oder 7d\n\n\
             Mehr dazu mit `--help`.\n",
        ),
        (
            &["panik"],
            "Fehler: den Befehl „panik“ gibt es nicht\n\n  Tipp: ähnlich gibt es den Befehl „panic“\n\n\
             Aufruf: ephemeral <BEFEHL>\n\nMehr dazu mit `--help`.\n",
        ),
    ] {
        let output = speaking(&[GERMAN], arguments);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{arguments:?}");
        assert_eq!(text(&output.stderr), sentences, "{arguments:?}");
    }
    // A text of somebody else's cannot act on the terminal here either.
    let hostile = speaking(&[GERMAN], &["init", "--\u{1b}[2J"]);
    assert!(text(&hostile.stderr).starts_with("Fehler: unbekanntes Argument „--\\u{1b}[2J“\n"), "{hostile:?}");
}

#[test]
fn what_programs_read_is_the_same_in_every_language() {
    let home = tempfile::tempdir().unwrap();
    let mut alice = Client::new(CLIENT, home.path(), "alice", "http://127.0.0.1:1");
    alice.ok(&["invite", "bob"]);
    let arguments = [
        &["invites", "--json"][..],
        &["contacts", "--json"],
        &["revoke", "99"],
        &["invites", "--json", "--profile", "x"],
    ];
    let ran = |alice: &Client| arguments.map(|arguments| alice.run(arguments));
    let english = ran(&alice);
    alice.variables.push(("LANG", GERMAN.1.to_owned()));
    let german = ran(&alice);
    for (one, other) in english.iter().zip(&german) {
        assert_eq!((one.status.code(), &one.stdout), (other.status.code(), &other.stdout));
    }
    assert!(text(&english[2].stderr).contains("no such contact, invite or group"), "{english:?}");
    assert!(text(&german[2].stderr).contains("diese Einladung oder diese Gruppe gibt es nicht"), "{german:?}");
}

#[test]
fn names_from_right_to_left_change_nothing_around_them() {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    let mut alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let shalom = Client::new(CLIENT, home.path(), "שלום", &server.url);
    let invite = alice.ok(&["invite", "--reusable", "פתוח"]);
    shalom.ok(&["accept", invite.trim(), "--as", "alice", "--text", "it is me"]);
    alice.ok(&["recv", "--once", "--quiet"]);
    for (language, words) in [
        (
            "C",
            [
                " reusable for \u{2068}פתוח\u{2069}, until 2",
                "  waits for a yes: ",
                " calls itself \"\u{2068}שלום\u{2069}\"\n",
            ],
        ),
        (
            GERMAN.1,
            [
                " mehrmals verwendbar für \u{2068}פתוח\u{2069}, bis 2",
                "  wartet auf ein Ja: ",
                " nennt sich \"\u{2068}שלום\u{2069}\"\n",
            ],
        ),
    ] {
        alice.variables = vec![("LANG", language.to_owned())];
        let invites = alice.ok(&["invites"]);
        for part in words {
            assert!(invites.contains(part), "{part:?}: {invites:?}");
        }
    }
    let says = alice.fails(67, &["send", "סוד", "x"]);
    assert!(says.contains("kein Kontakt und keine Gruppe heißt \u{2068}סוד\u{2069}"), "{says}");
}

#[test]
fn a_running_profile_speaks_german_on_stderr_and_a_profile_is_made_kept_and_erased() {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    let mut alice = Client::without_a_profile(CLIENT, home.path(), "alice");
    alice.variables.push(("LANG", GERMAN.1.to_owned()));
    let made = alice.ok(&["init", "--server", &server.url, "--name", "Alice"]);
    assert!(made.starts_with("Das Profil liegt in ") && made.lines().count() == 2, "{made}");
    alice.ease();
    alice.ok(&["invite", "bob"]);
    let received = alice.run(&["recv", "--once"]);
    assert_eq!(text(&received.stderr), format!("Verbindung zu {} wird aufgebaut …\nverbunden\n", server.url));
    assert!(
        alice.fails(2, &["init", "--server", &server.url]).contains("ist schon vorhanden und wird nicht überschrieben")
    );
    let backup = home.path().join("alice.age");
    let backup = backup.to_str().unwrap();
    let saved = alice.run(&["backup", backup]);
    assert!(text(&saved.stderr).starts_with("Die Sicherung taugt 8 bis 15 Tage: "), "{saved:?}");
    let wrong = home.path().join("wrong");
    ephemeral_test_support::client::private(&wrong, b"wrong\n");
    let refused = alice.fails(77, &["invites", "--passphrase-file", wrong.to_str().unwrap()]);
    assert!(refused.starts_with("ephemeral: falsche Passphrase für "), "{refused}");
    let erased = alice.ok(&["panic"]);
    assert!(erased.lines().all(|line| line.starts_with("gelöscht: ")), "{erased}");
    assert_eq!(
        alice.ok(&["restore", backup]),
        "0 Kontakte werden um einen Neubeginn gebeten, wenn `ephemeral recv` läuft\n"
    );
    let missing = alice.fails(1, &["invites", "--passphrase-file", "/nonexistent"]);
    assert_eq!(missing, "ephemeral: die Datei /nonexistent gibt es nicht\n");
}

/// Runs a command at a terminal, where somebody types this. Returns the screen.
fn at_a_terminal(arguments: &str, typed: &str) -> String {
    use std::io::Write as _;
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &format!("{CLIENT} {arguments}"), "/dev/null"]);
    command.env_clear().envs([GERMAN, ("TERM", "xterm"), ("PATH", "/usr/bin:/bin")]);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn at_a_terminal_german_is_asked_for_the_passphrase_and_help_has_its_colours() {
    let home = tempfile::tempdir().unwrap();
    let profiles = home.path().display();
    let screen = at_a_terminal(&format!("init --server http://127.0.0.1:1 --profiles {profiles}"), "one\ntwo\n");
    for part in ["Die Passphrase öffnet die Datei", "Neue Passphrase: ", "Noch einmal: ", "stimmen nicht überein"] {
        assert!(screen.contains(part), "{part}: {screen:?}");
    }
    let help = at_a_terminal("moved --help", "");
    assert!(help.contains("\u{1b}[1m\u{1b}[4mAufruf:\u{1b}[0m ephemeral moved [OPTIONEN] "), "{help:?}");
}

#[test]
fn at_a_terminal_german_says_ja_to_the_safety_words() {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    alice.meet(&bob);
    let home = home.path().display();
    let options = format!(
        "--profiles {home}/.local/share/ephemeral/profiles --profile alice --passphrase-file {home}/passphrase"
    );
    let verify = format!("verify bob {options}");
    let screen = at_a_terminal(&verify, "nein\n");
    assert!(screen.contains("Sieht der Kontakt dieselben Wörter? Dann ja eingeben: "), "{screen:?}");
    assert_eq!(alice.json(&["contacts"])[0]["verified"], false);
    at_a_terminal(&verify, "Ja\n");
    assert_eq!(alice.json(&["contacts"])[0]["verified"], true);
}

#[test]
fn an_engine_speaks_english_and_each_command_its_own_language() {
    let home = tempfile::tempdir().unwrap();
    let mut alice = Client::new(CLIENT, home.path(), "alice", "http://127.0.0.1:1");
    alice.ok(&["invite", "bob"]);
    let german = ("LANG", GERMAN.1.to_owned());
    alice.variables = vec![german.clone()];
    let serving = Serving::start(&alice, &[]);
    let mut program = serving.connect();
    let refused = program.ask("contacts.block", json!({"contact": "nobody"}));
    let reason = json!({"kind": "name_unknown", "name": "nobody"});
    let message = "no contact or group is called nobody";
    assert_eq!(refused["error"], json!({"code": 67, "message": message, "data": {"reason": reason}}));
    program.result("subscribe", json!({}));
    let offline = program.event("offline");
    assert!(offline["why"].as_str().unwrap().starts_with("cannot connect: Connection refused"), "{offline}");
    assert_eq!((&offline["reason"]["kind"], &offline["reason"]["why"]["kind"]), (&"dial_tcp".into(), &"system".into()));
    let in_german = [
        (67, &["contacts", "block", "nobody"][..], "kein Kontakt und keine Gruppe heißt nobody"),
        (
            2,
            &["group", "new", "~x"],
            "der Name einer Gruppe hat 1 bis 64 Bytes und beginnt nicht mit group-, contact- oder ~",
        ),
        (65, &["accept", "ephemeral:x", "--as", "x", "--quiet"], "die Einladung ist beschädigt"),
        (67, &["revoke", "99"], "diesen Kontakt, diese Einladung oder diese Gruppe gibt es nicht"),
        (67, &["admit", "99", "07"], "dort wartet niemand, dessen Identität so beginnt"),
    ];
    for (code, arguments, sentence) in in_german {
        assert_eq!(alice.fails(code, arguments), format!("ephemeral: {sentence}\n"));
    }
    let kept = alice.fails(75, &["passphrase"]);
    assert!(kept.contains(" wird von einem anderen Prozess (") && kept.contains(": `ephemeral serve`)"), "{kept}");
    alice.variables.clear();
    let english = alice.fails(67, &["contacts", "block", "nobody"]);
    assert_eq!(english, "ephemeral: no contact or group is called nobody\n");
    serving.stop();
    alice.variables = vec![german];
    let late = alice.fails(4, &["recv", "--once", "--timeout", "5", "--quiet"]);
    assert_eq!(
        late,
        "ephemeral: der Server wurde innerhalb von 5 s nicht erreicht: Verbindung nicht möglich: Verbindung abgelehnt\n"
    );
}

#[test]
fn what_happens_between_contacts_is_told_in_german() {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    let mut alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let mut bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    alice.meet(&bob);
    for person in [&mut alice, &mut bob] {
        person.variables.push(("LANG", GERMAN.1.to_owned()));
    }
    assert_eq!(alice.ok(&["contacts"]), "bob (neu)\n");
    alice.ok(&["group", "new", "friends"]);
    assert_eq!(alice.ok(&["group", "list"]), "friends (Admin, 1 Mitglied)\n");
    assert_eq!(alice.json(&["group", "list"])[0]["standing"], "admin");
    let invited = alice.run(&["group", "invite", "friends", "bob"]);
    assert_eq!(text(&invited.stderr), "bob erfährt es, wenn `ephemeral recv` läuft\n");
    let members = alice.ok(&["group", "members", "friends"]);
    assert!(
        members.starts_with("du (") && members.contains(", Admin)\nbob (eingeladen, noch keine Antwort)\n"),
        "{members}"
    );
    assert_eq!(alice.json(&["group", "members", "friends"])[0]["member"], "you");
    bob.ok(&["send", "alice", "hallo", "--quiet"]);
    let waiting = bob.ok(&["outbox"]);
    assert!(waiting.contains(" Nachricht an alice: "), "{waiting}");
    assert!(alice.ok(&["recv", "--once", "--quiet"]).ends_with(" bob: hallo\n"));
    let offered = bob.ok(&["recv", "--once", "--quiet"]);
    let sentence = "* alice lädt in die Gruppe \"friends\" ein; beitreten mit `ephemeral group join \"friends\"`\n";
    assert!(offered.contains(sentence), "{offered}");
    let other = alice.run(&["verify", "bob", "--scanned", "x"]);
    assert_eq!(other.status.code(), Some(3));
    assert!(text(&other.stderr).starts_with("ephemeral: HALT: die Codes stimmen nicht überein"), "{other:?}");
    assert_eq!(alice.fails(2, &["send", "bob", ""]), "ephemeral: die Nachricht ist leer\n");
    bob.ok(&["send", "alice", "noch etwas", "--quiet"]);
    let failed = alice.fails(1, &["recv", "--once", "--quiet", "--exec", "false"]);
    assert_eq!(failed, "ephemeral: der Befehl endete mit 1: die Nachricht kommt in 5 s noch einmal\n");
}
