//! The sentences say what clap says, laid out as clap lays it out.

use super::*;

fn wrong(arguments: &[&str]) -> clap::Error {
    let arguments = [&["ephemeral"], arguments].concat();
    crate::client_cli::command().try_get_matches_from(arguments).expect_err("a wrong command line")
}

#[test]
fn in_english_they_are_claps_own() {
    for (arguments, kind) in [
        (&["init"][..], ErrorKind::MissingRequiredArgument),
        (&["init", "--server"], ErrorKind::InvalidValue),
        (&["init", "--server", "https://x"], ErrorKind::ValueValidation),
        (&["init", "--server", "http://127.0.0.1:1", "--name", "a", "--name", "b"], ErrorKind::ArgumentConflict),
        (&["init", "--jsn"], ErrorKind::UnknownArgument),
        (&["invite", "--expires", "1y"], ErrorKind::ValueValidation),
        (&["invite", "--profile", "../x"], ErrorKind::ValueValidation),
        (&["invite", "a", "b"], ErrorKind::UnknownArgument),
        (&["revoke", "seven"], ErrorKind::ValueValidation),
        (&["recv", "--once", "--follow"], ErrorKind::ArgumentConflict),
        (&["recv", "--socks", "x"], ErrorKind::ValueValidation),
        (&["revok", "7"], ErrorKind::InvalidSubcommand),
        (&["group"], ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
    ] {
        let error = wrong(arguments);
        assert_eq!(error.kind(), kind, "{arguments:?}");
        assert_eq!(text(&error), error.to_string(), "{arguments:?}");
    }
}
