//! What the manager is told, and what it passes: without one.

use super::*;

#[test]
fn a_status_is_one_short_line_whatever_is_in_it() {
    assert_eq!(line("degraded\nREADY=1"), "degraded READY=1");
    assert_eq!(line(&"é".repeat(400)).len(), STATUS_BYTES);
}

fn variables<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
}

#[test]
fn whatever_the_watchdogs_variables_say_no_interval_is_zero_and_no_other_processs() {
    let of = |microseconds: &str, process: &str| {
        watchdog_of(&variables(&[("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", process)]), 7)
    };
    assert_eq!(of("30000000", "7"), Some(Duration::from_secs(30)));
    assert_eq!(of("30000000", ""), Some(Duration::from_secs(30)), "an empty variable is one that is not set");
    assert_eq!(of("1", "7"), Some(SHORTEST_WATCHDOG));
    assert_eq!(of(&u64::MAX.to_string(), "7"), Some(Duration::from_micros(u64::MAX)));
    for (microseconds, process) in [
        ("0", "7"),
        ("", "7"),
        (" ", ""),
        ("-1", "7"),
        ("soon", "7"),
        ("99999999999999999999", "7"),
        ("30000000", "8"),
        ("30000000", "x"),
        ("30000000", "99999999999"),
    ] {
        assert_eq!(of(microseconds, process), None, "{microseconds:?} {process:?}");
    }
}

#[test]
fn only_what_was_passed_to_this_process_under_our_name_is_taken() {
    let of = |process: &str, count: &str, names: &str| {
        let set = [("LISTEN_PID", process), ("LISTEN_FDS", count), ("LISTEN_FDNAMES", names)];
        store_fd_of(&variables(&set), 7)
    };
    assert_eq!((of("7", "1", "messages"), of("7", "2", "socket:messages")), (Some(3), Some(4)));
    assert_eq!(of("7", "4294967295", "messages"), Some(3), "a count beyond all that could be open");
    for (process, count, names) in [
        ("8", "1", "messages"),
        ("", "1", "messages"),
        ("x", "1", "messages"),
        ("99999999999", "1", "messages"),
        ("7", "0", "messages"),
        ("7", "", "messages"),
        ("7", "-1", "messages"),
        ("7", "1", ""),
        ("7", "1", "unknown:messages"),
        ("7", "4294967296", "messages"),
    ] {
        assert_eq!(of(process, count, names), None, "{process:?} {count:?} {names:?}");
    }
}

#[test]
fn a_time_beyond_what_can_be_told_is_the_longest_that_can() {
    assert_eq!(microseconds(Duration::from_secs(90)), 90_000_000);
    assert_eq!(microseconds(Duration::from_secs(100_000)), u32::MAX);
}
