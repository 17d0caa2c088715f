//! The bounds of the style: how long files and functions are, how wide prose is, one statement a
//! line.

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::sources::{EVERYWHERE, SHIPPED, assert_none, sources};

/// Lines of code in one file, at most: of what is shipped, and of tests.
const FILE_LINES: usize = 250;
const TEST_FILE_LINES: usize = 400;
/// Lines of one function, at most.
const FUNCTION_LINES: usize = 70;
/// Columns of a line of prose, at most: of comments and docstrings. Code has what rustfmt.toml
/// says.
const PROSE_COLUMNS: usize = 100;

#[test]
fn every_file_begins_with_what_it_is_for() {
    let silent = sources(&EVERYWHERE).into_iter().filter(|source| !source.text.starts_with("//! "));
    let problems: Vec<_> = silent.map(|source| source.path.clone()).collect();
    assert_none(&problems, "Begin these files with `//!` and what they are for.");
}

/// Returns whether a comment's line may be wider: a table, a link's target or an example cannot be
/// broken.
fn is_unbreakable(prose: &str) -> bool {
    let text = prose.trim_start_matches(['/', '!']).trim_start();
    text.starts_with('|') || text.starts_with("let ") || !text.contains(' ')
}

#[test]
fn no_line_of_prose_is_too_wide() {
    let mut problems = Vec::new();
    for source in sources(&EVERYWHERE).iter() {
        for (number, line) in (1..).zip(source.text.lines()) {
            let prose = line.trim_start();
            let columns = line.chars().count();
            if prose.starts_with("//") && columns > PROSE_COLUMNS && !is_unbreakable(prose) {
                problems.push(format!("{}:{number}: {columns} columns", source.path));
            }
        }
    }
    assert_none(&problems, "A line of a comment has at most 100 columns: break it between two words.");
}

/// Collects the lines of `let (a, b) = (c, d);`, and of `(a, b) = (c, d);`.
#[derive(Default)]
pub(crate) struct Packed(Vec<usize>);

impl<'ast> Visit<'ast> for Packed {
    fn visit_local(&mut self, local: &'ast syn::Local) {
        // With an `else` it is one question about two values.
        let init = local.init.as_ref().filter(|init| init.diverge.is_none());
        let is_packed = init.is_some_and(|init| matches!(*init.expr, syn::Expr::Tuple(_)));
        if is_packed && matches!(local.pat, syn::Pat::Tuple(_)) {
            self.0.push(local.span().start().line);
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_assign(&mut self, assign: &'ast syn::ExprAssign) {
        if matches!((&*assign.left, &*assign.right), (syn::Expr::Tuple(_), syn::Expr::Tuple(_))) {
            self.0.push(assign.span().start().line);
        }
        visit::visit_expr_assign(self, assign);
    }
}

#[test]
fn a_line_binds_one_name() {
    let mut problems = Vec::new();
    for source in sources(&EVERYWHERE).iter() {
        problems.extend(source.facts().packed.0.iter().map(|line| format!("{}:{line}", source.path)));
    }
    assert_none(&problems, "Give each name a statement of its own: one a line.");
}

/// Collects the lines of attributes that hide something.
#[derive(Default)]
pub(crate) struct Hiding(pub(crate) Vec<usize>);

impl<'ast> Visit<'ast> for Hiding {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let is_path = attribute.path().is_ident("path");
        let is_allowed = ["allow", "expect"].iter().any(|name| attribute.path().is_ident(name));
        let lints = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        if is_path || (is_allowed && lints.contains("dead_code")) {
            self.0.push(attribute.span().start().line);
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let too_long = sources(&EVERYWHERE).into_iter().filter_map(|source| {
        let is_shipped = SHIPPED.iter().any(|folder| source.path.starts_with(folder)) && !source.is_test();
        let most = if is_shipped { FILE_LINES } else { TEST_FILE_LINES };
        let lines = source.lines_of_code();
        (lines > most).then(|| format!("{}: {lines} lines of code, at most {most}", source.path))
    });
    assert_none(&too_long.collect::<Vec<_>>(), "Split these files by what their parts are for.");
}

/// Collects each function: its name, its first line, and how many lines it has.
#[derive(Default)]
pub(crate) struct Functions(Vec<(String, usize, usize)>);

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.span().start().line;
        let last = block.span().end().line;
        self.0.push((signature.ident.to_string(), first, last + 1 - first));
    }
}

/// Returns the number that so many percent of the others do not exceed.
fn percentile(numbers: &mut [usize], percent: usize) -> usize {
    numbers.sort_unstable();
    numbers[(numbers.len() * percent / 100).min(numbers.len() - 1)]
}

#[test]
fn most_files_and_functions_are_short() {
    let mut files = Vec::new();
    let mut functions = Vec::new();
    for source in sources(&SHIPPED).iter().filter(|source| !source.is_test()) {
        files.push(source.lines_of_code());
        functions.extend(source.facts().functions.0.iter().map(|(_, _, lines)| *lines));
    }
    let of_files = [50, 90, 99].map(|percent| percentile(&mut files, percent));
    let of_functions = [50, 90, 99].map(|percent| percentile(&mut functions, percent));
    // Shown by `cargo test --test layering short -- --nocapture`.
    println!("{} files, lines of code: median, p90, p99 {of_files:?}", files.len());
    println!("{} functions, lines: median, p90, p99 {of_functions:?}", functions.len());
    assert!(of_files[0] <= 120 && of_files[1] <= FILE_LINES, "files: {of_files:?}");
    assert!(of_functions[2] <= 45, "functions: {of_functions:?}");
}

#[test]
fn no_function_is_too_long() {
    let mut problems = Vec::new();
    for source in sources(&SHIPPED).iter().filter(|source| !source.is_test()) {
        let too_long = source.facts().functions.0.iter().filter(|(_, _, lines)| *lines > FUNCTION_LINES);
        problems.extend(too_long.map(|(name, line, lines)| format!("{}:{line}: {name}: {lines} lines", source.path)));
    }
    assert_none(&problems, "A function has at most 70 lines, and nearly always fewer than 50: give its steps names.");
}
