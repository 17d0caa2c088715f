//! What the documents say about each other and about the programs: links lead somewhere, and the
//! messages that are explained are those that are printed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::sources::{SHIPPED, assert_none, sources};

/// Folders with documents, beside the root itself.
const FOLDERS: [&str; 4] = ["docs", "docs/decisions", "fuzz", "packaging"];

/// Returns every document, by its path from the root, with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in FOLDERS.iter().chain(&[""]) {
        for entry in fs::read_dir(root.join(folder)).expect("a folder of documents") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).expect("to read");
                found.push((path.strip_prefix(root).expect("below the root").to_owned(), text));
            }
        }
    }
    assert!(found.len() > 20, "this test no longer reads what is there");
    found
}

/// Returns the names by which a document's headings are linked to.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

/// Returns the path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut problems = Vec::new();
    let mut checked = 0;
    for (path, text) in documents() {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            checked += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => plain(&path.parent().unwrap_or(Path::new("")).join(file)),
            };
            let target = root.join(target);
            let has_anchor = || anchors(&fs::read_to_string(&target).unwrap_or_default()).contains(anchor);
            if !target.exists() || (!anchor.is_empty() && !has_anchor()) {
                problems.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(checked > 100, "only {checked} links found: this test no longer reads what is there");
    assert_none(&problems, "These links lead nowhere: a page or a heading has another name now.");
}

/// Returns all that the programs may say: their sources, with each text that goes on in the next
/// line of the source on one.
fn said() -> String {
    let all: Vec<_> = sources(&SHIPPED).into_iter().map(|source| source.text.replace("\\\n", " ")).collect();
    all.join("\n").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the parts of a quoted message that stand in a source as they are: between what is filled
/// in (`…`, `N`, `M`) and what another sentence goes on with.
fn parts(quoted: &str) -> impl Iterator<Item = &str> {
    let ends = |letter: char| matches!(letter, '…' | ':' | ',' | '.' | 'N' | 'M');
    quoted.split(ends).map(str::trim).filter(|part| part.len() > 8)
}

#[test]
fn each_message_that_the_troubleshooting_page_explains_is_one_that_the_programs_print() {
    let page = documents().into_iter().find(|(path, _)| path.ends_with("troubleshooting.md")).expect("the page").1;
    let said = said();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut problems = Vec::new();
    let mut checked = 0;
    for explained in page.split("**").skip(1).step_by(2) {
        for quoted in explained.split('`').skip(1).step_by(2) {
            for part in parts(quoted) {
                checked += 1;
                if !said.contains(part) {
                    problems.push(format!("{quoted}: nothing says \"{part}\""));
                }
            }
        }
    }
    assert!(checked > 20, "only {checked} messages found: this test no longer reads what is there");
    assert_none(&problems, "Quote in docs/troubleshooting.md what the programs print now.");
}
