//! Numbers choose between singular and plural as each language does, and are numbers where they do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey};
use fluent_syntax::parser;
use i18n_embed::unic_langid::LanguageIdentifier;

use crate::sources::{assert_none, sources};

/// The sentences of the commands and of the terminal.
const FILES: [&str; 2] = ["locales/LANGUAGE/ephemeral.ftl", "crates/chat/locales/LANGUAGE/ephemeral_chat.ftl"];
const LANGUAGES: [&str; 2] = ["en", "de"];

fn text(file: &str, language: &str) -> String {
    let path = file.replace("LANGUAGE", language);
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the sentences in a file.
fn sentences(text: &str) -> Vec<(String, Pattern<String>)> {
    let resource = parser::parse(text.to_owned()).unwrap_or_else(|(_, errors)| panic!("{errors:?}"));
    let sentence = |entry| match entry {
        Entry::Message(message) => Some((message.id.name, message.value?)),
        _ => None,
    };
    resource.body.into_iter().filter_map(sentence).collect()
}

/// Returns what a sentence is when each of its arguments is this number: in English and in German,
/// one is singular, and any other number plural.
fn expected(pattern: &Pattern<String>, number: usize) -> String {
    let part = |element: &PatternElement<String>| match element {
        PatternElement::TextElement { value } => value.clone(),
        PatternElement::Placeable { expression: Expression::Inline(InlineExpression::StringLiteral { value }) } => {
            value.clone()
        }
        PatternElement::Placeable { expression: Expression::Inline(_) } => number.to_string(),
        PatternElement::Placeable { expression: Expression::Select { variants, .. } } => {
            expected(&chosen(variants, number).value, number)
        }
    };
    pattern.elements.iter().map(part).collect()
}

fn chosen(variants: &[Variant<String>], number: usize) -> &Variant<String> {
    let is_meant = |variant: &&Variant<String>| match &variant.key {
        VariantKey::Identifier { name } => name == "one" && number == 1,
        VariantKey::NumberLiteral { value } => *value == number.to_string(),
    };
    let otherwise = || variants.iter().find(|variant| variant.default);
    variants.iter().find(is_meant).or_else(otherwise).expect("a default")
}

/// Returns the choices in a sentence that a number makes, with its name.
fn choices(pattern: &Pattern<String>) -> Vec<(&str, &[Variant<String>])> {
    let counts = |variant: &Variant<String>| matches!(&variant.key, VariantKey::Identifier { name } if name == "one");
    let mut found = Vec::new();
    for element in &pattern.elements {
        let PatternElement::Placeable { expression: Expression::Select { selector, variants } } = element else {
            continue;
        };
        let InlineExpression::VariableReference { id } = selector else { continue };
        if variants.iter().any(counts) {
            found.push((id.name.as_str(), variants.as_slice()));
        }
        found.extend(variants.iter().flat_map(|variant| choices(&variant.value)));
    }
    found
}

/// Adds the names of a sentence's arguments.
fn arguments<'pattern>(pattern: &'pattern Pattern<String>, names: &mut BTreeSet<&'pattern str>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        let inline = match expression {
            Expression::Inline(inline) => inline,
            Expression::Select { selector, variants } => {
                variants.iter().for_each(|variant| arguments(&variant.value, names));
                selector
            }
        };
        if let InlineExpression::VariableReference { id } = inline {
            names.insert(&id.name);
        }
    }
}

/// Returns a language's sentences as the programs read them.
fn bundle(text: &str, language: &str) -> FluentBundle<FluentResource> {
    let language: LanguageIdentifier = language.parse().expect("its name");
    let mut bundle = FluentBundle::new(vec![language]);
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(_, errors)| panic!("{errors:?}"));
    bundle.add_resource(resource).expect("no sentence twice");
    bundle
}

fn said(bundle: &FluentBundle<FluentResource>, id: &str, pattern: &Pattern<String>, number: usize) -> String {
    let mut names = BTreeSet::new();
    arguments(pattern, &mut names);
    let arguments: FluentArgs<'_> = names.into_iter().map(|name| (name, number)).collect();
    let sentence = bundle.get_message(id).and_then(|message| message.value()).expect("a sentence");
    let mut errors = Vec::new();
    let said = bundle.format_pattern(sentence, Some(&arguments), &mut errors).into_owned();
    assert!(errors.is_empty(), "{id}: {errors:?}");
    said
}

/// Returns the sentences of a language in which a number chooses, with the numbers.
fn chosen_by_numbers(file: &str, language: &str) -> BTreeSet<(String, String)> {
    let text = text(file, language);
    let mut found = BTreeSet::new();
    for (id, pattern) in sentences(&text) {
        for (number, variants) in choices(&pattern) {
            let [one, other] = variants else { panic!("{language}: {id}: one and other, and no more") };
            assert!(other.default && one.value != other.value, "{language}: {id}");
            found.insert((id.clone(), number.to_owned()));
        }
    }
    found
}

#[test]
fn one_is_singular_and_none_and_several_are_plural_in_each_sentence_of_each_language() {
    for file in FILES {
        for language in LANGUAGES {
            let text = text(file, language);
            let bundle = bundle(&text, language);
            for (id, pattern) in sentences(&text) {
                for number in [0, 1, 2, 11, 21, 1_000_000] {
                    let said = said(&bundle, &id, &pattern, number);
                    assert_eq!(said, expected(&pattern, number), "{language}: {id}");
                }
            }
        }
        let english = chosen_by_numbers(file, "en");
        assert!(english.len() > 5, "{file}: this test no longer reads what is there");
        assert_eq!(chosen_by_numbers(file, "de"), english, "{file}: the same sentences choose, by the same numbers");
    }
}

/// Returns how the code gives an argument to a sentence, at each place.
fn given<'code>(code: &'code str, id: &str, argument: &str) -> Vec<&'code str> {
    let quoted = format!("\"{id}\"");
    let behind = code.split(quoted.as_str()).skip(1);
    let value = |rest: &'code str| {
        let call = rest.split(';').next().unwrap_or_default();
        let (_, value) = call.split_once(&format!("{argument} = "))?;
        Some(value.split([',', '\n']).next().unwrap_or_default())
    };
    behind.filter_map(value).collect()
}

#[test]
fn a_number_that_chooses_is_given_as_a_number_and_not_as_a_text() {
    let all = sources(&["src", "crates/chat/src"]);
    let code: Vec<_> = all.iter().filter(|source| !source.is_test()).collect();
    let mut problems = Vec::new();
    let mut checked = 0;
    for (id, argument) in FILES.iter().flat_map(|file| chosen_by_numbers(file, "en")) {
        for source in &code {
            let given = given(&source.text, &id, &argument);
            checked += given.len();
            let texts = given.into_iter().filter(|value| value.contains("to_string()") || value.contains("format!"));
            problems.extend(texts.map(|value| format!("{}: {id}: {argument} = {value}", source.path)));
        }
    }
    assert!(checked > 8, "only {checked} found: this test no longer reads what is there");
    assert_none(&problems, "A text chooses nothing: give the number itself.");
}
