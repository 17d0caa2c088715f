//! What command lines mean, and what the help of each command has in it.

use super::*;

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    let arguments = line.split_whitespace().map(Into::into);
    Cli::try_parse_from(arguments::with_joined_address(arguments, &Cli::command()))
}

#[test]
fn the_definitions_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn flags_may_stand_before_and_after_the_command() {
    for line in ["ephemeral-server --no-tor --clearnet run", "ephemeral-server run --clearnet --no-tor"] {
        let cli = parsed(line).expect(line);
        assert!(matches!(cli.command, Some(Command::Run)), "{line}");
        assert!(cli.flags.no_tor, "{line}");
        assert_eq!(cli.flags.clearnet.as_deref(), Some(""), "{line}");
    }
}

#[test]
fn an_address_may_be_joined_or_stand_alone() {
    for line in ["s --clearnet 0.0.0.0:80", "s --clearnet=0.0.0.0:80 run", "s run --clearnet 0.0.0.0:80"] {
        let cli = parsed(line).expect(line);
        assert_eq!(cli.flags.clearnet.as_deref(), Some("0.0.0.0:80"), "{line}");
    }
    assert_eq!(parsed("s").expect("nothing").flags.clearnet, None);
}

#[test]
fn every_command_helps_with_an_example() {
    for mut command in std::iter::once(Cli::command()).chain(Cli::command().get_subcommands().cloned()) {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Example") && help.contains("  ephemeral-server"), "{help}");
    }
}

/// Returns the help below the options of a command and of all below it, as it is written.
fn endings(command: &clap::Command) -> Vec<String> {
    let own = command.get_after_help().map(ToString::to_string);
    own.into_iter().chain(command.get_subcommands().flat_map(endings)).collect()
}

#[test]
fn on_a_terminal_of_80_columns_only_prose_is_broken() {
    let endings = endings(&Cli::command());
    assert!(endings.len() > 15, "{endings:?}");
    for ending in endings {
        for (line, next) in ending.lines().zip(ending.lines().skip(1).chain([""])) {
            let is_example = line.starts_with("  ") || line.starts_with("Example");
            assert!(!is_example || line.chars().count() <= 80, "broken within an example: {line}");
            assert!(is_example || line.is_empty() || next.is_empty(), "broken twice: {line}");
        }
    }
}
