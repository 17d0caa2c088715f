//! Findings as a person reads them, and as JSON for scripts.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Finding, Severity, worst};

/// Columns of a line, at most.
const WIDTH: usize = 100;
/// What stands before the text of a finding.
const INDENT: usize = 11;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    level: Severity,
    findings: &'a [Finding],
}

/// Returns the report as JSON:
/// `{"version":1,"level":…,"findings":[{"check":…,"level":…,"what":…,"why":…,"remedy":…}]}`. Keys
/// and `check`s are kept over versions of the program; `what`, `why` and `remedy` are for people.
#[must_use]
pub fn json(findings: &[Finding]) -> String {
    let document = Document { version: 1, level: worst(findings), findings };
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// Returns the report for a person: by area, what is well on one line, and what is not with why and
/// what to do. `colours`: whether it goes to a terminal.
#[must_use]
pub fn text(findings: &[Finding], colours: bool) -> String {
    let mut text = String::new();
    let mut last = "";
    for finding in findings {
        let area = area(finding.check);
        if area != last {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}{area}", if last.is_empty() { "" } else { "\n" });
            last = area;
        }
        let word = word(finding.level);
        let padding = " ".repeat(INDENT - 2 - word.len());
        let word = if colours { format!("\u{1b}[{}m{word}\u{1b}[0m", colour(finding.level)) } else { word.to_owned() };
        let _ = writeln!(text, "  {word}{padding}{}", wrapped(&finding.what, INDENT));
        if let Some(why) = finding.why {
            let _ = writeln!(text, "{:INDENT$}why: {}", "", wrapped(why, INDENT + 5));
        }
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "{:INDENT$}do:  {}", "", wrapped(remedy, INDENT + 5));
        }
    }
    let _ = writeln!(text, "\n{}", summary(findings));
    text
}

fn summary(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let counted = |level, one: &str, many: &str| match count(level) {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {many}")),
    };
    let parts = [
        counted(Severity::Problem, "problem", "problems"),
        counted(Severity::Warning, "warning", "warnings"),
        counted(Severity::Note, "note", "notes"),
        counted(Severity::Ok, "check is well", "checks are well"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn area(check: &str) -> &'static str {
    match check.split('.').next() {
        Some("state") => "State directory",
        Some("disk") => "Disk",
        Some("process") => "The server's process",
        Some("memory") => "Memory",
        Some("clock") => "Clock",
        Some("network") => "Network",
        Some("config") => "Configuration",
        Some("unit") => "Service",
        Some("server") => "The server",
        Some("cluster") => "Cluster",
        _ => "Tor",
    }
}

fn word(level: Severity) -> &'static str {
    match level {
        Severity::Ok => "ok",
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Problem => "problem",
    }
}

fn colour(level: Severity) -> u8 {
    match level {
        Severity::Ok => 32,
        Severity::Note => 36,
        Severity::Warning => 33,
        Severity::Problem => 31,
    }
}

/// Breaks a text into lines between words, those after the first indented.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = String::new();
    let mut column = indent;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > indent && column + 1 + length > WIDTH {
            let _ = write!(lines, "\n{:indent$}{word}", "");
            column = indent + length;
        } else {
            if column > indent {
                lines.push(' ');
                column += 1;
            }
            lines.push_str(word);
            column += length;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok("state.permissions", "well"),
            Finding::new(Severity::Problem, "state.permissions", "bad ".repeat(40).trim(), "because", "mend it"),
            Finding::new(Severity::Note, "clock.time", "so so", "who knows", ""),
        ]
    }

    #[test]
    fn a_person_reads_what_is_wrong_why_and_what_to_do() {
        let text = text(&findings(), false);
        assert!(text.starts_with("State directory\n  ok       well\n  problem  bad bad"), "{text}");
        assert!(text.contains("           why: because\n           do:  mend it\n\nClock\n"), "{text}");
        assert!(text.ends_with("\n1 problem, 1 note, 1 check is well\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(!text.contains('\u{1b}'));
        assert!(super::text(&findings(), true).contains("\u{1b}[31mproblem\u{1b}[0m"));
    }

    #[test]
    fn a_script_reads_the_same_as_json() {
        let json: serde_json::Value = serde_json::from_str(&json(&findings())).unwrap_or_default();
        assert_eq!((&json["version"], &json["level"]), (&1.into(), &"problem".into()));
        assert_eq!(json["findings"][1]["check"], "state.permissions");
        assert_eq!(json["findings"][1]["remedy"], "mend it");
        assert_eq!(json["findings"][2]["remedy"], serde_json::Value::Null);
    }
}
