//! Writes the man pages and shell completions of both programs, from the same definitions as their
//! `--help`: `cargo run --example manual -- target/manual`. The programs themselves do not link
//! what this needs. Where `--help` speaks another language, so do the pages below its name.

#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "a tool for packaging; the rest are tests")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use ephemeral::{cli, client_cli};

/// What stands in the middle of each page's head.
const MANUAL: &str = "Ephemeral Messenger Server";
/// The shells with completions; each has a folder of its name.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// The headings of a page, and what they are in German.
const GERMAN: [(&str, &str); 6] = [
    ("NAME", "BEZEICHNUNG"),
    ("SYNOPSIS", "ÜBERSICHT"),
    ("DESCRIPTION", "BESCHREIBUNG"),
    ("OPTIONS", "OPTIONEN"),
    ("SUBCOMMANDS", "BEFEHLE"),
    ("EXTRA", "WEITERES"),
];

/// A file of the manual cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {source}", path.display())]
struct ManualError {
    path: PathBuf,
    source: io::Error,
}

/// Returns the programs, with the section that their pages belong to: 8 is for administrators
/// (man(1)).
fn programs() -> [(Command, &'static str); 2] {
    [(cli::command(), "8"), (client_cli::command(), "1")]
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: manual DIR");
        return ExitCode::FAILURE;
    };
    match write(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("manual: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes `man/` and `completions/SHELL/` in `folder`, which is made if it is not there.
fn write(folder: &Path) -> Result<(), ManualError> {
    let pages = folder.join("man");
    make(&pages)?;
    for (program, section) in programs() {
        let mut documented = program.clone().disable_help_subcommand(true);
        documented.build();
        write_pages(&documented, section, &pages, &[])?;
        for shell in SHELLS {
            let folder = folder.join("completions").join(shell.to_string());
            make(&folder)?;
            let name = program.get_name().to_owned();
            let made = clap_complete::generate_to(shell, &mut program.clone(), name.clone(), &folder)
                .map_err(|source| ManualError { path: folder, source })?;
            if shell == Shell::Bash {
                join(&made, &name).map_err(|source| ManualError { path: made, source })?;
            }
        }
    }
    for (language, program) in client_cli::commands_in_other_languages() {
        let pages = pages.join(language);
        make(&pages)?;
        write_pages(&program, "1", &pages, &GERMAN)?;
    }
    Ok(())
}

/// Lets bash find what it completes behind the commands of a program with a hyphen in its name: the
/// two halves of what `clap_complete` writes call that program differently.
fn join(completions: &Path, program: &str) -> io::Result<()> {
    let text = fs::read_to_string(completions)?;
    fs::write(completions, text.replace(&program.replace('-', "__subcmd__"), &program.replace('-', "__")))
}

/// Writes the page of a command that has been built, and those of the commands below it.
/// `headings`: what stands in place of the English ones.
fn write_pages(command: &Command, section: &str, folder: &Path, headings: &[(&str, &str)]) -> Result<(), ManualError> {
    let page = Man::new(command.clone()).section(section).manual(MANUAL);
    let path = folder.join(page.get_filename());
    let failed = |source| ManualError { path: path.clone(), source };
    let mut text = Vec::new();
    page.render(&mut text).map_err(failed)?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    for (english, other) in headings {
        text = text.replace(&format!(".SH {english}\n"), &format!(".SH {other}\n"));
    }
    fs::write(&path, text).map_err(failed)?;
    let mut shown = command.get_subcommands().filter(|below| !below.is_hide_set());
    shown.try_for_each(|below| write_pages(below, section, folder, headings))
}

fn make(folder: &Path) -> Result<(), ManualError> {
    fs::create_dir_all(folder).map_err(|source| ManualError { path: folder.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Collects the names of a command's page and of those below it, as people type the commands.
    fn names(command: &Command, prefix: &str, found: &mut Vec<String>) {
        let name = format!("{prefix}{}", command.get_name());
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            names(below, &format!("{name}-"), found);
        }
        found.push(name);
    }

    #[test]
    fn every_command_of_both_programs_has_a_page_that_says_what_its_help_says() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let mut expected = Vec::new();
        for (program, section) in programs() {
            let mut found = Vec::new();
            names(&program, "", &mut found);
            expected.extend(found.into_iter().map(|name| format!("{name}.{section}")));
        }
        for known in ["ephemeral-server.8", "ephemeral-server-keys-backup.8", "ephemeral.1", "ephemeral-group-new.1"] {
            assert!(expected.iter().any(|name| name == known), "{known} is not in {expected:?}");
        }
        expected.sort();
        assert_eq!(files(&folder.path().join("man")), expected);
        expected.retain(|name| name.ends_with(".1"));
        assert_eq!(files(&folder.path().join("man/de")), expected, "in German, too");
        let page = fs::read_to_string(folder.path().join("man/ephemeral-server-keys-backup.8")).unwrap();
        assert!(page.contains("encrypted with a passphrase") && page.contains(MANUAL), "{page}");
    }

    /// Lists the files of a folder.
    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let mut names: Vec<_> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_german_pages_speak_german_in_their_headings_and_their_texts() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let page = fs::read_to_string(folder.path().join("man/de/ephemeral-invite.1")).unwrap();
        for (_, heading) in GERMAN.iter().take(4) {
            assert!(page.contains(&format!(".SH {heading}\n")), "{heading}: {page}");
        }
        assert!(page.contains("Einladung") && !page.contains("Print help"), "{page}");
        let english = fs::read_to_string(folder.path().join("man/ephemeral-invite.1")).unwrap();
        assert!(english.contains(".SH SYNOPSIS\n") && !english.contains("Einladung"), "{english}");
    }

    #[test]
    fn bash_has_something_to_complete_behind_each_command() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        for (program, _) in programs() {
            let file = folder.path().join("completions/bash").join(format!("{}.bash", program.get_name()));
            let text = fs::read_to_string(file).unwrap();
            let commands = text.lines().filter_map(|line| line.trim().strip_prefix("cmd=\"")?.strip_suffix('"'));
            let commands: Vec<_> = commands.filter(|command| !command.is_empty()).collect();
            assert!(commands.len() > 20);
            for command in commands {
                assert!(text.contains(&format!("\n        {command})\n")), "{command} is looked for in vain");
            }
        }
    }

    #[test]
    fn each_shell_completes_every_command_of_both_programs() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let files = ["bash/NAME.bash", "zsh/_NAME", "fish/NAME.fish"];
        for (program, _) in programs() {
            for file in files {
                let file = file.replace("NAME", program.get_name());
                let text = fs::read_to_string(folder.path().join("completions").join(&file)).unwrap();
                for below in program.get_subcommands().filter(|below| !below.is_hide_set()) {
                    assert!(text.contains(below.get_name()), "{} is not in {file}", below.get_name());
                }
            }
        }
    }
}
