//! Times as people read them. The clock is handed in.

use jiff::Timestamp;

use crate::words::{Words, say};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The time, and how far the clock on the wall is from UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChatTime {
    /// Seconds since 1970.
    pub unix_s: i64,
    /// Seconds that the person's clock is ahead of UTC.
    pub offset_s: i32,
}

/// Reads a time as the engine writes it.
pub(crate) fn seconds(at: &str) -> Option<i64> {
    at.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

impl ChatTime {
    /// Returns the hour and minute of a time, and its day if that is another one than today.
    pub(crate) fn of(self, unix_s: i64) -> String {
        let offset = i64::from(self.offset_s);
        let local = |time: i64| Timestamp::from_second(time.saturating_add(offset)).unwrap_or(Timestamp::UNIX_EPOCH);
        let written = local(unix_s).to_string();
        let today = local(self.unix_s).to_string();
        // As RFC 3339 has it: 2026-11-27T22:27:05Z.
        let day = written.get(..10).unwrap_or_default();
        let time = written.get(11..16).unwrap_or_default();
        if today.starts_with(day) { time.to_owned() } else { format!("{day} {time}") }
    }

    /// Says how long something is still there.
    pub(crate) fn gone_in(self, words: &Words, gone_at: i64) -> String {
        let left = gone_at - self.unix_s;
        match left {
            DAY.. => say!(words, "gone-in-days", n = left / DAY),
            HOUR.. => say!(words, "gone-in-hours", n = left / HOUR),
            MINUTE.. => say!(words, "gone-in-minutes", n = left / MINUTE),
            1.. => say!(words, "gone-in-seconds", n = left),
            _ => say!(words, "gone-now"),
        }
    }

    /// Says how long something has been so.
    pub(crate) fn since(self, words: &Words, begin: i64) -> String {
        span(words, self.unix_s - begin)
    }
}

/// Says how long something takes.
pub(crate) fn span(words: &Words, seconds: i64) -> String {
    match seconds {
        DAY.. => say!(words, "span-days", n = seconds / DAY),
        HOUR.. => say!(words, "span-hours", n = seconds / HOUR),
        MINUTE.. => say!(words, "span-minutes", n = seconds / MINUTE),
        _ => say!(words, "span-seconds", n = seconds.max(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_in_the_largest_unit() {
        let words = Words::of("C");
        let now = ChatTime { unix_s: 1_000, offset_s: 0 };
        let cases = [
            (2 * DAY + 5, "gone in 2 d"),
            (23 * HOUR + 59, "gone in 23 h"),
            (90, "gone in 1 min"),
            (59, "gone in 59 s"),
            (0, "gone"),
        ];
        for (left, said) in cases {
            assert_eq!(now.gone_in(&words, 1_000 + left), said);
        }
    }

    #[test]
    fn a_time_is_the_persons_and_has_a_day_only_if_that_is_not_today() {
        let now = ChatTime { unix_s: seconds("2026-11-27T23:30:00Z").unwrap(), offset_s: 3600 };
        assert_eq!(now.of(seconds("2026-11-27T23:10:00Z").unwrap()), "00:10");
        assert_eq!(now.of(seconds("2026-11-27T22:10:00Z").unwrap()), "2026-11-27 23:10");
    }
}
