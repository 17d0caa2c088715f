//! Which process has a profile.

use std::path::Path;

/// Says who has a profile, and what to do about it.
pub(super) fn in_use(directory: &Path, process: Option<u32>) -> String {
    let who = process.map_or_else(String::new, |id| match command(id) {
        Some(command) => format!(" ({id}: `{command}`)"),
        None => format!(" ({id})"),
    });
    format!("{} is in use by another process{who}: end that one first, or let it do this", directory.display())
}

/// Returns a process's program and command. The rest of its command line may hold what is nobody's
/// business.
fn command(process: u32) -> Option<String> {
    let line = std::fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let program = words.next().filter(|program| !program.is_empty())?.into_owned();
    let program = Path::new(&program).file_name()?.to_string_lossy().into_owned();
    let is_command = |word: &str| !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase());
    let words = [Some(program), words.next().map(std::borrow::Cow::into_owned).filter(|word| is_command(word))];
    Some(words.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_named_by_its_program_and_no_more() {
        let said = in_use(Path::new("/p"), Some(std::process::id()));
        let program = std::env::current_exe().unwrap();
        let program = program.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(&format!("({}: `{program}", std::process::id())), "{said}");
        assert!(!said.contains("--"), "{said}");
        assert_eq!(in_use(Path::new("/p"), None).matches('(').count(), 0);
    }
}
