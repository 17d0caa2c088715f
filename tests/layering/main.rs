//! The walls inside the packages, and the bounds of the style, held by reading the sources. Between
//! the packages Cargo holds them: `crates/core` cannot name tokio or Tor, since it does not depend
//! on them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]
#![allow(clippy::print_stdout, reason = "it shows the figures that it checks")]

mod documents;
mod languages;
mod numbers;
mod prose;
mod sources;
mod style;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sources::{EVERYWHERE, SHIPPED, Source, assert_none, sources};

/// What `crates/core` may not name, beside what Cargo keeps out of it.
const IMPURE: [&str; 5] = ["std::time::Instant", "std::time::SystemTime", "std::net", "std::fs", "std::thread"];
/// Where the daemon may name Tor's crates: a file, and the folder of the same name.
const TOR: &str = "src/transport/onion_service";
/// Names that may mean something of its own in each module.
const COMMON_NAMES: [&str; 4] = ["Config", "State", "Command", "Error"];

/// Returns the table's modules, from the top to the bottom.
fn table() -> Vec<String> {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("src/lib.rs");
    let rows = library.lines().filter_map(|line| line.strip_prefix("//! | [`")?.split_once("`]"));
    rows.map(|(module, _)| module.to_owned()).collect()
}

#[test]
fn the_table_names_every_module_once() {
    let library = sources(&["src"]).into_iter().find(|source| source.path == "src/lib.rs").expect("src/lib.rs");
    let declared: BTreeSet<_> = library.facts().modules.iter().cloned().collect();
    let mut listed = table();
    listed.sort();
    let declared: Vec<_> = declared.into_iter().collect();
    assert_eq!(listed, declared, "give each module one row of the table in src/lib.rs, above all that it imports");
}

#[test]
fn imports_point_down_the_table() {
    let table = table();
    let row = |module: &str| table.iter().position(|listed| listed == module);
    let mut problems = Vec::new();
    let mut checked = 0;
    for source in sources(&["src"]) {
        let Some(own) = source.module().first().and_then(|module| row(module)) else { continue };
        for (path, line) in source.paths() {
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

/// Returns the files of a crate, by the modules that they are, and which of them imports which.
fn import_graph(sources: &[&Source]) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let modules: BTreeSet<_> = sources.iter().map(|source| source.module()).collect();
    let file_of =
        |path: &[String]| (0..=path.len()).rev().map(|end| path[..end].to_vec()).find(|m| modules.contains(m));
    let mut graph = BTreeMap::new();
    for source in sources {
        let own = source.module();
        let edges: &mut BTreeSet<_> = graph.entry(own.clone()).or_default();
        for (path, _) in source.paths() {
            if path.first().is_none_or(|root| root != "crate") {
                continue;
            }
            let Some(other) = file_of(&path[1..]) else { continue };
            // A module and its parts are one room: they know each other.
            if !own.starts_with(&other) && !other.starts_with(&own) {
                edges.insert(other);
            }
        }
    }
    graph
}

/// Returns a way from `start` back to itself.
fn circle(graph: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>, start: &Vec<String>) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.clone()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in graph.get(way.last()?).into_iter().flatten() {
            if next == start {
                return Some(way.iter().chain([start]).map(|module| module.join("::")).collect());
            }
            if seen.insert(next.clone()) {
                ways.push([way.clone(), vec![next.clone()]].concat());
            }
        }
    }
    None
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut problems = Vec::new();
    for folder in ["src", "crates/core/src", "crates/tor/src", "crates/client/src", "crates/chat/src"] {
        let sources = sources(&[folder]);
        let shipped: Vec<_> = sources.into_iter().filter(|source| !source.is_test()).collect();
        let graph = import_graph(&shipped);
        assert!(graph.len() > 5, "{folder}: this test no longer reads what is there");
        let circles = graph.keys().filter_map(|module| circle(&graph, module));
        problems.extend(circles.map(|way| format!("{folder}: {}", way.join(" → "))));
    }
    assert_none(&problems, "Move what two files need of each other into a third, below both.");
}

#[test]
fn the_core_names_no_clock_no_file_no_socket_and_no_thread() {
    let mut problems = Vec::new();
    for source in sources(&["crates/core/src"]) {
        for (path, line) in source.paths() {
            let path = path.join("::");
            if IMPURE.iter().any(|impure| format!("{path}::").starts_with(&format!("{impure}::"))) {
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
fn the_state_of_the_terminal_names_no_clock_no_file_no_socket_no_thread_and_no_task() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for source in sources(&["crates/chat/src"]).iter().filter(|source| !source.is_test()) {
        for (path, line) in source.paths() {
            checked += 1;
            let path = path.join("::");
            let impure = IMPURE.iter().chain(&["tokio", "std::io", "std::env", "ratatui::crossterm"]);
            if impure.into_iter().any(|impure| format!("{path}::").starts_with(&format!("{impure}::"))) {
                problems.push(format!("{}:{line}: {path}", source.path));
            }
        }
    }
    assert!(checked > 100, "only {checked} paths found: this test no longer reads what is there");
    assert_none(
        &problems,
        "crates/chat is handed what happens, and returns what is to be done: move it to src/client_cli/chat.",
    );
}

#[test]
fn the_hub_returns_data_and_the_session_makes_every_answer() {
    let mut problems = Vec::new();
    let is_tests = |path: &str| path.ends_with("tests.rs");
    for source in sources(&["src"]).iter().filter(|source| !is_tests(&source.path)) {
        for (path, line) in source.paths() {
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
        .args(["tree", "--offline", "--locked", "--package", "ephemeral-core"])
        .args(["--edges", "normal,build", "--prefix", "none"])
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
    for source in sources(&["src", "crates/client/src"]) {
        let may = source.path.strip_prefix(TOR).is_some_and(|rest| rest.starts_with('/') || rest == ".rs");
        for (path, line) in source.paths() {
            // A name by itself is a variable's.
            if path.len() < 2 || !(path[0].starts_with("arti_") || path[0].starts_with("tor_")) {
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
        "Only crates/tor and src/transport/onion_service know Tor's crates: give `ephemeral-tor` a function or a type \
         that says what is needed, and use that.",
    );
}

#[test]
fn no_file_is_a_module_twice_and_nothing_is_kept_that_nobody_uses() {
    let mut problems = Vec::new();
    for source in sources(&EVERYWHERE) {
        problems.extend(source.facts().hiding.0.iter().map(|line| format!("{}:{line}", source.path)));
    }
    assert_none(&problems, "Make it a module of tests/support instead of a #[path]; delete what is dead.");
}

#[test]
fn each_public_type_has_a_name_of_its_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources(&SHIPPED).iter().filter(|source| !source.is_test()) {
        for name in &source.facts().public_types {
            places.entry(name.clone()).or_default().push(source.path.clone());
        }
    }
    assert!(places.len() > 100, "this test no longer reads what is there");
    let twice = places.iter().filter(|(name, places)| places.len() > 1 && !COMMON_NAMES.contains(&name.as_str()));
    let problems: Vec<_> = twice.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert_none(&problems, "One name, one thing: rename all of these but one (ARCHITECTURE.md has the glossary).");
}

#[test]
fn a_module_with_parts_is_a_file_beside_its_folder() {
    let found = sources(&EVERYWHERE).into_iter().map(|source| source.path.clone());
    let problems: Vec<_> = found.filter(|path| path.ends_with("/mod.rs")).collect();
    assert_none(&problems, "Rename foo/mod.rs to foo.rs.");
}

#[test]
fn paths_are_found_however_they_are_written() {
    let text = "use crate::{a::{b as c, self}, d};\nfn e(x: &super::f::G) -> crate::h::I { j.k(l::M::new(n)) }\n\
                mod tests { use super::*; use super::super::o; } use self::p;";
    let source = Source::new("src/t/u.rs", text.to_owned());
    let found: Vec<_> = source.paths().iter().map(|(path, _)| path.join("::")).collect();
    for path in [
        "crate::a::b",
        "crate::d",
        "crate::t::f::G",
        "crate::h::I",
        "l::M::new",
        "crate::t::u",
        "crate::t::o",
        "crate::t::u::p",
    ] {
        assert!(found.iter().any(|found| found == path), "{path} is not among {found:?}");
    }
}

#[test]
fn a_circle_of_three_files_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let edge = |from: &str, to: &str| (module(from), BTreeSet::from([module(to)]));
    let graph = BTreeMap::from([edge("a", "b"), edge("b", "c"), edge("c", "a"), edge("d", "a")]);
    assert_eq!(circle(&graph, &module("a")), Some(["a", "b", "c", "a"].map(str::to_owned).to_vec()));
    assert_eq!(circle(&graph, &module("d")), None);
}
