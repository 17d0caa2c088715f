//! Languages are chosen as POSIX says, and English says what the errors themselves say.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ephemeral_client::DialError;
use ephemeral_client::cause::Explanation;
use ephemeral_client::discovery_file::DiscoveryFileError;
use ephemeral_client::engine::EngineError;
use ephemeral_client::moved::{BookError, NoticeRequestError};
use ephemeral_client::secret_file::SecretFileError;
use ephemeral_client::url::UrlError;
use ephemeral_client::vault::VaultError;
use ephemeral_e2e::core::{CoreError, Obstacle, Room};
use ephemeral_e2e::invite::InviteError;
use ephemeral_tor::{FileError, MovedError, PathFix, TorError};

use super::*;
use crate::client_cli::exit::Failure;
use crate::client_cli::route::NoRoute;

#[test]
fn a_locale_names_a_language_and_anything_else_is_english() {
    for german in ["de", "de_DE", "de_DE.UTF-8", "de_AT.utf8", "de_CH.UTF-8@euro", "de-DE"] {
        assert_eq!(Language::of_locale(german), Language::German, "{german}");
    }
    for english in ["C", "POSIX", "C.UTF-8", "en_GB.UTF-8", "fa_IR.UTF-8", "", ".", "den", "DE", "de_DE.ISO-8859-1"] {
        assert_eq!(Language::of_locale(english), Language::English, "{english}");
    }
}

#[test]
fn each_language_is_loaded_and_puts_no_marks_around_arguments() {
    for (language, sentence) in [(Language::English, "x is no file"), (Language::German, "x ist keine Datei")] {
        let loader = language.load("ephemeral", Language::English);
        assert_eq!(loader.current_languages(), [language.identifier()]);
        assert_eq!(loader.get_args("source-no-file", [("path", "x")].into()), sentence);
    }
    let german = Language::German.load("ephemeral", Language::English);
    let restored = |count: usize| i18n_embed_fl::fl!(german, "restore-done", count = count);
    assert!(restored(1).starts_with("1 Kontakt wird "), "{}", restored(1));
    assert!(restored(2).starts_with("2 Kontakte werden "), "{}", restored(2));
}

#[test]
fn an_argument_is_marked_only_where_its_direction_demands_it() {
    assert_eq!(shown(r"C:\Users\x y"), r"C:\Users\x y");
    assert_eq!(path(Path::new("/tmp/ä")), "/tmp/ä");
    assert_eq!(path(Path::new("/tmp/שלום")), "\u{2068}/tmp/שלום\u{2069}");
    assert_eq!(path(Path::new("/tmp/\u{202e}\u{1b}[2J")), "/tmp/\\u{202e}\\u{1b}[2J");
    let sentence = fl!("group-hears", name = printable("فاطمه"));
    assert_eq!(sentence, "\u{2068}فاطمه\u{2069} hears of it when `ephemeral recv` runs");
    let german = Language::German.load("ephemeral", Language::English);
    let sentence = i18n_embed_fl::fl!(german, "group-hears", name = printable("فاطمه"));
    assert_eq!((sentence.starts_with("\u{2068}فاطمه\u{2069} "), sentence.matches('\u{2068}').count()), (true, 1));
    // A command with a name in it can be copied.
    assert_eq!(quoted(r#"a" b\"#), r#""a\" b\\""#);
}

/// Holds the English sentence of each error to what it says itself.
fn assert_same<E: Display>(errors: impl IntoIterator<Item = E>, words: impl Fn(&E) -> String) {
    for error in errors {
        assert_eq!(words(&error), error.to_string());
    }
}

fn somewhere() -> PathBuf {
    PathBuf::from("/nowhere/file")
}

fn refused(code: i32) -> FileError {
    FileError::of("read", &somewhere())(io::Error::from_raw_os_error(code))
}

#[test]
fn errors_of_files_say_in_english_what_they_always_said() {
    // ENOENT, EACCES, ENOSPC, EROFS, EISDIR, ETIMEDOUT; and one that nobody sees.
    let codes = [2, 13, 28, 30, 21, 110, 9999];
    assert_same(codes.map(refused), said::of);
    assert_same(codes.map(io::Error::from_raw_os_error), files::system);
    assert_same([io::Error::other("it is no file")], files::system);
    let secrets = || {
        [
            SecretFileError::Exists(somewhere()),
            SecretFileError::Missing(somewhere()),
            SecretFileError::Exposed(somewhere()),
            SecretFileError::NotASecret(somewhere()),
            SecretFileError::File(refused(2)),
        ]
    };
    assert_same(secrets(), said::of);
    assert_same(secrets().map(DiscoveryFileError::File), said::of);
    let keys = [DiscoveryFileError::Exists(somewhere()), DiscoveryFileError::NotAKey(somewhere())];
    assert_same(keys, said::of);
}

#[test]
fn errors_of_a_profile_say_in_english_what_they_always_said() {
    let vaults = [
        VaultError::Locked { directory: somewhere(), process: None },
        VaultError::Locked { directory: somewhere(), process: Some(12_345) },
        VaultError::WrongPassphrase(somewhere()),
        VaultError::OtherPassphrase(somewhere()),
        VaultError::EmptyPassphrase,
        VaultError::Missing(somewhere()),
        VaultError::Exists(somewhere()),
        VaultError::Occupied(somewhere()),
        VaultError::Damaged { path: somewhere(), why: "it holds no key".to_owned() },
        VaultError::NotABackup { path: somewhere(), why: "it holds no key".to_owned() },
        VaultError::TooLong,
        VaultError::Erased(somewhere()),
        VaultError::Stopped(somewhere()),
        VaultError::Encrypt("no".to_owned()),
        VaultError::Directory(TorError::InUse(somewhere())),
        VaultError::File(refused(28)),
    ];
    assert_same(vaults, said::of);
    let cores = [
        CoreError::Stopped,
        CoreError::NotAState,
        CoreError::Unknown,
        CoreError::Invite(InviteError::Damaged),
        CoreError::Invite(InviteError::Version),
        CoreError::Invite(InviteError::NotGenuine),
        CoreError::Expired,
        CoreError::OwnInvite,
        CoreError::Full(Room::Outbox),
        CoreError::TooLong,
        CoreError::NotNow(Obstacle::Over),
        CoreError::Group,
    ];
    assert_same(cores, said::of);
    let engines = [
        EngineError::Address("http://x".to_owned(), UrlError::Onion),
        EngineError::Elsewhere,
        EngineError::Task("it panicked".to_owned()),
    ];
    assert_same(engines, said::of);
}

#[test]
fn errors_of_the_network_say_in_english_what_they_always_said() {
    let urls =
        [UrlError::NoScheme, UrlError::Https, UrlError::NotOnlyAHost, UrlError::Host, UrlError::Onion, UrlError::Port];
    assert_same(urls, said::of);
    let proxy: SocketAddr = ([127, 0, 0, 1], 9050).into();
    let dials = [
        DialError::OnionDirectly,
        DialError::NoWay("no way".into()),
        DialError::Timeout(Duration::from_secs(30)),
        DialError::Tcp(io::Error::from_raw_os_error(111)),
        DialError::Socks { proxy, source: io::Error::from_raw_os_error(111).into() },
        DialError::Tor(TorError::Table("[tor]: unknown".to_owned())),
    ];
    assert_same(dials, said::of);
    let fix = PathFix::Mode { path: somewhere(), mode: "g-w".to_owned() };
    let tors = [
        TorError::Path { path: somewhere(), why: "its name is not UTF-8".to_owned() },
        TorError::Unsafe { path: somewhere(), fix },
        TorError::Unsafe { path: somewhere(), fix: PathFix::Owner(7) },
        TorError::InUse(somewhere()),
        TorError::File(refused(2)),
        TorError::Service("its configuration disables it".to_owned()),
        TorError::Runtime(io::Error::other("no runtime")),
    ];
    assert_same(tors, said::of);
    let moves = || {
        [
            MovedError::Malformed("EOF".to_owned()),
            MovedError::TooMuch,
            MovedError::Address("from"),
            MovedError::Nowhere,
            MovedError::Time,
            MovedError::Signature,
            MovedError::File(refused(2)),
        ]
    };
    assert_same(moves(), said::of);
    assert_same(moves().map(BookError::Notice), said::of);
    let contradiction = BookError::Contradiction { from: "a.onion".to_owned(), known: "b.onion".to_owned() };
    assert_same([contradiction, BookError::TooMany, BookError::File(refused(2))], said::of);
    let requests = [
        NoticeRequestError::Interrupted,
        NoticeRequestError::Timeout,
        NoticeRequestError::Answer,
        NoticeRequestError::None(404),
        NoticeRequestError::Dial(DialError::Timeout(Duration::from_secs(30))),
    ];
    assert_same(requests, network::notice_request);
}

#[test]
fn an_engine_tells_in_english_why_there_is_no_way_to_a_server() {
    let table = |why: &str| NoRoute::Table { file: somewhere(), why: why.to_owned() };
    let routes = || [NoRoute::Unencrypted, NoRoute::NoHome, table("[tor]: unknown")];
    for (told, failed) in routes().into_iter().zip(routes()) {
        let told = DialError::NoWay(Explanation::of(&told));
        assert_eq!((told.to_string(), said::of(&told)), (Failure::from(failed).to_string(), told.to_string()));
    }
}
