//! Every sentence that the client shows a person is there in each language, and none is written in
//! the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fluent_syntax::ast::{CallArguments, Entry, Expression, InlineExpression, Message, Pattern, PatternElement};
use fluent_syntax::parser;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::sources::{Source, assert_none, sources};

/// Where the causes are named that an engine gives. Each has a sentence of the same name.
const CAUSES: &str = "crates/client/src/cause.rs";
/// Those that are said without one: somebody else's words, and several causes.
const WITHOUT: [&str; 3] = ["words", "system", "several"];
/// The names of the sentences for what the operating system says.
const SYSTEM: &str = "src/client_cli/words/said.rs";
/// Beginnings of texts that are no sentences of the program: help, which has languages of its own.
const HELP: [&str; 2] = ["Exit codes:", "Example:"];

fn locales() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("locales")
}

/// Returns the languages that there are, without English.
fn others() -> Vec<String> {
    let folders = fs::read_dir(locales()).expect("locales/");
    let names = folders.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let others: Vec<_> = names.filter(|name| name != "en").collect();
    assert!(!others.is_empty(), "this test no longer reads what is there");
    others
}

/// What is known of a sentence.
struct Sentence {
    arguments: BTreeSet<String>,
    /// It is an argument and nothing else: the words of somebody else, in English.
    is_foreign: bool,
}

/// Returns the sentences of a language.
fn sentences(language: &str) -> BTreeMap<String, Sentence> {
    let path = locales().join(language).join("ephemeral.ftl");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let resource = parser::parse(text).unwrap_or_else(|(_, errors)| panic!("{}: {errors:?}", path.display()));
    let mut found = BTreeMap::new();
    for entry in resource.body {
        let Entry::Message(Message { id, value: Some(value), attributes, .. }) = entry else { continue };
        assert!(attributes.is_empty(), "{language}: {} has attributes, which nothing checks", id.name);
        let mut arguments = BTreeSet::new();
        of_pattern(&value, &mut arguments);
        let is_foreign =
            matches!(&value.elements[..], [PatternElement::Placeable { expression: Expression::Inline(_) }]);
        let sentence = Sentence { arguments, is_foreign };
        assert!(found.insert(id.name.clone(), sentence).is_none(), "{language}: {} is there twice", id.name);
    }
    assert!(found.len() > 100, "{language}: this test no longer reads what is there");
    found
}

fn of_pattern(pattern: &Pattern<String>, arguments: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { .. } => {}
            PatternElement::Placeable { expression: Expression::Inline(inline) } => of_inline(inline, arguments),
            PatternElement::Placeable { expression: Expression::Select { selector, variants } } => {
                of_inline(selector, arguments);
                variants.iter().for_each(|variant| of_pattern(&variant.value, arguments));
            }
        }
    }
}

fn of_inline(inline: &InlineExpression<String>, arguments: &mut BTreeSet<String>) {
    match inline {
        InlineExpression::VariableReference { id } => {
            arguments.insert(id.name.clone());
        }
        InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
        InlineExpression::FunctionReference { arguments: CallArguments { .. }, .. }
        | InlineExpression::MessageReference { .. }
        | InlineExpression::TermReference { .. }
        | InlineExpression::Placeable { .. } => panic!("{inline:?}: this test does not know what that uses"),
    }
}

#[test]
fn each_language_has_every_sentence_with_the_arguments_of_the_english_one() {
    let english = sentences("en");
    let mut problems = Vec::new();
    for language in others() {
        let own = sentences(&language);
        for (id, Sentence { arguments, is_foreign }) in &english {
            match own.get(id).map(|sentence| &sentence.arguments) {
                None => problems.push(format!("{language}: {id} is missing")),
                // Another language has its own words in place of those.
                Some(used) if *is_foreign && used.is_empty() => {}
                Some(used) if used != arguments => {
                    problems.push(format!("{language}: {id} uses {used:?}, and English {arguments:?}"));
                }
                Some(_) => {}
            }
        }
        let unknown = own.keys().filter(|id| !english.contains_key(*id));
        problems.extend(unknown.map(|id| format!("{language}: {id} is not in English")));
    }
    assert_none(&problems, "Mend locales/LANGUAGE/ephemeral.ftl: each language has what English has.");
}

/// Returns the numbers of a sentence before a word in the plural, that do not choose the word.
fn unchosen(pattern: &Pattern<String>) -> Vec<String> {
    let is_plural = |text: &str| {
        let word = text.strip_prefix(' ').and_then(|text| text.split([' ', ':', ',', '.', '\n', ')']).next());
        word.is_some_and(|word| word.len() > 2 && word.ends_with('s'))
    };
    let pairs = pattern.elements.iter().zip(pattern.elements.iter().skip(1));
    let numbers = pairs.filter_map(|(number, behind)| match (number, behind) {
        (
            PatternElement::Placeable { expression: Expression::Inline(InlineExpression::VariableReference { id }) },
            PatternElement::TextElement { value },
        ) if is_plural(value) => Some(id.name.clone()),
        _ => None,
    });
    numbers.collect()
}

#[test]
fn a_count_chooses_the_singular_or_the_plural_behind_it() {
    let counts = ["count", "n", "bytes", "size"];
    // Its numbers are bounds, and never one.
    let fixed = ["moved-too-much"];
    let mut problems = Vec::new();
    for path in ["locales/en/ephemeral.ftl", "crates/chat/locales/en/ephemeral_chat.ftl"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("to read");
        let resource = parser::parse(text).unwrap_or_else(|(_, errors)| panic!("{path}: {errors:?}"));
        for entry in resource.body {
            let Entry::Message(Message { id, value: Some(value), .. }) = entry else { continue };
            let numbers = unchosen(&value).into_iter().filter(|number| counts.contains(&number.as_str()));
            problems.extend(
                numbers
                    .filter(|_| !fixed.contains(&id.name.as_str()))
                    .map(|number| format!("{path}: {} has a plural behind {number}, which may be 1", id.name)),
            );
        }
    }
    assert_none(&problems, "Let the number choose: { $count -> [one] … *[other] … }, in each language.");
}

#[test]
fn the_image_is_built_with_the_sentences() {
    let ignored = fs::read_to_string(locales().with_file_name(".dockerignore")).expect("to read");
    let kept: BTreeSet<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(kept.contains("src"), "this test no longer reads what is there");
    assert!(kept.contains("locales") && kept.contains("i18n.toml"), "the build reads these: {kept:?}");
}

/// Collects the string literals that are not in patterns and attributes, and those that name a
/// sentence.
#[derive(Default)]
struct Texts {
    written: Vec<String>,
    ids: Vec<String>,
}

impl Texts {
    fn of(source: &Source) -> Self {
        let mut texts = Self::default();
        texts.visit_file(&source.syntax());
        texts
    }

    /// Reads the inside of a macro.
    fn read(&mut self, tokens: TokenStream, mut names_a_sentence: bool) {
        let mut before = [String::new(), String::new()];
        for token in tokens {
            match &token {
                TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                        let texts = if names_a_sentence { &mut self.ids } else { &mut self.written };
                        texts.push(text.value());
                        names_a_sentence = false;
                    }
                }
                TokenTree::Group(group) => self.read(group.stream(), before == ["fl", "!"]),
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
            let [_, last] = before;
            before = [last, token.to_string()];
        }
    }
}

impl<'ast> Visit<'ast> for Texts {
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        if !matches!(pattern, syn::Pat::Lit(_)) {
            visit::visit_pat(self, pattern);
        }
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.written.push(text.value());
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.read(called.tokens.clone(), called.path.segments.last().is_some_and(|name| name.ident == "fl"));
    }
}

/// Returns the sources of the client's commands.
fn commands() -> Vec<&'static Source> {
    let is_theirs = |source: &&Source| source.path.starts_with("src/client_cli") && !source.is_test();
    sources(&["src"]).into_iter().filter(is_theirs).collect()
}

/// Returns the sources of the terminal, whose sentences stand in `crates/chat/locales`.
fn terminal() -> Vec<&'static Source> {
    sources(&["crates/chat/src"]).into_iter().filter(|source| !source.is_test()).collect()
}

/// Returns whether a text has two words or more.
fn is_a_sentence(text: &str) -> bool {
    let mut rest = text;
    let mut outside = String::new();
    while let Some((before, behind)) = rest.split_once('{') {
        outside += before;
        rest = behind.split_once('}').map_or("", |(_, behind)| behind);
    }
    outside += rest;
    // %H is an hour.
    let letters = |word: &str| word.chars().filter(|character| character.is_alphabetic()).count();
    let is_word = |word: &&str| letters(word) > 1 && !word.starts_with('%');
    outside.split_whitespace().filter(is_word).count() > 1 && !HELP.iter().any(|help| text.starts_with(help))
}

#[test]
fn no_sentence_is_written_in_the_code() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for source in commands() {
        let texts = Texts::of(source);
        checked += texts.ids.len();
        let sentences = texts.written.into_iter().filter(|text| is_a_sentence(text));
        problems.extend(sentences.map(|text| format!("{}: {text:?}", source.path)));
    }
    for source in terminal() {
        // What a person could write begins with a slash; keys have their names.
        let sentences = Texts::of(source).written.into_iter().filter(|text| is_a_sentence(text));
        let sentences = sentences.filter(|text| !text.starts_with('/') && !text.starts_with("Ctrl-"));
        problems.extend(sentences.map(|text| format!("{}: {text:?}", source.path)));
    }
    assert!(checked > 100, "only {checked} sentences found: this test no longer reads what is there");
    assert_none(&problems, "Write the sentence into the locales, and say it by `fl!` or `say!`.");
}

#[test]
fn every_sentence_is_said_somewhere() {
    let mut said: BTreeSet<_> = commands().iter().flat_map(|source| Texts::of(source).ids).collect();
    said.extend(causes());
    said.extend(of_system());
    let unsaid: Vec<_> = sentences("en").into_keys().filter(|id| !said.contains(id)).collect();
    assert_none(&unsaid, "Delete these from locales/*/ephemeral.ftl: nothing says them.");
}

/// Collects the texts that a function or a variant is given as the only or the first argument.
struct Given<'name> {
    names: &'name [&'name str],
    found: BTreeSet<String>,
}

impl<'ast> Visit<'ast> for Given<'_> {
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        visit::visit_expr_call(self, call);
        let syn::Expr::Path(function) = &*call.func else { return };
        let path: Vec<_> = function.path.segments.iter().map(|name| name.ident.to_string()).collect();
        let Some(syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })) = call.args.first() else { return };
        if self.names.contains(&path.join("::").as_str()) {
            self.found.insert(text.value());
        }
    }
}

/// Returns the texts that the libraries give as reasons by these names.
fn reasons(names: &[&str], least: usize) -> BTreeSet<String> {
    let mut given = Given { names, found: BTreeSet::new() };
    for source in sources(&["crates"]).iter().filter(|source| !source.is_test()) {
        given.visit_file(&source.syntax());
    }
    assert!(given.found.len() >= least, "{names:?}: this test no longer reads what is there");
    given.found
}

#[test]
fn every_verb_that_the_libraries_give_has_words_in_each_language() {
    let mut problems = Vec::new();
    for language in others() {
        let path = locales().join(&language).join("ephemeral.ftl");
        let sentences = fs::read_to_string(path).expect("to read");
        // `use` is what the others are not.
        let verbs = reasons(&["FileError::of"], 8).into_iter().filter(|verb| verb != "use");
        problems.extend(verbs.filter(|verb| !sentences.contains(&format!("[{verb}]"))));
    }
    assert_none(&problems, "Give each of these a row in `file-failed` of each language.");
}

/// Returns the names of the sentences of causes.
fn causes() -> Vec<String> {
    let all = sources(&["crates"]);
    let source = all.iter().find(|source| source.path == CAUSES).expect(CAUSES);
    let listed = source.text.split_once("\ncauses! {").expect("the list").1;
    let listed = listed.split_once("\n}").expect("its end").0;
    let names = listed.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once('"'));
    let names: Vec<_> = names.map(|(name, _)| name.replace('_', "-")).collect();
    assert!(names.len() > 100, "this test no longer reads what is there");
    names.into_iter().filter(|name| !WITHOUT.contains(&name.as_str())).collect()
}

/// Returns the names of the sentences for what the operating system says.
fn of_system() -> Vec<String> {
    let source = commands().into_iter().find(|source| source.path == SYSTEM).expect(SYSTEM);
    Texts::of(source).written.into_iter().filter(|text| text.starts_with("os-")).collect()
}

#[test]
fn every_cause_of_an_engine_has_a_sentence() {
    let english = sentences("en");
    let without: Vec<_> = causes().into_iter().filter(|name| !english.contains_key(name)).collect();
    assert_none(&without, "Write a sentence of this name into locales/*/ephemeral.ftl.");
}
