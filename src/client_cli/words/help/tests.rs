//! Each language has a text for whatever `--help` shows, it names the same things, and it has no
//! text for what is not there any more.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// The texts of a command that are to be translated: message, attribute, English.
type Found = Vec<(String, Option<String>, String)>;

fn find(command: &Command, above: &str, found: &mut Found) {
    let path = below(above, command.get_name());
    let texts = [(None, command.get_about()), (Some("after"), command.get_after_help())];
    for (attribute, text) in texts {
        found.extend(text.map(|text| (path.clone(), attribute.map(str::to_owned), text.to_string())));
    }
    // They would need sentences of their own.
    assert!(command.get_long_about().is_none() && command.get_before_help().is_none(), "{path}");
    let long = command.get_after_long_help();
    assert!(long.is_none_or(|long| Some(long.to_string()) == command.get_after_help().map(ToString::to_string)));
    for argument in command.get_arguments() {
        let id = argument.get_id().to_string();
        assert!(argument.get_long_help().is_none() && argument.get_help_heading().is_none(), "{path}: {id}");
        assert!(argument.get_possible_values().is_empty() || !argument.get_action().takes_values(), "{path}: {id}");
        let help = argument.get_help().unwrap_or_else(|| panic!("{path}: {id} has no help"));
        found.push((path.clone(), Some(id), help.to_string()));
        if argument.get_action().takes_values() {
            let names = argument.get_value_names().unwrap_or_default().iter();
            found.extend(names.map(|name| (ANY.to_owned(), Some(name.to_string()), name.to_string())));
        }
    }
    command.get_subcommands().for_each(|command| find(command, &path, found));
}

fn english() -> Found {
    let mut found = Found::new();
    find(&crate::client_cli::command(), "", &mut found);
    assert!(found.len() > 150, "this test no longer reads what is there");
    found
}

fn german() -> Texts {
    Texts(Language::German.load(HELP, Language::German))
}

/// Returns what is the same in every language: options, numbers, and what stands in backticks.
fn fixed(text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut add = |part: &str| *found.entry(part.to_owned()).or_default() += 1;
    for (number, part) in text.split('`').enumerate() {
        if number % 2 == 1 {
            add(part);
            continue;
        }
        for word in part.split_whitespace() {
            let word = word.trim_matches(|character: char| !character.is_alphanumeric() && character != '-');
            if word.len() > 2 && word.starts_with("--") {
                add(word);
            }
            let digits: String = word.chars().filter(char::is_ascii_digit).collect();
            if !digits.is_empty() {
                add(&digits);
            }
        }
    }
    found
}

#[test]
fn every_text_is_there_in_german_and_names_the_same_things() {
    let german = german();
    let mut problems = Vec::new();
    for (message, attribute, english) in english() {
        let own = match &attribute {
            None => german.0.has(&message).then(|| german.0.get(&message)),
            Some(attribute) => german.own(&message, attribute),
        };
        let place = attribute.map_or_else(|| message.clone(), |attribute| format!("{message}.{attribute}"));
        match own {
            None => problems.push(format!("{place} is missing: {english}")),
            Some(own) if fixed(&own) != fixed(&english) => {
                problems.push(format!("{place} does not name the same as: {english}"));
            }
            Some(_) => {}
        }
    }
    assert!(problems.is_empty(), "\n{}\n\nMend locales/de/help.ftl.", problems.join("\n"));
}

#[test]
fn no_text_is_there_for_what_is_not() {
    let mut used = BTreeSet::new();
    for (message, attribute, _) in english() {
        let mut at = Some(message.as_str());
        // An argument's text may be one that several commands have.
        while let Some(message) = at {
            used.insert((message.to_owned(), attribute.clone()));
            at = above(message);
        }
        used.insert((ANY.to_owned(), attribute));
    }
    let text = include_str!("../../../../locales/de/help.ftl");
    let resource = fluent_syntax::parser::parse(text).expect("Fluent");
    let mut count = 0;
    for entry in resource.body {
        let fluent_syntax::ast::Entry::Message(message) = entry else { continue };
        let name = message.id.name.to_owned();
        let attributes = message.attributes.iter().map(|attribute| Some(attribute.id.name.to_owned()));
        for attribute in attributes.chain(message.value.is_some().then_some(None)) {
            count += 1;
            assert!(used.contains(&(name.clone(), attribute.clone())), "{name} {attribute:?} is of no use");
        }
    }
    assert!(count > 150, "this test no longer reads what is there");
}

#[test]
fn what_is_the_same_in_every_language_is_found() {
    let english = fixed("At most 47,000 bytes, by `ephemeral recv`; see --help, or - (127.0.0.1:9050).");
    let german = fixed("Siehe --help: `ephemeral recv`, bis 47.000 Bytes, oder - (127.0.0.1:9050)");
    assert_eq!(english, german);
    assert_eq!(
        english.keys().collect::<Vec<_>>(),
        ["--help", "127001:9050".replace(':', "").as_str(), "47000", "ephemeral recv"]
    );
}

#[test]
fn a_usage_of_two_lines_stands_below_its_heading() {
    let english = "Usage: ephemeral moved [OPTIONS] <NOTICE>\n       ephemeral moved <COMMAND>";
    assert_eq!(own_usage(english), english.trim_start_matches("Usage: "));
}

#[test]
fn english_stands_in_the_code() {
    let help = |command: Command| command.clone().render_long_help().to_string();
    assert_eq!(help(translate(crate::client_cli::command(), Language::English)), help(crate::client_cli::command()));
}
