//! Which of the flags, the environment and the file wins.

use super::super::Config;
use super::super::tests::load;
use super::*;

#[test]
fn where_the_tcp_listener_is_is_told_by_the_flag_then_port_then_the_file() {
    let file = "[clearnet]\nlisten = '[::1]:1'";
    let listen = |text, port: Option<&str>, flag: Option<&str>| {
        let variables = port.map(|port| ("PORT", port));
        let flags = Flags { clearnet: flag.map(Into::into), ..Flags::default() };
        let clearnet = load(text, variables.as_slice(), flags).expect("valid").clearnet;
        clearnet.map(|clearnet| clearnet.listen.to_string())
    };
    assert_eq!(listen("", None, None), None);
    assert_eq!(listen("", Some(""), None), None, "an empty variable is one that is not set");
    assert_eq!(listen(file, None, None).as_deref(), Some("[::1]:1"));
    assert_eq!(listen(file, Some("2"), None).as_deref(), Some("127.0.0.1:2"));
    assert_eq!(listen(file, Some("2"), Some("127.0.0.1:3")).as_deref(), Some("127.0.0.1:3"));
    assert_eq!(listen("", None, Some("localhost:3")).as_deref(), Some("127.0.0.1:3"));
    // The bare flag says that there is one, not where.
    assert_eq!(listen("", None, Some("")).as_deref(), Some("127.0.0.1:8443"));
    assert_eq!(listen(file, None, Some("")).as_deref(), Some("[::1]:1"));
    assert_eq!(listen(file, Some("2"), Some("")).as_deref(), Some("127.0.0.1:2"));
}

#[test]
fn whether_tor_runs_is_told_by_the_flag_then_the_variable_then_the_file() {
    let off = "[onion]\nenabled = false";
    let runs = |text, variable, no_tor| {
        let flags = Flags { no_tor, clearnet: Some(String::new()), ..Flags::default() };
        load(text, &[("TOR_ENABLED", variable)], flags).expect("valid").onion.is_some()
    };
    assert!(runs("", "", false) && !runs(off, "", false));
    for word in ["true", "1", "yes", "ON"] {
        assert!(runs(off, word, false) && !runs(off, word, true), "{word}");
    }
    for word in ["false", "0", "no", "Off"] {
        assert!(!runs("", word, false), "{word}");
    }
}

#[test]
fn the_log_filter_is_the_flag_alone_or_the_level_with_its_detail() {
    let filter = |level, detail, flag: Option<crate::logging::LogLevel>| {
        let flags = Flags { log_level: flag, ..Flags::default() };
        load("", &[("LOG_LEVEL", level), ("RUST_LOG", detail)], flags).expect("valid").log_filter
    };
    assert_eq!(filter("", "", None), "info,arti=error,rustls=error,tor=error");
    assert_eq!(filter("WARNING", "", None), "warn,arti=error,rustls=error,tor=error");
    assert_eq!(filter("", "ephemeral=debug", None), "info,arti=error,rustls=error,tor=error,ephemeral=debug");
    assert_eq!(filter("", "debug", None), "info,debug");
    assert_eq!(filter("error", "trace", None), "error,trace");
    let filed = |variables: &[(&str, &str)]| {
        load("[log]\nlevel = 'debug'", variables, Flags::default()).expect("valid").log_filter
    };
    assert_eq!(filed(&[]), "debug");
    assert_eq!(filed(&[("RUST_LOG", "hyper=off")]), "debug,hyper=off");
    assert_eq!(filed(&[("LOG_LEVEL", "warn")]), "warn,arti=error,rustls=error,tor=error");
    assert_eq!(filter("error", "trace", Some(crate::logging::LogLevel::Debug)), "debug");
}

#[test]
fn the_state_directory_is_told_by_the_flag_then_the_environment() {
    let state_dir = |variables: &[(&str, &str)], flag: Option<&str>| {
        let flags = Flags { state_dir: flag.map(Into::into), ..Flags::default() };
        let lookup =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        Config::load(&flags, &lookup).expect("valid").state_dir
    };
    let systemd = ("STATE_DIRECTORY", "/var/lib/one:/var/lib/two");
    assert_eq!(state_dir(&[systemd], None), PathBuf::from("/var/lib/one"));
    assert_eq!(state_dir(&[systemd, ("EPHEMERAL_STATE_DIR", "/own")], None), PathBuf::from("/own"));
    assert_eq!(state_dir(&[systemd, ("EPHEMERAL_STATE_DIR", "/own")], Some("/flag")), PathBuf::from("/flag"));
    assert!(state_dir(&[], Some("relative")).is_absolute());
}

#[test]
fn a_path_cannot_break_out_of_the_comment_that_shows_it() {
    let flags = Flags { state_dir: Some("/a\n[store]\nwindow = 1".into()), ..Flags::default() };
    let config = load("", &[], flags.clone()).expect("valid");
    assert_eq!(load(&config.to_toml(), &[], flags), Ok(config));
}
