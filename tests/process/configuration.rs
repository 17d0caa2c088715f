//! What the program says about what it was told, and how it ends: the real binary, with an
//! environment of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use assert_cmd::Command;

use crate::SERVER;

const EX_CONFIG: i32 = 78;

struct Completion {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs it in a directory of its own, with nothing of this process's environment.
fn server(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Completion {
    let mut command = Command::new(SERVER);
    command.current_dir(directory).env_clear().env("HOME", directory).envs(variables.iter().copied()).args(arguments);
    let started = Instant::now();
    let output = command.timeout(Duration::from_secs(20)).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let ended = Completion { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    if ended.code == Some(EX_CONFIG) {
        assert!(started.elapsed() < Duration::from_secs(1), "{} after {:?}", ended.stderr, started.elapsed());
        assert_eq!(ended.stdout, "", "what is wrong goes to stderr");
        let left = std::fs::read_dir(directory).expect("to list").map(|entry| entry.expect("an entry").file_name());
        assert!(left.into_iter().all(|name| name == "config.toml"), "what is wrong leaves nothing behind");
    }
    ended
}

/// Returns the first line on stderr, after the program's name, of a run that ends with `EX_CONFIG`.
fn refusal(file: &str, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let mut all = vec![];
    if !file.is_empty() {
        std::fs::write(directory.path().join("config.toml"), file).expect("to write");
        all.extend(["--config", "config.toml"]);
    }
    all.extend(arguments);
    // What check-config says and what a start says are the same.
    let started = server(directory.path(), &all, variables);
    all.push("check-config");
    let checked = server(directory.path(), &all, variables);
    assert_eq!(checked.code, Some(EX_CONFIG), "{}", checked.stderr);
    assert_eq!((started.code, &started.stderr), (checked.code, &checked.stderr));
    let line = checked.stderr.lines().next().expect("a line").to_owned();
    line.strip_prefix("ephemeral-server: ").map_or(line.clone(), Into::into)
}

/// Returns what `check-config` prints where it has nothing to say against it.
fn in_force(file: &str, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("config.toml"), file).expect("to write");
    let arguments = [&["--config", "config.toml"], arguments, &["check-config"]].concat();
    let ended = server(directory.path(), &arguments, variables);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    ended.stdout
}

#[test]
fn a_wrong_line_of_the_file_is_named() {
    assert_eq!(
        refusal("[session]\n\nidle_timeout_s = 10\n", &[], &[]),
        "config.toml:3: [session] idle_timeout_s = 10: must be greater than ping_interval_s (30, the default)"
    );
    assert_eq!(
        refusal("[store]\ndefault_ttl = 10\n", &[], &[]),
        "config.toml:2: [store] default_ttl: unknown key; [store] accepts default_ttl_s, max_ttl_s, content_bytes, sanitize, \
         mailbox_messages, mailbox_bytes, sender_bytes, total_bytes, survive_restart"
    );
    assert_eq!(
        refusal("[store]\ncontent_bytes = '64k'\n", &[], &[]),
        "config.toml:2: [store] content_bytes = '64k': must be a whole number from 1 to 1048576"
    );
    assert_eq!(
        refusal("[blocks]\nstrikes = 10\n", &[], &[]),
        "config.toml:1: blocks: unknown; every setting stands in one of the tables [store], [limits], [block], [session], [clearnet], \
         [onion], [tor], [metrics], [cluster], [hub], [front], [shutdown], [log], [panic]"
    );
    assert!(refusal("[store\n", &[], &[]).starts_with("config.toml:1: not TOML: "));
}

#[test]
fn each_problem_has_a_line_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("config.toml"), "[session]\nwindow = 0\n[x]").expect("to write");
    let ended = server(directory.path(), &["--config=config.toml"], &[("PORT", "x")]);
    assert_eq!(ended.stderr.lines().count(), 3, "{}", ended.stderr);
    assert!(ended.stderr.lines().all(|line| line.starts_with("ephemeral-server: ")), "{}", ended.stderr);
}

#[test]
fn a_file_that_is_not_there_is_named_with_who_named_it() {
    let missing = "missing.toml: the configuration file that";
    let by_flag = refusal("", &["--config", "missing.toml"], &[]);
    assert!(by_flag.starts_with(&format!("{missing} --config names cannot be read: No such file")), "{by_flag}");
    let by_variable = refusal("", &[], &[("EPHEMERAL_CONFIG", "missing.toml")]);
    assert!(by_variable.starts_with(&format!("{missing} EPHEMERAL_CONFIG names")), "{by_variable}");
    // The flag wins, so it is its file that is missing.
    let both = refusal("", &["--config", "missing.toml"], &[("EPHEMERAL_CONFIG", "other.toml")]);
    assert_eq!(both, by_flag);
    assert!(refusal("", &["--config", "/"], &[]).starts_with("/: the configuration file that --config names"));
}

#[test]
fn a_wrong_variable_is_named() {
    for (name, value, accepted) in [
        ("PORT", "http", "must be a port, a whole number from 0 to 65535"),
        ("PORT", "65536", "must be a port, a whole number from 0 to 65535"),
        ("PORT", "-1", "must be a port, a whole number from 0 to 65535"),
        ("TOR_ENABLED", "maybe", "must be one of true, false, yes, no, on, off, 1, 0"),
        ("LOG_LEVEL", "loud", "must be one of error, warn, info, debug, trace"),
        ("RUST_LOG", "ephemeral=loud", "must be directives such as info,ephemeral=debug"),
    ] {
        assert_eq!(refusal("", &[], &[(name, value)]), format!("environment variable {name} = {value:?}: {accepted}"));
    }
}

#[test]
fn a_wrong_flag_is_named() {
    let address = "must be an IP address with a port, such as 127.0.0.1:8443 or [::1]:8443";
    for value in ["8443", "127.0.0.1", "chat.example:80", "[::1]", ":80"] {
        assert_eq!(refusal("", &["--clearnet", value], &[]), format!("--clearnet {value}: {address}"));
    }
    assert_eq!(refusal("", &["--log-level", "loud"], &[]), "error: invalid value 'loud' for '--log-level <LEVEL>'");
    assert_eq!(refusal("", &["--log-format", "xml"], &[]), "error: invalid value 'xml' for '--log-format <FORMAT>'");
    assert_eq!(refusal("", &["--no-such-flag"], &[]), "error: unexpected argument '--no-such-flag' found");
}

#[test]
fn with_neither_tor_nor_tcp_there_is_nothing_to_run() {
    let neither = "with neither Tor nor a TCP listener nobody could connect";
    assert!(refusal("", &["--no-tor"], &[]).starts_with(neither));
    assert!(refusal("", &[], &[("TOR_ENABLED", "false")]).starts_with(neither));
    assert!(refusal("[onion]\nenabled = false", &[], &[]).starts_with(neither));
}

#[test]
fn off_loopback_without_tls_it_refuses() {
    for arguments in [&["--clearnet", "0.0.0.0:80"][..], &["--clearnet=0.0.0.0:80"]] {
        let said = refusal("", arguments, &[]);
        assert!(said.starts_with("--clearnet 0.0.0.0:80: off loopback without TLS"), "{said}");
        assert!(said.contains("allow_plaintext = true in [clearnet]"), "{said}");
    }
    let said = refusal("[clearnet]\nlisten = '[::]:80'", &[], &[]);
    assert!(said.starts_with("config.toml:2: [clearnet] listen = '[::]:80': off loopback without TLS"), "{said}");
    let accepted = in_force("[clearnet]\nlisten = '[::]:80'\nallow_plaintext = true", &["--no-tor"], &[]);
    assert!(accepted.contains("listen = \"[::]:80\"\n"), "{accepted}");
}

#[test]
fn a_tcp_listener_off_loopback_beside_the_onion_service_is_refused_unless_its_place_is_public() {
    let file = "[clearnet]\nlisten = '192.0.2.1:80'\nallow_plaintext = true\n[onion]\nrestricted = false\n";
    let said = refusal(file, &[], &[]);
    assert!(said.starts_with("config.toml:2: [clearnet] listen = '192.0.2.1:80': "), "{said}");
    assert!(said.contains("location_is_public = true in [onion]"), "{said}");
    let mapped = refusal("[clearnet]\nallow_plaintext = true", &["--clearnet", "[::ffff:192.0.2.1]:80"], &[]);
    assert!(mapped.contains("location_is_public"), "{mapped}");
    in_force(&format!("{file}location_is_public = true"), &[], &[]);
    in_force(file, &["--no-tor"], &[]);
    in_force(file, &["--clearnet", "[::1]:80"], &[]);
}

#[test]
fn a_certificate_that_cannot_be_served_is_named_before_anything_is_started() {
    let elsewhere = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: String| {
        let path = elsewhere.path().join(name);
        std::fs::write(&path, text).expect("to write");
        path.to_str().expect("UTF-8").to_owned()
    };
    let issue = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let issued = issue();
    let other = issue();
    let cert = write("c.pem", issued.cert.pem());
    let key = write("k", issued.signing_key.serialize_pem());
    let other = write("o", other.signing_key.serialize_pem());
    let table = |cert: &str, key: &str| format!("[clearnet]\ntls_cert = '{cert}'\ntls_key = '{key}'\n");

    let said = refusal(&table("missing.pem", &key), &["--clearnet"], &[]);
    let cannot = "config.toml:2: [clearnet] tls_cert = 'missing.pem': cannot be read: No such file";
    assert!(said.starts_with(cannot), "{said}");
    let said = refusal(&table(&key, &key), &["--clearnet"], &[]);
    assert!(said.starts_with("config.toml:2: [clearnet] tls_cert = ") && said.contains("has no certificate"), "{said}");
    let said = refusal(&table(&cert, &other), &["--clearnet"], &[]);
    assert!(said.starts_with("config.toml:3: [clearnet] tls_key = ") && said.contains("is not the key of"), "{said}");
    let said = refusal(&format!("[clearnet]\ntls_cert = '{cert}'"), &["--clearnet"], &[]);
    assert!(said.starts_with("config.toml:2: [clearnet] tls_cert = ") && said.contains("needs tls_key"), "{said}");

    let shown = in_force(&table(&cert, &key), &["--no-tor", "--clearnet", "0.0.0.0:80"], &[]);
    assert!(shown.contains(&format!("\ntls_cert = \"{cert}\"\ntls_key = \"{key}\"\n")), "{shown}");
}

#[test]
fn proxies_and_origins_that_cannot_be_are_named() {
    let first = |line: &str| refusal(&format!("[clearnet]\n{line}\n"), &["--clearnet"], &[]);
    let said = first("trusted_proxies = ['0.0.0.0/0']");
    let place = "config.toml:2: [clearnet] trusted_proxies = ['0.0.0.0/0']: must be a list of addresses or networks";
    assert!(said.starts_with(place), "{said}");
    let said = first("proxy_protocol = true");
    assert!(said.starts_with("config.toml:2: [clearnet] proxy_protocol = true: has no effect without trusted_proxies"));
    let said = first("allowed_origins = ['chat.example']");
    let place = "config.toml:2: [clearnet] allowed_origins = ['chat.example']: must be a list of exact origins";
    assert!(said.starts_with(place), "{said}");
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let file = "[clearnet]\nlisten = '127.0.0.1:1'\n[onion]\nenabled = false";
    let lines = |arguments: &[&str], variables: &[(&str, &str)]| {
        let text = in_force(file, arguments, variables);
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
        let log = format!("{}, {}", line("# log filter: "), line("# log format: "));
        [line("listen"), line("enabled"), log]
    };
    let info = "# log filter: \"info,arti=error,rustls=error,tor=error\", # log format: \"text\"";
    assert_eq!(lines(&[], &[]), ["listen = \"127.0.0.1:1\"", "enabled = false", info]);
    assert_eq!(lines(&["--clearnet"], &[]), ["listen = \"127.0.0.1:1\"", "enabled = false", info]);
    let variables = [("PORT", "2"), ("TOR_ENABLED", "yes"), ("LOG_LEVEL", "warn"), ("RUST_LOG", "ephemeral=debug")];
    assert_eq!(
        lines(&[], &variables),
        [
            "listen = \"127.0.0.1:2\"",
            "enabled = true",
            "# log filter: \"warn,arti=error,rustls=error,tor=error,ephemeral=debug\", # log format: \"text\""
        ]
    );
    assert_eq!(
        lines(&["--clearnet", "127.0.0.1:3", "--no-tor", "--log-level", "trace", "--log-format", "json"], &variables),
        ["listen = \"127.0.0.1:3\"", "enabled = false", "# log filter: \"trace\", # log format: \"json\""]
    );
}

#[test]
fn the_bare_flag_listens_on_port_8443() {
    assert!(in_force("", &["--clearnet"], &[]).contains("\nlisten = \"127.0.0.1:8443\"\n"));
}

#[test]
fn the_state_directory_is_told_by_the_flag_the_environment_or_the_platform() {
    let first = |arguments: &[&str], variables: &[(&str, &str)]| {
        in_force("", arguments, variables).lines().next().unwrap_or_default().to_owned()
    };
    let systemd = ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b");
    let own = ("EPHEMERAL_STATE_DIR", "/own");
    assert!(first(&[], &[]).ends_with("/.local/share/ephemeral-server\""), "{}", first(&[], &[]));
    assert_eq!(first(&[], &[systemd]), "# state directory: \"/var/lib/a\"");
    assert_eq!(first(&[], &[systemd, own]), "# state directory: \"/own\"");
    assert_eq!(first(&["--state-dir", "/flag"], &[systemd, own]), "# state directory: \"/flag\"");
}

#[test]
fn what_check_config_prints_is_a_file_that_gives_the_same_again() {
    let built_with = format!("proof_of_work = {}", ephemeral::transport::onion_service::PROOF_OF_WORK);
    let shipped = &*include_str!("../../systemd/ephemeral-server.toml").replace("proof_of_work = true", &built_with);
    let file = "[clearnet]\nlisten = '0.0.0.0:1'\nallow_plaintext = true\nserver_names = ['a.example']\n[onion]\nlocation_is_public = true\n[tor.system.memory]\nmax = '99 MB'";
    for file in ["", shipped, file, "[onion]\nenabled = false\n[clearnet]\nlisten = '127.0.0.1:1'"] {
        let directory = ("EPHEMERAL_STATE_DIR", "/state");
        let printed = in_force(file, &[], &[directory]);
        assert_eq!(in_force(&printed, &[], &[directory]), printed);
    }
}

#[test]
fn the_address_is_printed_offline_and_stays_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let state = directory.path().join("state");
    let arguments = ["--state-dir", state.to_str().expect("UTF-8"), "address"];
    let first = server(directory.path(), &arguments, &[]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let address = first.stdout.trim_end();
    assert!(address.len() == 62 && address.ends_with(".onion"), "{address}");
    assert_eq!(server(directory.path(), &arguments, &[]).stdout, first.stdout);
}

#[test]
fn clients_are_added_listed_and_removed_offline() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| server(directory.path(), &[arguments, &["--state-dir", "state"]].concat(), &[]);
    let key = "descriptor:x25519:QUQPACMJGCTVI5ELPXOLIPXXLIG36OQNEY4BV5HLUSUY5KU3JZVA";
    let added = run(&["clients", "add", "alice", key]);
    assert_eq!((added.code, added.stdout.as_str()), (Some(0), ""), "{}", added.stderr);
    assert!(added.stderr.contains("restricted = true"), "{}", added.stderr);
    assert_eq!(run(&["clients", "list"]).stdout, format!("alice {key}\n"));
    let json: serde_json::Value = serde_json::from_str(&run(&["clients", "list", "--json"]).stdout).expect("JSON");
    assert_eq!(json, serde_json::json!([{"name": "alice", "key": key}]));

    for (arguments, says) in [
        (["clients", "add", "alice", key], "there is a client alice already"),
        (["clients", "add", "bob", key], "the client alice has this key already"),
        (["clients", "add", "../bob", key], "cannot be the name of a client"),
        (["clients", "add", "bob", "x25519:abc"], "not a discovery key: it looks like descriptor:x25519:"),
    ] {
        let refused = run(&arguments);
        assert_eq!(refused.code, Some(1), "{arguments:?}");
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    assert_eq!(run(&["clients", "remove", "alice"]).code, Some(0));
    assert!(run(&["clients", "remove", "alice"]).stderr.contains("there is no client alice"));
    assert_eq!(run(&["clients", "list", "--json"]).stdout, "[]\n");
    assert!(run(&["clients", "remove", "--help"]).stdout.contains("stays open"));
}

#[test]
fn without_an_onion_service_there_is_no_address() {
    let directory = tempfile::tempdir().expect("a directory");
    let ended = server(directory.path(), &["address", "--no-tor", "--clearnet"], &[]);
    assert_eq!(ended.code, Some(EX_CONFIG));
    assert!(ended.stderr.contains("the onion service is off"), "{}", ended.stderr);
}

#[test]
fn a_busy_port_ends_it_with_a_sentence_that_names_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("an address").to_string();
    let ended = server(directory.path(), &["--no-tor", "--clearnet", &address], &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let said = format!(
        "ephemeral-server: {address} is in use by another program: end that one, or choose another address with --clearnet or \
         PORT\n"
    );
    assert_eq!(ended.stderr, said);
}

#[test]
fn help_and_version_go_to_stdout() {
    let directory = tempfile::tempdir().expect("a directory");
    for arguments in [&["--help"][..], &["help", "address"], &["run", "--help"], &["--version"]] {
        let ended = server(directory.path(), arguments, &[]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.stdout.contains("ephemeral-server"), "{}", ended.stdout);
    }
}
