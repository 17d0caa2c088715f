//! The order of the modules, held by reading the sources: the map is the table in `src/lib.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What `crates/core` may not name, beside what Cargo keeps out of it: a path, or one name of it.
const IMPURE: [&str; 5] = ["std::time::Instant", "std::time::SystemTime", "std::net", "std::fs", "std::thread"];
/// Where the daemon may name Tor's crates: files, and folders of the same name.
const TOR: [&str; 1] = ["src/transport/onion_service"];
/// Every folder with sources of the workspace.
const EVERYWHERE: [&str; 5] = ["src", "crates", "tests", "examples", "benches"];
/// Lines of code in one file, at most.
const LINES: usize = 400;

/// One source file.
struct Source {
    /// From the root of the package.
    path: String,
    text: String,
}

/// A path that stands somewhere in the code, groups taken apart: `use a::{b, c::d}` has the paths `a::b` and `a::c::d`.
struct Named {
    path: Vec<String>,
    line: usize,
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in folders {
        files_below(&root.join(folder), &mut found);
    }
    found.sort();
    assert!(!found.is_empty(), "no sources in {folders:?}");
    let relative = |path: &Path| path.strip_prefix(root).expect("below the root").to_str().expect("UTF-8").to_owned();
    found.iter().map(|path| Source { path: relative(path), text: fs::read_to_string(path).expect("to read") }).collect()
}

/// The code with comments and the contents of literals blanked out; the lines stay where they are.
fn code(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = |place: usize| characters.get(place).copied().unwrap_or('\0');
    let starts = |place: usize, what: &str| what.chars().enumerate().all(|(offset, c)| at(place + offset) == c);
    let mut code = String::with_capacity(text.len());
    let mut place = 0;
    while place < characters.len() {
        let mut end = place + 1;
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let in_name = place > 0 && is_name(at(place - 1));
        let raw_hashes = (0..).take_while(|hash| at(place + 1 + hash) == '#').count();
        if starts(place, "//") {
            while end < characters.len() && at(end) != '\n' {
                end += 1;
            }
        } else if starts(place, "/*") {
            let mut depth = 1;
            end += 1;
            while end < characters.len() && depth > 0 {
                let (opens, closes) = (starts(end, "/*"), starts(end, "*/"));
                depth = depth + i32::from(opens) - i32::from(closes);
                end += if opens || closes { 2 } else { 1 };
            }
        } else if at(place) == 'r' && at(place + 1 + raw_hashes) == '"' && (!in_name || at(place - 1) == 'b') {
            let close = format!("\"{}", "#".repeat(raw_hashes));
            end = place + 2 + raw_hashes;
            while end < characters.len() && !starts(end, &close) {
                end += 1;
            }
            end += close.len();
        } else if at(place) == '"' {
            while end < characters.len() && at(end) != '"' {
                end += if at(end) == '\\' { 2 } else { 1 };
            }
            end += 1;
        } else if at(place) == '\'' && (at(place + 1) == '\\' || at(place + 2) == '\'') {
            // Not a lifetime.
            end += if at(end) == '\\' { 2 } else { 1 };
            while end < characters.len() && at(end) != '\'' {
                end += 1;
            }
            end += 1;
        } else {
            code.push(at(place));
            place += 1;
            continue;
        }
        // A literal separates what stands on its two sides.
        code.push(' ');
        code.extend((place..end).filter(|&place| at(place) == '\n').map(|_| '\n'));
        place = end;
    }
    code
}

/// Names, `::`, and single other characters, each with its line.
fn tokens(code: &str) -> Vec<(String, usize)> {
    let mut tokens: Vec<(String, usize)> = Vec::new();
    let mut characters = code.chars().peekable();
    let mut line = 1;
    while let Some(character) = characters.next() {
        let mut token = String::from(character);
        if character.is_alphanumeric() || character == '_' {
            while let Some(next) = characters.next_if(|next| next.is_alphanumeric() || *next == '_') {
                token.push(next);
            }
        } else if character == ':' && characters.next_if_eq(&':').is_some() {
            token.push(':');
        }
        if character == '\n' {
            line += 1;
        } else if !character.is_whitespace() {
            tokens.push((token, line));
        }
    }
    tokens
}

/// Every path in the tokens from `place` on that belongs to the path which begins there; returns where that ends.
fn read_path(tokens: &[(String, usize)], mut place: usize, prefix: &[String], found: &mut Vec<Named>) -> usize {
    let token = |place: usize| tokens.get(place).map_or("", |(token, _)| token.as_str());
    let mut path = prefix.to_vec();
    loop {
        if token(place) == "{" {
            place += 1;
            while !matches!(token(place), "}" | "") {
                place = read_path(tokens, place, &path, found);
                // `as name`, and the comma.
                while !matches!(token(place), "," | "}" | "") {
                    place += 1;
                }
                place += usize::from(token(place) == ",");
            }
            return place + 1;
        }
        path.push(token(place).to_owned());
        let line = tokens.get(place).map_or(0, |(_, line)| *line);
        let continues = token(place + 1) == "::"
            && token(place + 2).starts_with(|c: char| c == '{' || c == '*' || c == '_' || c.is_alphanumeric());
        if !continues {
            found.push(Named { path, line });
            return place + 1;
        }
        place += 2;
    }
}

/// Every path in the code; those that begin with `super` or `self` are written as if they began with `crate`.
fn paths(source: &Source) -> Vec<Named> {
    let tokens = tokens(&code(&source.text));
    let token = |place: usize| tokens.get(place).map_or("", |(token, _)| token.as_str());
    // The module that the code is in: that of the file, then those that are opened in it.
    let mut module = vec!["crate".to_owned()];
    let of_file = source.path.trim_start_matches("src/").trim_end_matches(".rs");
    module.extend(of_file.split('/').filter(|name| *name != "lib").map(str::to_owned));
    let (mut braces, mut opened) = (0, Vec::new());
    let (mut found, mut place) = (Vec::new(), 0);
    while place < tokens.len() {
        match token(place) {
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                if opened.last() == Some(&braces) {
                    opened.pop();
                    module.pop();
                }
            }
            "mod" if token(place + 2) == "{" => {
                module.push(token(place + 1).to_owned());
                opened.push(braces);
            }
            first if first.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                let mut of_path = Vec::new();
                place = read_path(&tokens, place, &[], &mut of_path);
                for mut named in of_path {
                    let supers = named.path.iter().take_while(|name| *name == "super" || *name == "self").count();
                    if supers > 0 {
                        let up = named.path.iter().take(supers).filter(|name| *name == "super").count();
                        let from = module.get(..module.len().saturating_sub(up)).unwrap_or_default();
                        named.path.splice(..supers, from.iter().cloned());
                    }
                    found.push(named);
                }
                continue;
            }
            _ => {}
        }
        place += 1;
    }
    found
}

/// The table's modules, from the top to the bottom.
fn table() -> Vec<String> {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("src/lib.rs");
    let rows = library.lines().filter_map(|line| line.strip_prefix("//! | [`")?.split_once("`]"));
    rows.map(|(module, _)| module.to_owned()).collect()
}

fn module_of(path: &str) -> &str {
    let path = path.trim_start_matches("src/");
    path.split(['/', '.']).next().unwrap_or(path)
}

fn assert_none(problems: &[String], what_to_do: &str) {
    assert!(problems.is_empty(), "\n{}\n\n{what_to_do}\n", problems.join("\n"));
}

#[test]
fn the_table_names_every_module_once() {
    let library = &sources(&["src"]).into_iter().find(|source| source.path == "src/lib.rs").expect("src/lib.rs").text;
    let code = code(library);
    let declared: BTreeSet<_> =
        code.lines().filter_map(|line| line.trim().strip_suffix(';')?.split_once("mod ")).collect();
    let declared: Vec<_> = declared.into_iter().map(|(_, module)| module.to_owned()).collect();
    let mut listed = table();
    listed.sort();
    assert_eq!(listed, declared, "give each module one row of the table in src/lib.rs, above all that it imports");
}

#[test]
fn imports_point_down_the_table() {
    let table = table();
    let row = |module: &str| table.iter().position(|listed| listed == module);
    let mut problems = Vec::new();
    let mut checked = 0;
    for source in sources(&["src"]) {
        let Some(own) = row(module_of(&source.path)) else { continue };
        for Named { path, line } in paths(&source) {
            let [root, module, ..] = path.as_slice() else { continue };
            let Some(other) = row(module).filter(|_| root == "crate") else { continue };
            checked += 1;
            if other < own {
                problems.push(format!("{}:{line}: {} imports {}", source.path, table[own], path.join("::")));
            }
        }
    }
    assert!(checked > 50, "only {checked} imports found: this test no longer reads what is there");
    assert_none(
        &problems,
        "The table in src/lib.rs has the imported module above the importing one. Move what is shared into the lower of \
         the two, or hand it down as an argument. If the order itself is wrong, move a row, and nothing else will break.",
    );
}

#[test]
fn the_core_names_no_clock_no_file_no_socket_and_no_thread() {
    let mut problems = Vec::new();
    for source in sources(&["crates/core/src"]) {
        for Named { path, line } in paths(&source) {
            let path = path.join("::");
            let impure = IMPURE.iter().any(|impure| format!("::{path}::").contains(&format!("::{impure}::")));
            if impure {
                problems.push(format!("{}:{line}: {path}", source.path));
            }
        }
    }
    assert_none(
        &problems,
        "crates/core is handed the time and the bytes, and returns what is to be done: move the effect to the daemon.",
    );
}

#[test]
fn the_hub_returns_data_and_the_session_makes_every_answer() {
    let mut problems = Vec::new();
    let is_tests = |path: &str| path.ends_with("tests.rs");
    for source in sources(&["src"]).iter().filter(|source| !is_tests(&source.path)) {
        for Named { path, line } in paths(source) {
            let path = path.join("::");
            let of_the_hub = source.path.starts_with("src/hub") && path.starts_with("ephemeral_core::session");
            let frame = path.starts_with("ephemeral_core::protocol") && path.ends_with("Frame");
            if of_the_hub || frame {
                problems.push(format!("{}:{line}: {path}", source.path));
            }
        }
    }
    assert_none(&problems, "The session machine makes every frame that a client is sent: return data to it.");
}

#[test]
fn the_core_depends_on_no_runtime_and_no_tor() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            "ephemeral-core",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree");
    let tree = String::from_utf8(tree.stdout).expect("UTF-8");
    assert!(tree.starts_with("ephemeral-core "), "{tree}");
    let is_impure = |line: &&str| ["tokio", "tor-", "arti-", "hyper", "mio"].iter().any(|name| line.starts_with(name));
    let impure: Vec<_> = tree.lines().filter(is_impure).map(str::to_owned).collect();
    assert_none(&impure, "crates/core has come to depend on these: leave them to the daemon.");
}

#[test]
fn tors_crates_are_named_in_two_places_only() {
    let mut problems = Vec::new();
    let mut allowed = 0;
    for source in sources(&["src"]) {
        let may = TOR
            .iter()
            .any(|place| source.path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/') || rest == ".rs"));
        for Named { path, line } in paths(&source) {
            let is_tors = path.first().is_some_and(|root| root.starts_with("arti_") || root.starts_with("tor_"));
            // A name by itself is a variable's.
            if !is_tors || path.len() < 2 {
                continue;
            }
            allowed += usize::from(may);
            if !may {
                problems.push(format!("{}:{line}: {}", source.path, path.join("::")));
            }
        }
    }
    assert!(allowed > 10, "only {allowed} uses of Tor's crates found: this test no longer reads what is there");
    assert_none(
        &problems,
        "Only crates/tor and src/transport/onion_service know Tor's crates: give `ephemeral-tor` a function or a type that \
         says what is needed, and use that.",
    );
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let mut problems = Vec::new();
    for source in sources(&EVERYWHERE) {
        if !source.text.starts_with("//! ") {
            problems.push(source.path);
        }
    }
    assert_none(&problems, "Begin these files with `//!` and what they are for.");
}

#[test]
fn no_file_is_too_long() {
    let mut problems = Vec::new();
    for source in sources(&EVERYWHERE) {
        let lines = code(&source.text).lines().filter(|line| !line.trim().is_empty()).count();
        if lines > LINES {
            problems.push(format!("{}: {lines} lines of code", source.path));
        }
    }
    assert_none(&problems, "A file has at most 400 lines of code: split it by what its parts are for.");
}

#[test]
fn a_module_with_parts_is_a_file_beside_its_folder() {
    let found = sources(&EVERYWHERE).into_iter().map(|source| source.path);
    let problems: Vec<_> = found.filter(|path| path.ends_with("/mod.rs")).collect();
    assert_none(&problems, "Rename foo/mod.rs to foo.rs.");
}

#[test]
fn code_is_what_is_left_without_comments_and_literals() {
    let text = "a // b\n/* c /* d */ e */ f 'g' '\\'' 'h: \"i\\\" // j\" r#\"k\"l\"# m b\"n\" \"\no\" p";
    let names: Vec<_> = tokens(&code(text)).into_iter().filter(|(token, _)| token != "'" && token != ":").collect();
    let expected = [("a", 1), ("f", 2), ("h", 2), ("m", 2), ("b", 2), ("p", 3)];
    assert_eq!(names, expected.map(|(name, line)| (name.to_owned(), line)));
}

#[test]
fn paths_are_found_however_they_are_written() {
    let text = "use crate::{a::{b as c, self}, d};\nfn e(x: &super::f::G) -> crate::h::I { j.k(l::M::new(n)) }\n\
                mod tests { use super::*; use super::super::o; } use self::p; const Q: R = $crate::s!();";
    let source = Source { path: "src/t/u.rs".to_owned(), text: text.to_owned() };
    let found: Vec<_> = paths(&source).into_iter().map(|named| named.path.join("::")).collect();
    for path in [
        "crate::a::b",
        "crate::d",
        "crate::t::f::G",
        "crate::h::I",
        "l::M::new",
        "crate::t::u::*",
        "crate::t::o",
        "crate::t::u::p",
        "crate::s",
    ] {
        assert!(found.iter().any(|found| found == path), "{path} is not among {found:?}");
    }
}
