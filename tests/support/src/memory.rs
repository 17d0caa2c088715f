//! What is in the memory of a process.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;

use memchr::memmem;

/// Returns in how many places a text or a key is in the memory of a process; `None` if that may not
/// be read, as only root may.
pub fn times_in_memory(process: u32, text: impl AsRef<[u8]>) -> Option<usize> {
    Some(places_in_memory(process, &[text])?[0].len())
}

/// Returns the same for each of these, by the names of the places: `[stack]`, `[heap]`, or none.
pub fn places_in_memory(process: u32, wanted: &[impl AsRef<[u8]>]) -> Option<Vec<Vec<String>>> {
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let mut maps = String::new();
    File::open(format!("/proc/{process}/maps")).ok()?.read_to_string(&mut maps).ok()?;
    let mut looked_at = 0;
    let mut places = vec![Vec::new(); wanted.len()];
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let from = u64::from_str_radix(from, 16).unwrap();
        let to = u64::from_str_radix(to, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            looked_at += bytes.len();
            let name = line.split_whitespace().nth(5).unwrap_or_default();
            for (places, wanted) in places.iter_mut().zip(wanted) {
                places.extend(memmem::find_iter(&bytes, wanted.as_ref()).map(|_| name.to_owned()));
            }
        }
    }
    assert!(looked_at > 1 << 20, "only {looked_at} bytes could be read");
    Some(places)
}
