//! What a configuration does, and what is said about one that is wrong.

use std::io::Write;

use super::*;
use ephemeral_core::limits::Rate;

/// Loads with a file of this text, these variables and these flags.
pub(super) fn load(text: &str, variables: &[(&str, &str)], mut flags: Flags) -> Result<Config, String> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("to write");
    flags.config = Some(file.path().to_owned());
    flags.state_dir.get_or_insert_with(|| "/var/lib/test".into());
    let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
    let place = format!("{}:", file.path().display());
    Config::load(&flags, &lookup).map_err(|error| error.to_string().replace(&place, "line "))
}

pub(super) fn problem(text: &str) -> String {
    load(text, &[], Flags::default()).expect_err(text)
}

fn defaults() -> Config {
    load("", &[], Flags::default()).expect("the defaults")
}

#[test]
fn the_shipped_file_is_the_defaults_with_no_key_missing() {
    let shipped = include_str!("../../systemd/ephemeral-server.toml");
    assert_eq!(load(shipped, &[], Flags::default()).expect("it is valid"), defaults());

    // The default of `listen` is to have none, so it stands there as a comment.
    let keys = |text: &str| {
        let table = text.parse::<toml::Table>().expect("TOML");
        let keys_of = |(name, table): (String, toml::Value)| {
            let table = table.as_table().cloned().expect("a table");
            table.into_iter().map(move |(key, _)| format!("{name}.{key}"))
        };
        table.into_iter().flat_map(keys_of).collect::<std::collections::BTreeSet<_>>()
    };
    let optional = "listen tls_cert tls_key tls_ca nats node secret_file link link_announced fronts proof_of_work";
    let uncomment = |text: String, key: &str| text.replace(&format!("# {key} ="), &format!("{key} ="));
    // Beside a cluster it can only be off.
    let uncommented = optional.split(' ').fold(shipped.to_owned(), uncomment);
    let uncommented = uncommented.replace("proof_of_work = true", "proof_of_work = false");
    let cert = "/etc/ephemeral-server/cert.pem";
    let key = "/etc/ephemeral-server/key.pem";
    assert!(uncommented.contains(cert) && uncommented.contains(key));
    let (_directory, files) = issued();
    let with_files = uncommented.replace(cert, &path(&files.cert)).replace(key, &path(&files.key));
    let Config { clearnet, metrics, cluster, hub, .. } = load(&with_files, &[], Flags::default()).expect("valid");
    let everything = Config { clearnet, metrics, cluster, hub, ..defaults() };
    assert!(everything.clearnet.as_ref().is_some_and(|clearnet| clearnet.tls.is_some()));
    assert_eq!(keys(&uncommented), keys(&everything.to_toml()));
    assert!(shipped.contains("\n[tor]\n"));
}

/// Returns a certificate and its key, in a directory that is removed with the first value.
pub(super) fn issued() -> (tempfile::TempDir, transport::clearnet::TlsFiles) {
    let directory = tempfile::tempdir().expect("a directory");
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let at = |name: &str| directory.path().join(name);
    let files = transport::clearnet::TlsFiles { cert: at("c.pem"), key: at("k.pem") };
    std::fs::write(&files.cert, issued.cert.pem()).expect("to write");
    std::fs::write(&files.key, issued.signing_key.serialize_pem()).expect("to write");
    (directory, files)
}

pub(super) fn path(path: &std::path::Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// Every key with a value that is not its default.
const EVERYTHING: &str = r#"
[store]
default_ttl_s = 60
max_ttl_s = 120
content_bytes = 1000
sanitize = "reject"
mailbox_messages = 7
mailbox_bytes = 2000
sender_bytes = 3000
total_bytes = 4000
survive_restart = false
[limits]
requests_per_minute = 15
burst = 16
messages_per_minute = 11
message_burst = 12
connections_per_peer = 17
unauthenticated = 13
sessions = 14
[block]
strikes = 18
window_s = 19
duration_s = 20
[session]
auth_timeout_ms = 1500
ping_interval_s = 3
idle_timeout_s = 4
write_timeout_s = 5
window = 6
[clearnet]
listen = "192.0.2.1:80"
server_names = ["Chat.example", "[2001:DB8::1]"]
allow_plaintext = true
trusted_proxies = ["10.0.0.0/8", "2001:db8::1", "::ffff:192.0.2.0/120"]
proxy_protocol = true
allowed_origins = ["HTTPS://Page.example:443", "http://localhost:3000"]
[onion]
enabled = true
nickname = "other"
port = 81
vanguards = "lite"
introduction_points = 4
introduction_rate = 15
introduction_burst = 16
proof_of_work = false
streams_per_circuit = 9
circuits = 10
circuits_per_second = 17
circuit_burst = 18
self_probe = false
location_is_public = true
restricted = true
nodes = ["2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion:81", "wss://chat.example"]
memory_bytes = 19000000
[hub]
listen = "192.0.2.1:7443"
fronts = ["0000000000000000000000000000000000000000000000000000000000000001"]
[metrics]
listen = "[::]:9100"
off_loopback = true
[cluster]
nats = ["10.0.0.1:4222", "nats-2.example:4222"]
node = "a"
secret_file = "/etc/secret"
link = "192.0.2.1:7443"
link_announced = "198.51.100.1:7443"
tls_ca = "/etc/ca.pem"
tls_cert = "/etc/cert.pem"
tls_key = "/etc/key.pem"
[tor]
address_filter.allow_local_addrs = true
[shutdown]
grace_s = 21
[log]
level = "debug"
[panic]
after_days = 22
keys = true
"#;

#[test]
fn every_key_arrives_where_it_has_its_effect() {
    let config = load(EVERYTHING, &[], Flags::default()).expect("valid");
    let expected = Config {
        state_dir: "/var/lib/test".into(),
        bounds: store::Config {
            mailbox_messages: 7,
            mailbox_bytes: 2000,
            sender_bytes: 3000,
            total_bytes: 4000,
            kept_for_online: 500,
            crowded_life_ms: 60_000,
        },
        survive_restart: false,
        rules: session::Config {
            content_bytes: 1000,
            sanitize: ephemeral_core::protocol::Sanitize::Reject,
            default_ttl_s: 60,
            max_ttl_s: 120,
            messages_per_minute: 11,
            message_burst: 12,
            window: 6,
        },
        timing: pump::Config {
            auth_timeout: Duration::from_millis(1500),
            ping_interval: Duration::from_secs(3),
            idle_timeout: Duration::from_secs(4),
            write_timeout: Duration::from_secs(5),
        },
        limits: conn::Config { unauthenticated: 13, sessions: 14 },
        policy: ephemeral_core::limits::Config {
            requests: Rate::new(15, 16),
            connections: 17,
            strikes: 18,
            window_ms: 19_000,
            duration_ms: 20_000,
        },
        admin_socket: "/var/lib/test/admin.sock".into(),
        clearnet: Some(transport::clearnet::Config {
            listen: "192.0.2.1:80".parse().expect("an address"),
            server_names: vec!["chat.example".into(), "[2001:db8::1]".into()],
            allow_plaintext: true,
            tls: None,
            trusted_proxies: ["10.0.0.0/8", "2001:db8::1/128", "192.0.2.0/24"]
                .map(|network| network.parse().expect("a network"))
                .to_vec(),
            proxy_protocol: true,
            allowed_origins: vec!["https://page.example".into(), "http://localhost:3000".into()],
            preparation: Duration::from_millis(1500),
        }),
        metrics: Some(crate::admin::scrape::Config {
            listen: "[::]:9100".parse().expect("an address"),
            off_loopback: true,
        }),
        cluster: Some(cluster::tests::everything()),
        hub: Some(super::link::tests::hub()),
        front: None,
        onion: Some(transport::onion_service::Config {
            nickname: "other".into(),
            port: 81,
            vanguards: transport::onion_service::Vanguards::Lite,
            introduction_points: 4,
            introduction_rate: 15,
            introduction_burst: 16,
            proof_of_work: false,
            streams_per_circuit: 9,
            circuits: 10,
            circuits_per_second: 17,
            circuit_burst: 18,
            self_probe: false,
            location_is_public: true,
            restricted: true,
            nodes: vec![
                "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion:81".into(),
                "wss://chat.example".into(),
            ],
            memory_bytes: Some(19_000_000),
            tor: "address_filter.allow_local_addrs = true".parse().expect("TOML"),
        }),
        grace: Duration::from_secs(21),
        dead_man: ephemeral_core::dead_man::Config { after_days: 22, keys: true },
        log_level: crate::logging::LogLevel::Debug,
        log_filter: "debug".into(),
        log_format: LogFormat::Text,
    };
    assert_eq!(config, expected);
}

#[test]
fn what_is_shown_gives_the_same_configuration_again() {
    let off = "[onion]\nenabled = false\n[clearnet]\nlisten = 'localhost:0'";
    for text in ["", EVERYTHING, off, super::link::tests::FRONT, "[tor]\nsystem.memory.max = '50 MB'"] {
        let config = load(text, &[], Flags::default()).expect("valid");
        assert_eq!(load(&config.to_toml(), &[], Flags::default()).as_ref(), Ok(&config), "{}", config.to_toml());
    }
}

#[test]
fn each_word_is_shown_as_it_is_read() {
    let words = [
        ("store", "sanitize", tables::SANITIZE.map(|(word, _)| word).to_vec()),
        ("log", "level", tables::LEVELS.map(|(word, _)| word).to_vec()),
        ("onion", "vanguards", tables::VANGUARDS.map(|(word, _)| word).to_vec()),
    ];
    for (table, key, words) in words {
        for word in words {
            let line = format!("{key} = {word:?}\n");
            let shown = load(&format!("[{table}]\n{line}"), &[], Flags::default()).expect("valid").to_toml();
            assert!(shown.contains(&line), "{line} is not in {shown}");
        }
    }
}

#[test]
fn the_keys_that_are_shown_are_the_keys_that_are_read() {
    let (_directory, files) = issued();
    let tls = format!("tls_cert = {:?}\ntls_key = {:?}", path(&files.cert), path(&files.key));
    let everything = load(&EVERYTHING.replace("allow_plaintext = true", &tls), &[], Flags::default()).expect("valid");
    let shown = everything.to_toml().parse::<toml::Table>().expect("TOML");
    assert_eq!(shown.len(), 13, "{shown}");
    for (table, entries) in shown.iter().filter(|(table, _)| *table != "tor") {
        let problem = problem(&format!("[{table}]\nnonsense = 1"));
        let (_, accepted) = problem.split_once(&format!("[{table}] accepts ")).expect(&problem);
        let mut read: Vec<_> = accepted.split(", ").collect();
        read.sort_unstable();
        let shown: Vec<_> = entries.as_table().expect("a table").keys().collect();
        assert_eq!(shown, read, "[{table}]");
    }
}

#[test]
fn a_part_that_is_off_is_named_without_settings() {
    let shown = load("[onion]\nenabled = false\n[clearnet]\nlisten = '[::1]:1'", &[], Flags::default())
        .expect("valid")
        .to_toml();
    assert!(shown.contains("# [metrics] listen: not set\n") && !shown.contains("off_loopback"), "{shown}");
    assert!(shown.contains("[onion]\nenabled = false\n") && !shown.contains("[tor]"), "{shown}");
    let without_tcp = defaults().to_toml();
    assert!(without_tcp.contains("# [clearnet] listen: not set\n"), "{without_tcp}");
}

#[test]
fn a_problem_names_the_line_the_key_the_value_and_what_is_accepted() {
    for (text, expected) in [
        (
            "\n\n[session]\nping_interval_s = 30\nidle_timeout_s = 10",
            "line 5: [session] idle_timeout_s = 10: must be greater than ping_interval_s (30)",
        ),
        (
            "[session]\nping_interval_s = 100",
            "line 2: [session] ping_interval_s = 100: must be less than idle_timeout_s (90, the default)",
        ),
        ("[session]\n# one\nwindow = 0", "line 3: [session] window = 0: must be a whole number from 1 to 1000"),
        ("session.window = 1001", "line 1: [session] window = 1001: must be a whole number from 1 to 1000"),
        ("[session]\nwindow = '32'", "line 2: [session] window = '32': must be a whole number from 1 to 1000"),
        ("[session]\nwindow = 3.5", "line 2: [session] window = 3.5: must be a whole number from 1 to 1000"),
        ("[session]\nwindow = -1", "line 2: [session] window = -1: must be a whole number from 1 to 1000"),
        (
            "[onion]\nport = 99999999999999999999",
            "line 2: [onion] port = 99999999999999999999: must be a whole number from 1 to 65535",
        ),
        (
            "[onion]\nintroduction_points = 2",
            "line 2: [onion] introduction_points = 2: must be a whole number from 3 to 20",
        ),
        (
            "[onion]\nintroduction_rate = 300",
            "line 2: [onion] introduction_rate = 300: must be at most introduction_burst (200, the default)",
        ),
        (
            "[onion]\nmemory_bytes = 1000",
            "line 2: [onion] memory_bytes = 1000: must be a whole number from 16777216 to 1099511627776",
        ),
        (
            "[metrics]\nlisten = '192.0.2.1:9100'",
            "line 2: [metrics] listen = '192.0.2.1:9100': off loopback, so that anyone who can connect sees how many people \
             are there and write, and when: listen on 127.0.0.1, or accept that with off_loopback = true in [metrics]",
        ),
        (
            "[metrics]\noff_loopback = true",
            "line 2: [metrics] off_loopback = true: has no effect without listen: give it, or leave this out",
        ),
        ("[onion]\nenabled = 'yes'", "line 2: [onion] enabled = 'yes': must be true or false"),
        ("[onion]\nvanguards = 'Full'", "line 2: [onion] vanguards = 'Full': must be one of \"lite\", \"full\""),
        (
            "[onion]\nnickname = '../x'",
            "line 2: [onion] nickname = '../x': must be 1 to 64 of a-z, 0-9, - and _, and start with a letter or a digit",
        ),
        (
            "[clearnet]\nlisten = 8443",
            "line 2: [clearnet] listen = 8443: must be an IP address with a port, such as 127.0.0.1:8443 or [::1]:8443",
        ),
        ("[shutdown]\ngrace = 1", "line 2: [shutdown] grace: unknown key; [shutdown] accepts grace_s"),
        ("shutdown = 10", "line 1: [shutdown]: must be a table"),
        (
            "[panic]\nkeys = true",
            "line 2: [panic] keys = true: has no effect while after_days is 0: set it, or leave keys out",
        ),
        ("[panic]\nafter_days = -1", "line 2: [panic] after_days = -1: must be a whole number from 0 to 3650"),
        ("[[shutdown]]\ngrace_s = 1", "line 1: [shutdown]: must be a table"),
        (
            "[store]\n[blocks]",
            "line 2: blocks: unknown; every setting stands in one of the tables [store], [limits], [block], [session], [clearnet], \
             [onion], [tor], [metrics], [cluster], [hub], [front], [shutdown], [log], [panic]",
        ),
        ("[session]\nwindow = 1\nwindow = 2", "line 3: not TOML: duplicate key"),
        ("[session\nwindow = 1", "line 1: not TOML: unclosed table, expected `]`"),
    ] {
        assert_eq!(problem(text), expected);
    }
}

#[test]
fn settings_that_make_no_sense_together_are_refused() {
    for (text, expected) in [
        (
            "default_ttl_s = 3600\nmax_ttl_s = 60",
            "line 2: [store] default_ttl_s = 3600: must be at most max_ttl_s (60)",
        ),
        ("max_ttl_s = 60", "line 2: [store] max_ttl_s = 60: must be at least default_ttl_s (86400, the default)"),
        ("max_ttl_s = 3456001", "line 2: [store] max_ttl_s = 3456001: must be a whole number from 1 to 3456000"),
        (
            "mailbox_bytes = 65535",
            "line 2: [store] mailbox_bytes = 65535: must be at least content_bytes (65536, the default)",
        ),
        (
            "sender_bytes = 65791",
            "line 2: [store] sender_bytes = 65791: must be at least 256 more than content_bytes (65536, the default)",
        ),
        (
            "content_bytes = 100_000\nsender_bytes = 100_255",
            "line 3: [store] sender_bytes = 100_255: must be at least 256 more than content_bytes (100000)",
        ),
        (
            "total_bytes = 16777215",
            "line 2: [store] total_bytes = 16777215: must be at least sender_bytes (16777216, the default)\n\
             line 2: [store] total_bytes = 16777215: must be at least mailbox_bytes (16777216, the default)",
        ),
        (
            "mailbox_bytes = 268435457",
            "line 2: [store] mailbox_bytes = 268435457: must be at most total_bytes (268435456, the default)",
        ),
    ] {
        assert_eq!(problem(&format!("[store]\n{text}")), expected);
    }
    assert!(load("[store]\nsender_bytes = 65792", &[], Flags::default()).is_ok());
}

#[test]
fn every_problem_is_reported_and_none_that_only_follows_from_another() {
    let problem = problem("[session]\nidle_timeout_s = 'x'\nping_interval_s = 100\n[store]\nwindow = 1\n[x]");
    let lines = problem.lines().collect::<Vec<_>>();
    assert_eq!(lines.len(), 3, "{problem}");
    for (place, what) in [("line 2", "idle_timeout_s"), ("line 5", "window: unknown key"), ("line 6", "x: unknown")] {
        assert!(lines.iter().any(|line| line.starts_with(place) && line.contains(what)), "{problem}");
    }
}

#[test]
fn a_key_of_arti_that_does_not_exist_is_refused() {
    let problem = problem("\n[tor]\nnonsense = 1");
    assert!(problem.starts_with("line 2: [tor]: ") && problem.contains("nonsense"), "{problem}");
}

#[test]
fn proof_of_work_is_the_default_of_a_program_that_has_it_and_an_error_for_one_that_has_not() {
    let asked = load("[onion]\nproof_of_work = true", &[], Flags::default());
    if transport::onion_service::PROOF_OF_WORK {
        assert_eq!(asked, Ok(defaults()));
    } else {
        assert!(asked.is_err_and(|error| error.contains("proof_of_work = true") && error.contains("--features pow")));
    }
}
