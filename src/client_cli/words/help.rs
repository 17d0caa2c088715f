//! `--help` in other languages than English, which stands beside the options in the code.
//!
//! A command's sentences are one message of `locales/LANGUAGE/help.ftl`: `contacts-rename` is what
//! `contacts rename` does. Its attributes are `after` and the names of the arguments in the code.
//! What is not there is looked up in the message of the command above, and then in `any`, which has
//! the names of values, too.

use std::fmt::Write as _;

use clap::builder::{Str, StyledStr};
use clap::{Arg, Command};
use i18n_embed::fluent::FluentLanguageLoader;

use super::{Language, fl};

/// The message with what is not one command's.
const ANY: &str = "any";
/// The attribute with what stands behind a command's options.
const AFTER: &str = "after";
/// The command that clap adds to those that have commands, with a copy of them all.
const HELP: &str = "help";

/// The help texts of a language.
struct Texts(FluentLanguageLoader);

/// Puts the texts of a language in place of the English ones. What it has no text for stays
/// English.
pub(in super::super) fn translate(mut command: Command, language: Language) -> Command {
    if language == Language::English {
        return command;
    }
    let texts = Texts(language.load(HELP, language));
    // Only then is everything there that clap adds.
    command.build();
    texts.of_command(command, "")
}

impl Texts {
    fn get(&self, message: &str, attribute: &str) -> Option<String> {
        self.0.has_attr(message, attribute).then(|| self.0.get_attr(message, attribute))
    }

    /// Returns the text of an argument, or of what stands behind a command's options.
    fn own(&self, message: &str, attribute: &str) -> Option<String> {
        let mut at = Some(message);
        while let Some(message) = at {
            if let Some(text) = self.get(message, attribute) {
                return Some(text);
            }
            // What a command shows behind its options is about that command.
            at = above(message).filter(|_| attribute != AFTER);
        }
        self.get(ANY, attribute)
    }

    /// Returns the command with its help in the person's language. `above`: the commands above it.
    fn of_command(&self, command: Command, above: &str) -> Command {
        let path = below(above, command.get_name());
        let mut command = command.mut_args(|argument| self.of_argument(argument, &path));
        if let Some(about) = self.0.has(&path).then(|| self.0.get(&path)) {
            command = command.about(about);
        }
        if command.get_name() == HELP {
            command = command.about(fl!("help-help"));
        }
        if let Some(after) = self.own(&path, AFTER) {
            command = command.after_help(after.clone());
            if command.get_after_long_help().is_some() {
                command = command.after_long_help(after);
            }
        }
        let command = command.mut_subcommands(|command| self.of_command(command, &path));
        with_own_words(command)
    }

    fn of_argument(&self, argument: Arg, path: &str) -> Arg {
        let id = argument.get_id().to_string();
        let own = match id.as_str() {
            "help" => Some(fl!("help-flag")),
            "version" => Some(fl!("help-version")),
            id => self.own(path, id),
        };
        let Some(mut help) = own else { return argument };
        if !argument.get_action().takes_values() {
            return argument.long_help(None::<&str>).help(help);
        }
        let mut argument = argument;
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() && !argument.is_hide_default_value_set() {
            let defaults = defaults.iter().map(|value| if value.is_empty() { "\"\"" } else { value });
            let defaults = defaults.collect::<Vec<_>>().join(" ");
            help = format!("{help} {}", fl!("help-default", value = defaults));
            argument = argument.hide_default_value(true);
        }
        let names = argument.get_value_names().unwrap_or_default().iter();
        // clap wants names that live as long as the process: each is made once.
        let names: Vec<_> =
            names.map(|name| self.get(ANY, name).map_or(name.clone(), |name| Str::from(&*name.leak()))).collect();
        argument = argument.value_names(names);
        argument.long_help(None::<&str>).help(help)
    }
}

/// Returns the name of the message with the texts of a command.
fn below(above: &str, name: &str) -> String {
    match above {
        "" => name.to_owned(),
        "ephemeral" => name.to_owned(),
        above => format!("{above}-{name}"),
    }
}

/// Returns the name of the message of the command above.
fn above(message: &str) -> Option<&str> {
    message.rsplit_once('-').map(|(above, _)| above)
}

/// Gives the headings, and the parts of the usage that clap itself writes, in this language.
fn with_own_words(mut command: Command) -> Command {
    let header = *command.get_styles().get_header();
    let mut template = "{about-with-newline}\n".to_owned();
    // Writing to a String cannot fail.
    let _ = writeln!(template, "{header}{}{header:#} {{usage}}", fl!("help-usage"));
    let mut part = |heading: String, tag: &str, is_there: bool| {
        if is_there {
            let _ = write!(template, "\n{header}{heading}{header:#}\n{{{tag}}}\n");
        }
    };
    part(fl!("help-commands"), "subcommands", command.has_subcommands());
    part(fl!("help-arguments"), "positionals", command.get_positionals().next().is_some());
    part(fl!("help-options"), "options", command.get_opts().next().is_some() || command.get_arguments().count() > 0);
    template.truncate(template.trim_end().len());
    template += "{after-help}";
    let usage = command.render_usage().to_string();
    command.help_template(StyledStr::from(template)).override_usage(own_usage(&usage))
}

/// Writes the usage that clap has made with this language's words, below its heading.
fn own_usage(usage: &str) -> String {
    let usage = usage.strip_prefix("Usage: ").unwrap_or(usage);
    let usage = usage.replace("[OPTIONS]", &fl!("help-usage-options")).replace("COMMAND", &fl!("help-usage-command"));
    let lines: Vec<_> = usage.lines().map(str::trim).collect();
    let width = fl!("help-usage").chars().count() + 1;
    lines.join(&format!("\n{}", " ".repeat(width)))
}

#[cfg(test)]
mod tests;
