//! The workspace's sources, read and parsed: what the rules are checked on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::prose::Documented;
use crate::style::{Functions, Hiding, Packed};

/// Every folder with sources of the workspace.
pub(crate) const EVERYWHERE: [&str; 6] = ["src", "crates", "tests", "examples", "benches", "fuzz"];
/// What is shipped, and not only run by tests.
pub(crate) const SHIPPED: [&str; 2] = ["src", "crates"];

/// One source file.
pub(crate) struct Source {
    /// The path from the root of the package.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Gathered when a rule first asks: half of the rules read the text alone.
    facts: OnceLock<Facts>,
}

/// What several rules ask of a file's syntax. The tests share it, which they cannot do with the
/// syntax itself: so each file is parsed once.
pub(crate) struct Facts {
    /// Every path that stands in the code, those of `super` and `self` written from `crate` on,
    /// each with its line.
    pub(crate) paths: Vec<(Vec<String>, usize)>,
    /// The modules that it declares.
    pub(crate) modules: Vec<String>,
    /// The names of types that others can see.
    pub(crate) public_types: Vec<String>,
    pub(crate) functions: Functions,
    pub(crate) packed: Packed,
    pub(crate) hiding: Hiding,
    pub(crate) documented: Documented,
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the sources below these folders, which are below those of [`EVERYWHERE`].
pub(crate) fn sources(folders: &[&str]) -> Vec<&'static Source> {
    static ALL: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        EVERYWHERE.iter().for_each(|folder| files_below(&root.join(folder), &mut found));
        found.sort();
        found.iter().map(|path| read(root, path)).collect()
    });
    let is_below = |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let wanted = ALL.iter().filter(|source| folders.iter().any(|folder| is_below(&source.path, folder)));
    let found: Vec<_> = wanted.collect();
    assert!(!found.is_empty(), "no sources in {folders:?}");
    found
}

fn read(root: &Path, path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("to read");
    Source::new(path.strip_prefix(root).expect("below the root").to_str().expect("UTF-8"), text)
}

impl Source {
    pub(crate) fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text, facts: OnceLock::new() }
    }

    /// Parses it, for a rule that asks for something of its own.
    pub(crate) fn syntax(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    pub(crate) fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| {
            let syntax = self.syntax();
            let mut reader = Paths { module: self.module(), found: Vec::new() };
            reader.visit_file(&syntax);
            Facts {
                paths: reader.found,
                modules: syntax.items.iter().filter_map(module_name).collect(),
                public_types: syntax.items.iter().filter_map(public_type).collect(),
                functions: visited(&syntax),
                packed: visited(&syntax),
                hiding: visited(&syntax),
                documented: visited(&syntax),
            }
        })
    }

    /// Returns the module that the file is, from its crate's root: `["hub", "lifetime"]`.
    pub(crate) fn module(&self) -> Vec<String> {
        let below = self.path.rsplit_once("src/").map_or(self.path.as_str(), |(_, below)| below);
        let names = below.trim_end_matches(".rs").split('/').filter(|name| !matches!(*name, "lib" | "main"));
        names.map(str::to_owned).collect()
    }

    /// Returns [`Facts::paths`].
    pub(crate) fn paths(&self) -> &[(Vec<String>, usize)] {
        &self.facts().paths
    }

    /// Returns how many lines are neither blank nor only a comment.
    pub(crate) fn lines_of_code(&self) -> usize {
        let lines = self.text.lines().map(str::trim);
        lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count()
    }

    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.contains("/simulator")
            || self.path.ends_with("tests.rs")
    }
}

/// Has a visitor read a file, and returns it.
fn visited<V: Default + for<'ast> Visit<'ast>>(syntax: &syn::File) -> V {
    let mut visitor = V::default();
    visitor.visit_file(syntax);
    visitor
}

fn module_name(item: &syn::Item) -> Option<String> {
    match item {
        syn::Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    }
}

/// Returns the name of a type that others than its own module can see.
fn public_type(item: &syn::Item) -> Option<String> {
    let (visibility, name) = match item {
        syn::Item::Struct(item) => (&item.vis, &item.ident),
        syn::Item::Enum(item) => (&item.vis, &item.ident),
        syn::Item::Trait(item) => (&item.vis, &item.ident),
        syn::Item::Type(item) => (&item.vis, &item.ident),
        _ => return None,
    };
    (!matches!(visibility, syn::Visibility::Inherited)).then(|| name.to_string())
}

/// Collects paths, and follows `mod name { … }`.
struct Paths {
    module: Vec<String>,
    found: Vec<(Vec<String>, usize)>,
}

impl Paths {
    fn add(&mut self, path: &[String], span: Span) {
        let ups = path.iter().take_while(|name| *name == "super" || *name == "self").count();
        let mut absolute = path.to_vec();
        if ups > 0 {
            let up = path.iter().take(ups).filter(|name| *name == "super").count();
            let kept = self.module.len().saturating_sub(up);
            absolute = vec!["crate".to_owned()];
            absolute.extend(self.module[..kept].iter().cloned());
            absolute.extend(path[ups..].iter().cloned());
        }
        self.found.push((absolute, span.start().line));
    }

    fn add_use(&mut self, tree: &syn::UseTree, prefix: &[String]) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_use(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) if name.ident == "self" => self.add(prefix, name.span()),
            syn::UseTree::Name(name) => self.add(&with(&name.ident), name.span()),
            syn::UseTree::Rename(rename) => self.add(&with(&rename.ident), rename.span()),
            syn::UseTree::Glob(glob) => self.add(prefix, glob.span()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(tree, prefix)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&item.tree, &[]);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&names, path.span());
        visit::visit_path(self, path);
    }
}

pub(crate) fn assert_none(problems: &[String], what_to_do: &str) {
    assert!(problems.is_empty(), "\n{}\n\n{what_to_do}\n", problems.join("\n"));
}
