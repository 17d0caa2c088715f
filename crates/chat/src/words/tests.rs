//! Every sentence is there in every language, with the same arguments.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser;

use super::{LOCALES, Words};

/// Returns the arguments of each sentence of a language.
fn sentences(language: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (_, text) = LOCALES.iter().find(|(known, _)| *known == language).expect("its file");
    let resource = parser::parse((*text).to_owned()).unwrap_or_else(|(_, errors)| panic!("{language}: {errors:?}"));
    let mut sentences = BTreeMap::new();
    for entry in resource.body {
        if let Entry::Message(message) = entry {
            let mut arguments = BTreeSet::new();
            let pattern = message.value.expect("a sentence");
            collect(&pattern, &mut arguments);
            let before = sentences.insert(message.id.name.clone(), arguments);
            assert!(before.is_none(), "{language}: {} stands there twice", message.id.name);
        }
    }
    sentences
}

fn collect(pattern: &Pattern<String>, arguments: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        let inline = match expression {
            Expression::Inline(inline) => inline,
            Expression::Select { selector, variants } => {
                variants.iter().for_each(|variant| collect(&variant.value, arguments));
                selector
            }
        };
        if let InlineExpression::VariableReference { id } = inline {
            arguments.insert(id.name.clone());
        }
    }
}

#[test]
fn every_sentence_stands_in_every_language_with_the_same_arguments() {
    let english = sentences("en");
    assert!(english.len() > 200);
    assert_eq!(Words::languages(), ["de", "en"]);
    for language in Words::languages() {
        assert_eq!(sentences(&language), english, "{language}");
    }
}

#[test]
fn a_locale_names_a_language_and_anything_else_is_english() {
    let english = crate::words::say!(Words::of("C"), "done");
    let german = crate::words::say!(Words::of("de"), "done");
    assert_ne!(english, german);
    let cases = [
        ("en", &english),
        ("de_DE.UTF-8", &german),
        ("fa_IR", &english),
        ("POSIX", &english),
        ("", &english),
        ("../../etc/passwd", &english),
    ];
    for (locale, expected) in cases {
        assert_eq!(&crate::words::say!(Words::of(locale), "done"), expected, "{locale:?}");
    }
}
