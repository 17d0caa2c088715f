//! What the documentation of a function begins with.

use syn::visit::{self, Visit};

use crate::sources::{EVERYWHERE, Source, assert_none, sources};

/// Words that end as a verb does in the third person, and are none.
const NO_VERBS: [&str; 12] = [
    "As",
    "Bytes",
    "Clients",
    "Connections",
    "Its",
    "Less",
    "Messages",
    "Others",
    "Sessions",
    "Seconds",
    "This",
    "Times",
];

/// Collects functions with documentation: the name, and the first line of it.
#[derive(Default)]
pub(crate) struct Documented(Vec<(String, String)>);

impl<'ast> Visit<'ast> for Documented {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.attrs, &function.sig);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.attrs, &function.sig);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.add(&function.attrs, &function.sig);
        visit::visit_trait_item_fn(self, function);
    }
}

impl Documented {
    fn add(&mut self, attributes: &[syn::Attribute], signature: &syn::Signature) {
        let text = attributes.iter().find_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
        if let Some(text) = text {
            self.0.push((signature.ident.to_string(), text.trim().to_owned()));
        }
    }
}

/// Returns whether a sentence begins with a verb in the third person.
fn begins_with_a_verb(sentence: &str) -> bool {
    let word = sentence.split(' ').next().unwrap_or_default().trim_end_matches([',', '.', ':', ';']);
    word.starts_with(|first: char| first.is_uppercase()) && word.ends_with('s') && !NO_VERBS.contains(&word)
}

#[test]
fn the_documentation_of_a_function_begins_with_a_verb() {
    let mut problems = Vec::new();
    let mut checked = 0;
    let is_unit_test = |source: &Source| source.is_test() && !source.path.starts_with("tests/");
    for source in sources(&EVERYWHERE).iter().filter(|source| !is_unit_test(source)) {
        let Documented(documented) = &source.facts().documented;
        checked += documented.len();
        let others = documented.iter().filter(|(_, text)| !begins_with_a_verb(text));
        problems.extend(others.map(|(name, text)| format!("{}: {name}: {text}", source.path)));
    }
    assert!(checked > 1000, "only {checked} functions found: this test no longer reads what is there");
    assert_none(
        &problems,
        "Say what the function does, in the third person: \"Returns …\", \"Waits …\", \"Has … do …\".",
    );
}

#[test]
fn a_verb_is_told_from_a_noun() {
    for text in ["Returns a name.", "Has somebody come.", "Connects. It ends soon."] {
        assert!(begins_with_a_verb(text), "{text}");
    }
    for text in ["The name.", "What there is.", "Bytes of it.", "`name`: whose it is.", "reads", ""] {
        assert!(!begins_with_a_verb(text), "{text}");
    }
}
