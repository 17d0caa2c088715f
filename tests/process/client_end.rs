//! What is in the memory of a client at its normal end: no text, no name, no key, no passphrase.
//! `strace` holds it in its last system call. Only root may look.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use ephemeral_client::vault::{Passphrase, Vault};
use ephemeral_test_support::canary::Canary;
use ephemeral_test_support::client::{Client, LocalServer, PASSPHRASE};
use ephemeral_test_support::held::{HeldProcess, HeldProgram, has_at_its_end, held};
use ephemeral_test_support::memory::times_in_memory;
use ephemeral_test_support::tmux::Tmux;
use serde_json::{Value, json};

use crate::{CLIENT, SERVER};

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two people who are each other's contact, and what must not be found.
struct People {
    alice: Client,
    bob: Client,
    /// What Alice calls Bob.
    name: Canary,
    /// What Bob calls Alice.
    other_name: Canary,
    text: Canary,
    _server: LocalServer,
    _home: tempfile::TempDir,
}

impl People {
    fn meet() -> Self {
        let home = tempfile::tempdir().unwrap();
        let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
        let alice = Client::new(CLIENT, &home.path().join("alice"), "alice", &server.url);
        let bob = Client::new(CLIENT, &home.path().join("bob"), "bob", &server.url);
        let name = Canary::text("bob");
        let other_name = Canary::text("alice");
        let text = Canary::text("text");
        let invite = alice.ok(&["invite", name.as_text()]);
        bob.ok(&["accept", invite.trim(), "--as", other_name.as_text(), "--text", text.as_text(), "--quiet"]);
        assert!(alice.ok(&["recv", "--once", "--quiet"]).contains(text.as_text()));
        bob.ok(&["recv", "--once", "--quiet"]);
        Self { alice, bob, name, other_name, text, _server: server, _home: home }
    }

    /// Returns everything that one of them must not leave behind.
    fn secrets(&self, person: &Client) -> Vec<(String, Canary)> {
        let mut secrets = keys_of(&person.directory());
        assert!(secrets.len() > 20, "a profile has more than {} keys", secrets.len());
        secrets.push(("the passphrase".to_owned(), Canary::of(PASSPHRASE.as_bytes())));
        secrets.push(("what Alice calls Bob".to_owned(), self.name.clone()));
        secrets.push(("what Bob calls Alice".to_owned(), self.other_name.clone()));
        secrets.push(("a text".to_owned(), self.text.clone()));
        secrets
    }
}

/// Returns the keys of a profile: every long string in its state that stands for bytes, by its
/// place.
fn keys_of(profile: &Path) -> Vec<(String, Canary)> {
    let (_vault, state) = Vault::open(profile, &Passphrase::new(PASSPHRASE.to_owned()).unwrap()).unwrap();
    let mut keys = Vec::new();
    collect(&serde_json::from_slice(&state).unwrap(), "the key", &mut keys);
    keys
}

fn collect(value: &Value, place: &str, keys: &mut Vec<(String, Canary)>) {
    let bytes = match value {
        Value::Object(fields) => {
            return fields.iter().for_each(|(name, value)| collect(value, &format!("{place}.{name}"), keys));
        }
        Value::String(text) => [HEXLOWER, BASE64URL_NOPAD, BASE64_NOPAD, BASE64]
            .iter()
            .find_map(|encoding| encoding.decode(text.as_bytes()).ok())
            .unwrap_or_default(),
        Value::Array(items) => {
            items.iter().for_each(|value| collect(value, place, keys));
            let byte = |value: &Value| value.as_u64().and_then(|number| u8::try_from(number).ok());
            items.iter().map(byte).collect::<Option<Vec<_>>>().unwrap_or_default()
        }
        _ => return,
    };
    // Not what is mostly zeros: that is everywhere.
    let is_random = |bytes: &[u8]| bytes.iter().collect::<std::collections::BTreeSet<_>>().len() > 16;
    let key = bytes.first_chunk().filter(|bytes: &&[u8; 32]| is_random(*bytes));
    keys.extend(key.map(|key| (place.to_owned(), Canary::key(key))));
}

/// Checks that a command that was told this leaves nothing behind.
fn leaves_nothing(people: &People, person: &Client, arguments: &[&str], told: &str, also: &[(String, Canary)]) {
    let mut secrets = people.secrets(person);
    secrets.extend_from_slice(also);
    let mut held = HeldProgram::start(&person.command(arguments));
    held.stdin().write_all(told.as_bytes()).unwrap();
    assert_eq!(held.has_at_its_end(&secrets), Vec::<String>::new(), "{arguments:?}");
}

#[test]
fn a_command_that_was_given_a_text_or_an_invite_has_nothing_of_it_in_its_memory_at_its_end() {
    let people = People::meet();
    let People { alice, bob, other_name, text, .. } = &people;
    // A name on the command line stays there, as the kernel has it.
    bob.ok(&["contacts", "rename", other_name.as_text(), "alice"]);
    leaves_nothing(&people, bob, &["send", "alice", "-", "--quiet"], text.as_text(), &[]);
    leaves_nothing(&people, alice, &["recv", "--once", "--quiet"], "", &[]);
    leaves_nothing(&people, bob, &["contacts"], "", &[]);
    let invite = alice.ok(&["invite", "carol"]);
    // The end of it is the secret, but for the checksum.
    let end = invite.trim().len() - 8;
    let secret = ("an invite".to_owned(), Canary::of(&invite.as_bytes()[end - 32..end]));
    leaves_nothing(&people, bob, &["accept", "-", "--as", "other", "--quiet"], &invite, &[secret]);
}

#[test]
fn an_engine_and_a_terminal_of_lines_have_nothing_in_their_memory_at_their_end() {
    let people = People::meet();
    let People { alice, bob, name, text, .. } = &people;
    let secrets = people.secrets(alice);
    let mut held = HeldProgram::start(&alice.command(&["rpc", "--quiet"]));
    let mut stdin = held.stdin();
    let mut lines = held.lines();
    let send = json!({"to": name.as_text(), "text": text.as_text()});
    for (id, (method, params)) in
        [("subscribe", Value::Null), ("contacts.list", Value::Null), ("send", send)].into_iter().enumerate()
    {
        writeln!(stdin, "{}", json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).unwrap();
    }
    assert!(lines.any(|line| line.contains("\"at_server\"")), "it is sent");
    assert!(times_in_memory(held.process.id(), text.as_text()).expect("root may look") > 0, "a search finds");
    drop(stdin);
    assert_eq!(held.has_at_its_end(&secrets), Vec::<String>::new());

    let told = format!("{}\n/quit\n", text.as_text());
    leaves_nothing(&people, bob, &["chat", "--plain"], &told, &[]);
}

#[test]
fn what_was_given_on_the_command_line_is_not_in_the_memory_of_a_command_at_its_end() {
    let people = People::meet();
    let People { alice, bob, other_name, text, .. } = &people;
    leaves_nothing(&people, bob, &["send", other_name.as_text(), text.as_text(), "--quiet"], "", &[]);
    let invite = alice.ok(&["invite", "carol"]);
    let end = invite.trim().len() - 8;
    let secret = ("an invite".to_owned(), Canary::of(&invite.as_bytes()[end - 32..end]));
    let name = Canary::text("carol");
    let arguments = ["accept", invite.trim(), "--as", name.as_text(), "--text", text.as_text(), "--quiet"];
    leaves_nothing(&people, bob, &arguments, "", &[secret, ("a new name".to_owned(), name.clone())]);
    // A mistake of the person's is not kept either.
    leaves_nothing(&people, bob, &["send", name.as_text(), text.as_text(), "--no-such-option"], "", &[]);
}

#[test]
fn an_engine_that_served_others_has_nothing_in_its_memory_at_its_end() {
    let people = People::meet();
    let People { alice, bob, name, other_name, text, .. } = &people;
    let secrets = people.secrets(alice);
    let serving = HeldProgram::start(&alice.command(&["serve", "--quiet"]));
    let socket = alice.directory().join("socket");
    let deadline = Instant::now() + PATIENCE;
    while UnixStream::connect(&socket).is_err() {
        assert!(Instant::now() < deadline, "it does not serve");
        thread::sleep(Duration::from_millis(50));
    }
    bob.ok(&["send", other_name.as_text(), text.as_text(), "--quiet"]);
    alice.ok(&["send", name.as_text(), text.as_text(), "--quiet"]);
    assert!(alice.ok(&["recv", "--once", "--quiet"]).contains(text.as_text()));
    assert!(times_in_memory(serving.process.id(), name.as_text()).expect("root may look") > 0, "a search finds");
    serving.terminate();
    assert_eq!(serving.has_at_its_end(&secrets), Vec::<String>::new());
}

#[test]
fn a_terminal_that_was_typed_and_pasted_into_has_nothing_in_its_memory_at_its_end() {
    let people = People::meet();
    let People { alice, bob, name, other_name, text, .. } = &people;
    let secrets = people.secrets(alice);
    let home = tempfile::tempdir().unwrap();
    let mut command = alice.command(&["chat"]);
    command.env_remove("EPHEMERAL_PASSPHRASE_FILE");
    let terminal = Tmux::start(home.path(), (80, 24), &held(&command));
    terminal.until("assphrase");
    terminal.paste(PASSPHRASE);
    terminal.keys(&["Enter"]);
    terminal.until(name.as_text());
    let process = std::fs::read_to_string(alice.directory().join("lock")).unwrap().parse().unwrap();
    let _held = HeldProcess(process);
    bob.ok(&["send", other_name.as_text(), text.as_text(), "--quiet"]);
    terminal.keys(&["C-n"]);
    terminal.until(text.as_text());
    terminal.paste(&format!("{} pasted", text.as_text()));
    terminal.keys(&["Enter"]);
    terminal.until("pasted");
    terminal.enter(&format!("{} typed", text.as_text()));
    assert!(times_in_memory(process, text.as_text()).expect("root may look") > 0, "a search finds");
    terminal.until("typed");
    terminal.keys(&["C-c", "C-c"]);
    assert_eq!(has_at_its_end(process, &secrets), Vec::<String>::new());
}
