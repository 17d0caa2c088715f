//! The command line, as the kernel hands it over: it lies at the end of the first stack, where no
//! destructor reaches it, and where the list of processes shows it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;

use zeroize::Zeroizing;

/// Where the place of the command line stands in `/proc/self/stat`, from the third field on
/// (proc(5): fields 48 and 49).
const PLACE: usize = 45;

/// Overwrites the words of this process's command line with zeros, but for the first `kept`. From
/// then on `std::env::args` returns empty words. `arguments`: what it returned before.
///
/// It goes through `/proc/self/mem`, which nobody else but root may open once the process cannot be
/// dumped, and this process neither: so it is called before.
///
/// # Errors
/// There is no `/proc`, or not the same command line at the place that it names.
pub fn wipe_arguments(arguments: &[OsString], kept: usize) -> io::Result<()> {
    let not_there = || io::Error::new(io::ErrorKind::InvalidData, "the command line is somewhere else");
    let (from, to) = place(&fs::read_to_string("/proc/self/stat")?).ok_or_else(not_there)?;
    let mut expected = Zeroizing::new(Vec::new());
    for argument in arguments {
        expected.extend_from_slice(argument.as_bytes());
        expected.push(0);
    }
    if to.checked_sub(from) != u64::try_from(expected.len()).ok() {
        return Err(not_there());
    }
    let memory = File::options().read(true).write(true).open("/proc/self/mem")?;
    let mut there = Zeroizing::new(vec![0; expected.len()]);
    memory.read_exact_at(&mut there, from)?;
    if there != expected {
        return Err(not_there());
    }
    let kept: usize = arguments.iter().take(kept).map(|argument| argument.len() + 1).sum();
    let zeros = vec![0; expected.len() - kept];
    memory.write_all_at(&zeros, from + kept as u64)
}

/// Reads where the command line begins and ends. The second field is a name in brackets, which may
/// have blanks and brackets in it.
fn place(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(PLACE);
    let mut number = || fields.next()?.parse().ok().filter(|place| *place > 0);
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_found_whatever_the_process_is_called() {
        let fields: Vec<String> = (3..=52).map(|number| number.to_string()).collect();
        let stat = format!("7 (a) b (c) {}", fields.join(" "));
        assert_eq!(place(&stat), Some((48, 49)));
        assert_eq!(place("7 (a) 3 4"), None);
        assert_eq!(place(&stat.replace(" 48 49 ", " 0 0 ")), None, "somebody may not know it");
    }

    #[test]
    fn another_command_line_than_the_one_that_is_there_is_left_alone() {
        let before: Vec<OsString> = std::env::args_os().collect();
        let longer = [before.clone(), vec!["more".into()]].concat();
        let mut other = before.clone();
        other[0] = "x".repeat(before[0].len()).into();
        for arguments in [longer, other] {
            assert!(wipe_arguments(&arguments, 0).is_err());
        }
        assert_eq!(std::env::args_os().collect::<Vec<_>>(), before);
    }
}
