//! What is written through the `log` crate (`tungstenite` writes frames through it) reaches nobody,
//! at any level. In its own file, since a process sets up logging once.

use ephemeral::logging::{self, LogFormat};

#[test]
fn nothing_listens_to_the_log_crate() {
    logging::init("trace", LogFormat::Text).expect("the first to set it up");
    assert_eq!(log::max_level(), log::LevelFilter::Off, "`log::trace!` and the others do not even format their text");
    assert!(!log::logger().enabled(&log::Metadata::builder().level(log::Level::Error).target("tungstenite").build()));
    assert!(tracing::enabled!(tracing::Level::TRACE), "while this program's own lines are logged at every level");
    assert!(logging::init("info", LogFormat::Json).is_err(), "a second set-up is refused, not ignored");
}
